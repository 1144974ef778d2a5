"""The clock: exact cases, its laws, and 2,000 random ledgers against the slow oracle."""

import os
import time as stopwatch
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from chinese_calendar import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from gridgov.common.worktime import (
    Calendar,
    Entry,
    Kind,
    Limit,
    StepKind,
    Unit,
    add_working_seconds,
    derive,
    due_at,
    is_late,
    next_working_moment,
    working_seconds,
)
from tests.common.worktime_oracle import Line

CASES = int(os.environ.get("GRIDGOV_CLOCK_CASES", "2000"))
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = ((time(8, 30), time(12)), (time(14), time(17, 30)))
ROUND_THE_CLOCK = ((time(0), time(0)),)
NAMES = {
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Spring Festival": "春节",
    "New Year's Day": "元旦",
}


def _published(*years: int) -> Calendar:
    """The demo's calendar with the real days of the State Council's tables."""
    off = {day: name for day, name in constants.holidays.items() if day.year in years}
    made_up = {day: name for day, name in constants.workdays.items() if day.year in years}
    return Calendar(
        frames=OFFICE,
        weekdays=frozenset(range(5)),
        days=dict.fromkeys(off, False) | dict.fromkeys(made_up, True),
        names={day: NAMES.get(name, name) for day, name in (off | made_up).items()},
        official_years=frozenset(years),
    )


