"""A changed procedure or calendar on last month's matters: what would differ, looked at before it is saved. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from gridgov.common import clock
from gridgov.common.worktime import Calendar as WorkCalendar
from gridgov.common.worktime import Limit, due_at, is_late
from grids.models import Grid
from grids.querysets import URGENT
from incidents.actions.beginning import first_unit
from incidents.enums import Purpose
from incidents.models import Incident, Procedure, Stage
from incidents.models.time import TOTAL_NUMBER, limit_of
from incidents.steps import DEPARTMENT, level_of, stood_in
from incidents.workflow import ProcedureSpec, department_rungs, rungs
from members.models import Appointment, Department

MOST = 50_000  # clocks that are reckoned again, a busy month several times over; of more the newest
SHOWN = 100
CHUNK = 500  # matters that are read together


class Unit(NamedTuple):
    """Whose clock it is."""

    grid: str | None
    department: int | None
    name: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Difference:
    """One clock that would have run otherwise."""

    incident: UUID
    number: str
    unit: Unit
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
    elsewhere: int = 0  # matters that would have arrived at another unit, or have been checked by one
    fewer: int = 0  # clocks that would not have run: passed up to where it would have arrived, checked where nobody checks
    moved: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        return not (self.moved or self.elsewhere or self.fewer or self.told_before != self.told_after)


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
    matters = Incident.objects.filter(
        reported_at__gte=clock.start_of(first),
        reported_at__lt=clock.start_of(last + timedelta(days=1)),
        **which,
    )
    for incident, stages, units in _by_chunks(matters):
        if found.clocks >= MOST:
            found.capped = True
            break
        found.clocks += len(stages)
        _judge(found, incident, stages, change, stood_in(units, str(incident.grid_id)))
    found.differences.sort(key=lambda one: one.late_before == one.late_after)  # what turns late comes first
    del found.differences[SHOWN:]
    found.differences = _named(found.differences)
    return found


def _by_chunks(matters: QuerySet[Incident]) -> Iterator[tuple[Incident, list[Stage], frozenset[str]]]:
    """The newest first, each with its clocks and their ledgers and the units on which its reporter serves today; a constant
    number of queries for each chunk."""
    rows, after = matters.order_by("-reported_at", "-pk"), Q()
    columns = ("number", "grid", "township_code", "village_code", "procedure", "reporter", "reported_at")
    rows = rows.select_related("category").only(*columns, "category__for_grids")
    procedures: dict[int, Procedure] = {}
    while found := list(rows.filter(after)[:CHUNK]):
        missing = {row.procedure_id for row in found} - procedures.keys()
        procedures |= Procedure.objects.in_bulk(missing) if missing else {}
        clocks: dict[UUID, list[Stage]] = {row.pk: [] for row in found}
        stages = Stage.objects.filter(incident__in=list(clocks), is_void=False).order_by("incident", "number")
        for stage in stages.prefetch_related("ledger"):
            clocks[stage.incident_id].append(stage)
        units = Appointment.objects.serving({row.reporter_id for row in found})
        for row in found:
            row.procedure = procedures[row.procedure_id]  # one object each: its spec is read once
            for stage in clocks[row.pk]:
                stage.incident = row
            yield row, clocks[row.pk], units.get(row.reporter_id, frozenset())
        if len(found) < CHUNK:
            return
        last = found[-1]
        after = Q(reported_at__lt=last.reported_at) | Q(reported_at=last.reported_at, pk__lt=last.pk)


def _judge(found: Rehearsal, incident: Incident, stages: list[Stage], change: Change, stood: str) -> None:
    if not stages:
        return
    now = incident.procedure.spec
    then = change(_Rules(now, stages[0].calendar)).spec
    before, after = first_unit(incident, stood, now), first_unit(incident, stood, then)
    arrives = before != after
    passed_up = _passed_up(stages, after) if arrives else None
    checks_elsewhere = now.verify != then.verify
    if arrives or (checks_elsewhere and any(stage.purpose == Purpose.VERIFY for stage in stages)):
        found.elsewhere += 1
    for stage in stages:
        rules = _Rules(now, stage.calendar)
        if stage is passed_up or (
            stage.purpose == Purpose.VERIFY and then.verify == "none" and checks_elsewhere
        ):
            _drop(found, stage, rules)
        elif stage.number == 1 and arrives:
            last = passed_up if passed_up is not None else stage
            _compare(found, stage, rules, change(rules), unit=Unit(after, None), ended=last.ended_at)
        else:
            unit = Unit(stage.grid_id and str(stage.grid_id), stage.department_id)
            _compare(found, stage, rules, change(rules), unit=unit, ended=stage.ended_at)


def _passed_up(stages: list[Stage], receiver: str) -> Stage | None:
    """The stage at which the matter came to the unit where it would have arrived at once."""
    return next(
        (
            it
            for it in stages
            if it.number > 1 and it.purpose == Purpose.HANDLE and str(it.grid_id) == receiver
        ),
        None,
    )


def _drop(found: Rehearsal, stage: Stage, now: _Rules) -> None:
    """A clock that would not have run."""
    end = stage.ended_at or clock.now()
    found.fewer += 1
    found.late_before += is_late(stage.due_at, end)
    found.told_before += _told(
        stage, Unit(stage.grid_id and str(stage.grid_id), None), stage.due_at, end, now
    )


def _compare(
    found: Rehearsal,
    stage: Stage,
    now: _Rules,
    then: _Rules,
    *,
    unit: Unit,
    ended: datetime | None,
) -> None:
    own = Unit(stage.grid_id and str(stage.grid_id), stage.department_id)
    before = stage.due_at
    after = _due(stage, now.spec, then, unit if unit != own else None)
    end, end_then = stage.ended_at or clock.now(), ended or clock.now()
    late_before, late_after = is_late(before, end), is_late(after, end_then)
    found.late_before += late_before
    found.late_after += late_after
    if stage.number != TOTAL_NUMBER:
        found.told_before += _told(stage, own, before, end, now)
        found.told_after += _told(stage, unit, after, end_then, then)
    if before != after:
        found.moved += 1
        found.differences.append(
            Difference(stage.incident_id, stage.incident.number, unit, before, after, late_before, late_after)
        )


def _named(differences: list[Difference]) -> list[Difference]:
    """With the names of their units; two queries."""
    grids = Grid.objects.in_bulk({one.unit.grid for one in differences if one.unit.grid})
    departments = Department.objects.in_bulk(
        {one.unit.department for one in differences if one.unit.department}
    )
    return [
        replace(
            one,
            unit=one.unit._replace(
                name=str(grids.get(one.unit.grid) or departments.get(one.unit.department))
            ),
        )
        for one in differences
    ]


def _due(stage: Stage, was: ProcedureSpec, then: _Rules, other_unit: Unit | None) -> datetime | None:
    """With the same pauses and extensions; a deadline that a person set stays. `other_unit`: whose stage it would be."""
    if stage.until is not None:
        return stage.due_at
    if other_unit is not None:
        limit = then.spec.limit_for(Purpose.HANDLE, level_of(str(other_unit.grid)))
    else:
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


def _told(stage: Stage, unit: Unit, due: datetime | None, end: datetime, rules: _Rules) -> int:
    """Levels that are told until the clock stops."""
    chain = rungs(unit.grid) if unit.grid else department_rungs(stage.township_code)
    limit = rules.spec.card_limit or limit_of(stage.limit_n, stage.limit_unit)
    count = 0
    for rung in chain:
        if due is None or not is_late(due, end):
            break
        count += 1
        due = None if rung.is_red or limit is None else due_at(due, limit, rules.calendar)
    return count
