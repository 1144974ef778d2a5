"""Why a matter is due when it is due, in sentences. The facts come from the ledger of each clock; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gridgov.common import clock
from gridgov.common.worktime import Calendar as WorkCalendar
from gridgov.common.worktime import Due, Entry, Kind, Limit, Step, StepKind, Unit, derive, in_force, is_late
from grids.models import Calendar, WorkingTime
from incidents.enums import Purpose
from incidents.models import ClockEvent, Incident, Stage, Transition
from incidents.models.time import ENTRY_COLUMNS, TOTAL_NUMBER, entry_of, limit_of
from incidents.workflow import STAGE_STANDS, TOTAL_STANDS, ProcedureSpec

AT_ONCE = 2000  # ledgers that are read together
STAGE, TOTAL, EXTERNAL, NONE = "stage", "total", "external", "none"


class Ledger(NamedTuple):
    """One clock with its rows, read without the models around it: for those who reckon very many."""

    incident: UUID
    number: int
    calendar: WorkCalendar
    entries: list[Entry]

    def derived(self) -> Due:
        return derive(self.entries, self.calendar)


def ledgers(stages: QuerySet[Stage]) -> Iterator[Ledger]:
    """The ledgers of these stages, in order of their key; two queries for every 2,000."""
    calendars: dict[tuple[str, str], WorkCalendar] = {}
    rows, last = stages.order_by("pk"), 0
    columns = ("pk", "incident", "number", "township_code", "calendar_key", "started_at", "limit_n", "limit_unit", "until")  # fmt: skip
    while found := list(rows.filter(pk__gt=last).values_list(*columns)[:AT_ONCE]):
        last = found[-1][0]
        later: dict[int, list[Entry]] = {row[0]: [] for row in found}
        events = ClockEvent.objects.filter(stage__in=list(later)).order_by("id")
        for stage, *said in events.values_list("stage", *ENTRY_COLUMNS):
            later[stage].append(entry_of(said))
        for pk, incident, number, town, key, started_at, limit_n, limit_unit, until in found:
            if (town, key) not in calendars:
                calendars[town, key] = WorkingTime.objects.of_clock(key, town)
            start = Entry(Kind.START, started_at, limit_of(limit_n, limit_unit), until)
            yield Ledger(incident, number, calendars[town, key], [start, *later[pk]])


@dataclass(frozen=True)
class ClockView:
    """One clock: a stage, the whole matter (number 0) or a superior body's deadline (no number)."""

    number: int | None
    purpose: str
    unit: str
    limit: str  # "" where the procedure sets none
    due_at: datetime | None
    running: bool
    lines: list[str]


@dataclass(frozen=True)
class Explanation:
    """`source`: which clock decides: stage, total, external or none. `lines` explain that one."""

    due_at: datetime | None
    running: bool
    source: str
    lines: list[str]
    clocks: list[ClockView]


def explain(incident: Incident, start: datetime | None = None) -> Explanation:
    """The effective deadline and every clock behind it; five queries. `start`: what if the running stage began then."""
    stages = list(
        incident.stages.filter(is_void=False)
        .select_related("grid", "department")
        .prefetch_related("ledger")
        .order_by("number")
    )
    people = _who_set(incident, stages)
    clocks = {stage.number: _clock_of(stage, people) for stage in stages}
    if start is not None and incident.stage in clocks:
        stage = next(stage for stage in stages if stage.number == incident.stage)
        clocks[stage.number] = _what_if(stage, start)
    current, total = clocks.get(incident.stage), clocks.get(TOTAL_NUMBER)
    candidates = [(STAGE, current), (TOTAL, total), (EXTERNAL, _external(incident))]
    if incident.status in STAGE_STANDS:  # what stands still has no date: it moves as long as it stands
        candidates[0] = (STAGE, None)
    if incident.status in TOTAL_STANDS:
        candidates[1] = (TOTAL, None)
    dated = [(view.due_at, source, view) for source, view in candidates if view and view.due_at]
    shown = [view for view in (*clocks.values(), candidates[2][1]) if view is not None]
    if not dated:
        lines = current.lines if current and incident.status in STAGE_STANDS else [no_deadline()]
        return Explanation(due_at=None, running=False, source=NONE, lines=lines, clocks=shown)
    due_at, source, deciding = min(dated, key=lambda found: found[0])
    lines = _headline(incident, due_at, source, dated, asked=start is not None) + deciding.lines
    return Explanation(due_at, incident.is_open and deciding.running, source, lines, shown)


@dataclass(frozen=True)
class Foreseen:
    """One limit of a procedure, and what it would come to. `key`: a unit's level or a purpose; `limit` "" where there is none."""

    key: str
    limit: str
    due_at: datetime | None
    lines: list[str]


UNITS = ("group", "village", "township", "department")


