"""Questions about people and posts, in the field's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.prepared import Prepared
from grids.enums import Kind, Verb
from grids.querysets import Place, any_of, fold, lineage, places_of, remembered

if TYPE_CHECKING:
    from members.models import (
        Appointment,
        Department,
        InboxMessage,
        Leave,
        Member,
        NoticeChannel,
        Post,
        Shift,
    )


# What knows posts by their titles. Asked (post, new title) before a post is renamed, each says what would no longer know it.
KNOWN_BY_TITLE: list[Callable[[Post, str], list[str]]] = []


class MemberQuerySet(models.QuerySet["Member"]):
    def active(self) -> MemberQuerySet:
        return self.filter(is_active=True)

    def visible_to(self, user: Any, verb: str = Verb.SEE) -> MemberQuerySet:
        """People with a current post in the user's places, and the user."""
        posts = any_of(places_of(user)[verb], prefix="appointments__post__", grid="grid")
        current = Q(appointments__until=None) | Q(appointments__until__gt=clock.today())
        return self.filter((posts & current) | Q(user=user.pk)).distinct()

    def entered_by(self, user: Any) -> MemberQuerySet:
        """People for whom the user may enter what they did: of the places one co-ordinates, with a login or without."""
        own = standing_of(user).member
        places = places_of(user)[Verb.COORDINATE] if own else []
        current = apps.get_model("members", "Appointment")._default_manager.current()
        posted = current.filter(any_of(places, prefix="post__", grid="grid"), member=OuterRef("pk"))
        towns = [place.code for place in places if place.kind == Kind.TOWNSHIP]
        living = any_of(places, prefix="residence__", grid="code")
        found = self.active().filter(Exists(posted) | living | Q(township_code__in=towns))
        return found.exclude(pk=own.pk) if own else found

    def with_login(self) -> MemberQuerySet:
        return self.active().filter(user__is_active=True)

    def to_stand_in_for(self, member: Member) -> MemberQuerySet:
        """Colleagues whom a member may name: of the own units and departments, and of the level above them."""
        held = list(
            member.appointments.current().filter(leave=None).values_list("post__grid", "post__department")
        )
        codes = {up for grid, _department in held if grid for up in lineage(grid)[-2:]}
        departments = {department for _grid, department in held if department}
        current = apps.get_model("members", "Appointment")._default_manager.current()
        theirs = current.filter(
            Q(post__grid__in=codes) | Q(post__department__in=departments), member=OuterRef("pk"), leave=None
        )
        return self.with_login().filter(Exists(theirs)).exclude(pk=member.pk).order_by("id")

    def for_list(self) -> MemberQuerySet:
        return self.order_by("township_code", "id")


class DepartmentQuerySet(models.QuerySet["Department"]):
    def active(self) -> DepartmentQuerySet:
        return self.filter(is_active=True)

    def visible_to(self, user: Any) -> DepartmentQuerySet:
        """Departments of the townships one works in: everybody may know who they are."""
        towns = {place.code[:9] for places in places_of(user).values() for place in places}
        member = getattr(user, "member", None)
        return self.filter(township_code__in=towns | ({member.township_code} if member else set()))


def _on_leave(on: date | None) -> Exists:
    """Of an appointment: whether its member is away on the day."""
    leaves = apps.get_model("members", "Leave")._default_manager.current(on)
    return Exists(leaves.filter(member=OuterRef("member")))


# Of several who hold one post: the main holder, whoever stands in for an absent one, other deputies.
ANSWERING = ("-is_main", F("leave").asc(nulls_last=True), "since", "id")
BEST_FIRST = ("away", *ANSWERING)
NEAREST_FIRST = ("away", Length("post__grid_id").desc(), *ANSWERING)


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def current(self, on: date | None = None) -> AppointmentQuerySet:
        """In force on the day (default today): `since` is the first day, `until` the first day without it."""
        day = on or clock.today()
        return self.filter(Q(until=None) | Q(until__gt=day), since__lte=day)

    def able(self) -> AppointmentQuerySet:
        """Held by somebody who can act: active, with an active login."""
        return self.filter(member__is_active=True, member__user__is_active=True)

    def there(self, on: date | None = None) -> AppointmentQuerySet:
        """Held by somebody who is not on leave on the day."""
        return self.filter(~_on_leave(on))

    def answering(self, on: date | None = None) -> AppointmentQuerySet:
        """Of responsible posts, in the order in which they answer: whoever is there before whoever is on leave, then
        main holder, who stands in for an absent one, other deputies."""
        found = self.current(on).able().filter(post__is_responsible=True).annotate(away=_on_leave(on))
        return found.order_by(*BEST_FIRST)

    def responsible(
        self, *, grid: str | None = None, department: int | None = None, on: date | None = None
    ) -> Appointment | None:
        """Who answers for a unit: the main holder of its responsible post, else the deputy, else the nearest
        ancestor's; for a department its duty officer, else the township's duty post (architecture, decision 4).
        Whoever is on leave answers only where nobody else is left."""
        day = on or clock.today()
        if department is not None:
            for officer in OFFICER_OF(day, department):
                if grid is None or not officer.away:  # type: ignore[attr-defined]
                    return officer
        return next(iter(NEAREST_TO(day, lineage(grid))), None) if grid else None

    def responsible_for_all(self, codes: Iterable[str]) -> dict[str, Appointment]:
        """Code -> who answers, for many grids in one query (ancestors included)."""
        wanted = set(codes)
        chain = {step for code in wanted for step in lineage(code)}
        there: dict[str, Appointment] = {}
        on_leave: dict[str, Appointment] = {}
        for row in ANSWERING_FOR(clock.today(), list(chain)) if chain else ():
            (on_leave if row.away else there).setdefault(str(row.post.grid_id), row)  # type: ignore[attr-defined]
        found = {}
        for code in wanted:
            steps = lineage(code)[::-1]
            holder = next(
                (first[step] for first in (there, on_leave) for step in steps if step in first), None
            )
            if holder is not None:
                found[code] = holder
        return found

    def serving(self, members: Iterable[Any]) -> dict[Any, frozenset[str]]:
        """Member -> the grids on which each works today; one query."""
        found: dict[Any, set[str]] = {}
        held = self.current().filter(member__in=members, post__grid__isnull=False)
        for member, grid, verbs in held.values_list("member", "post__grid", "post__role__permissions"):
            if Verb.HANDLE in verbs:
                found.setdefault(member, set()).add(grid)
        return {member: frozenset(grids) for member, grids in found.items()}

    def visible_to(self, user: Any) -> AppointmentQuerySet:
        return self.filter(
            any_of(places_of(user)[Verb.MANAGE], prefix="post__", grid="grid") | Q(member__user=user.pk)
        )


