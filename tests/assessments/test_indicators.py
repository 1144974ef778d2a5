"""The figures of a month, computed by hand. The town: two villages of two groups; assessed is October 2026."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assessments.indicators import INDICATORS, Figure, Period, compute, judge, total
from incidents.enums import Grade, Status
from incidents.models import AssistTask, Incident, Transition
from inspections.models import Patrol
from tests.assessments.month import answer, october, stage, step, when
from tests.factories import township
from tests.factories.incidents import act, incident

pytestmark = pytest.mark.django_db

WEIGHTS = {"on_time": Decimal(50), "rework": Decimal(30), "satisfaction": Decimal(20), "patrol": Decimal(0)}


@pytest.fixture
def town(clock):
    return township()


def figures(town, code, day=date(2026, 10, 1)):
    """Village number (from 1) -> (numerator, denominator)."""
    names = {village.code: number for number, village in enumerate(town.villages, start=1)}
    found = INDICATORS[code].figures(Period.month(town.code, day))
    return {names[village]: (figure.numerator, figure.denominator) for village, figure in found.items()}


def test_month_computed_by_hand(town):
    october(town)
    judged = compute(Period.month(town.code, date(2026, 10, 15)), WEIGHTS)
    first, second = ({one.indicator.code: one for one in judged[village]} for village in town.villages)
    assert [
        (str(first[code].rate), str(first[code].score)) for code in ("on_time", "rework", "satisfaction")
    ] == [
        ("0.6000", "60.00"),
        ("0.1000", "50.00"),
        ("57.5000", "57.50"),
    ]
    assert second["on_time"].rate is None
    assert second["on_time"].score is None
    assert [str(second[code].score) for code in ("rework", "satisfaction")] == ["100.00", "33.33"]
    assert total(judged[town.villages[0]]) == Decimal("56.50")
    assert total(judged[town.villages[1]]) == Decimal("73.33")  # (100 × 30 + 33.33 × 20) / 50


def test_weight_of_too_few_cases_is_shared_in_proportion(town):
    october(town)
    row = compute(Period.month(town.code, date(2026, 10, 1)), WEIGHTS)[town.villages[1]]
    assert [str(one.weight) for one in row] == ["0", "60.00", "40.00", "0.00"]


@pytest.mark.parametrize(
    ("due", "done", "released", "figure"),
    [
        ("10-08 09:00", "10-08 09:00", False, (1, 1)),  # equal is not yet late
        ("10-08 09:00", "10-08 09:01", False, (0, 1)),
        ("10-08 09:00", None, False, (0, 1)),
        ("10-31 09:00", "11-01 00:00", False, (0, 1)),
        ("11-01 00:00", None, False, None),
        ("10-08 09:00", "10-07 09:00", True, None),  # no longer needed
        ("10-08 09:00", "10-09 09:00", True, (0, 1)),  # the lateness stays
        (None, "10-09 09:00", False, None),
        ("10-08 09:00", "09-30 23:59", False, None),
    ],
)
def test_assisting_counts_for_the_village_that_assisted(town, due, done, released, figure):
    matter = incident(town, "accepted", category="fire")
    asked = act(town, matter, "assist", assisting=[town.villages[1], town.department])
    AssistTask.objects.filter(incident=asked).update(
        asked_at=when("09-01 09:00"), due_at=due and when(due), done_at=done and when(done),
        tell_at=None, is_released=released,
    )  # fmt: skip
    assert figures(town, "assisting") == ({2: figure} if figure else {})


@pytest.mark.parametrize(("cases", "rate"), [(0, None), (2, None), (3, Decimal("1.0000"))])
def test_fewer_than_three_cases_bear_no_rate(cases, rate):
    assert INDICATORS["on_time"].rate(Figure(cases, cases)) == rate


def test_nothing_but_small_numbers_gives_no_total():
    row = judge({code: Figure(2, 2) for code in WEIGHTS}, WEIGHTS)
    assert total(row) is None
    assert {one.weight for one in row} == {0}


def test_shown_indicator_alone_gives_no_total():
    few = {"on_time": Figure(), "rework": Figure(), "satisfaction": Figure(), "patrol": Figure(60, 60)}
    row = judge(few, WEIGHTS)
    assert total(row) is None
    assert row[-1].score == 100


@pytest.mark.parametrize(
    ("sent_back", "results", "score"),
    [
        (0, 10, "100.00"),
        (1, 10, "50.00"),
        (1, 30, "83.33"),
        (2, 10, "0.00"),
        (9, 10, "0.00"),
        (12, 10, "0.00"),
    ],
)
def test_rework_falls_linearly_to_nothing_at_a_fifth(sent_back, results, score):
    assert str(INDICATORS["rework"].score(Figure(sent_back, results))) == score


def test_grades_are_worth_what_is_declared(town):
    group = town.groups[0]
    for grade, points in zip(Grade.values, (100, 80, 50, 0, 0), strict=True):
        before = figures(town, "satisfaction").get(1, (0, 0))
        answer(town, group, grade, "10-10 09:00")
        assert figures(town, "satisfaction")[1] == (before[0] + points, before[1] + 1)


BORDERS = [("09-30 23:59", False), ("10-01 00:00", True), ("10-31 23:59", True), ("11-01 00:00", False)]


@pytest.mark.parametrize(("at", "counts"), BORDERS)
def test_month_begins_and_ends_at_midnight_in_shanghai(town, at, counts):
    group = town.groups[0]
    stage(town, group, due="12-01 00:00", ended=at)
    step(town, group, "submit_result", at)
    step(town, group, "send_back", at)
    answer(town, group, 1, at)
    expected = {1: (1, 1)} if counts else {}
    assert figures(town, "on_time") == expected
    assert figures(town, "rework") == expected
    assert figures(town, "satisfaction") == ({1: (100, 1)} if counts else {})


def test_stage_still_open_past_its_deadline_counts_in_each_month_it_stays_so(town):
    stage(town, town.groups[0], due="09-20 09:00", ended="11-05 09:00")
    assert figures(town, "on_time", date(2026, 9, 1)) == {1: (0, 1)}
    assert figures(town, "on_time", date(2026, 10, 1)) == {1: (0, 1)}
    assert figures(town, "on_time", date(2026, 11, 1)) == {1: (0, 1)}  # it ended then, late
    assert figures(town, "on_time", date(2026, 8, 1)) == {}


def test_stage_not_yet_due_at_the_end_of_the_month_does_not_count(town):
    stage(town, town.groups[0], due="11-01 00:00", ended="11-05 09:00")
    assert figures(town, "on_time") == {}


def test_running_month_counts_up_to_now(town):
    stage(town, town.groups[0], due="11-22 09:00", ended=None)
    stage(town, town.groups[0], due="11-24 09:00", ended=None)  # today is the 23rd
    assert figures(town, "on_time", date(2026, 11, 1)) == {1: (0, 1)}


def test_stages_without_a_deadline_and_of_another_purpose_do_not_count(town):
    stage(town, town.groups[0], due=None, ended="10-10 09:00")
    stage(town, town.groups[0], due="10-12 09:00", ended="10-10 09:00", purpose="verify")
    assert figures(town, "on_time") == {}


def test_lateness_belongs_to_the_unit_that_held_the_stage(town):
    """The matter is of village 1; the stage was held by village 2, another one by the township."""
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00", village_code=town.villages[1].code)
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00", village_code="")
    assert figures(town, "on_time") == {2: (0, 1)}


def test_void_matters_do_not_count(town):
    group = town.groups[0]
    made = [
        stage(town, group, due="10-08 09:00", ended="10-07 09:00"),
        step(town, group, "submit_result", "10-07 09:00"),
        step(town, group, "send_back", "10-08 09:00"),
        answer(town, group, 1, "10-08 09:00").incident,
    ]
    assert figures(town, "on_time") != {}
    Incident.objects.filter(pk__in=[one.pk for one in made]).update(
        status=Status.VOID, is_open=False, responsible_grid=None
    )
    for code in ("on_time", "rework", "satisfaction"):
        assert figures(town, code) == {}, code


def test_return_visit_counts_as_rework_only_when_it_failed(town):
    step(town, town.groups[0], "return_visit", "10-08 09:00", to_status=Status.VERIFIED)
    assert figures(town, "rework") == {}
    step(town, town.groups[0], "return_visit", "10-09 09:00")
    assert figures(town, "rework") == {1: (1, 0)}


def test_step_entered_after_the_data_were_taken_does_not_count(town):
    """Told by phone in October, typed on 20 November: not in a sheet of the 10th, but in one of today."""
    made = step(town, town.groups[0], "send_back", "10-08 09:00")
    Transition.objects.filter(incident=made, seq=2).update(entered_at=when("11-20 09:00"))
    early = Period.month(town.code, date(2026, 10, 1), data_at=when("11-10 09:00"))
    assert INDICATORS["rework"].figures(early) == {}
    assert figures(town, "rework") == {1: (1, 0)}


def test_rework_of_the_township_or_a_department_is_no_village_s(town):
    step(town, town.villages[0], "send_back", "10-08 09:00")
    made = step(town, town.groups[0], "send_back", "10-08 09:00")
    Transition.objects.filter(incident=made, seq=2).update(to_grid=None, to_department=town.department)
    made = step(town, town.groups[0], "send_back", "10-08 09:00")
    Transition.objects.filter(incident=made, seq=2).update(to_grid=town.grid)
    assert figures(town, "rework") == {1: (1, 0)}  # the village's own


def test_another_township_does_not_count(town):
    other = township("320371102", villages=2, groups_per_village=1, name="邻镇")
    stage(other, other.groups[0], due="10-08 09:00", ended="10-07 09:00")
    answer(other, other.groups[0], 1, "10-08 09:00")
    assert figures(town, "on_time") == {}
    assert figures(town, "satisfaction") == {}


def test_patrol_completion_is_done_of_due(town):
    group = town.groups[0]
    for day in (5, 5, 6):
        began = when(f"10-{day:02} 09:00")
        Patrol.objects.create(
            grid=group, township_code=town.code, village_code=group.village_code, member=town.worker.member,
            user=town.worker, started_at=began, ended_at=began, day=began.date(),
        )  # fmt: skip
    assert figures(town, "patrol") == {1: (2, 62), 2: (0, 62)}


def test_records_are_the_very_rows_behind_each_figure(town):
    october(town)
    period = Period.month(town.code, date(2026, 10, 1))
    for code in ("on_time", "rework", "satisfaction"):
        indicator = INDICATORS[code]
        for village, figure in indicator.figures(period).items():
            rows = list(indicator.rows(period).filter(village=village))
            assert sum(row.above for row in rows) == figure.numerator
            assert sum(row.below for row in rows) == figure.denominator
            assert all(row.above or row.below for row in rows)


def test_figures_come_from_what_people_did(town, clock):
    """A matter on its way through the actions: handled, sent back once, handled again."""
    clock("2026-10-12T09:00")
    group = town.groups[0]
    made = incident(town, Status.RESOLVED, grid=group)
    made = act(town, made, "send_back")
    act(town, made, "submit_result")
    clock("2026-11-23T09:00")
    assert figures(town, "rework") == {1: (1, 2)}
    assert figures(town, "on_time") == {1: (1, 1)}  # one run of the clock: sent back it goes on


def test_computing_takes_the_same_queries_whatever_the_size(clock):
    counts = []
    for code, villages, times in (("320371101", 1, 1), ("320371102", 3, 3)):
        town = township(code, villages=villages, groups_per_village=2)
        for _time in range(times):
            for group in town.groups:
                stage(town, group, due="10-08 09:00", ended="10-07 09:00")
                step(town, group, "submit_result", "10-07 09:00")
                answer(town, group, 1, "10-07 09:00")
        with CaptureQueriesContext(connection) as queries:
            assert len(compute(Period.month(code, date(2026, 10, 1)), WEIGHTS)) == villages
        counts.append(len(queries))
    assert counts == [7, 7]  # three indicators, three for patrols, the villages


def test_village_that_did_not_stand_in_the_month_is_not_judged(town):
    gone, new = town.villages
    gone.ended_on = date(2026, 10, 1)  # the first day without it
    gone.save()
    new.started_on = date(2026, 10, 31)
    new.save()
    assert list(compute(Period.month(town.code, date(2026, 10, 1)), WEIGHTS)) == [new]