def foresee(spec: ProcedureSpec, start: datetime, calendar: WorkCalendar) -> list[Foreseen]:
    """When each limit of a procedure would end if its clock began at `start`; of units also those without one."""
    limits = {unit: spec.limit_for(Purpose.HANDLE, unit) for unit in UNITS}
    limits |= {key: limit.limit for key, limit in spec.limits.items() if key not in limits}
    found = []
    for key, limit in limits.items():
        if limit is None:
            found.append(Foreseen(key, "", None, [no_deadline()]))
            continue
        derived = derive([Entry(Kind.START, start, limit)], calendar)
        found.append(Foreseen(key, limit_text(limit), derived.at, sentences(derived.steps)))
    return found


def no_deadline() -> str:
    return _("No deadline: the procedure sets none.")


# --- the clocks --------------------------------------------------------------------------------------------------


def _clock_of(stage: Stage, people: Mapping[datetime, str]) -> ClockView:
    """A clock as it stands, by the calendar of its time: a later edit does not move it."""
    derived = stage.derived()
    return _view(stage, derived, stage.due_at, sentences(derived.steps, people))


def _what_if(stage: Stage, start: datetime) -> ClockView:
    """The same limit from another start, by the calendar as it is now, without what happened since. A deadline set by a
    person stays."""
    calendar = Calendar.objects.of(stage.township_code, stage.incident.procedure.spec.calendar)
    limit = limit_of(stage.limit_n, stage.limit_unit)
    derived = derive([Entry(Kind.START, start, limit, stage.until)], calendar)
    return _view(stage, derived, derived.at, sentences(derived.steps))


def _view(stage: Stage, derived: Due, due_at: datetime | None, lines: list[str]) -> ClockView:
    limit = limit_of(stage.limit_n, stage.limit_unit)
    return ClockView(
        number=stage.number,
        purpose=stage.purpose,
        unit=str(stage.unit or ""),
        limit=limit_text(limit) if limit else "",
        due_at=due_at,
        running=derived.running and stage.ended_at is None,
        lines=lines,
    )


def _external(incident: Incident) -> ClockView | None:
    if incident.external_due is None:
        return None
    line = _("The superior body set the deadline %(due)s; nothing here moves it.")
    if incident.external_no:
        line = _("The superior body set the deadline %(due)s in %(number)s; nothing here moves it.")
    return ClockView(
        number=None,
        purpose=EXTERNAL,
        unit="",
        limit="",
        due_at=incident.external_due,
        running=incident.is_open,
        lines=[line % {"due": moment(incident.external_due), "number": incident.external_no}],
    )


def _who_set(incident: Incident, stages: Iterable[Stage]) -> dict[datetime, str]:
    """Moment of the ledger row -> who set a deadline by hand there, from the history row behind it."""
    by_stage = {stage.number: stage.started_at for stage in stages if stage.until}
    by_seq = {
        row.history_seq: row.at for stage in stages for row in in_force(stage.ledger.all()) if row.until
    }
    if not by_stage and not by_seq:
        return {}
    rows = Transition.objects.filter(incident=incident).select_related("actor").order_by("seq")
    found: dict[datetime, str] = {}
    for row in rows:
        at = by_seq.get(row.seq) or (by_stage.get(row.stage) if "deadline" in row.data else None)
        if at is not None and row.actor is not None:
            found.setdefault(at, row.actor.name)
    return found


def _headline(
    incident: Incident,
    due_at: datetime,
    source: str,
    dated: Sequence[tuple[datetime | None, str, ClockView]],
    *,
    asked: bool,
) -> list[str]:
    """What counts and why that one; that it is late is said only of what is still open."""
    lines = []
    if len(dated) > 1:
        lines.append(_("The earliest deadline counts: %(what)s.") % {"what": named(source)})
        lines += [
            _("%(what)s: %(due)s") % {"what": named(other), "due": moment(at)}
            for at, other, _view in dated
            if at
        ]
    if not asked and incident.is_open and is_late(due_at, clock.now()):
        lines.append(_("Late since %(due)s.") % {"due": moment(due_at)})
    return lines


def named(source: str) -> str:
    """A kind of deadline in words."""
    return {
        STAGE: _("deadline of this stage"),
        TOTAL: _("deadline of the whole matter"),
        EXTERNAL: _("deadline of the superior body"),
    }.get(source, "")


# --- sentences ---------------------------------------------------------------------------------------------------


def sentences(steps: Iterable[Step], people: Mapping[datetime, str] | None = None) -> list[str]:
    """One sentence per step, in the reader's language."""
    known = people or {}
    return [
        _fixed(step, known) if step.kind is StepKind.FIXED else SENTENCES[step.kind](step) for step in steps
    ]


def _limit(step: Step) -> str:
    return _("%(limit)s from %(start)s: due %(due)s.") % {
        "limit": limit_text(step.limit),
        "start": moment(step.at),
        "due": moment(step.due),
    }


def _fixed(step: Step, people: Mapping[datetime, str]) -> str:
    values = {"due": moment(step.due), "at": moment(step.at)}
    person = next((name for at, name in people.items() if at == step.at), "")
    if person:
        text = _("%(person)s set the deadline %(due)s on %(at)s.") % {**values, "person": person}
    else:
        text = _("The deadline %(due)s was set on %(at)s.") % values
    return _with_reason(text, step)


