"""The clock nobody can argue with: limits, ledgers of running clocks, and due times with the reasons why.

Pure functions over plain values: no database, no reading of the present moment. Every moment that comes in is aware, in any
zone; every moment that goes out is in Asia/Shanghai (no daylight saving time since 1991). How frames, days and ends are
counted stands in workdays.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from gridgov.common.workdays import (
    DAY,
    Calendar,
    add_working_seconds,
    aware,
    moment,
    next_working_moment,
    split,
    working_seconds,
)

__all__ = [
    "Calendar",
    "Due",
    "Entry",
    "Kind",
    "Limit",
    "Step",
    "StepKind",
    "Unit",
    "add_working_seconds",
    "derive",
    "due_at",
    "in_force",
    "is_late",
    "next_working_moment",
    "working_seconds",
]

_INSTANT = timedelta.resolution


class Unit(StrEnum):
    """How a limit counts. Minutes and hours run through day and night; the others follow the calendar."""

    MINUTES = "minutes"
    HOURS = "hours"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"

    @property
    def follows_frames(self) -> bool:
        """Whether frames, holidays and make-up days matter."""
        return self in {Unit.WORKING_HOURS, Unit.WORKING_DAYS}


@dataclass(frozen=True)
class Limit:
    """So much time: `n` of a unit, from 1 to 1,000,000."""

    n: int
    unit: Unit

    def __post_init__(self) -> None:
        if not 1 <= self.n <= 1_000_000:
            raise ValueError(f"a limit is a number from 1 to 1000000, not {self.n}")


def due_at(start: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """When a limit that begins at `start` is used up.

    Working days: the same clock time on the n-th working day after the start, which first moves into a frame. Calendar days:
    24:00 of the n-th day, where the day of the start does not count (Civil Code of the PRC, article 201).
    """
    match limit.unit:
        case Unit.MINUTES:
            return aware(start) + timedelta(minutes=limit.n)
        case Unit.HOURS:
            return aware(start) + timedelta(hours=limit.n)
        case Unit.WORKING_HOURS:
            return add_working_seconds(start, limit.n * 3600, calendar)
        case Unit.WORKING_DAYS:
            day, clock = split(next_working_moment(start, calendar))
            return moment(calendar.nth_working_day(limit.n, day), clock)
        case Unit.CALENDAR_DAYS:
            return moment(split(start)[0] + limit.n, DAY)


def is_late(due: datetime | None, now: datetime) -> bool:
    """Whether a deadline has passed. A deadline equal to now is not yet late; without a deadline nothing is."""
    return due is not None and now > due


class Kind(StrEnum):
    """What a row of the ledger says. Stopped is like paused: if the clock runs again, the time between does not count."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"
    STOP = "stop"
    VOID = "void"  # takes back every row of one step: the clock is as if they had never been written
    YEAR = "year"  # a year's official holidays came in: reckoned again, with both dates


@dataclass(frozen=True)
class Entry:
    """A row of the ledger. A start carries a limit, a deadline set by a person (`until`), or neither; an extension one of them."""

    kind: Kind
    at: datetime
    limit: Limit | None = None
    until: datetime | None = None
    reason: str = ""
    step: int | None = None  # which step of the history wrote the row
    voids: int | None = None  # the step that a VOID row takes back
    year: int | None = None  # of a YEAR row: which one, and the deadline before and after
    before: datetime | None = None
    after: datetime | None = None

    def __post_init__(self) -> None:
        given = (self.limit is not None) + (self.until is not None)
        if given and self.kind not in {Kind.START, Kind.EXTEND}:
            raise ValueError(f"{self.kind} carries no limit and no deadline")
        if given == 2:
            raise ValueError(f"{self.kind} carries a limit or a deadline, not both")
        if self.kind is Kind.EXTEND and not given:
            raise ValueError("extend carries a further limit or a new deadline")
        if (self.kind is Kind.VOID) != (self.voids is not None):
            raise ValueError("void names the step that it takes back, and no other row does")
        if (self.kind is Kind.YEAR) != (self.year is not None):
            raise ValueError("year names a year, and no other row does")


class LedgerRow(Protocol):
    @property
    def step(self) -> int | None: ...
    @property
    def voids(self) -> int | None: ...


Row = TypeVar("Row", bound=LedgerRow)


def in_force(rows: Iterable[Row]) -> list[Row]:
    """The ledger without what was taken back, and without the rows that say so."""
    known = list(rows)
    taken_back = {row.voids for row in known if row.voids is not None}
    return [row for row in known if row.voids is None and (row.step is None or row.step not in taken_back)]


