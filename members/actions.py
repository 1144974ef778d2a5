"""The only place that writes people, posts and grants."""

from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Invalid
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import GridGrant
from members.enums import MessageKind
from members.models import Appointment, InboxMessage, Member, Post

# Sent with `codes` (grids) and `departments` (ids) whose responsible member may have changed; receivers return a list
# of what they re-pointed.
responsibility_changed = Signal()


@transaction.atomic
def appoint(
    *, member: Member, post: Post, since: date | None = None, until: date | None = None, is_main: bool = True
) -> Appointment:
    """Puts a member in a post and grants what the role carries (from today on, if `since` has come)."""
    first = since or clock.today()
    clash = Appointment.objects.filter(post=post, is_main=True).filter(Q(until=None) | Q(until__gt=first))
    if until is not None:
        clash = clash.filter(since__lt=until)
    if is_main and clash.exists():
        raise Invalid(_("The post has a main holder in this time; end that appointment first."), code="post_taken")
    made = Appointment.objects.create(member=member, post=post, since=first, until=until, is_main=is_main)
    _after_change(users=[member.user_id], posts=[post])
    return made


@transaction.atomic
def end_appointment(*, appointment: Appointment, until: date | None = None, reason: str = "") -> Appointment:
    """Ends an appointment; its rights end with it. `until` is the first day without the post (default today)."""
    appointment.until = until or clock.today()
    appointment.reason = reason
    appointment.full_clean(exclude=["member", "post"])
    appointment.save(update_fields=["until", "reason"])
    _after_change(users=[appointment.member.user_id], posts=[appointment.post])
    return appointment


def _after_change(*, users: Iterable[int | None], posts: Iterable[Post]) -> None:
    sync_grants(user_ids=[user for user in users if user is not None])
    told = [post for post in posts if post.is_responsible]
    if told:
        responsibility_changed.send(
            sender=Post,
            codes=[post.grid_id for post in told if post.grid_id],
            departments=[post.department_id for post in told if post.department_id],
        )


@transaction.atomic
def sync_grants(*, user_ids: Iterable[int] | None = None, township_code: str | None = None) -> tuple[int, int]:
    """Makes the grants equal to what current appointments carry; returns (granted, ended).

    Three statements whatever the number of people. With neither argument: everybody (the nightly run).
    """
    codenames = dict(
        Permission.objects.filter(content_type__app_label="grids", content_type__model="grid").values_list(
            "codename", "pk"
        )
    )
    appointments = Appointment.objects.current().able().filter(post__grid__isnull=False)
    grants = GridGrant.objects.all()
    if user_ids is not None:
        ids = list(user_ids)
        appointments, grants = appointments.filter(member__user__in=ids), grants.filter(user__in=ids)
    if township_code is not None:
        appointments = appointments.filter(post__township_code=township_code)
        grants = grants.filter(content_object__township_code=township_code)
    wanted = {
        (user, codenames[verb], grid)
        for user, grid, verbs in appointments.values_list(
            "member__user", "post__grid", "post__role__permissions"
        )
        for verb in verbs
        if verb in Verb.values
    }
    present = {(user, verb, grid): pk for pk, user, verb, grid in grants.values_list(
        "pk", "user", "permission", "content_object"
    )}
    ended = [pk for key, pk in present.items() if key not in wanted]
    new = [GridGrant(user_id=u, permission_id=v, content_object_id=g) for u, v, g in wanted - present.keys()]
    for start in range(0, len(ended), 500):
        GridGrant.objects.filter(pk__in=ended[start : start + 500]).delete()
    GridGrant.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    _sync_staff(user_ids)
    return len(new), len(ended)


def _sync_staff(user_ids: Iterable[int] | None) -> None:
    """Whoever holds a post that works in the admin pages may enter them; technical accounts keep their own right."""
    people = User.objects.filter(member__isnull=False)
    if user_ids is not None:
        people = people.filter(pk__in=list(user_ids))
    staff = Appointment.objects.current().able().filter(post__role__is_staff=True).values("member__user")
    people.filter(is_staff=False, pk__in=staff).update(is_staff=True)
    people.filter(is_staff=True).exclude(pk__in=staff).update(is_staff=False)


def tell(
    *,
    members: Iterable[Member | None],
    title: str,
    key: str,
    body: str = "",
    link: str = "",
    kind: MessageKind = MessageKind.NEWS,
) -> None:
    """Inbox rows in the caller's transaction; one statement. The same `key` to the same member is told once."""
    receivers = {member.pk: member for member in members if member is not None}
    InboxMessage.objects.bulk_create(
        [
            InboxMessage(member=m, title=title[:120], body=body[:500], link=link, key=key, kind=kind)
            for m in receivers.values()
        ],
        ignore_conflicts=True,
    )


def mark_read(*, user: User, ids: Iterable[int] | None = None) -> int:
    """Marks messages as read (all of the user's, or those given); returns how many were new."""
    unread = InboxMessage.objects.visible_to(user).unread()
    if ids is not None:
        unread = unread.filter(pk__in=list(ids))
    return unread.update(read_at=clock.now())