DEMO = _published(2025, 2026)
PLAIN = Calendar(frames=OFFICE, weekdays=frozenset(range(5)))
ALWAYS = Calendar(frames=ROUND_THE_CLOCK, weekdays=frozenset(range(7)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def due(start: str, n: int, unit: Unit, calendar: Calendar = DEMO) -> str:
    return f"{due_at(at(start), Limit(n, unit), calendar):%Y-%m-%d %H:%M}"


def entry(kind: str, moment: str, what: Limit | str | None = None, reason: str = "") -> Entry:
    """`what` is a limit or the text of a deadline."""
    limit, until = (what, None) if isinstance(what, Limit) else (None, at(what) if what else None)
    return Entry(Kind(kind), at(moment), limit, until, reason)


def ledger(*rows: tuple) -> list[Entry]:
    return [entry(*row) for row in rows]


def steps(result, kind: StepKind) -> list:
    return [step for step in result.steps if step.kind is kind]


# --- exact cases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "n", "unit", "expected"),
    [
        # National Day 2025: off 1 to 8 October, Sunday 28 September and Saturday 11 October made up.
        ("2025-09-26 16:30", 5, Unit.WORKING_DAYS, "2025-10-10 16:30"),
        ("2025-09-30 17:00", 1, Unit.WORKING_HOURS, "2025-10-09 09:00"),
        ("2025-10-10 15:00", 1, Unit.WORKING_DAYS, "2025-10-11 15:00"),
        ("2025-10-10 15:00", 2, Unit.WORKING_DAYS, "2025-10-13 15:00"),
        ("2025-09-26 17:00", 2, Unit.WORKING_HOURS, "2025-09-28 10:00"),
        # National Day 2026: off 1 to 7 October, Sunday 20 September and Saturday 10 October made up.
        ("2026-09-30 17:30", 2, Unit.WORKING_DAYS, "2026-10-10 08:30"),
        ("2026-09-18 11:00", 1, Unit.WORKING_DAYS, "2026-09-20 11:00"),
        ("2026-10-09 16:30", 7, Unit.WORKING_HOURS, "2026-10-10 16:30"),
        # Friday evening, the weekend, before the first frame, lunch.
        ("2026-03-06 18:00", 1, Unit.WORKING_DAYS, "2026-03-10 08:30"),
        ("2026-03-06 18:00", 1, Unit.WORKING_HOURS, "2026-03-09 09:30"),
        ("2026-03-07 10:00", 3, Unit.WORKING_DAYS, "2026-03-12 08:30"),
        ("2026-03-09 06:00", 1, Unit.WORKING_DAYS, "2026-03-10 08:30"),
        ("2026-03-09 11:00", 2, Unit.WORKING_HOURS, "2026-03-09 15:00"),
        ("2026-03-09 12:30", 1, Unit.WORKING_HOURS, "2026-03-09 15:00"),
        ("2026-03-09 12:00", 1, Unit.WORKING_DAYS, "2026-03-10 14:00"),
        # What is counted ends at the end of a frame, not at the begin of the next.
        ("2026-03-09 11:00", 1, Unit.WORKING_HOURS, "2026-03-09 12:00"),
        ("2026-03-09 08:30", 7, Unit.WORKING_HOURS, "2026-03-09 17:30"),
        ("2026-03-06 14:30", 3, Unit.WORKING_HOURS, "2026-03-06 17:30"),
        # Year end: 1 to 3 January 2026 off, Sunday 4 made up.
        ("2025-12-31 16:30", 1, Unit.WORKING_DAYS, "2026-01-04 16:30"),
        ("2025-12-31 16:30", 2, Unit.WORKING_HOURS, "2026-01-04 09:30"),
        ("2025-12-31 16:30", 1, Unit.CALENDAR_DAYS, "2026-01-02 00:00"),
        ("2025-12-31 23:30", 1, Unit.HOURS, "2026-01-01 00:30"),
        # Leap day.
        ("2028-02-28 10:00", 1, Unit.WORKING_DAYS, "2028-02-29 10:00"),
        ("2028-02-28 10:00", 2, Unit.WORKING_DAYS, "2028-03-01 10:00"),
        ("2028-02-28 10:00", 1, Unit.CALENDAR_DAYS, "2028-03-01 00:00"),
        ("2028-02-28 10:00", 24, Unit.HOURS, "2028-02-29 10:00"),
        ("2028-02-29 17:00", 1, Unit.WORKING_HOURS, "2028-03-01 09:00"),
        # Minutes, hours and calendar days run through holidays; the start's day is not a calendar day of the limit.
        ("2025-10-01 23:00", 90, Unit.MINUTES, "2025-10-02 00:30"),
        ("2025-10-01 09:00", 48, Unit.HOURS, "2025-10-03 09:00"),
        ("2025-10-01 00:00", 3, Unit.CALENDAR_DAYS, "2025-10-05 00:00"),
        ("2025-10-01 23:59", 3, Unit.CALENDAR_DAYS, "2025-10-05 00:00"),
    ],
)
def test_due_at_matches_the_rules(start, n, unit, expected):
    assert due(start, n, unit) == expected


def test_round_the_clock_counts_every_hour():
    assert due("2025-10-01 22:00", 5, Unit.WORKING_HOURS, ALWAYS) == "2025-10-02 03:00"
    assert due("2025-10-01 22:00", 2, Unit.WORKING_HOURS, ALWAYS) == "2025-10-02 00:00"
    assert due("2025-10-01 22:00", 2, Unit.WORKING_DAYS, ALWAYS) == "2025-10-03 22:00"
    assert working_seconds(at("2025-10-01"), at("2025-10-03"), ALWAYS) == 2 * 86_400
    assert next_working_moment(at("2025-10-04 00:00"), ALWAYS) == at("2025-10-04 00:00")


def test_a_frame_contains_its_begin_and_not_its_end():
    assert next_working_moment(at("2026-03-09 08:30"), DEMO) == at("2026-03-09 08:30")
    assert next_working_moment(at("2026-03-09 11:59:59.999999"), DEMO) == at("2026-03-09 11:59:59.999999")
    assert next_working_moment(at("2026-03-09 12:00"), DEMO) == at("2026-03-09 14:00")
    assert next_working_moment(at("2025-09-30 17:30"), DEMO) == at("2025-10-09 08:30")


def test_any_zone_goes_in_and_shanghai_comes_out():
    utc = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
    for unit in Unit:
        answer = due_at(utc, Limit(2, unit), DEMO)
        assert answer == due_at(at("2026-03-09 10:00"), Limit(2, unit), DEMO)
        assert answer.tzinfo == SHANGHAI
    assert next_working_moment(utc, DEMO).tzinfo == SHANGHAI
    assert add_working_seconds(utc, 0, DEMO).tzinfo == SHANGHAI
    # 20:00 UTC on Sunday is already Monday here.
    assert due_at(datetime(2026, 3, 8, 20, tzinfo=UTC), Limit(1, Unit.CALENDAR_DAYS), DEMO) == at(
        "2026-03-11"
    )


def test_a_naive_moment_is_refused():
    naive = datetime(2026, 3, 9, 10)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        due_at(naive, Limit(1, Unit.HOURS), DEMO)
    with pytest.raises(ValueError, match="time zone"):
        derive([Entry(Kind.START, at("2026-03-09"), until=naive)], DEMO)


def test_a_deadline_equal_to_now_is_not_yet_late():
    deadline = at("2026-03-09 10:00")
    assert not is_late(deadline, deadline)
    assert is_late(deadline, deadline + timedelta(microseconds=1))
    assert is_late(deadline, datetime(2026, 3, 9, 2, 0, 1, tzinfo=UTC))


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "weekdays", "message"),
    [
        ((), {0}, "at least one frame"),
        (((time(14), time(17)), (time(8), time(12))), {0}, "sorted"),
        (((time(8), time(12)), (time(11), time(17))), {0}, "overlap"),
        (((time(12), time(8)),), {0}, "end after it begins"),
        (((time(8), time(8)),), {0}, "end after it begins"),
        (((time(20), time(0)), (time(21), time(22))), {0}, "sorted"),
        (((time(8, tzinfo=UTC), time(9, tzinfo=UTC)),), {0}, "without a zone"),
        (((time(8, 0, 0, 1), time(9)),), {0}, "whole seconds"),
        (OFFICE, {7}, "weekdays"),
        (OFFICE, (), "weekday or a make-up day"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(frames, weekdays, message):
    with pytest.raises(ValueError, match=message):
        Calendar(frames=frames, weekdays=frozenset(weekdays))


def test_a_calendar_whose_working_time_ran_out_says_so_at_once():
    once = Calendar(frames=OFFICE, weekdays=frozenset(), days={date(2026, 3, 9): True})
    assert due("2026-01-01", 7, Unit.WORKING_HOURS, once) == "2026-03-09 17:30"
    for unit, n in ((Unit.WORKING_HOURS, 8), (Unit.WORKING_DAYS, 1)):
        with pytest.raises(ValueError, match="no working time left"):
            due("2026-01-01", n, unit, once)
    with pytest.raises(ValueError, match="no working time left"):
        next_working_moment(at("2026-03-09 17:30"), once)


@pytest.mark.parametrize("n", [0, -1, 1_000_001])
def test_a_limit_out_of_range_is_refused(n):
    with pytest.raises(ValueError, match="from 1 to 1000000"):
        Limit(n, Unit.HOURS)


def test_working_time_cannot_be_taken_away():
    with pytest.raises(ValueError, match="only be added"):
        add_working_seconds(at("2026-03-09"), -1, DEMO)


DAY = Limit(1, Unit.WORKING_DAYS)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "begins with start"),
        ((("pause", "2026-03-09"),), "begins with start"),
        ((("start", "2026-03-09", DAY), ("start", "2026-03-10", DAY)), "one start"),
        ((("start", "2026-03-09", DAY), ("resume", "2026-03-10")), "the clock runs"),
        ((("start", "2026-03-09", DAY), ("pause", "2026-03-10"), ("pause", "2026-03-11")), "does not run"),
        ((("start", "2026-03-09", DAY), ("stop", "2026-03-10"), ("stop", "2026-03-11")), "does not run"),
        ((("start", "2026-03-09", DAY), ("stop", "2026-03-10"), ("pause", "2026-03-11")), "does not run"),
        ((("start", "2026-03-09", DAY), ("pause", "2026-03-08")), "backwards"),
        ((("start", "2026-03-09"), ("extend", "2026-03-10", DAY)), "no deadline to extend"),
    ],
)
def test_a_ledger_that_makes_no_sense_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        derive(ledger(*rows), DEMO)


