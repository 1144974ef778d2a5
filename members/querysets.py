"""Questions about people and posts, in the field's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from gridgov.common import clock
from grids.enums import Verb
from grids.querysets import any_of, lineage, places_of, remembered

if TYPE_CHECKING:
    from members.models import Appointment, Department, InboxMessage, Member


class MemberQuerySet(models.QuerySet["Member"]):
    def active(self) -> MemberQuerySet:
        return self.filter(is_active=True)

    def visible_to(self, user: Any, verb: str = Verb.SEE) -> MemberQuerySet:
        """People with a current post in the user's places, and the user."""
        posts = any_of(places_of(user)[verb], prefix="appointments__post__", grid="grid")
        current = Q(appointments__until=None) | Q(appointments__until__gt=clock.today())
        return self.filter((posts & current) | Q(user=user.pk)).distinct()

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


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def current(self, on: date | None = None) -> AppointmentQuerySet:
        """In force on the day (default today): `since` is the first day, `until` the first day without it."""
        day = on or clock.today()
        return self.filter(Q(until=None) | Q(until__gt=day), since__lte=day)

    def able(self) -> AppointmentQuerySet:
        """Held by somebody who can act: active, with an active login."""
        return self.filter(member__is_active=True, member__user__is_active=True)

    def responsible(self, *, grid: str | None = None, department: int | None = None) -> Appointment | None:
        """Who answers for a unit: the main holder of its responsible post, else the deputy, else the nearest
        ancestor's; for a department its duty officer, else the township's duty post (architecture, decision 4)."""
        asked = self.current().able().filter(post__is_responsible=True).select_related("member", "post")
        if department is not None:
            officer = asked.filter(post__department=department).order_by("-is_main", "since", "id").first()
            if officer is not None or grid is None:
                return officer
        chain = lineage(grid) if grid else []
        nearest = asked.filter(post__grid__in=chain).order_by(
            Length("post__grid_id").desc(), "-is_main", "since", "id"
        )
        return nearest.first()

    def responsible_for_all(self, codes: Iterable[str]) -> dict[str, Appointment]:
        """Code -> who answers, for many grids in one query (ancestors included)."""
        wanted = set(codes)
        chain = {step for code in wanted for step in lineage(code)}
        rows = (
            self.current()
            .able()
            .filter(post__is_responsible=True, post__grid__in=chain)
            .select_related("member", "post")
            .only("is_main", "since", "post__grid", "member__name", "member__user")
            .order_by("-is_main", "since", "id")
        )
        first: dict[str, Appointment] = {}
        for row in rows:
            first.setdefault(str(row.post.grid_id), row)
        found = {}
        for code in wanted:
            holder = next((first[step] for step in reversed(lineage(code)) if step in first), None)
            if holder is not None:
                found[code] = holder
        return found

    def visible_to(self, user: Any) -> AppointmentQuerySet:
        return self.filter(
            any_of(places_of(user)[Verb.MANAGE], prefix="post__", grid="grid") | Q(member__user=user.pk)
        )


class InboxQuerySet(models.QuerySet["InboxMessage"]):
    def visible_to(self, user: Any) -> InboxQuerySet:
        return self.filter(member__user=user.pk)

    def unread(self) -> InboxQuerySet:
        return self.filter(read_at=None)

    def for_list(self) -> InboxQuerySet:
        return self.order_by("-created_at", "-id")


@dataclass(frozen=True)
class Standing:
    """Where a person stands: who they are, which units and departments they serve on, where they work."""

    member: Member | None = None
    units: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    townships: tuple[str, ...] = ()


def standing_of(user: Any) -> Standing:
    """Asked once per user object, that is once per request: one query beside the grants."""
    return remembered(user, "standing", lambda: _ask_standing(user))


def _ask_standing(user: Any) -> Standing:
    if not getattr(user, "is_active", False) or user.pk is None:
        return Standing()
    member: Member | None = getattr(user, "member", None)
    if member is None or not member.is_active:
        return Standing()
    held = apps.get_model("members", "Appointment")._default_manager.current().filter(member=member)
    posts = list(
        held.values_list("post__grid", "post__department", "post__township_code", "post__role__permissions")
    )
    serving = [(grid, department) for grid, department, _town, verbs in posts if Verb.HANDLE in verbs]
    return Standing(
        member,
        tuple(sorted({grid for grid, _department in serving if grid})),
        tuple(sorted({department for _grid, department in serving if department})),
        tuple(sorted({town for _grid, _department, town, _verbs in posts} | {member.township_code})),
    )
