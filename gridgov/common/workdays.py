"""When a township works, and counting along that: the ground under worktime.py, which is what the rooms import.

Pure functions over plain values: no database, no reading of the present moment. Every moment that comes in is aware, in any
zone; every moment that goes out is in Asia/Shanghai. China has had no daylight saving time since 1991, so there a day has
24 hours and wall time runs evenly; moments before 1992 are not supported.

A frame contains its begin and not its end: 12:00 sharp is already the lunch break. A moment that is *reached* by counting is an
end: four hours of a morning from 08:00 are over at 12:00, not at 14:00, and a day is over at its 24:00, which is written as
00:00 of the next day. Nothing here walks from day to day: counting costs the same for a week and for a century.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate

from gridgov.common.clock import SHANGHAI, local

_SECOND = 1_000_000  # days and clock times are counted in whole microseconds
DAY = 86_400 * _SECOND
_LAST = date.max.toordinal()


@dataclass(frozen=True)
class Calendar:
    """When a township works. The mappings must not be changed afterwards.

    A frame ending at 00:00 ends at 24:00 of its day, so that ((00:00, 00:00),) on seven weekdays is round the clock.
    Raises ValueError where no working time would ever come.
    """

    frames: tuple[tuple[time, time], ...]
    weekdays: frozenset[int]  # 0 = Monday
    # Exceptions: True = make-up working day, False = off; and what the explanation calls them.
    days: Mapping[date, bool] = field(default_factory=dict, hash=False)
    names: Mapping[date, str] = field(default_factory=dict, hash=False)
    # Years whose table is published; the others go by weekdays for now.
    official_years: frozenset[int] = frozenset()
    # Whether holidays and make-up days matter at all; without them no year is provisional.
    follows_holidays: bool = True

    def __post_init__(self) -> None:
        if not self.weekdays <= frozenset(range(7)):
            raise ValueError("weekdays are numbers from 0 (Monday) to 6 (Sunday)")
        if not self.weekdays and not any(self.days.values()):
            raise ValueError("a calendar needs a weekday or a make-up day to work on")
        if not self.frames:
            raise ValueError("a calendar needs at least one frame of working time")
        if any(clock.tzinfo or clock.microsecond for frame in self.frames for clock in frame):
            raise ValueError("frames are whole seconds of wall time, without a zone")
        previous = 0
        for begin, end in self.spans:
            if begin < previous:
                raise ValueError("frames must be sorted and must not overlap")
            if end <= begin:
                raise ValueError("a frame must end after it begins (00:00 as an end means 24:00)")
            previous = end

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The frames in microseconds since 00:00."""
        return tuple((_since_midnight(begin), _since_midnight(end) or DAY) for begin, end in self.frames)

    @cached_property
    def day_length(self) -> int:
        """Working time of one working day, in microseconds."""
        return sum(end - begin for begin, end in self.spans)

    @cached_property
    def listed(self) -> tuple[date, ...]:
        """The holidays and make-up days in order."""
        return tuple(sorted(self.days))

    @cached_property
    def _week(self) -> tuple[int, ...]:
        """Working weekdays before Monday, before Tuesday, ... before the next Monday."""
        return tuple(accumulate((day in self.weekdays for day in range(7)), initial=0))

    @cached_property
    def _corrections(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ordinals of the days that differ from their weekday, and by how much the count is off before each and at the end."""
        odd = [day for day in self.listed if self.days[day] != (day.weekday() in self.weekdays)]
        sums = accumulate((1 if self.days[day] else -1 for day in odd), initial=0)
        return tuple(day.toordinal() for day in odd), tuple(sums)

    def is_working_day(self, day: date) -> bool:
        return self.days.get(day, day.weekday() in self.weekdays)

    def is_weekend(self, day: date) -> bool:
        """Whether the day is off only because of its weekday."""
        return day not in self.days and day.weekday() not in self.weekdays

    def called(self, day: date) -> tuple[bool, str]:
        """Whether one works on a listed day, and its name."""
        return self.days[day], self.names.get(day, "")

    def working_days_before(self, ordinal: int) -> int:
        """Working days since 1 January of year 1, a Monday, without the day `ordinal` itself."""
        weeks, weekday = divmod(ordinal - 1, 7)
        odd, sums = self._corrections
        return weeks * self._week[7] + self._week[weekday] + sums[bisect_left(odd, ordinal)]

    def nth_working_day(self, n: int, after: int) -> int:
        """Ordinal of the n-th working day behind the day `after` (an ordinal), n from 1. ValueError if there is none."""
        wanted = self.working_days_before(after + 1) + n
        coming = range(after + 1, _LAST)
        found = bisect_left(coming, wanted, key=lambda day: self.working_days_before(day + 1))
        if found >= len(coming):
            raise ValueError("the calendar has no working time left for this")
        return coming[found]

    def worked_on(self, ordinal: int, clock: int) -> int:
        """Working time of a day until `clock`, in microseconds."""
        if not self.is_working_day(date.fromordinal(ordinal)):
            return 0
        return sum(min(clock, end) - begin for begin, end in self.spans if begin < clock)


def _since_midnight(clock: time | datetime) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * _SECOND + clock.microsecond


def aware(at: datetime) -> datetime:
    """The moment in Asia/Shanghai. ValueError without a time zone."""
    if at.utcoffset() is None:
        raise ValueError(f"a moment needs a time zone: {at}")
    return local(at)


def split(at: datetime) -> tuple[int, int]:
    """A moment as the ordinal of its day and the microseconds since 00:00, in Asia/Shanghai."""
    here = aware(at)
    return here.toordinal(), _since_midnight(here)


def moment(ordinal: int, clock: int) -> datetime:
    """The opposite of `split`."""
    return datetime.combine(date.fromordinal(ordinal), time(), SHANGHAI) + timedelta(microseconds=clock)


def next_working_moment(at: datetime, calendar: Calendar) -> datetime:
    """`at` itself if it lies in a frame, else the begin of the next one."""
    day, clock = split(at)
    if calendar.is_working_day(date.fromordinal(day)):
        for begin, end in calendar.spans:
            if clock < end:
                return moment(day, max(clock, begin))
    return moment(calendar.nth_working_day(1, day), calendar.spans[0][0])


def working_seconds(start: datetime, end: datetime, calendar: Calendar) -> int:
    """Working time between two moments, each cut to its whole second, so that parts add up exactly. Negative if end < start."""

    def total(at: datetime) -> int:
        day, clock = split(at.replace(microsecond=0))
        return calendar.working_days_before(day) * calendar.day_length + calendar.worked_on(day, clock)

    return (total(end) - total(start)) // _SECOND


def add_working_seconds(start: datetime, seconds: int, calendar: Calendar) -> datetime:
    """The earliest moment with so much working time since `start`; `start` itself for 0 seconds."""
    if seconds < 0:
        raise ValueError("working time can only be added")
    day, clock = split(start)
    if not seconds:
        return moment(day, clock)
    days, rest = divmod(calendar.worked_on(day, clock) + seconds * _SECOND - 1, calendar.day_length)
    left = rest + 1  # a full day ends at the end of its last frame, not at the begin of the next day's first
    last = calendar.nth_working_day(days + 1, day - 1)
    for begin, end in calendar.spans:
        clock = begin + min(left, end - begin)
        left -= clock - begin
        if not left:
            break
    return moment(last, clock)