def _moved(step: Step) -> str:
    return _("Began outside working time (%(start)s); counts from %(end)s.") % {
        "start": moment(step.start),
        "end": moment(step.end),
    }


def _paused(step: Step) -> str:
    if step.end is None:
        return _with_reason(_("Paused since %(start)s.") % {"start": moment(step.start)}, step)
    return _stood_still(step, _("Paused from %(start)s to %(end)s."))


def _stopped(step: Step) -> str:
    if step.end is None:
        return _with_reason(_("Stopped on %(start)s.") % {"start": moment(step.start)}, step)
    return _stood_still(step, _("Stood still from %(start)s to %(end)s."))


def _stood_still(step: Step, text: str) -> str:
    text %= {"start": moment(step.start), "end": moment(step.end)}
    if step.due is not None:
        text = _("%(before)s Due %(due)s after that.") % {"before": text, "due": moment(step.due)}
    return _with_reason(text, step)


def _extended(step: Step) -> str:
    values = {"limit": limit_text(step.limit), "at": moment(step.at), "due": moment(step.due)}
    return _with_reason(_("Extended by %(limit)s on %(at)s: due %(due)s.") % values, step)


def _holiday(step: Step) -> str:
    values = {"name": step.name or _("Holiday"), "days": _days(step)}
    return _("%(name)s %(days)s: not counted.") % values


def _make_up(step: Step) -> str:
    name = step.name or _("Holiday")
    return _("%(days)s is a make-up working day (%(name)s): counted.") % {"days": _days(step), "name": name}


def _weekend(step: Step) -> str:
    text = ngettext(
        "Weekends from %(first)s to %(last)s: %(n)d day not counted.",
        "Weekends from %(first)s to %(last)s: %(n)d days not counted.",
        step.days,
    )
    return text % {"first": day(step.first), "last": day(step.last), "n": step.days}


def _provisional(step: Step) -> str:
    return _("The holidays of %(year)s are not imported; weekends assumed for now.") % {"year": step.year}


def _completed(step: Step) -> str:
    values = {"at": moment(step.at), "year": step.year, "due": moment(step.due)}
    if step.start == step.due:
        return _("The holidays of %(year)s were imported on %(at)s: the deadline stays.") % values
    return _(
        "The holidays of %(year)s were imported on %(at)s: due %(before)s before, %(due)s since then."
    ) % {**values, "before": moment(step.start)}


SENTENCES: Mapping[StepKind, Callable[[Step], str]] = {
    StepKind.LIMIT: _limit,
    StepKind.NO_DEADLINE: lambda _step: no_deadline(),
    StepKind.MOVED: _moved,
    StepKind.PAUSED: _paused,
    StepKind.STOPPED: _stopped,
    StepKind.EXTENDED: _extended,
    StepKind.HOLIDAY: _holiday,
    StepKind.MAKE_UP: _make_up,
    StepKind.WEEKEND: _weekend,
    StepKind.PROVISIONAL: _provisional,
    StepKind.COMPLETED: _completed,
}


def _with_reason(text: str, step: Step) -> str:
    if not step.reason:
        return text
    return _("%(before)s Reason: %(reason)s") % {"before": text, "reason": step.reason}


def _days(step: Step) -> str:
    if step.first == step.last:
        return day(step.first)
    return _("%(first)s to %(last)s") % {"first": day(step.first), "last": day(step.last)}


def limit_text(limit: Limit | None) -> str:
    """5 working days."""
    if limit is None:
        return ""
    n = limit.n
    text = {
        Unit.MINUTES: ngettext("%(n)d minute", "%(n)d minutes", n),
        Unit.HOURS: ngettext("%(n)d hour", "%(n)d hours", n),
        Unit.WORKING_HOURS: ngettext("%(n)d working hour", "%(n)d working hours", n),
        Unit.WORKING_DAYS: ngettext("%(n)d working day", "%(n)d working days", n),
        Unit.CALENDAR_DAYS: ngettext("%(n)d calendar day", "%(n)d calendar days", n),
    }[limit.unit]
    return text % {"n": n}


def local_minute(at: datetime | None) -> str:
    """As it is kept in texts that are translated later: 2026-11-23 16:30."""
    return f"{clock.local(at):%Y-%m-%d %H:%M}" if at else "–"


def moment(at: datetime | None) -> str:
    """As people read it: 11月23日 16:30, with the year when it is another one."""
    if at is None:
        return ""
    here = clock.local(at)
    same_year = here.year == clock.today().year
    return date_format(here, "DAY_AND_TIME_FORMAT" if same_year else "DATETIME_FORMAT")


def day(on: date | None) -> str:
    if on is None:
        return ""
    return date_format(on, "MONTH_DAY_FORMAT" if on.year == clock.today().year else "DATE_FORMAT")
