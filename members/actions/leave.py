"""Who is away, and who stands in meanwhile."""

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.db.models import DateField, Q, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.errors import Invalid
from members.actions.inbox import tell
from members.actions.posts import after_change, stand_in
from members.enums import LeaveKind
from members.models import Appointment, Leave, Member, Post

STANDS_IN = gettext_noop("%(deputy)s stands in for %(member)s from %(since)s to %(last)s")
AWAY = gettext_noop("%(member)s is on leave from %(since)s to %(last)s")


@transaction.atomic
def take_leave(
    *,
    member: Member,
    since: date,
    until: date,
    deputy: Member | None = None,
    kind: str = LeaveKind.LEAVE,
    reason: str = "",
    entered_by: Member | None = None,
) -> Leave:
    """Notes that a member is away from `since` until the day before `until`; the deputy holds the posts meanwhile.

    Rights, tasks and messages follow at 00:00 of the first day, at once where it has begun, and go back at the end.
    """
    leave = Leave(
        member=member,
        deputy=deputy,
        since=since,
        until=until,
        kind=kind,
        reason=reason,
        entered_by=entered_by,
        township_code=member.township_code,
    )
    held = list(
        Appointment.objects.filter(member=member, leave=None, since__lt=until)
        .filter(Q(until=None) | Q(until__gt=since))
        .select_related("post")
    )
    _check_leave(leave, [one.post for one in held])
    leave.save(force_insert=True)
    for one in held if deputy is not None else ():
        stand_in(leave, one)
    params = {"member": member.name, "since": f"{since:%Y-%m-%d}", "last": f"{leave.last_day:%Y-%m-%d}"}
    told = [one for one in (deputy, member) if one != entered_by]
    text = STANDS_IN if deputy else AWAY
    tell(
        members=told,
        text=text,
        params=params | {"deputy": deputy.name if deputy else ""},
        key=f"leave:{leave.pk}",
    )
    after_change(users=[deputy.user_id if deputy else None], posts=[one.post for one in held])
    return leave


@transaction.atomic
def end_leave(*, leave: Leave, until: date | None = None) -> Leave:
    """Ends a leave earlier; `until` is the day the member is back (default today). Before it began: it is called off."""
    back = max(until or clock.today(), leave.since)
    if back > leave.until:
        text = _("A leave is ended earlier, not made longer; enter a further one.")
        raise Invalid(text, errors={"until": [text]})
    leave.until = back
    leave.save(update_fields=["until"])
    stand_ins = Appointment.objects.filter(leave=leave).select_related("post")
    stand_ins.filter(until__gt=back).update(until=Greatest("since", Value(back, DateField())))
    posts = Post.objects.filter(appointments__member=leave.member_id).distinct()
    after_change(users=[leave.deputy.user_id if leave.deputy else None], posts=list(posts))
    return leave


def _check_leave(leave: Leave, posts: Sequence[Post]) -> None:
    errors: dict[str, list[str]] = {}
    deputy = leave.deputy
    if leave.until <= leave.since:
        errors["until"] = [_("The last day comes before the first.")]
    elif leave.until <= clock.today():
        errors["until"] = [_("These days are over.")]
    if Leave.objects.during(leave.since, leave.until).filter(member=leave.member).exists():
        errors["since"] = [_("There is a leave in these days already.")]
    if deputy is not None:
        if deputy.pk == leave.member_id or deputy.township_code != leave.township_code:
            errors["deputy"] = [_("Somebody else of the same township stands in.")]
        elif deputy.user is None or not (deputy.is_active and deputy.user.is_active):
            errors["deputy"] = [_("Whoever stands in needs a login.")]
        elif Leave.objects.during(leave.since, leave.until).filter(member=deputy).exists():
            errors["deputy"] = [_("%(deputy)s is on leave in these days too.") % {"deputy": deputy}]
    elif _would_stand_empty(leave, posts):
        errors["deputy"] = [_("The duty post of the township cannot be empty: name who stands in.")]
    if errors:
        raise Invalid(next(iter(errors.values()))[0], code="invalid_leave", errors=errors)


def _would_stand_empty(leave: Leave, posts: Sequence[Post]) -> bool:
    """Whether nobody else answers for the township on the first day."""
    duty = [post.grid_id for post in posts if post.is_responsible and post.grid_id == post.township_code]
    if not duty:
        return False
    others = Appointment.objects.answering(leave.since).there(leave.since).exclude(member=leave.member)
    return not others.filter(post__grid__in=duty).exists()