ANSWERING_FOR = Prepared(
    lambda day, codes: (
        _appointments()
        .answering(day)
        .filter(post__grid__in=codes)
        .select_related("member", "post")
        .only("is_main", "since", "leave", "post__grid", "member__name", "member__user")
    )
)
OFFICER_OF = Prepared(
    lambda day, department: (
        _appointments()
        .answering(day)
        .filter(post__department=department)
        .select_related("member", "post", "leave__member")[:1]
    )
)
NEAREST_TO = Prepared(
    lambda day, codes: (
        _appointments()
        .answering(day)
        .filter(post__grid__in=codes)
        .select_related("member", "post", "leave__member")
        .order_by(*NEAREST_FIRST)[:1]
    )
)
HELD_BY: Prepared[Any] = Prepared(
    lambda day, member: (
        _appointments()
        .current(day)
        .filter(member=member)
        .values(
            "post__grid",
            "post__department",
            "post__township_code",
            "post__role__permissions",
            "leave__member",
        )
        .order_by("id")
    )
)


def _appointments() -> AppointmentQuerySet:
    """Models import this module."""
    found: AppointmentQuerySet = apps.get_model("members", "Appointment")._default_manager.all()
    return found


class PostQuerySet(models.QuerySet["Post"]):
    def without_holder(self) -> PostQuerySet:
        """Posts that answer for their unit, held by nobody who can act today: vacant, or a login that is closed."""
        held = apps.get_model("members", "Appointment")._default_manager.current().able()
        return self.filter(is_responsible=True).filter(~Exists(held.filter(post=OuterRef("pk"))))


class LeaveQuerySet(models.QuerySet["Leave"]):
    def current(self, on: date | None = None) -> LeaveQuerySet:
        day = on or clock.today()
        return self.filter(since__lte=day, until__gt=day)

    def during(self, since: date, until: date) -> LeaveQuerySet:
        """That share a day with [since, until)."""
        return self.filter(since__lt=until, until__gt=since).filter(until__gt=F("since"))

    def ahead(self, member: Member) -> LeaveQuerySet:
        """Those of a member that run or are still to come."""
        return self.filter(member=member, until__gt=clock.today()).filter(until__gt=F("since"))

    def visible_to(self, user: Any) -> LeaveQuerySet:
        """One's own, and those in which one stands in."""
        return self.filter(Q(member__user=user.pk) | Q(deputy__user=user.pk))

    def for_list(self) -> LeaveQuerySet:
        return self.select_related("member", "deputy", "entered_by").order_by("-since", "-id")


class InboxQuerySet(models.QuerySet["InboxMessage"]):
    def visible_to(self, user: Any) -> InboxQuerySet:
        return self.filter(member__user=user.pk)

    def unread(self) -> InboxQuerySet:
        return self.filter(read_at=None)

    def for_list(self) -> InboxQuerySet:
        return self.order_by("-created_at", "-id")


NOBODY = -1  # the key of a login that does not exist


@dataclass(frozen=True)
class Standing:
    """Where a person stands: who they are, which units and departments they serve on, where they work."""

    member: Member | None = None
    units: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    townships: tuple[str, ...] = ()
    in_place_of: Mapping[str | int, Any] = field(default_factory=dict)  # unit -> the absent member's key

    def stands_in_at(self, grid: str | None, department: int | None) -> Any:
        """In whose place the person acts for this unit or, for a grid, the nearest one above; None: in none."""
        if department is not None:
            return self.in_place_of.get(department)
        steps = lineage(grid)[::-1] if grid else []
        return next((self.in_place_of[step] for step in steps if step in self.in_place_of), None)


