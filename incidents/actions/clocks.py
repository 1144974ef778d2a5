"""The clocks of one matter during one action: which begin, stop, pause, go on and are extended, written at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Conflict
from gridgov.common.prepared import Prepared
from gridgov.common.worktime import Kind, Limit, due_at, is_late
from gridgov.common.writing import insert, update
from grids.actions import completed
from grids.models import Calendar, CalendarYear
from grids.querysets import Reckoned
from incidents.actions.traces import Traces
from incidents.enums import Purpose
from incidents.models import ClockEvent, Escalation, ExtensionRequest, Incident, Stage
from incidents.models.time import LAST_RESORT, TOTAL_NUMBER, limit_of
from incidents.steps import DEPARTMENT, level_of
from incidents.workflow import STAGE_STANDS, TOTAL_STANDS, is_open

REASON_LENGTH = 200


RUNNING = Prepared(
    lambda incident, numbers: Stage.objects.filter(incident=incident, number__in=numbers, ended_at=None)
)


@dataclass
class _Line:
    """A row for the ledger of a stage that is there already."""

    stage: Stage
    row: ClockEvent


class Clocks:
    """Part of a `Case`: what changes of time. `set`, `alter` and `traces` are the case's."""

    incident: Incident
    traces: Traces

    def set(self, **values: Any) -> None:
        raise NotImplementedError

    def alter(self, row: Model, **values: Any) -> None:
        raise NotImplementedError

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.now = clock.now()
        self.traces = Traces()
        self.was_late = incident.is_late
        self.stops: list[int] = []
        self.begun: list[Stage] = []
        self.lines: list[_Line] = []
        self.voids: list[ClockEvent] = []
        self.cards: list[tuple[list[Escalation], datetime | None]] = []
        self.new_cards: list[Escalation] = []  # with another time

    @cached_property
    def reckoned(self) -> Reckoned:
        """What a clock that begins now counts with."""
        return Calendar.objects.keyed(self.incident.township_code, self.incident.procedure.spec.calendar)

    @cached_property
    def total(self) -> Stage | None:
        """The clock of the whole matter, where the procedure limits it."""
        if "total" not in self.incident.procedure.spec.limits:
            return None
        return Stage.objects.filter(incident=self.incident, number=TOTAL_NUMBER).first()

    def current_stage(self) -> Stage:
        return Stage.objects.get(incident=self.incident, number=self.incident.stage)

    # --- the stage ----------------------------------------------------------------------------------------------
    def begin_stage(self, purpose: Purpose, until: datetime | None = None) -> None:
        """Ends the running stage and starts the clock of the unit that is responsible now."""
        incident = self.incident
        self.end_stage()
        grid = incident.responsible_grid
        limit = None
        if until is None:
            limit = incident.procedure.spec.limit_for(
                purpose,
                level_of(grid.code) if grid else DEPARTMENT,
                dispatched=incident.is_sent,
            )
            if limit is None and self.was_late and purpose == Purpose.HANDLE:
                limit = self.failed_limit()
        stage = Stage(
            incident=incident,
            number=incident.last_stage + 1,
            purpose=purpose,
            grid=grid,
            department=incident.responsible_department,
            member=incident.responsible_member,
            township_code=incident.township_code,
            village_code=grid.village_code if grid else "",
            started_at=self.now,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
            until=until,
        )
        if limit:
            stage.calendar_key = self.reckoned.key
            stage.due_at = stage.derived_from([]).at
        elif until:
            stage.due_at = until
        self.begun.append(stage)
        self.set(stage=stage.number, last_stage=stage.number)
        self.set_due(stage.due_at)

    def is_first_run(self) -> bool:
        """Whether the clock runs that began with the report, and was never late."""
        incident = self.incident
        told = Escalation.objects.filter(incident=incident, stage_number=incident.stage)
        return incident.stage == 1 and not told.exists()

    def follow_procedure(self) -> None:
        """The limits of the matter's procedure, which has become another one: of the whole from the report; of its first
        unit from the report, where it keeps the matter, else from now."""
        spec, grid = self.incident.procedure.spec, self.incident.responsible_grid
        assert grid is not None
        rows = {row.number: row for row in Stage.objects.filter(incident=self.incident)}
        first, level = rows[1], level_of(grid.code)
        total = spec.limit_for(Purpose.TOTAL, level)
        vars(self)["total"] = self._total_of(rows.get(TOTAL_NUMBER), total)
        if first.grid_id != grid.pk:
            member, village = self.incident.responsible_member, grid.village_code
            self.alter(first, grid=grid, member=member, village_code=village, started_at=self.now)
        self._count_with(first, spec.limit_for(Purpose.HANDLE, level))
        self.set_due(first.due_at)

    def _total_of(self, stage: Stage | None, limit: Limit | None) -> Stage | None:
        if stage is not None:
            self._count_with(stage, limit, is_void=limit is None, ended_at=None if limit else self.now)
        elif limit is not None:
            stage = Stage(
                incident=self.incident,
                number=TOTAL_NUMBER,
                purpose=Purpose.TOTAL,
                grid=self.incident.responsible_grid,
                member=self.incident.responsible_member,
                township_code=self.incident.township_code,
                village_code=self.incident.village_code,
                started_at=self.incident.reported_at,
                limit_n=limit.n,
                limit_unit=limit.unit,
                calendar_key=self.reckoned.key,
            )
            stage.due_at = stage.derived_from([]).at
            self.begun.append(stage)
        return stage if limit else None

    def _count_with(self, stage: Stage, limit: Limit | None, **values: Any) -> None:
        """A clock with another limit; what was taken back of its ledger stays taken back."""
        self.alter(
            stage,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
            calendar_key=self.reckoned.key if limit else "",
            **values,
        )
        self.alter(stage, due_at=stage.derived().at if limit else None)

    def failed_limit(self) -> Limit | None:
        """A unit without a limit of its own that takes over from one that was late has the limit that was missed; where that
        was a date, a working day."""
        failed = self.current_stage()
        limit = limit_of(failed.limit_n, failed.limit_unit)
        return limit or (LAST_RESORT if failed.until else None)

    def end_stage(self) -> None:
        """Stops the running clock; a request for more time lapses with it."""
        if self.incident.stage:
            self.stops.append(self.incident.stage)
        self.set(escalate_at=None, is_late=False)
        if self.incident.extension_asked_at is not None:
            self.set(extension_asked_at=None)

    def resume_stage(self, stage: Stage) -> None:
        """An earlier stage again, with the time already used: a result sent back, a refusal that was not upheld."""
        self.end_stage()
        self.set(stage=stage.number)
        self.continue_stage(stage)

    def continue_stage(self, stage: Stage) -> None:
        """The clock of the matter's own stage goes on, after a pause or a stop."""
        self._write(stage, Kind.RESUME)
        self.set_due(stage.due_at)
        self.settle_lateness(stage)

    def pause_stage(self, reason: str) -> None:
        self._write(self.current_stage(), Kind.PAUSE, reason=reason)
        self.set_due(None)

    def extend(self, *, limit: Limit | None, until: datetime | None, reason: str) -> None:
        """More time for the stage, where it has a deadline, and for the whole matter where that else would end before. A date
        that lies before a clock's own deadline moves nothing. Raises Conflict where no clock would move."""
        stage, total = self.current_stage(), self.total
        if _is_moved(stage.due_at, until):
            self._write(stage, Kind.EXTEND, limit=limit, until=until, reason=reason)
        if total is not None and _is_moved(total.due_at, stage.due_at) and _is_moved(total.due_at, until):
            self._write(total, Kind.EXTEND, limit=limit, until=until, reason=reason)
        if not self.lines:
            text = _("The deadline already lies later: this moves nothing.")
            raise Conflict(text, code="moves_nothing")
        self.set_due(stage.due_at)
        self.settle_lateness(stage)

    # --- the whole matter ---------------------------------------------------------------------------------------
    def move_total(self, before: str, after: str, reason: str = "") -> None:
        """What the change of state means for the clock of the whole matter. Where none is limited: nothing."""
        if self.total is None:
            return
        ran, runs = (
            is_open(before) and before not in TOTAL_STANDS,
            is_open(after) and after not in TOTAL_STANDS,
        )
        if is_open(before) and not is_open(after):
            self.stops.append(TOTAL_NUMBER)
        elif ran and not runs:
            self._write(self.total, Kind.PAUSE, reason=reason)
        elif runs and not ran:
            self._write(self.total, Kind.RESUME)
        elif not is_open(before) and is_open(after):  # back into a state in which it stands still
            self._write(self.total, Kind.RESUME)
            self._write(self.total, Kind.PAUSE, reason=reason)

    def void_rows(self, stage: Stage, step: int) -> None:
        """Takes back what a step wrote in this ledger. What it changed of the stage itself is put back beside."""
        row = ClockEvent(stage=stage, kind=Kind.VOID, at=self.now, voids=step, history_seq=0)
        self.voids.append(row)

    # --- due times ----------------------------------------------------------------------------------------------
    def set_due(self, stage_due: datetime | None) -> None:
        """The effective deadline: the earliest of stage, whole matter and superior body. What stands still has none."""
        status = self.incident.status
        candidates = [self.incident.external_due]
        if status not in STAGE_STANDS:
            candidates.append(stage_due)
        if status not in TOTAL_STANDS and self.total is not None:
            candidates.append(self.total.due_at)
        due = min((moment for moment in candidates if moment is not None), default=None)
        self.set(due_at=due, escalate_at=due)

    def settle_lateness(self, stage: Stage) -> None:
        """Late again where it was told before and the deadline has passed; else no longer late."""
        told = Escalation.objects.filter(incident=self.incident, stage_number=stage.number)
        last = told.order_by("-told_at").first()
        late = last is not None and is_late(self.incident.due_at, self.now)
        self.set(is_late=late)
        if last is not None and late:
            self.set(escalate_at=self._card_again(last, stage))
        if last is not None:
            self._set_cards(told, None if late else self.now)

    def _set_cards(self, told: Any, settled_at: datetime | None) -> None:
        """Its cards are on the table again, or are settled."""
        rows = list(told.filter(settled_at__isnull=settled_at is not None))
        for row in rows:
            self.traces.row(row, "settled_at")
        if rows:
            self.cards.append((rows, settled_at))

    def _card_again(self, told: Escalation, stage: Stage) -> datetime | None:
        """Levels told stay told. The next one waits for the card given, or for it anew if it ran out meanwhile."""
        if told.card_due_at is None or told.card_due_at > self.now:
            return told.card_due_at
        due = due_at(self.now, self._card_limit(stage), self.reckoned.calendar)
        self.change_card(told, due, since=self.now, calendar_key=self.reckoned.key)
        return due

    def acted_on(self, told: Escalation, until: datetime | None) -> datetime:
        """Whoever was told has done something about it: the next level is told after the card's limit anew, or at `until`
        where that is earlier. Returns when."""
        due = due_at(self.now, self._card_limit(self.current_stage()), self.reckoned.calendar)
        key = self.reckoned.key
        if until is not None and until < due:
            due, key = until, ""
        self.change_card(told, due, since=self.now, calendar_key=key)
        self.set(escalate_at=due)
        return due

    def _card_limit(self, stage: Stage) -> Limit:
        own = limit_of(stage.limit_n, stage.limit_unit)
        return self.incident.procedure.spec.card_limit or own or LAST_RESORT

    def change_card(self, told: Escalation, due: datetime, *, since: datetime, calendar_key: str) -> None:
        self.traces.row(told, "card_due_at", "card_since", "calendar_key")
        told.card_due_at, told.card_since, told.calendar_key = due, since, calendar_key
        self.new_cards.append(told)

    # --- writing ------------------------------------------------------------------------------------------------
    def _write(
        self,
        stage: Stage,
        kind: Kind,
        *,
        limit: Limit | None = None,
        until: datetime | None = None,
        reason: str = "",
    ) -> None:
        """One more row of a ledger, and what follows from it for the stage; kept for `write_clocks`."""
        row = ClockEvent(
            stage=stage,
            kind=kind,
            at=self.now,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
            until=until,
            reason=reason[:REASON_LENGTH],
            history_seq=0,
        )
        new = [line.row for line in self.lines if line.stage.pk == stage.pk]
        if not new:
            self.traces.row(stage, "due_at", "ended_at")
        derived = stage.derived_from([*stage.ledger.all(), *new, row])
        stage.due_at = derived.at
        stage.ended_at = None
        self.lines.append(_Line(stage, row))
        for year in self._imported_since(derived.provisional):
            key = completed(stage.calendar_key, township_code=self.incident.township_code, year=year)
            self.complete_year(stage, year, key)

    def _imported_since(self, years: Sequence[int]) -> list[int]:
        """Of years that a clock would lean on now, those whose official holidays came in after it had begun."""
        if not years:
            return []
        known = CalendarYear.objects.filter(calendar=self.incident.township_code, year__in=years)
        return list(known.order_by("year").values_list("year", flat=True))

    def complete_year(self, stage: Stage, year: int, key: str) -> None:
        """A year that the clock leaned on has its official holidays now: reckoned again with them, with both dates."""
        row = ClockEvent(
            stage=stage, kind=Kind.YEAR, at=self.now, year=year, due_before=stage.due_at, history_seq=0
        )
        new = [line.row for line in self.lines if line.stage.pk == stage.pk]
        self.traces.row(stage, "due_at", "calendar_key")
        stage.calendar_key = key
        stage.due_at = row.due_after = stage.derived_from([*stage.ledger.all(), *new, row]).at
        self.lines.append(_Line(stage, row))

    def write_clocks(self, seq: int) -> None:
        """Stops, beginnings and the rows gathered, as written by step `seq`."""
        if self.stops:
            self._stop(seq)
        insert(self.begun)
        for stage in self.begun:
            self.traces.new(stage)
        for stage in {line.stage.pk: line.stage for line in self.lines}.values():
            stage.save(update_fields=["due_at", "ended_at", "calendar_key"])
        rows = [*(line.row for line in self.lines), *self.voids]
        for row in rows:
            row.history_seq = seq
        insert(rows)
        for card in self.new_cards:
            card.save(update_fields=["card_due_at", "card_since", "calendar_key"])
        for cards, settled_at in self.cards:
            Escalation.objects.filter(pk__in=[card.pk for card in cards]).update(settled_at=settled_at)

    def _stop(self, seq: int) -> None:
        incident = self.incident
        running = RUNNING(incident.pk, self.stops)
        for stage in running:
            self.traces.row(stage, "ended_at")
            update(Stage, {"id": stage.pk}, {"ended_at": self.now})
        insert([ClockEvent(stage=stage, kind=Kind.STOP, at=self.now, history_seq=seq) for stage in running])
        if self.was_late:
            open_cards = Escalation.objects.filter(
                incident=incident, stage_number__in=self.stops, settled_at=None
            )
            self._set_cards(open_cards, self.now)
        if "extension_asked_at" in self.traces.fields and incident.extension_asked_at is None:
            self._lapse()

    def _lapse(self) -> None:
        """A request that nobody decided ends with its stage."""
        for asked in ExtensionRequest.objects.filter(incident=self.incident, settled_at=None):
            self.traces.row(asked, "settled_at")
            asked.settled_at = self.now
            asked.save(update_fields=["settled_at"])


def _is_moved(due: datetime | None, until: datetime | None) -> bool:
    """Whether a deadline is moved by an extension until then; by a further limit every one is."""
    return due is not None and (until is None or due < until)
