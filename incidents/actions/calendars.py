"""A year's official holidays came in: open clocks that leaned on the assumption are reckoned again, and their people told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.errors import Conflict
from grids.actions import completed
from grids.models import CalendarYear
from incidents.actions.case import Case
from incidents.due import local_minute
from incidents.models import Incident, Stage
from incidents.models.time import TOTAL_NUMBER
from incidents.workflow import YEAR_IMPORTED
from members.actions import tell
from members.enums import MessageKind

MOVED = gettext_noop(
    "%(number)s: by the holidays of %(year)s now due %(after)s instead of %(before)s: %(heading)s"
)
AT_ONCE = 200


def follow_years(*, batch: int = AT_ONCE) -> int:
    """Years that were completed and whose open clocks were not yet looked at; returns how many matters moved.

    Asked after an import and by every sweep: what is interrupted goes on where it stopped. A matter that somebody acts on
    in the same moment is taken by the next run.
    """
    moved = 0
    for row in CalendarYear.objects.filter(followed_at=None).order_by("calendar", "year"):
        found, whole = _follow(str(row.calendar_id), row.year, batch)
        moved += found
        if whole:
            CalendarYear.objects.filter(pk=row.pk).update(followed_at=clock.now())
    return moved


def _follow(township_code: str, year: int, batch: int) -> tuple[int, bool]:
    moved, whole, after = 0, True, None
    keys: dict[str, str] = {}
    while True:
        rows = Incident.objects.open().filter(township_code=township_code).order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        ids = list(rows.values_list("pk", flat=True)[:batch])
        for incident, stages in _leaning(ids, year):
            try:
                with transaction.atomic():
                    moved += _reckon_again(incident, stages, year, keys)
            except Conflict:  # somebody was first
                whole = False
        if len(ids) < batch:
            return moved, whole
        after = ids[-1]


def _leaning(ids: Sequence[UUID], year: int) -> list[tuple[Incident, list[Stage]]]:
    """Of these matters those with a clock whose reckoning assumed the weekdays of `year`; three queries."""
    stages = (
        Stage.objects.filter(incident__in=ids, is_void=False, due_at__gte=clock.start_of(date(year, 1, 1)))
        .exclude(calendar_key="")
        .select_related("incident__procedure", "incident__responsible_grid", "incident__responsible_member")
        .prefetch_related("ledger")
        .order_by("incident", "number")
    )
    found: dict[UUID, tuple[Incident, list[Stage]]] = {}
    for stage in stages:
        if year in stage.derived().provisional:
            found.setdefault(stage.incident_id, (stage.incident, []))[1].append(stage)
    return list(found.values())


def _reckon_again(incident: Incident, stages: list[Stage], year: int, keys: dict[str, str]) -> bool:
    case = Case(incident, user=None, actor=None, action=YEAR_IMPORTED)
    before = incident.due_at
    for stage in stages:
        if stage.calendar_key not in keys:
            keys[stage.calendar_key] = completed(
                stage.calendar_key, township_code=incident.township_code, year=year
            )
        if stage.number == TOTAL_NUMBER:
            case.total = stage  # the one that changes is the one that counts
        case.complete_year(stage, year, keys[stage.calendar_key])
    current = (
        next((stage for stage in stages if stage.number == incident.stage), None) or case.current_stage()
    )
    case.set_due(current.due_at)
    case.settle_lateness(current)
    after = incident.due_at
    dates = {"before": local_minute(before), "after": local_minute(after)}
    case.save(data={"year": year, **dates})
    if before == after:
        return False
    tell(
        members=[incident.responsible_member],
        text=MOVED,
        params={"number": incident.number, "heading": incident.heading, "year": str(year), **dates},
        key=f"{incident.pk}:{YEAR_IMPORTED}:{year}",
        link=f"/incidents/{incident.pk}/",
        kind=MessageKind.NEWS,
        urgent=incident.important,
    )
    return True
