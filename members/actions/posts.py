"""People, departments, posts and who holds them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import DateField, Q, Value
from django.db.models.functions import Greatest
from django.dispatch import Signal
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Invalid
from gridgov.common.models import User
from grids.models import Grid, Succession
from members.actions.grants import sync_grants
from members.enums import RoleCode
from members.models import Appointment, Department, Leave, Member, Post, Role

# Sent with `codes` (grids) and `departments` (ids) whose responsible member may have changed; receivers return a list
# of what they re-pointed.
responsibility_changed = Signal()


class NewPerson(NamedTuple):
    """A member to be and the login; `password` is a hash, empty for a login that nobody can use yet.

    `is_initial`: somebody else knows the password, so it is good for one login.
    """

    name: str
    username: str
    phone: str = ""
    password: str = ""
    residence: Grid | None = None
    is_initial: bool = False


@transaction.atomic
def create_people(*, people: Sequence[NewPerson], township_code: str) -> list[Member]:
    """Many members with their logins in a few statements, in the order given. No hashing happens here."""
    users = User.objects.bulk_create(
        [
            User(
                username=person.username,
                password=person.password or make_password(None),
                must_change_password=person.is_initial,
            )
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


def employ(
    *,
    people: Sequence[tuple[NewPerson, Post]],
    township_code: str,
    by: User | None,
    since: date | None = None,
) -> list[Appointment]:
    """New people, each with a login and put in a vacant post, all or none. Raises Invalid with `errors` by user name."""
    try:
        with transaction.atomic():
            return _employed(people, township_code, by, since)
    except IntegrityError as error:  # another process was first
        raise Conflict(_("Somebody else has just changed this; please look again.")) from error


def _employed(
    people: Sequence[tuple[NewPerson, Post]], township_code: str, by: User | None, since: date | None
) -> list[Appointment]:
    names = [person.username for person, _post in people]
    taken = set(User.objects.filter(username__in=names).values_list("username", flat=True))
    taken |= {name for name in names if names.count(name) > 1}
    if taken:
        detail = _("This user name is taken: %(names)s") % {"names": ", ".join(sorted(taken))}
        raise Invalid(detail, code="username_taken", errors={name: [detail] for name in taken})
    members = create_people(people=[person for person, _post in people], township_code=township_code)
    placements = [(member, post) for member, (_person, post) in zip(members, people, strict=True)]
    made = appoint_many(placements=placements, since=since)
    for member, post in placements:
        subject = f"{member} {post}"
        audit.record(AuditKind.PEOPLE, user=by, subject=subject, township_code=township_code, what="employed")
    return made


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
    after_change(users=[member.user_id for member, _post in placements], posts=posts)
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
    deputies = [stand_in(leave, made) for leave in Leave.objects.ahead(member) if leave.deputy_id]
    after_change(users=[member.user_id, *(deputy.user_id for deputy in deputies)], posts=[post])
    return made


@transaction.atomic
def end_appointment(*, appointment: Appointment, until: date | None = None, reason: str = "") -> Appointment:
    """Ends an appointment; its rights end with it. `until` is the first day without the post (default today)."""
    appointment.until = until or clock.today()
    appointment.reason = reason
    appointment.full_clean(exclude=["member", "post"])
    appointment.save(update_fields=["until", "reason"])
    stand_ins = Appointment.objects.filter(
        leave__member=appointment.member_id, post=appointment.post_id, until__gt=appointment.until
    )
    deputies = list(stand_ins.values_list("member__user", flat=True))
    stand_ins.update(until=Greatest("since", Value(appointment.until, DateField())))
    after_change(users=[appointment.member.user_id, *deputies], posts=[appointment.post])
    return appointment


def stand_in(leave: Leave, held: Appointment) -> Member:
    """The deputy in one of the absent member's posts, for the days that leave and post have in common."""
    deputy = leave.deputy
    assert deputy is not None
    since = max(leave.since, held.since)
    until = min(leave.until, held.until or leave.until)
    if since < until:
        Appointment.objects.create(
            member=deputy, post=held.post, since=since, until=until, is_main=False, leave=leave
        )
    return deputy


def after_change(*, users: Iterable[int | None], posts: Iterable[Post]) -> None:
    sync_grants(user_ids=[user for user in users if user is not None])
    told = [post for post in posts if post.is_responsible]
    if told:
        responsibility_changed.send(
            sender=Post,
            codes=[post.grid_id for post in told if post.grid_id],
            departments=[post.department_id for post in told if post.department_id],
        )


@transaction.atomic
def follow_succession(*, succession: Succession) -> list[Appointment]:
    """Who held a post at the old grid holds the like post at the new one from that day on; returns what was made.

    A post that has a main holder there already takes them as deputy. Who lived in the old grid lives in the new one.
    """
    old, new, day = succession.old, succession.new, succession.on
    running = Appointment.objects.filter(Q(until=None) | Q(until__gt=day))
    moving = list(
        running.filter(post__grid=old)
        .select_related("member", "post", "leave")
        .order_by("-is_main", "since", "pk")
    )
    posts = _like_posts([held.post for held in moving], new)
    taken = set(running.filter(post__grid=new, is_main=True).values_list("post", flat=True))
    made = []
    for held in moving:
        post, since = posts[held.post.role_id, held.post.title], max(held.since, day)
        main = held.is_main and post.pk not in taken
        made.append(
            Appointment(
                member=held.member, post=post, since=since, until=held.until, is_main=main, leave=held.leave
            )
        )
        taken |= {post.pk} if main else set()
        held.until, held.reason = since, succession.reason
    Appointment.objects.bulk_update(moving, ["until", "reason"])
    Appointment.objects.bulk_create(made)
    Member.objects.filter(residence=old).update(residence=new)
    # The old grid's posts are not announced: its open work goes to the successor, not up to the grid above.
    after_change(users=[], posts=list(posts.values()))
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
