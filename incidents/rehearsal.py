"""A changed procedure or calendar on last month's matters: what would differ, looked at before it is saved. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from gridgov.common import clock
from gridgov.common.worktime import Calendar as WorkCalendar
from gridgov.common.worktime import Limit, due_at, is_late
from grids.querysets import URGENT
from incidents.enums import Purpose
from incidents.models import Stage
from incidents.models.time import TOTAL_NUMBER, limit_of
from incidents.steps import DEPARTMENT, level_of
from incidents.workflow import ProcedureSpec, department_rungs, rungs

MOST = 5000  # clocks that are reckoned again; of more the newest
SHOWN = 100
CHUNK = 500


@dataclass(frozen=True)
class Difference:
    """One clock that would have run otherwise."""

    incident: UUID
    number: str
    unit: str
    before: datetime | None
    after: datetime | None
    late_before: bool
    late_after: bool


@dataclass
class Rehearsal:
    """`first` to `last`: the month, both included. `told`: how many levels would have been told in all."""

    first: date
    last: date
    clocks: int = 0
    capped: bool = False
    late_before: int = 0
    late_after: int = 0
    told_before: int = 0
    told_after: int = 0
    elsewhere: int = 0  # matters that would have arrived at another unit
    moved: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        return not (self.moved or self.elsewhere or self.told_before != self.told_after)


@dataclass(frozen=True)
class _Rules:
    """What one clock is judged by."""

    spec: ProcedureSpec
    calendar: WorkCalendar


Change = Callable[[_Rules], _Rules]


def rehearse_procedure(
    *, township_code: str, code: str, spec: ProcedureSpec, calendars: dict[str, WorkCalendar]
) -> Rehearsal:
    """Last month's matters of a procedure under another spec. `calendars`: office and urgent, as they are now."""

    def change(now: _Rules) -> _Rules:
        other = calendars[spec.calendar] if spec.calendar != now.spec.calendar else now.calendar
        return _Rules(spec, other)

    return _rehearse(change, township_code=township_code, procedure__code=code)


def rehearse_calendar(*, township_code: str, office: WorkCalendar, urgent: WorkCalendar) -> Rehearsal:
    """Last month's matters of a township under other frames."""

    def change(now: _Rules) -> _Rules:
        return replace(now, calendar=urgent if now.spec.calendar == URGENT else office)

    return _rehearse(change, township_code=township_code)


def last_month() -> tuple[date, date]:
    last = clock.today().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _rehearse(change: Change, **which: str) -> Rehearsal:
    first, last = last_month()
    found = Rehearsal(first, last)
    stages = Stage.objects.filter(
        is_void=False,
        incident__reported_at__gte=clock.start_of(first),
        incident__reported_at__lt=clock.start_of(last + timedelta(days=1)),
        **{f"incident__{name}": value for name, value in which.items()},
    )
    stages = stages.select_related("incident__procedure", "incident__grid", "grid", "department").order_by(
        "-started_at", "-pk"
    )
    seen: set[UUID] = set()
    for stage in _by_chunks(stages):
        if found.clocks == MOST:
            found.capped = True
            break
        found.clocks += 1
        _judge(found, stage, change, first_of=stage.incident_id not in seen and stage.number == 1)
        if stage.number == 1:
            seen.add(stage.incident_id)
    found.differences.sort(key=lambda one: one.late_before == one.late_after)  # what turns late comes first
    del found.differences[SHOWN:]
    return found


def _by_chunks(stages: object) -> Iterator[Stage]:
    """With their ledgers, a constant number of queries for each chunk."""
    for start in range(0, MOST + CHUNK, CHUNK):
        rows = list(stages.prefetch_related("ledger")[start : start + CHUNK])  # type: ignore[attr-defined]
        yield from rows
        if len(rows) < CHUNK:
            return


def _judge(found: Rehearsal, stage: Stage, change: Change, *, first_of: bool) -> None:
    now = _Rules(stage.incident.procedure.spec, stage.calendar)
    then = change(now)
    if first_of and _receiver(now.spec, stage) != _receiver(then.spec, stage):
        found.elsewhere += 1
    before = stage.due_at
    after = _due(stage, now.spec, then)
    end = stage.ended_at or clock.now()
    late_before, late_after = is_late(before, end), is_late(after, end)
    found.late_before += late_before
    found.late_after += late_after
    if stage.number != TOTAL_NUMBER:
        found.told_before += _told(stage, before, end, now)
        found.told_after += _told(stage, after, end, then)
    if before != after:
        found.moved += 1
        unit = str(stage.grid or stage.department)
        found.differences.append(
            Difference(stage.incident_id, stage.incident.number, unit, before, after, late_before, late_after)
        )


def _due(stage: Stage, was: ProcedureSpec, then: _Rules) -> datetime | None:
    """With the same pauses and extensions; a deadline that a person set stays."""
    if stage.until is not None:
        return stage.due_at
    limit = _limit(stage, was, then.spec)
    other = Stage(
        started_at=stage.started_at,
        limit_n=limit.n if limit else None,
        limit_unit=limit.unit if limit else "",
    )
    try:
        return other.derived_from(stage.ledger.all(), then.calendar).at
    except ValueError:  # an extension of what would have no limit
        return None


def _limit(stage: Stage, was: ProcedureSpec, then: ProcedureSpec) -> Limit | None:
    """The limit in the new spec at the same place: a unit that was dispatched to may have another than one it came to."""
    unit = level_of(str(stage.grid_id)) if stage.grid_id else DEPARTMENT
    own = limit_of(stage.limit_n, stage.limit_unit)
    if stage.purpose != Purpose.HANDLE:
        return then.limit_for(stage.purpose, unit)
    dispatched = was.limit_for(stage.purpose, unit) != own
    if dispatched and was.limit_for(stage.purpose, unit, dispatched=True) != own:
        return own  # it did not come from the procedure: taken over from the stage that failed
    return then.limit_for(stage.purpose, unit, dispatched=dispatched)


def _told(stage: Stage, due: datetime | None, end: datetime, rules: _Rules) -> int:
    """Levels that are told until the clock stops."""
    chain = rungs(str(stage.grid_id)) if stage.grid_id else department_rungs(stage.township_code)
    limit = rules.spec.card_limit or limit_of(stage.limit_n, stage.limit_unit)
    count = 0
    for rung in chain:
        if due is None or not is_late(due, end):
            break
        count += 1
        due = None if rung.is_red or limit is None else due_at(due, limit, rules.calendar)
    return count


def _receiver(spec: ProcedureSpec, stage: Stage) -> str:
    """The unit at which the matter would arrive."""
    incident = stage.incident
    if spec.start == "township":
        return incident.township_code
    return (
        incident.village_code or str(incident.grid_id) if spec.start == "village" else str(incident.grid_id)
    )
