"""Due and done of the daily patrol, by hand. The town: two villages of two groups; today is Monday 2026-11-23."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common.clock import SHANGHAI
from grids.enums import Kind, Verb
from grids.querysets import Place, places_of
from inspections.models import Patrol
from inspections.querysets import by_village, duty_figures
from members.enums import DutyKind
from members.models import Duty
from tests.factories import fresh, login, township

pytestmark = pytest.mark.django_db

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 11, day) for day in (20, 21, 22, 23))


@pytest.fixture
def town(clock):
    return township()


@pytest.fixture
def whole(town):
    return [Place(town.code, Kind.TOWNSHIP, leaf=False)]


def walked(town, grid, day, hour=9):
    began = datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)
    return Patrol.objects.create(
        grid=grid,
        township_code=grid.township_code,
        village_code=grid.village_code,
        member=town.worker.member,
        user=town.worker,
        started_at=began,
        ended_at=began + timedelta(hours=1),
        day=day,
    )


def figures_of(whole, first, last):
    return {
        one.grid.code: (len(one.done), one.due, list(one.missing)) for one in duty_figures(whole, first, last)
    }


def test_each_group_owes_one_patrol_per_natural_day(town, whole):
    walked(town, town.groups[0], FRIDAY)
    walked(town, town.groups[0], SUNDAY)
    walked(town, town.groups[2], SATURDAY)
    assert figures_of(whole, FRIDAY, SUNDAY) == {
        town.groups[0].code: (2, 3, [SATURDAY]),
        town.groups[1].code: (0, 3, [FRIDAY, SATURDAY, SUNDAY]),
        town.groups[2].code: (1, 3, [FRIDAY, SUNDAY]),
        town.groups[3].code: (0, 3, [FRIDAY, SATURDAY, SUNDAY]),
    }
    assert by_village(duty_figures(whole, FRIDAY, SUNDAY)) == {
        town.villages[0].code: (2, 6),
        town.villages[1].code: (1, 6),
    }


def test_several_patrols_of_a_day_count_once(town, whole):
    for hour in (8, 12, 16):
        walked(town, town.groups[0], SUNDAY, hour)
    assert figures_of(whole, SUNDAY, SUNDAY)[town.groups[0].code] == (1, 1, [])


def test_patrol_of_another_grid_or_day_does_not_count(town, whole):
    walked(town, town.villages[0], SUNDAY)
    walked(town, town.groups[0], FRIDAY)
    assert figures_of(whole, SUNDAY, SUNDAY)[town.groups[0].code] == (0, 1, [SUNDAY])


def test_today_is_due_only_once_it_is_done(town, whole):
    walked(town, town.groups[0], MONDAY)
    figures = figures_of(whole, MONDAY, date(2026, 11, 30))
    assert figures[town.groups[0].code] == (1, 1, [])
    assert figures[town.groups[1].code] == (0, 0, [])


def test_nothing_is_due_before_grid_and_duty_stand_or_after_the_grid_ended(town, whole):
    young, ended, late_duty = town.groups[0], town.groups[1], date(2026, 11, 19)
    young.started_on = SUNDAY
    young.save()
    ended.ended_on = SATURDAY  # the first day without it
    ended.save()
    Duty.objects.filter(township=town.code, kind=DutyKind.PATROL).update(since=late_duty)
    figures = figures_of(whole, date(2026, 11, 16), SUNDAY)
    assert figures[young.code] == (0, 1, [SUNDAY])
    assert figures[ended.code] == (0, 2, [late_duty, FRIDAY])
    assert figures[town.groups[2].code][1] == 4


def test_duty_without_a_number_brings_nothing_due(town, whole):
    Duty.objects.filter(township=town.code, rule_id="P6-T1").update(times=None, per="")
    walked(town, town.groups[0], SUNDAY)
    assert duty_figures(whole, FRIDAY, SUNDAY) == []


def test_figures_stay_within_the_places_asked_for(town):
    for name, groups in (
        ("worker", 1),
        ("village_head", 2),
        ("contact_leader", 2),
        ("clerk", 4),
        ("officer", 0),
    ):
        places = places_of(fresh(getattr(town, name)))[Verb.SEE]
        assert len(duty_figures(places, FRIDAY, SUNDAY)) == groups, name


def test_figures_take_three_queries_whatever_the_number_of_grids(town, whole):
    for group in town.groups:
        walked(town, group, SUNDAY)
    for places in ([Place(town.villages[0].code, Kind.VILLAGE, leaf=False)], whole):
        with CaptureQueriesContext(connection) as queries:
            duty_figures(places, FRIDAY, SUNDAY)
        assert len(queries) == 3


def test_month_page_goes_from_villages_to_days(town, client):
    walked(town, town.groups[0], SUNDAY)
    login(client, town.clerk)
    page = client.get("/inspections/duties/?month=2026-11")
    assert [(row["code"], row["done"], row["due"]) for row in page.context["villages"]] == [
        (town.villages[0].code, 1, 44),
        (town.villages[1].code, 0, 44),
    ]
    page = client.get(f"/inspections/duties/?month=2026-11&grid={town.villages[0].code}")
    (first, marks), _second = page.context["rows"]
    assert first.grid == town.groups[0]
    assert marks == ["missing"] * 21 + ["done"] + [""] * 8


def test_month_page_shows_nothing_outside_scope(town, client):
    login(client, town.village_head)
    assert client.get(f"/inspections/duties/?grid={town.villages[1].code}").status_code == 404
    page = client.get("/inspections/duties/?month=2026-11")
    assert {figure.grid.village_code for figure, _marks in page.context["rows"]} == {town.villages[0].code}
    assert client.get("/inspections/duties/?month=nonsense").status_code == 200
