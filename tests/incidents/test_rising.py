"""Yellow before red, what will go up, and where a chain ends."""

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as gridgov_clock
from gridgov.common.models import Heartbeat
from grids.enums import Verb
from grids.querysets import places_of
from incidents import rising
from incidents.actions import NewProcedure, publish_procedures, sweep, warn_soon, warning
from incidents.models import Escalation, Incident, Stage
from members.models import InboxMessage
from tests.factories import fresh, login
from tests.incidents.acting import do


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=gridgov_clock.SHANGHAI)


def ruled(town, category="request", **data):
    procedure = town.categories[category].procedure
    new = NewProcedure(procedure.code, "x", {**procedure.data, **data})
    publish_procedures(township=town.grid, procedures=[new])
    town.categories[category].refresh_from_db()


def again(incident):
    return Incident.objects.get(pk=incident.pk)


def warned():
    return InboxMessage.objects.filter(kind="warning").order_by("id")


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_yellow_comes_once_a_working_day_before(town, new, clock, batch):
    assert warn_soon() == 0
    matters = [new() for _n in range(3)]  # due on Wednesday 09:00
    clock("2026-11-24T08:59")
    assert warn_soon(batch=batch) == 0
    clock("2026-11-24T09:00")
    assert warn_soon(batch=batch) == 3
    assert warn_soon(batch=batch) == 0
    assert {row.member for row in warned()} == {town.worker.member}
    assert sorted(row.params["number"] for row in warned()) == sorted(row.number for row in matters)
    assert warned()[0].params["due"] == "2026-11-25 09:00"


def test_yellow_of_many_is_written_as_cheaply_as_of_one(town, new, clock):
    warn_soon()
    asked = []
    for more, morning in ((1, "2026-11-24"), (3, "2026-11-25")):
        for _n in range(more):
            new()
        clock(f"{morning}T09:00")
        with CaptureQueriesContext(connection) as found:
            assert warn_soon() == more
        asked.append(len(found))
    assert asked[0] == asked[1]


def test_a_slower_run_does_not_set_the_place_back(town, new, clock):
    warn_soon()
    new()
    clock("2026-11-24T09:00")
    ahead = Heartbeat.objects.get(name="yellow").detail
    assert warn_soon() == 1
    came = Heartbeat.objects.get(name="yellow").detail
    warning._keep({town.code: datetime.fromisoformat(ahead[town.code])})  # as a run that began before
    assert Heartbeat.objects.get(name="yellow").detail == came
    assert came[town.code] > ahead[town.code]


def test_no_yellow_on_the_weekend_and_none_for_what_moved_away(town, new, clock):
    clock("2026-11-19T10:00")
    warn_soon()
    stays, moved = new(), new()  # due on Monday 10:00
    do(moved, town.worker, "suspend", reason="等材料")
    clock("2026-11-20T10:00")
    assert warn_soon() == 1
    assert warned().get().params["number"] == stays.number
    clock("2026-11-21T10:00")
    assert warn_soon() == 0


def test_an_extension_moves_the_yellow_too(town, new, clock):
    warn_soon()
    incident = new()
    clock("2026-11-24T09:00")
    assert warn_soon() == 1
    do(incident, town.worker, "request_extension", until=at("2026-11-27T12:00"), reason="缺配件")
    do(incident, town.village_head, "decide_extension", granted=True)
    clock("2026-11-26T12:00")
    assert warn_soon() == 1
    assert warned().last().params["due"] == "2026-11-27 12:00"


def test_a_level_without_a_limit_has_that_of_the_failed_stage(town, new, clock):
    ruled(town, limits={"group": {"n": 2, "unit": "working_days"}})
    incident = new()
    clock("2026-11-25T09:01")
    assert sweep() == 1
    card = Escalation.objects.get()
    assert card.card_due_at == at("2026-11-27T09:01")
    clock("2026-11-27T09:02")
    assert sweep() == 1
    clock("2026-12-01T09:03")
    assert sweep() == 1
    assert [row.level for row in Escalation.objects.filter(incident=incident).order_by("told_at")] == [
        "village", "township", "leader",
    ]  # fmt: skip


def test_who_takes_over_a_late_matter_without_an_own_limit_has_the_one_that_was_missed(town, new, clock):
    ruled(town, on_overdue="raise", limits={"group": {"n": 2, "unit": "working_days"}})
    incident = new()
    clock("2026-11-25T09:01")
    sweep()
    incident = do(incident, town.village_head, "accept")
    assert incident.responsible_grid == town.villages[0]
    assert incident.due_at == at("2026-11-27T09:01")
    late = Escalation.objects.get()
    assert (late.late_grid, late.settled_at) == (town.groups[0], gridgov_clock.now())
    assert Stage.objects.get(incident=incident, number=1).grid == town.groups[0]


def test_what_was_not_late_gets_no_limit_by_moving(town, new, clock):
    ruled(town, limits={"group": {"n": 2, "unit": "working_days"}})
    incident = do(new(), town.worker, "escalate", reason="够不着")
    assert incident.due_at is None


def test_page_tells_what_will_go_up_and_why(town, new, clock):
    first = new()
    late = new("dispute")
    far = new(external_no="", external_due=None, category="fire", user=town.clerk)
    clock("2026-11-25T08:00")
    places = places_of(fresh(town.clerk))[Verb.SEE]
    coming = {row.incident: row for row in rising.will_go_up(places)}
    assert {first, late} <= set(coming)
    assert coming[first].at == at("2026-11-25T09:00")
    assert town.villages[0].name in coming[first].why
    clock("2026-11-25T09:01")
    sweep()
    assert first not in {row.incident for row in rising.will_go_up(places, hours=1)}
    page = login(Client(), town.clerk).get("/incidents/rising/")
    text = page.content.decode()
    assert page.status_code == 200 and first.number in text and late.number in text
    assert far is not None
    other = login(Client(), town.village_head2).get("/incidents/rising/").content.decode()
    assert first.number not in other
    assert login(Client(), town.officer).get("/incidents/rising/").status_code == 403


def test_a_red_card_lies_on_the_leaders_list_until_the_unit_acts(town, new, clock):
    incident = new("dispute")
    for moment in ("2026-11-25T10:00", "2026-11-26T10:01", "2026-11-27T10:02"):
        clock(moment)
        sweep()
    assert Escalation.objects.get(is_red=True).told_member == town.leader.member
    text = login(Client(), town.leader).get("/").content.decode()
    assert "红牌" in text and incident.number in text
    do(incident, town.worker, "settle", note="已调解")
    assert rising.red_cards([town.code], 10) == []


def test_number_of_queries_does_not_grow(town, new, clock, django_assert_num_queries):
    places = places_of(fresh(town.clerk))[Verb.SEE]
    new()
    clock("2026-11-25T08:00")
    with django_assert_num_queries(3):
        assert len(rising.will_go_up(places)) == 1
    clock("2026-11-23T09:00")
    for _n in range(4):
        new()
    clock("2026-11-25T08:00")
    with django_assert_num_queries(3):
        assert len(rising.will_go_up(places)) == 5