def test_an_entry_that_makes_no_sense_is_refused():
    now = at("2026-03-09")
    with pytest.raises(ValueError, match="not both"):
        Entry(Kind.START, now, DAY, now)
    with pytest.raises(ValueError, match="no limit and no deadline"):
        Entry(Kind.PAUSE, now, DAY)
    with pytest.raises(ValueError, match="further limit"):
        Entry(Kind.EXTEND, now)


# --- ledgers ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R74")
def test_without_a_limit_there_is_no_deadline_and_nothing_is_late():
    result = derive(
        ledger(("start", "2026-03-09 10:00"), ("pause", "2026-03-10"), ("resume", "2026-03-12")), DEMO
    )
    assert result.at is None
    assert result.running
    assert result.steps[0].kind is StepKind.NO_DEADLINE
    assert result.provisional == ()
    assert not is_late(result.at, at("9000-01-01"))


@pytest.mark.requirement("R74")
def test_a_deadline_is_set_for_one_matter_by_a_person():
    result = derive(
        ledger(("start", "2026-03-09 10:00"), ("extend", "2026-03-10", "2026-03-13 18:00", "上级要求")), DEMO
    )
    assert result.at == at("2026-03-13 18:00")
    assert steps(result, StepKind.FIXED)[0].reason == "上级要求"