def standing_of(user: Any) -> Standing:
    """Asked once per user object, that is once per request: one query beside the grants."""
    return remembered(user, "standing", lambda: _ask_standing(user))


def _ask_standing(user: Any) -> Standing:
    if not getattr(user, "is_active", False) or user.pk is None:
        return Standing()
    member: Member | None = getattr(user, "member", None)
    if member is None or not member.is_active:
        return Standing()
    return standing_from(member, posts_held(member))


def posts_held(member: Member) -> list[dict[str, Any]]:
    """What a member's current appointments carry; one query."""
    return HELD_BY(clock.today(), member.pk)


def standing_from(member: Member, posts: Iterable[Mapping[str, Any]]) -> Standing:
    serving = [post for post in posts if Verb.HANDLE in post["post__role__permissions"]]
    own = {unit_of(post) for post in posts if post["leave__member"] is None}
    return Standing(
        member,
        tuple(sorted({post["post__grid"] for post in serving if post["post__grid"]})),
        tuple(sorted({post["post__department"] for post in serving if post["post__department"]})),
        tuple(sorted({post["post__township_code"] for post in posts} | {member.township_code})),
        {unit_of(p): p["leave__member"] for p in posts if p["leave__member"] and unit_of(p) not in own},
    )


def person_of(member: Member) -> Any:
    """A member as somebody with rights, login or not: what the current appointments carry. Two queries."""
    user_model: Any = get_user_model()
    person = user_model(pk=member.user_id or NOBODY, username=member.name, is_active=member.is_active)
    posts = posts_held(member)
    grids = apps.get_model("grids", "Grid")._default_manager.all()
    held = [(verb, post["post__grid"]) for post in posts for verb in post["post__role__permissions"]]
    known = {place.code: place for place in grids.as_places({grid for _verb, grid in held if grid})}
    places: dict[str, list[Place]] = {verb: [] for verb in Verb.values}
    for verb, grid in held:
        if grid in known and verb in places:
            places[verb].append(known[grid])
    remembered(person, "places", lambda: {verb: fold(found) for verb, found in places.items()})
    remembered(person, "standing", lambda: standing_from(member, posts))
    return person


def unit_of(post: Mapping[str, Any]) -> str | int:
    unit: str | int = post["post__grid"] or post["post__department"]
    return unit


class ChannelInUse(NamedTuple):
    """`kinds`: empty means all; `member`: None means everybody's messages of the township."""

    pk: int
    member: Any
    kinds: frozenset[str]
    waits: bool


class NoticeChannelQuerySet(models.QuerySet["NoticeChannel"]):
    def in_use(self) -> dict[str, list[ChannelInUse]]:
        """Township -> its channels."""
        found: dict[str, list[ChannelInUse]] = {}
        columns = ("township", "pk", "member", "kinds", "waits")
        for town, pk, member, kinds, waits in self.filter(is_active=True).values_list(*columns):
            found.setdefault(town, []).append(ChannelInUse(pk, member, frozenset(kinds), waits))
        return found


class ShiftQuerySet(models.QuerySet["Shift"]):
    def visible_to(self, user: Any) -> ShiftQuerySet:
        """Everybody who works in a township may know who is on duty there."""
        member = standing_of(user).member
        return self.filter(township=member.township_code) if member is not None else self.none()

    def at(self, township_code: str, moment: datetime) -> Shift | None:
        """Who is on duty then."""
        return self.during(moment).filter(township=township_code).order_by("-starts_at").first()

    def during(self, moment: datetime) -> ShiftQuerySet:
        """With the people on it."""
        rows = self.filter(starts_at__lte=moment, ends_at__gt=moment)
        return rows.select_related("leader", "officer", "second")


@dataclass(frozen=True)
class Telephone:
    """A number to call in an emergency, and whose it is."""

    number: str
    label: str


def national_numbers() -> list[Telephone]:
    return [Telephone("110", _("police")), Telephone("119", _("fire")), Telephone("120", _("ambulance"))]


def emergency_numbers(township_code: str, *, named: bool = True) -> list[Telephone]:
    """Police, fire brigade, ambulance, and the duty telephone of now; two queries. `named`: with who is on duty."""
    found = national_numbers()
    shift = apps.get_model("members", "Shift")._default_manager.at(township_code, clock.now())
    known = apps.get_model("grids", "Township")._default_manager.filter(pk=township_code)
    office = known.values_list("duty_phone", flat=True).first() or ""
    for number, name, post in _on_duty(shift, office):
        if number and number not in {one.number for one in found}:
            label = _("on duty: %(name)s") % {"name": name} if named and name else post
            found.append(Telephone(number, label))
    return found


def _on_duty(shift: Any, office: str) -> list[tuple[str, str, str]]:
    if shift is None:
        return [(office, "", _("on duty"))]
    return [
        (shift.phone or office or shift.officer.phone, shift.officer.name, _("on duty")),
        (shift.leader.phone, shift.leader.name, _("leading on duty")),
    ]
