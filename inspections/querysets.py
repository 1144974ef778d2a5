"""Patrols one may see, where one may patrol, and what was done against the daily duty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Count, F, Q

from gridgov.common import clock
from gridgov.common.paging import PAGE_SIZE, Key, Page, order, page_of
from gridgov.common.prepared import Prepared
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import Place, any_of, condition, next_code, places_of
from members.enums import DutyKind, Per
from members.models import Duty
from members.querysets import standing_of

if TYPE_CHECKING:
    from inspections.models import Patrol


class PatrolQuerySet(models.QuerySet["Patrol"]):
    def visible_to(self, user: Any) -> PatrolQuerySet:
        """By place, and one's own; for one object by key. Lists: `page_for`."""
        member = standing_of(user).member
        own = Q(member=member.pk) if member else Q(pk__in=[])
        return self.filter(any_of(places_of(user)[Verb.SEE]) | own)

    def between(self, start: datetime, end: datetime) -> PatrolQuerySet:
        """Begun in [start, end)."""
        return self.filter(started_at__gte=start, started_at__lt=end)

    def for_list(self) -> PatrolQuerySet:
        return (
            self.select_related("grid", "member", "entered_by")
            .annotate(found=Count("findings"))
            .order_by("-started_at", "-id")
        )

    def page_for(
        self, user: Any, grid: str = "", key: Key | None = None, size: int = PAGE_SIZE
    ) -> Page[Patrol]:
        """One page of what the user may see, newest first; `grid` narrows to a subtree. As with matters (rules.md,
        reading lists): one indexed arm per place and one for one's own, the top ids of each, then the rows."""
        backwards = key is not None and key.backwards
        arms = [self._top(arm, key, size + 1) for arm in self._arms(user, grid)]
        if not arms:
            return Page([], None, None)
        rows = arms[0] if len(arms) == 1 else arms[0].union(*arms[1:])
        ids = [pk for pk, _ in rows.order_by(*order(backwards=backwards, at="started_at"))[: size + 1]]
        found = (
            self._bare().filter(pk__in=ids).for_list().order_by(*order(backwards=backwards, at="started_at"))
        )
        return page_of(list(found), key, size, at="started_at")

    def _arms(self, user: Any, grid: str) -> list[PatrolQuerySet]:
        places: Iterable[Place] = places_of(user)[Verb.SEE]
        member = standing_of(user).member
        own = Q(member=member.pk) if member else None
        if grid:
            places = Grid.objects.all().cut_down(places, grid)
            own = own & Q(grid__gte=grid, grid__lt=next_code(grid)) if own else None
        arms = [self._bare().filter(condition(place)) for place in places]
        return [*arms, self._bare().filter(own)] if own else arms

    def _top(self, arm: PatrolQuerySet, key: Key | None, size: int) -> models.QuerySet[Any, Any]:
        if key is not None:
            arm = arm.filter(key.condition(at="started_at"))
        top = arm.order_by(*order(backwards=key is not None and key.backwards, at="started_at"))[:size]
        return self._bare().filter(pk__in=top.values("pk")).values_list("id", "started_at")

    def _bare(self) -> PatrolQuerySet:
        return self.model._default_manager.all().order_by()


def grids_to_patrol(user: Any) -> models.QuerySet[Grid]:
    """Where the user may enter a patrol: grids at which one both reports and handles, and all below them."""
    places = places_of(user)
    reports, handles = (any_of(places[verb], grid="code") for verb in (Verb.REPORT, Verb.HANDLE))
    return Grid.objects.all().active().filter(reports & handles).order_by("code")


def patrol_duty(grid: Grid, day: date) -> Duty | None:
    """The duty that a patrol of this grid fulfils; one with a number before one without."""
    return next(iter(PATROL_DUTIES(grid.township_code, str(grid.kind), day)), None)


PATROL_DUTIES = Prepared(
    lambda township, kind, day: Duty.objects.filter(
        township=township, kind=DutyKind.PATROL, grid_kind=kind, is_active=True, since__lte=day
    ).order_by(F("times").desc(nulls_last=True), "rule_id")[:1]
)


@dataclass(frozen=True)
class GridDuty:
    """The daily patrol of one grid over some days. A missing day is a warning, not a penalty (plan 6)."""

    grid: Grid
    done: Sequence[date]
    missing: Sequence[date]

    @property
    def due(self) -> int:
        return len(self.done) + len(self.missing)


def duty_figures(places: Iterable[Place], start: date, end: date) -> list[GridDuty]:
    """Due and done per grid from `start` to `end` (both included), in order of code; three queries.

    Due is each natural day on which grid and duty stood and which is over, and today once it is done. Several patrols
    of a grid on one day count once. A duty without a number brings nothing due (R85).
    """
    places = list(places)
    since = _since_by_kind(places)
    grids = list(
        Grid.objects.filter(
            any_of(places, grid="code"), kind__in={kind for _, kind in since}, started_on__lte=end
        )
        .active(on=start)
        .order_by("code")
    )
    walked = _walked(places, start, end) if grids else {}
    figures = []
    for grid in grids:
        first = since.get((grid.township_code, grid.kind))
        if first is None:
            continue
        days = _days(max(start, first, grid.started_on), min(end, clock.today(), _last_day(grid)))
        done = walked.get(grid.code, set())
        missing = [day for day in days if day not in done and day < clock.today()]
        figures.append(GridDuty(grid, [day for day in days if day in done], missing))
    return figures


def by_village(figures: Iterable[GridDuty]) -> dict[str, tuple[int, int]]:
    """Village code -> (done, due)."""
    done: Counter[str] = Counter()
    due: Counter[str] = Counter()
    for figure in figures:
        done[figure.grid.village_code] += len(figure.done)
        due[figure.grid.village_code] += figure.due
    return {village: (done[village], due[village]) for village in due}


def _since_by_kind(places: Iterable[Place]) -> dict[tuple[str, str], date]:
    """(township, kind of grid) -> the first day of its daily patrol."""
    duties = Duty.objects.filter(
        township__in={place.code[:9] for place in places},
        kind=DutyKind.PATROL,
        per=Per.DAY,
        times__gte=1,
        is_active=True,
    )
    first: dict[tuple[str, str], date] = {}
    for township, kind, since in duties.values_list("township_id", "grid_kind", "since"):
        first[township, kind] = min(since, first.get((township, kind), since))
    return first


def _walked(places: Iterable[Place], start: date, end: date) -> dict[str, set[date]]:
    patrols = apps.get_model("inspections", "Patrol")._default_manager
    rows = patrols.filter(any_of(places), day__gte=start, day__lte=end)
    walked: dict[str, set[date]] = {}
    for code, day in rows.order_by().values_list("grid_id", "day").distinct():
        walked.setdefault(code, set()).add(day)
    return walked


def _last_day(grid: Grid) -> date:
    """`ended_on` is the first day without the grid."""
    return grid.ended_on - timedelta(days=1) if grid.ended_on else date.max


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
