"""The clock's laws, random ledgers against the slow oracle (GRIDGOV_CLOCK_CASES of them), and its speed."""

import os
import sys
from datetime import date, datetime, time, timedelta
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridgov.common.worktime import (
    Calendar,
    Entry,
    Kind,
    Limit,
    Unit,
    add_working_seconds,
    derive,
    due_at,
    next_working_moment,
    working_seconds,
)
from tests.common.worktime_cases import ALWAYS, DEMO, OFFICE, PLAIN, ROUND_THE_CLOCK, SHANGHAI, ledger
from tests.common.worktime_oracle import Line

pytestmark = pytest.mark.once

CASES = int(os.environ.get("GRIDGOV_CLOCK_CASES", "2000"))

# --- laws ------------------------------------------------------------------------------------------------------------

MOMENTS = st.datetimes(datetime(2024, 12, 1), datetime(2028, 3, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=SHANGHAI)
)
LIMITS = st.builds(Limit, st.integers(1, 400), st.sampled_from(Unit))
CALENDARS = st.sampled_from([DEMO, PLAIN, ALWAYS, Calendar(((time(22), time(0)),), frozenset({1, 6}))])


@settings(max_examples=300, deadline=None)
@given(MOMENTS, MOMENTS, MOMENTS, CALENDARS)
def test_working_time_is_additive(a, b, c, calendar):
    assert working_seconds(a, b, calendar) + working_seconds(b, c, calendar) == working_seconds(
        a, c, calendar
    )
    assert working_seconds(b, a, calendar) == -working_seconds(a, b, calendar)


@settings(max_examples=300, deadline=None)
@given(MOMENTS, st.integers(0, 10**7), st.integers(0, 10**7), CALENDARS)
def test_adding_working_time_is_additive_and_the_inverse_of_measuring(start, one, two, calendar):
    start = start.replace(microsecond=0)
    both = add_working_seconds(start, one + two, calendar)
    assert add_working_seconds(add_working_seconds(start, one, calendar), two, calendar) == both
    assert working_seconds(start, both, calendar) == one + two
    if one + two:
        assert working_seconds(start, both - timedelta(seconds=1), calendar) == one + two - 1


@settings(max_examples=300, deadline=None)
@given(MOMENTS, MOMENTS, LIMITS, CALENDARS)
def test_due_is_monotone(a, b, limit, calendar):
    early, late = sorted((a, b))
    assert due_at(early, limit, calendar) <= due_at(late, limit, calendar)
    assert early < due_at(early, limit, calendar) < due_at(early, Limit(limit.n + 1, limit.unit), calendar)


@settings(max_examples=200, deadline=None)
@given(MOMENTS, LIMITS, st.integers(1, 50), CALENDARS)
def test_a_limit_in_two_parts_is_one_limit(start, limit, more, calendar):
    parts = [Entry(Kind.START, start, limit), Entry(Kind.EXTEND, start, Limit(more, limit.unit))]
    assert derive(parts, calendar).at == due_at(start, Limit(limit.n + more, limit.unit), calendar)


@settings(max_examples=200, deadline=None)
@given(MOMENTS, LIMITS, st.lists(st.integers(0, 10**6), min_size=3, max_size=3), CALENDARS)
def test_a_pause_in_two_parts_is_one_pause(start, limit, gaps, calendar):
    start = start.replace(microsecond=0)
    a, b, c = (start + timedelta(seconds=sum(gaps[: n + 1])) for n in range(3))
    begin, end = Entry(Kind.START, start, limit), Entry(Kind.RESUME, c)
    one = derive([begin, Entry(Kind.PAUSE, a), end], calendar)
    two = derive([begin, Entry(Kind.PAUSE, a), Entry(Kind.RESUME, b), Entry(Kind.PAUSE, b), end], calendar)
    assert (one.at, one.used_seconds) == (two.at, two.used_seconds)
    assert one.at >= due_at(start, limit, calendar)


# --- the slow oracle -------------------------------------------------------------------------------------------------