@pytest.mark.parametrize(
    ("limit", "pause", "resume", "expected"),
    [
        (Limit(90, Unit.MINUTES), "2026-03-09 10:30", "2026-03-09 11:00", "2026-03-09 12:00"),
        (Limit(24, Unit.HOURS), "2026-03-09 20:00", "2026-03-12 08:15", "2026-03-12 22:15"),
        (Limit(4, Unit.WORKING_HOURS), "2026-03-09 11:00", "2026-03-09 15:00", "2026-03-10 09:00"),
        (Limit(4, Unit.WORKING_HOURS), "2026-03-09 18:00", "2026-03-10 06:00", "2026-03-09 16:00"),
        # Due Monday 10:00; three working hours from Friday 16:00 to Monday 10:00 come on top, over lunch.
        (Limit(5, Unit.WORKING_DAYS), "2026-03-13 16:00", "2026-03-16 10:00", "2026-03-16 15:00"),
        (Limit(3, Unit.CALENDAR_DAYS), "2026-03-09 23:00", "2026-03-11 01:00", "2026-03-15 00:00"),
        (Limit(3, Unit.CALENDAR_DAYS), "2026-03-10 01:00", "2026-03-10 23:00", "2026-03-13 00:00"),
    ],
)
@pytest.mark.parametrize("halt", ["pause", "stop"])
def test_time_that_stands_still_does_not_count(halt, limit, pause, resume, expected):
    start = ("start", "2026-03-09 10:00", limit)
    result = derive(ledger(start, (halt, pause, None, "等待鉴定"), ("resume", resume)), DEMO)
    assert result.at == at(expected)
    assert result.running
    kind = StepKind.PAUSED if halt == "pause" else StepKind.STOPPED
    (step,) = steps(result, kind)
    assert (step.start, step.end, step.reason, step.due) == (at(pause), at(resume), "等待鉴定", at(expected))


def test_while_it_stands_still_the_deadline_stays_as_it_stood():
    for kind, step_kind in (("pause", StepKind.PAUSED), ("stop", StepKind.STOPPED)):
        result = derive(ledger(("start", "2026-03-09 10:00", DAY), (kind, "2026-03-09 16:00")), DEMO)
        assert result.at == at("2026-03-10 10:00")
        assert not result.running
        assert result.used_seconds == 4 * 3600
        assert steps(result, step_kind)[0].end is None


def test_a_paused_matter_may_end_for_good():
    rows = ledger(
        ("start", "2026-03-09 10:00", DAY), ("pause", "2026-03-09 11:00"), ("stop", "2026-03-12 10:00")
    )
    result = derive(rows, DEMO)
    assert not result.running
    assert result.used_seconds == 3600


def test_a_date_set_by_a_person_is_not_moved_by_pauses():
    pause = (("pause", "2026-03-10"), ("resume", "2026-03-20"))
    set_at_start = derive(ledger(("start", "2026-03-09", "2026-03-31 18:00"), *pause), DEMO)
    assert set_at_start.at == at("2026-03-31 18:00")
    rows = ledger(("start", "2026-03-09", DAY), ("extend", "2026-03-09", "2026-03-31 18:00"), *pause)
    set_later = derive(rows, DEMO)
    assert set_later.at == at("2026-03-31 18:00")
    assert not steps(set_later, StepKind.WEEKEND)  # no calendar led to this date


@pytest.mark.parametrize(
    ("start", "limit", "further", "expected"),
    [
        ("2026-03-09 10:00", Limit(2, Unit.WORKING_DAYS), Limit(3, Unit.WORKING_DAYS), "2026-03-16 10:00"),
        ("2026-03-09 10:00", Limit(2, Unit.CALENDAR_DAYS), Limit(3, Unit.CALENDAR_DAYS), "2026-03-15 00:00"),
        # Due at 17:30 on Monday: one day more is 17:30 on Tuesday, not Wednesday 08:30.
        ("2026-03-09 08:30", Limit(7, Unit.WORKING_HOURS), Limit(1, Unit.WORKING_DAYS), "2026-03-10 17:30"),
        # Due at 24:00 on Friday: a day more is 24:00 on Saturday, a working day more starts on Monday.
        ("2026-03-09 08:30", Limit(4, Unit.CALENDAR_DAYS), Limit(1, Unit.CALENDAR_DAYS), "2026-03-15 00:00"),
        ("2026-03-09 08:30", Limit(4, Unit.CALENDAR_DAYS), Limit(1, Unit.WORKING_DAYS), "2026-03-17 08:30"),
        ("2026-03-09 10:00", Limit(2, Unit.HOURS), Limit(30, Unit.MINUTES), "2026-03-09 12:30"),
    ],
)
def test_an_extension_goes_on_where_the_deadline_ends(start, limit, further, expected):
    result = derive(ledger(("start", start, limit), ("extend", start, further, "道路中断")), DEMO)
    assert result.at == at(expected)
    (step,) = steps(result, StepKind.EXTENDED)
    assert (step.limit, step.reason, step.due) == (further, "道路中断", at(expected))


