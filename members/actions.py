"""The only place that writes people, posts and grants."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Invalid
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import TOWNSHIP_DIGITS, Grid, GridGrant, Succession
from members.enums import MessageKind, RoleCode
from members.models import Appointment, Department, InboxMessage, Member, Post, Role
from members.querysets import AppointmentQuerySet

# Sent with `codes` (grids) and `departments` (ids) whose responsible member may have changed; receivers return a list
# of what they re-pointed.
responsibility_changed = Signal()


# What every township begins with (rules.md, "Who"). Names are data: a plan brings its own words.
SEE, REPORT, HANDLE, COORDINATE = Verb.SEE, Verb.REPORT, Verb.HANDLE, Verb.COORDINATE
DEFAULT_ROLES: Mapping[RoleCode, tuple[str, tuple[Verb, ...]]] = {
    RoleCode.WORKER: ("网格员", (SEE, REPORT, HANDLE)),
    RoleCode.HEAD: ("网格长", (SEE, REPORT, HANDLE)),
    RoleCode.VOLUNTEER: ("信息员", (REPORT,)),
    RoleCode.VILLAGE_HEAD: (
        "村网格长",
        (SEE, REPORT, HANDLE, COORDINATE, Verb.INSPECT, Verb.MANAGE, Verb.REVEAL),
    ),
    RoleCode.CONTACT_LEADER: ("包村领导", (SEE, Verb.SUPERVISE)),
    RoleCode.CLERK: (
        "镇网格中心",
        (SEE, REPORT, HANDLE, COORDINATE, Verb.SUPERVISE, Verb.MANAGE, Verb.REVEAL),
    ),
    RoleCode.LEADER: ("镇领导", (SEE, Verb.SUPERVISE)),
    RoleCode.OFFICER: ("站所工作人员", (HANDLE,)),
    RoleCode.ASSESSOR: ("考核人员", (SEE, Verb.INSPECT, Verb.SCORE)),
    RoleCode.AUDITOR: ("审计人员", (Verb.AUDIT,)),
}
IN_ADMIN_PAGES = (RoleCode.VILLAGE_HEAD, RoleCode.CLERK)


@transaction.atomic
def create_roles(*, township: Grid, names: Mapping[RoleCode, str] | None = None) -> list[Role]:
    """The default roles that the township does not have yet, under the plan's names where it has any."""
    there = set(Role.objects.filter(township=township).values_list("code", flat=True))
    return Role.objects.bulk_create(
        [
            Role(
                township=township,
                code=code,
                name=(names or {}).get(code, name),
                permissions=list(verbs),
                is_staff=code in IN_ADMIN_PAGES,
            )
            for code, (name, verbs) in DEFAULT_ROLES.items()
            if code not in there
        ]
    )


@transaction.atomic
def change_role(
    *, role: Role, permissions: Iterable[str], is_staff: bool | None = None, user: User | None = None
) -> tuple[int, int]:
    """What a role may do, for all who hold it at once; returns (granted, ended)."""
    asked = set(permissions)
    unknown = asked - set(Verb.values)
    if unknown:
        raise Invalid(_("Unknown permissions: %(names)s") % {"names": ", ".join(sorted(unknown))})
    before = role.verbs
    role.permissions = [verb for verb in Verb.values if verb in asked]
    if is_staff is not None:
        role.is_staff = is_staff
    role.save(update_fields=["permissions", "is_staff"])
    audit.record(
        AuditKind.SETTINGS,
        user=user,
        subject=str(role),
        township_code=role.township_id,
        before=before,
        after=role.permissions,
    )
    return sync_grants(township_code=role.township_id)


class NewPerson(NamedTuple):
    """A member to be and the login; `password` is a hash, empty for a login that nobody can use yet."""

    name: str
    username: str
    phone: str = ""
    password: str = ""
    residence: Grid | None = None


@transaction.atomic
def create_people(*, people: Sequence[NewPerson], township_code: str) -> list[Member]:
    """Many members with their logins in a few statements, in the order given. No hashing happens here."""
    users = User.objects.bulk_create(
        [
            User(username=person.username, password=person.password or make_password(None))
            for person in people
        ],
        batch_size=500,
    )
    members = [
        Member(
            user=user,
            name=person.name,
            phone=person.phone,
            residence=person.residence,
            township_code=township_code,
        )
        for person, user in zip(people, users, strict=True)
    ]
    bulk_create_with_history(members, Member, batch_size=500)
    return members


@transaction.atomic
def create_departments(*, township: Grid, names: Sequence[str], from_plan: bool) -> list[Department]:
    """Departments, each with the post of its duty officer, vacant."""
    made = [
        Department(township=township, township_code=township.pk, name=name, from_plan=from_plan)
        for name in names
    ]
    bulk_create_with_history(made, Department)
    role = Role.objects.get(township=township, code=RoleCode.OFFICER)
    create_posts(
        posts=[
            Post(department=department, role=role, title=f"{department.name}值班员", is_responsible=True)
            for department in made
        ]
    )
    return made


@transaction.atomic
def create_posts(*, posts: Sequence[Post]) -> list[Post]:
    """Many posts in one statement; each carries its grid or department as an object."""
    return Post.objects.bulk_create([post.derive() for post in posts], batch_size=500)


