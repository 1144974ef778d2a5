"""The clock: exact cases, ledgers and their explanation. Its laws: test_worktime_laws.py."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

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
from tests.common.worktime_cases import (
    ALWAYS,
    DAY,
    DEMO,
    OFFICE,
    ROUND_THE_CLOCK,
    SHANGHAI,
    at,
    due,
    ledger,
    published,
    steps,
)

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
        ((("start", "2026-03-09"), ("extend", "2026-03-10", DAY)), "no deadline to extend"),
    ],
)
def test_a_ledger_that_makes_no_sense_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        derive(ledger(*rows), DEMO)


def test_a_row_of_a_clock_set_back_counts_from_the_row_before():
    rows = ledger(
        ("start", "2026-03-09 10:00", DAY), ("pause", "2026-03-09 11:00"), ("resume", "2026-03-09 10:59")
    )
    assert derive(rows, DEMO).at == at("2026-03-10 10:00")
    assert (
        derive(ledger(("start", "2026-03-09 10:00", DAY), ("pause", "2026-03-09 09:59")), DEMO).used_seconds
        == 0
    )


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


def test_a_date_set_by_a_person_is_moved_by_as_long_as_a_pause_lasted():
    """A pause eats nobody's time (lessons, complaints 1 to 9)."""
    pause = (("pause", "2026-03-10"), ("resume", "2026-03-20"))
    set_at_start = derive(ledger(("start", "2026-03-09", "2026-03-31 18:00"), *pause), DEMO)
    assert set_at_start.at == at("2026-04-10 18:00")
    rows = ledger(
        ("start", "2026-03-06", Limit(3, Unit.WORKING_DAYS)),
        ("extend", "2026-03-09", "2026-03-31 18:00"),
        *pause,
    )
    set_later = derive(rows, DEMO)
    assert set_later.at == at("2026-04-10 18:00")
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


def test_a_year_that_ends_with_the_deadline_does_not_ask_for_the_next():
    calendar = Calendar(ROUND_THE_CLOCK, frozenset(range(7)), official_years=frozenset({2026}))
    result = derive(ledger(("start", "2026-12-31 20:00", Limit(4, Unit.WORKING_HOURS))), calendar)
    assert (result.at, result.provisional) == (at("2027-01-01 00:00"), ())


def test_an_extension_in_working_days_names_the_days_it_passes():
    rows = ledger(("start", "2026-09-30 09:00", Limit(1, Unit.HOURS)), ("extend", "2026-09-30 09:30", DAY))
    result = derive(rows, DEMO)
    assert result.at == at("2026-10-08 10:00")
    (holiday,) = steps(result, StepKind.HOLIDAY)
    assert (holiday.first, holiday.last, holiday.name) == (date(2026, 10, 1), date(2026, 10, 7), "国庆节")


def test_completing_the_missing_year_moves_the_deadline():
    rows = ledger(("start", "2026-09-30 10:00", Limit(3, Unit.WORKING_DAYS)))
    assumed, known = derive(rows, published(2025)), derive(rows, DEMO)
    assert (assumed.at, assumed.provisional) == (at("2026-10-05 10:00"), (2026,))
    assert (known.at, known.provisional) == (at("2026-10-10 10:00"), ())