def test_sent_back_goes_on_with_the_time_already_used():
    rows = [("start", "2026-03-09 08:30", Limit(2, Unit.WORKING_DAYS)), ("stop", "2026-03-10 08:30")]
    back = [("resume", "2026-03-12 08:30"), ("stop", "2026-03-12 11:30")]
    result = derive(ledger(*rows, *back), DEMO)
    # One working day was used before, so one is left from Thursday 08:30: its end, Thursday 17:30.
    assert result.at == at("2026-03-12 17:30")
    assert result.used_seconds == 10 * 3600


# --- the explanation -------------------------------------------------------------------------------------------------


def test_the_explanation_names_what_lay_between():
    result = derive(ledger(("start", "2025-09-26 16:30", Limit(5, Unit.WORKING_DAYS))), DEMO)
    named = [(s.kind, f"{s.first:%m-%d}", f"{s.last:%m-%d}", s.days, s.name) for s in result.steps if s.first]
    assert named == [
        (StepKind.MAKE_UP, "09-28", "09-28", 1, "国庆节"),
        (StepKind.HOLIDAY, "10-01", "10-05", 5, "国庆节"),
        (StepKind.HOLIDAY, "10-06", "10-06", 1, "中秋节"),
        (StepKind.HOLIDAY, "10-07", "10-08", 2, "国庆节"),
        (StepKind.WEEKEND, "09-27", "09-27", 1, ""),
    ]
    first = result.steps[0]
    assert (first.kind, first.at, first.due) == (
        StepKind.LIMIT,
        at("2025-09-26 16:30"),
        at("2025-10-10 16:30"),
    )
    assert result.provisional == ()


def test_the_explanation_says_from_when_a_start_outside_the_frames_counts():
    result = derive(ledger(("start", "2026-03-06 18:00", DAY)), DEMO)
    (moved,) = steps(result, StepKind.MOVED)
    assert (moved.start, moved.end) == (at("2026-03-06 18:00"), at("2026-03-09 08:30"))
    (weekend,) = steps(result, StepKind.WEEKEND)
    assert (weekend.first, weekend.last, weekend.days) == (date(2026, 3, 7), date(2026, 3, 8), 2)


def test_what_runs_through_has_no_calendar_to_explain():
    for unit in (Unit.MINUTES, Unit.HOURS, Unit.CALENDAR_DAYS):
        result = derive(ledger(("start", "2027-09-30 18:00", Limit(90, unit))), DEMO)
        assert [step.kind for step in result.steps] == [StepKind.LIMIT]
        assert result.provisional == ()


def test_a_year_without_its_table_is_called_provisional():
    result = derive(ledger(("start", "2026-12-31 17:00", Limit(2, Unit.WORKING_DAYS))), DEMO)
    assert result.provisional == (2027,)
    assert [step.year for step in steps(result, StepKind.PROVISIONAL)] == [2027]
    within = derive(ledger(("start", "2026-12-30 10:00", DAY)), DEMO)
    assert within.provisional == ()


def test_a_late_pause_into_an_unpublished_year_is_called_provisional():
    rows = ledger(
        ("start", "2026-12-01 10:00", DAY), ("pause", "2026-12-31 17:00"), ("resume", "2027-01-05 10:00")
    )
    assert derive(rows, DEMO).provisional == (2027,)


def test_completing_the_missing_year_moves_the_deadline():
    rows = ledger(("start", "2026-09-30 10:00", Limit(3, Unit.WORKING_DAYS)))
    assumed, published = derive(rows, _published(2025)), derive(rows, DEMO)
    assert (assumed.at, assumed.provisional) == (at("2026-10-05 10:00"), (2026,))
    assert (published.at, published.provisional) == (at("2026-10-10 10:00"), ())


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
    started = stopwatch.perf_counter()
    result = derive(ledger(("start", "2026-03-09 10:00", Limit(1_000_000, Unit.WORKING_DAYS))), DEMO)
    assert result.at.year == 5859
    assert stopwatch.perf_counter() - started < 0.3  # walking these 1.4 million days takes longer
