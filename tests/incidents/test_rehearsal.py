"""A changed limit, calendar or routing on last month's matters: what would differ, and nothing is written."""

from datetime import datetime, time

import pytest
from django.test import Client

from gridgov.common import clock as gridgov_clock
from gridgov.common.worktime import Calendar as WorkCalendar
from grids.models import Calendar
from grids.querysets import OFFICE, URGENT
from incidents import rehearsal
from incidents.actions import sweep
from incidents.models import Category, Incident, Procedure, Stage
from incidents.rehearsal import rehearse_calendar, rehearse_procedure
from incidents.workflow import ProcedureSpec
from tests.factories import login
from tests.incidents.acting import do


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=gridgov_clock.SHANGHAI)


@pytest.fixture
def october(town, new, clock):
    """Three matters of October with two working days: one done after one day, one after three with a pause of one, one still open."""
    clock("2026-10-12T09:00")  # a Monday
    quick, paused, lying = (new() for _n in range(3))
    clock("2026-10-13T09:00")
    do(quick, town.worker, "settle", note="换了灯泡")
    do(paused, town.worker, "suspend", reason="等材料")
    clock("2026-10-14T09:00")
    do(paused, town.worker, "resume")
    clock("2026-10-15T09:00")
    do(paused, town.worker, "settle", note="换了灯泡")
    clock("2026-10-14T09:01")
    sweep()
    clock("2026-11-23T09:00")
    new()  # not of last month
    return quick, paused, lying


@pytest.fixture
def calendars(town):
    return {which: Calendar.objects.of(town.code, which) for which in (OFFICE, URGENT)}


def rehearsed(town, calendars, **change):
    procedure = town.categories["request"].procedure
    spec = ProcedureSpec.model_validate(procedure.spec.model_dump(mode="json") | change)
    return rehearse_procedure(township_code=town.code, code=procedure.code, spec=spec, calendars=calendars)


def limits(town, **change):
    return {**town.categories["request"].procedure.spec.model_dump(mode="json")["limits"], **change}


def test_without_a_change_nothing_differs(town, october, calendars):
    found = rehearsed(town, calendars)
    assert found.is_same and found.clocks == 3
    assert (found.late_before, found.late_after) == (1, 1)
    assert (found.first.isoformat(), found.last.isoformat()) == ("2026-10-01", "2026-10-31")


def test_a_shorter_limit_makes_more_late_with_the_same_pauses(town, october, calendars):
    quick, paused, lying = october
    short = {"n": 4, "unit": "working_hours"}
    found = rehearsed(town, calendars, limits=limits(town, group=short))
    assert (found.late_before, found.late_after, found.moved) == (1, 3, 3)
    after = {row.number: row.after for row in found.differences}
    assert after[quick.number] == after[lying.number] == at("2026-10-12T15:00")
    # the pause came after that deadline, and moves it all the same
    assert after[paused.number] == at("2026-10-13T15:00")
    assert found.told_after > found.told_before


def test_a_longer_limit_makes_none_of_the_done_ones_late(town, october, calendars):
    found = rehearsed(town, calendars, limits=limits(town, group={"n": 60, "unit": "working_days"}))
    assert (found.late_before, found.late_after) == (1, 0)
    assert found.told_after == 0


def test_other_frames_move_what_follows_frames(town, october):
    only_mornings = WorkCalendar(frames=((time(8, 30), time(12)),), weekdays=frozenset({0, 2, 4}))
    found = rehearse_calendar(
        township_code=town.code, office=only_mornings, urgent=Calendar.objects.of(town.code, URGENT)
    )
    assert found.moved == 3
    assert {row.after for row in found.differences} >= {at("2026-10-16T09:00")}  # Wednesday, Friday


def test_another_routing_counts_who_would_have_received_it(town, october, calendars):
    found = rehearsed(town, calendars, start="village")
    assert found.elsewhere == 3


def test_what_was_passed_up_runs_as_one_clock_of_whoever_would_have_received_it(town, new, clock, calendars):
    clock("2026-10-12T09:00")
    incident = new()
    clock("2026-10-13T09:00")
    do(incident, town.worker, "escalate", reason="超出本组能力")
    clock("2026-10-19T09:00")
    do(incident, town.village_head, "settle", note="已处理")
    clock("2026-11-23T09:00")
    change = {"start": "village", "limits": limits(town, village={"n": 4, "unit": "working_days"})}
    found = rehearsed(town, calendars, **change)
    assert (found.clocks, found.elsewhere, found.fewer) == (2, 1, 1)
    row = found.differences[0]
    assert str(row.unit) == str(town.villages[0])
    # four working days from the report, and it was there until the 19th
    assert (row.before, row.after) == (at("2026-10-14T09:00"), at("2026-10-16T09:00"))
    assert found.late_after == 1