@transaction.atomic
def appoint_many(
    *, placements: Sequence[tuple[Member, Post]], since: date | None = None
) -> list[Appointment]:
    """Main holders for many posts in a few statements; the posts must be vacant from then on."""
    first = since or clock.today()
    posts = [post for _member, post in placements]
    taken = Appointment.objects.filter(post__in=posts, is_main=True).filter(
        Q(until=None) | Q(until__gt=first)
    )
    if taken.exists():
        raise Invalid(
            _("The post has a main holder in this time; end that appointment first."), code="post_taken"
        )
    made = Appointment.objects.bulk_create(
        [Appointment(member=member, post=post, since=first) for member, post in placements], batch_size=500
    )
    _after_change(users=[member.user_id for member, _post in placements], posts=posts)
    return made


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
        raise Invalid(
            _("The post has a main holder in this time; end that appointment first."), code="post_taken"
        )
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
def sync_grants(
    *, user_ids: Iterable[int] | None = None, township_code: str | None = None
) -> tuple[int, int]:
    """Makes the grants equal to what current appointments carry; returns (granted, ended).

    A handful of statements whatever the number of people. With neither argument: everybody (the nightly run).
    """
    appointments = Appointment.objects.current().able().filter(post__grid__isnull=False)
    grants = GridGrant.objects.all()
    if user_ids is not None:
        ids = list(user_ids)
        appointments, grants = appointments.filter(member__user__in=ids), grants.filter(user__in=ids)
    if township_code is not None:
        appointments = appointments.filter(post__township_code=township_code)
        grants = grants.filter(content_object__township_code=township_code)
    # Grants before appointments: one that another process gives in between must not look like a left-over.
    present = {
        (u, v, g): pk for pk, u, v, g in grants.values_list("pk", "user", "permission", "content_object")
    }
    wanted = _wanted(appointments)
    ended = [pk for key, pk in present.items() if key not in wanted]
    new = [GridGrant(user_id=u, permission_id=v, content_object_id=g) for u, v, g in wanted - present.keys()]
    for start in range(0, len(ended), 500):
        GridGrant.objects.filter(pk__in=ended[start : start + 500]).delete()
    GridGrant.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    _sync_staff(user_ids)
    return len(new), len(ended)


def _wanted(appointments: AppointmentQuerySet) -> set[tuple[int, int, str]]:
    """(user, permission, grid): what the appointments carry, and sight of the grids that theirs succeeded."""
    rows = list(appointments.values_list("member__user", "post__grid", "post__role__permissions"))
    held = {(user, verb, grid) for user, grid, verbs in rows for verb in verbs}
    towns = {grid[:TOWNSHIP_DIGITS] for _user, _verb, grid in held}
    older: dict[str, set[str]] = {}
    for old, new in Succession.objects.filter(new__township_code__in=towns).values_list("old", "new"):
        older.setdefault(new, set()).add(old)
    for user, verb, grid in list(held):
        if verb == Verb.SEE:
            held |= {(user, verb, code) for code in _before(grid, older)}
    numbers = dict(
        Permission.objects.filter(content_type__app_label="grids", content_type__model="grid").values_list(
            "codename", "pk"
        )
    )
    return {(user, numbers[verb], grid) for user, verb, grid in held if verb in numbers}


def _before(grid: str, older: Mapping[str, set[str]]) -> set[str]:
    """Every grid that this one succeeded, directly or through others."""
    found: set[str] = set()
    waiting = [grid]
    while waiting:
        fresh = older.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


@transaction.atomic
def follow_succession(*, succession: Succession) -> list[Appointment]:
    """Who held a post at the old grid holds the like post at the new one from that day on; returns what was made.

    A post that has a main holder there already takes them as deputy. Who lived in the old grid lives in the new one.
    """
    old, new, day = succession.old, succession.new, succession.on
    running = Appointment.objects.filter(Q(until=None) | Q(until__gt=day))
    moving = list(
        running.filter(post__grid=old).select_related("member", "post").order_by("-is_main", "since", "pk")
    )
    posts = _like_posts([held.post for held in moving], new)
    taken = set(running.filter(post__grid=new, is_main=True).values_list("post", flat=True))
    made = []
    for held in moving:
        post, since = posts[held.post.role_id, held.post.title], max(held.since, day)
        main = held.is_main and post.pk not in taken
        made.append(Appointment(member=held.member, post=post, since=since, until=held.until, is_main=main))
        taken |= {post.pk} if main else set()
        held.until, held.reason = since, succession.reason
    Appointment.objects.bulk_update(moving, ["until", "reason"])
    Appointment.objects.bulk_create(made)
    Member.objects.filter(residence=old).update(residence=new)
    # The old grid's posts are not announced: its open work goes to the successor, not up to the grid above.
    _after_change(users=[], posts=list(posts.values()))
    sync_grants(township_code=new.township_code)  # the successor's head may read the old grid's history
    return made


def _like_posts(posts: Sequence[Post], grid: Grid) -> dict[tuple[int, str], Post]:
    """(role, title) -> the post of that kind at `grid`, made where there is none."""
    there = {(post.role_id, post.title): post for post in Post.objects.filter(grid=grid)}
    answered = any(post.is_responsible for post in there.values())
    for post in posts:
        if (post.role_id, post.title) not in there:
            like = Post(grid=grid, role_id=post.role_id, title=post.title)
            like.is_responsible = post.is_responsible and not answered
            like.save()
            answered |= like.is_responsible
            there[post.role_id, post.title] = like
    return there


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
    text: str,
    key: str,
    params: Mapping[str, str] | None = None,
    link: str = "",
    kind: str = MessageKind.NEWS,
) -> None:
    """Inbox rows in the caller's transaction; one statement. The same `key` to the same member is told once.

    `text` is a msgid marked with gettext_noop; it is translated for whoever reads it.
    """
    receivers = {member.pk: member for member in members if member is not None}
    InboxMessage.objects.bulk_create(
        [
            InboxMessage(member=m, text=text, params=dict(params or {}), link=link, key=key, kind=kind)
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