class StepKind(StrEnum):
    """The sentences of an explanation, with the fields of `Step` that each one uses."""

    LIMIT = "limit"  # at, limit, due
    FIXED = "fixed"  # at, due, reason: a deadline set by a person, at the start or later
    NO_DEADLINE = "no_deadline"  # at
    MOVED = "moved"  # start -> end: began outside the frames, counts from the next frame
    PAUSED = "paused"  # start, end (None: still), reason, due (after it)
    STOPPED = "stopped"  # the same
    EXTENDED = "extended"  # at, limit, reason, due (after it)
    HOLIDAY = "holiday"  # first, last, days, name: not counted
    MAKE_UP = "make_up"  # first, last, days, name: counted
    WEEKEND = "weekend"  # first, last, days: all weekly days off between the two, not counted
    PROVISIONAL = "provisional"  # year: its table is not published, weekdays assumed
    COMPLETED = "completed"  # at, year, start (due before), due (after): its table came in


@dataclass(frozen=True, kw_only=True)
class Step:
    """One reason why something is due when it is due. Facts only; the texts are made where they are shown."""

    kind: StepKind
    at: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    due: datetime | None = None
    limit: Limit | None = None
    first: date | None = None
    last: date | None = None
    days: int = 0
    name: str = ""
    reason: str = ""
    year: int | None = None


@dataclass(frozen=True)
class Due:
    """What a ledger says.

    `at` is None where there is no deadline, and the deadline as it stood where the clock does not run. `used_seconds` is the time
    the clock ran until the last row of the ledger: working time for limits in working hours or days, else elapsed time.
    """

    at: datetime | None
    running: bool
    used_seconds: int
    steps: tuple[Step, ...]
    provisional: tuple[int, ...]  # years whose table was not yet published, in order


def derive(entries: Sequence[Entry], calendar: Calendar) -> Due:
    """From the ledger of one clock to its due time, explained. ValueError for a ledger that makes no sense."""
    entries = in_force(entries)
    if not entries or entries[0].kind is not Kind.START:
        raise ValueError("a ledger begins with start")
    clock = _Clock(calendar, entries[0])
    last = entries[0].at
    for entry in entries[1:]:
        # Machines differ by moments, and a clock is set back by some: what was written later happened no earlier.
        last = max(last, entry.at)
        clock.take(replace(entry, at=last))
    return clock.result(last)


class _Clock:
    """The reading of one ledger, row by row."""

    def __init__(self, calendar: Calendar, start: Entry) -> None:
        self.calendar = calendar
        self.due: datetime | None = None
        self.unit: Unit | None = None  # of the latest limit: it says how pauses move the deadline
        self.fixed = False  # a person's date: a pause moves it by as long as it lasted
        self.counted: tuple[datetime, datetime] | None = None  # where frames and holidays mattered
        self.steps: list[Step] = []
        self.runs: list[tuple[datetime, datetime]] = []
        self.since = aware(start.at)
        self.halt: Entry | None = None
        if start.until is not None:
            self._fix(start)
        elif start.limit is not None:
            self._start(start.limit)
        else:
            self.steps.append(Step(kind=StepKind.NO_DEADLINE, at=self.since))

    def take(self, entry: Entry) -> None:
        match entry.kind:
            case Kind.START | Kind.VOID:
                raise ValueError("a ledger has one start")
            case Kind.PAUSE | Kind.STOP:
                self._halt(entry)
            case Kind.RESUME:
                self._resume(entry)
            case Kind.EXTEND:
                self._extend(entry)
            case Kind.YEAR:
                at, before = aware(entry.at), entry.before and aware(entry.before)
                after = entry.after and aware(entry.after)
                self.steps.append(
                    Step(kind=StepKind.COMPLETED, at=at, year=entry.year, start=before, due=after)
                )

    def result(self, last: datetime) -> Due:
        if self.halt:
            self.steps.append(_halted(self.halt, end=None, due=self.due))
        else:
            self.runs.append((self.since, aware(last)))
        years: tuple[int, ...] = ()
        if self.counted:
            first, final = self.counted[0], max(self.counted[0], self.counted[1] - _INSTANT)
            self.steps += _calendar_steps(first.date(), final.date(), self.calendar)
            official, follows = self.calendar.official_years, self.calendar.follows_holidays
            years = tuple(
                year for year in range(first.year, final.year + 1) if follows and year not in official
            )
            self.steps += [Step(kind=StepKind.PROVISIONAL, year=year) for year in years]
        return Due(self.due, self.halt is None, self._used(), tuple(self.steps), years)

    def _used(self) -> int:
        if self.unit and self.unit.follows_frames:
            return sum(working_seconds(start, end, self.calendar) for start, end in self.runs)
        return sum((end - start for start, end in self.runs), timedelta()) // timedelta(seconds=1)

    def _fix(self, entry: Entry) -> None:
        assert entry.until is not None
        self.due, self.fixed, self.counted = aware(entry.until), True, None
        self.steps.append(Step(kind=StepKind.FIXED, at=aware(entry.at), due=self.due, reason=entry.reason))

    def _start(self, limit: Limit) -> None:
        self.unit, self.due = limit.unit, due_at(self.since, limit, self.calendar)
        self.steps.append(Step(kind=StepKind.LIMIT, at=self.since, limit=limit, due=self.due))
        if limit.unit.follows_frames:
            self._count(self.since, self.due)
            moved = next_working_moment(self.since, self.calendar)
            if moved != self.since:
                self.steps.append(Step(kind=StepKind.MOVED, start=self.since, end=moved))

    def _halt(self, entry: Entry) -> None:
        if self.halt is None:
            self.runs.append((self.since, aware(entry.at)))
            self.halt = entry
        elif entry.kind is Kind.PAUSE or self.halt.kind is Kind.STOP:
            raise ValueError(f"{entry.kind} at {entry.at}: the clock does not run")
        # What is paused may be stopped for good: it stands still since the pause.

    def _resume(self, entry: Entry) -> None:
        if self.halt is None:
            raise ValueError(f"resume at {entry.at}: the clock runs")
        halted, self.halt, self.since = self.halt, None, aware(entry.at)
        if self.due and self.fixed:
            self.due += self.since - aware(halted.at)
        elif self.due and self.unit:
            due = self.due
            self.due = _shifted(due, self.unit, aware(halted.at), self.since, self.calendar)
            if self.unit.follows_frames:
                self._count(due, max(self.due, self.since))
        self.steps.append(_halted(halted, end=self.since, due=self.due))

    def _extend(self, entry: Entry) -> None:
        if entry.limit is None:
            self._fix(entry)
            return
        if self.due is None:
            raise ValueError(f"extend at {entry.at}: there is no deadline to extend")
        due, self.due = self.due, _prolonged(self.due, entry.limit, self.calendar)
        self.unit = entry.limit.unit
        if self.unit.follows_frames:
            self._count(due, self.due)
        at, limit, reason = aware(entry.at), entry.limit, entry.reason
        self.steps.append(Step(kind=StepKind.EXTENDED, at=at, limit=limit, due=self.due, reason=reason))

    def _count(self, start: datetime, end: datetime) -> None:
        """Remember that the calendar was asked from `start` to `end`."""
        first, last = self.counted or (start, end)
        self.counted = (min(first, start), max(last, end))