def test_without_a_check_its_clock_would_not_run(town, new, clock, calendars):
    clock("2026-10-12T09:00")
    incident = new()
    for action, values in (("accept", {}), ("start", {}), ("submit_result", {"note": "已修"})):
        do(incident, town.worker, action, **values)
    clock("2026-11-23T09:00")
    found = rehearsed(town, calendars, verify="none")
    assert (found.elsewhere, found.fewer, found.is_same) == (1, 1, False)


@pytest.mark.parametrize("chunk", [1, 2, 500])
def test_a_whole_month_is_read_chunk_by_chunk(town, october, calendars, monkeypatch, chunk):
    monkeypatch.setattr(rehearsal, "CHUNK", chunk)
    found = rehearsed(town, calendars, limits=limits(town, group={"n": 4, "unit": "working_hours"}))
    assert (found.clocks, found.moved, found.capped) == (3, 3, False)


def test_nothing_is_written(town, october, calendars):
    before = (list(Stage.objects.values().order_by("pk")), list(Incident.objects.values().order_by("pk")))
    rehearsed(town, calendars, limits=limits(town, group={"n": 1, "unit": "hours"}))
    assert (
        list(Stage.objects.values().order_by("pk")),
        list(Incident.objects.values().order_by("pk")),
    ) == before


def test_pages_show_it_before_anything_is_saved(town, october):
    clerk = login(Client(), town.clerk)
    form = {"frames": "08:30-12:00", "weekdays": [0, 1, 2, 3, 4], "urgent_frames": "00:00-24:00"}
    page = clerk.post(f"/incidents/rehearsal/{town.code}/", form)
    assert page.status_code == 200
    assert Calendar.objects.get(pk=town.code).frames == [["08:30", "12:00"], ["14:00", "17:30"]]
    assert clerk.get(f"/incidents/rehearsal/{town.code}/").status_code == 200
    assert login(Client(), town.village_head).get(f"/incidents/rehearsal/{town.code}/").status_code == 404


@pytest.mark.parametrize(("role", "named"), [("clerk", True), ("admin", False)])
def test_publishing_a_procedure_shows_it_and_technical_accounts_see_no_matters(town, october, role, named):
    client = login(Client(), getattr(town, role))
    procedure = town.categories["request"].procedure
    url = f"/admin/incidents/procedure/{procedure.pk}/publish/"
    page = client.get(url).content.decode()
    assert page
    spec = procedure.spec.model_dump(mode="json")
    form = {"name": procedure.name, "preview": "1"}
    for name, value in spec.items():
        if isinstance(value, bool):
            form |= {name: "on"} if value else {}
        elif isinstance(value, str | list) and value and name != "steps":
            form[name] = value
    for key, limit in spec["limits"].items():
        form |= {f"limit_{key}_0": limit["n"], f"limit_{key}_1": limit["unit"]}
    form |= {"limit_group_0": 1, "limit_group_1": "hours"}
    text = client.post(url, form).content.decode()
    assert "上月事件试算" in text
    assert (october[0].number in text) is named
    assert Procedure.objects.get(pk=procedure.pk).is_current


def test_where_the_reporters_unit_receives_it_only_what_others_than_the_group_report_arrives_elsewhere(
    town, new, clock, calendars
):
    clock("2026-10-12T09:00")
    new()
    new(user=town.clerk)
    clock("2026-11-23T09:00")
    found = rehearsed(town, calendars, start="reporter")
    assert (found.clocks, found.elsewhere) == (2, 1)


def test_what_is_not_sent_to_the_grids_arrives_at_the_township_whatever_the_routing(
    town, new, clock, calendars
):
    clock("2026-10-12T09:00")
    Category.objects.filter(pk=town.categories["request"].pk).update(for_grids=False)
    town.categories["request"].refresh_from_db()
    new(user=town.clerk)
    new()
    clock("2026-11-23T09:00")
    assert rehearsed(town, calendars, start="village").elsewhere == 1  # only what the worker reported


def test_queries_do_not_grow_with_matters(town, new, clock, calendars, django_assert_num_queries):
    clock("2026-10-12T09:00")
    new()
    clock("2026-11-23T09:00")
    with django_assert_num_queries(6):
        assert rehearsed(town, calendars, limits=limits(town, group={"n": 1, "unit": "hours"})).clocks == 1
    clock("2026-10-12T09:00")
    for _n in range(4):
        new()
    clock("2026-11-23T09:00")
    with django_assert_num_queries(6):
        assert rehearsed(town, calendars, limits=limits(town, group={"n": 1, "unit": "hours"})).clocks == 5