FRAMES = [
    OFFICE,
    ROUND_THE_CLOCK,
    ((time(9), time(17)),),
    ((time(8), time(12)), (time(12), time(16))),
    ((time(0), time(6)), (time(7, 15), time(11, 45)), (time(13), time(18)), (time(19, 30), time(0))),
    ((time(20), time(0)),),
]
TURNS = [
    date(2024, 12, 20),
    date(2025, 9, 20),
    date(2025, 12, 20),
    date(2026, 2, 5),
    date(2028, 2, 20),
    date(2027, 12, 25),
]


def _random_calendar(random: Random, first: date) -> Calendar:
    if random.random() < 0.2:
        return DEMO
    exceptions = random.sample(range(60), random.randrange(15))
    return Calendar(
        frames=random.choice(FRAMES),
        weekdays=frozenset(random.sample(range(7), random.randint(2, 7))),
        days={first + timedelta(days=n): random.random() < 0.4 for n in exceptions},
    )


def _random_limit(random: Random) -> tuple[int, Unit]:
    unit = random.choice(list(Unit))
    return random.randint(1, {Unit.MINUTES: 3000, Unit.HOURS: 100, Unit.WORKING_HOURS: 40}.get(unit, 8)), unit


def _random_rows(random: Random, line: Line, span: int) -> list[tuple]:
    """A ledger that makes sense, in the oracle's terms: (kind, index, n, unit, until)."""
    index = random.randrange(span)
    kind = random.random()
    n, unit = _random_limit(random) if kind < 0.9 else (None, None)
    rows = [("start", index, n, unit, index + random.randrange(span) if 0.9 <= kind < 0.95 else None)]
    running, has_deadline = True, kind < 0.95
    for _ in range(random.randrange(7)):
        index += random.choice([0, random.randrange(600), random.randrange(10 * line.per_day)])
        if has_deadline and random.random() < 0.2:
            limit = random.random() < 0.8
            n, unit = _random_limit(random) if limit else (None, None)
            rows.append(("extend", index, n, unit, None if limit else index + random.randrange(span)))
        else:
            rows.append((random.choice(["pause", "stop"]) if running else "resume", index, None, None, None))
            running = not running
    return rows


def _check(case: int, *, cell_seconds: int, days: int) -> None:
    random = Random(case)
    first = random.choice(TURNS) + timedelta(days=random.randrange(-3, 4))
    calendar = _random_calendar(random, first)
    line = Line(calendar, first, days, cell_seconds)
    rows = _random_rows(random, line, 15 * line.per_day)
    entries = [
        Entry(
            Kind(kind),
            line.moment(index),
            Limit(n, unit) if n else None,
            None if until is None else line.moment(until),
        )
        for kind, index, n, unit, until in rows
    ]
    result, (expected, used) = derive(entries, calendar), line.derive(rows)
    assert result.at == (None if expected is None else line.moment(expected)), (
        f"case {case}: {rows} {calendar}"
    )
    assert result.used_seconds == used * cell_seconds, f"case {case}: {rows} {calendar}"
    start = rows[0][1]
    assert next_working_moment(line.moment(start), calendar) == line.moment(line.next_working(start)), (
        f"case {case}"
    )


def test_random_ledgers_agree_with_the_slow_oracle():
    """As many cases as GRIDGOV_CLOCK_CASES says, each its own seed. Minutes as cells."""
    for case in range(CASES):
        _check(case, cell_seconds=60, days=600)


def test_random_ledgers_agree_with_the_slow_oracle_to_the_second():
    for case in range(CASES // 200):
        _check(-1 - case, cell_seconds=1, days=300)


# --- speed -----------------------------------------------------------------------------------------------------------


def test_a_limit_of_centuries_costs_no_more_than_one_of_days():
    calls = count()
    sys.setprofile(lambda _frame, event, _about: event == "call" and next(calls))
    try:
        result = derive(ledger(("start", "2026-03-09 10:00", Limit(1_000_000, Unit.WORKING_DAYS))), DEMO)
    finally:
        sys.setprofile(None)
    assert result.at.year == 5859
    assert next(calls) < 100_000  # walking these 1.4 million days takes more