def _halted(entry: Entry, *, end: datetime | None, due: datetime | None) -> Step:
    kind = StepKind.PAUSED if entry.kind is Kind.PAUSE else StepKind.STOPPED
    return Step(kind=kind, start=aware(entry.at), end=end, due=due, reason=entry.reason)


def _shifted(due: datetime, unit: Unit, start: datetime, end: datetime, calendar: Calendar) -> datetime:
    """A deadline moved by a pause, in the measure of its limit."""
    if unit.follows_frames:
        return add_working_seconds(due, working_seconds(start, end, calendar), calendar)
    if unit is Unit.CALENDAR_DAYS:
        return due + (end.date() - start.date())
    return due + (end - start)


def _prolonged(due: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """A deadline moved by a further limit. It is an end: 12:00 still belongs to the morning, 24:00 to the day that it ends."""
    before = due - _INSTANT
    if limit.unit is Unit.CALENDAR_DAYS:
        return due_at(before, limit, calendar)
    if limit.unit is Unit.WORKING_DAYS and next_working_moment(before, calendar) == before:
        return due_at(before, limit, calendar) + _INSTANT
    return due_at(due, limit, calendar)


def _calendar_steps(first: date, last: date, calendar: Calendar) -> Iterator[Step]:
    """Holidays and make-up days from `first` to `last`, both included, then the weekly days off."""
    listed = calendar.listed[bisect_left(calendar.listed, first) : bisect_right(calendar.listed, last)]
    series: list[list[date]] = []  # days on end with one name
    for day in listed:
        before = series[-1][-1] if series else None
        if before and day - before == timedelta(days=1) and calendar.called(day) == calendar.called(before):
            series[-1].append(day)
        else:
            series.append([day])
    for days in series:
        works, name = calendar.called(days[0])
        kind = StepKind.MAKE_UP if works else StepKind.HOLIDAY
        yield Step(kind=kind, first=days[0], last=days[-1], days=len(days), name=name)
    yield from _weekend_step(first, last, calendar)


def _weekend_step(first: date, last: date, calendar: Calendar) -> Iterator[Step]:
    begin, end = first.toordinal(), last.toordinal() + 1
    off = end - begin - (calendar.working_days_before(end) - calendar.working_days_before(begin))
    days = off - sum(first <= day <= last and not works for day, works in calendar.days.items())
    if days:
        start = next(filter(calendar.is_weekend, map(date.fromordinal, range(begin, end))))
        stop = next(filter(calendar.is_weekend, map(date.fromordinal, reversed(range(begin, end)))))
        yield Step(kind=StepKind.WEEKEND, first=start, last=stop, days=days)
