"""What changed since the last call: nothing falls between, and what is out of sight is named."""

from datetime import timedelta
from uuid import UUID

import pytest

from gridgov.common import clock as now_of
from incidents import querysets
from incidents.actions import perform
from incidents.models import Incident
from members.actions import end_appointment
from members.models import Appointment
from tests.api.conftest import API, problem
from tests.factories import act, fresh, incident, township


@pytest.fixture
def town(db, clock):
    return township()


@pytest.fixture
def ask(api):
    def since(user, moment, **more):
        answer = api(user).get(f"{API}incidents/", {"updated_since": moment, **more})
        assert answer.status_code == 200, answer.content.decode()
        body = answer.json()
        return [row["number"] for row in body["results"]], body["gone"], body

    return since


def later(clock, minutes=10):
    return clock(now_of.now() + timedelta(minutes=minutes))


def test_only_what_changed_comes(town, ask, api, clock):
    first, second = incident(town), incident(town)
    later(clock)
    as_of = api(town.worker).get(f"{API}incidents/").json()["as_of"]
    assert ask(town.worker, as_of)[:2] == ([], [])
    later(clock)
    act(town, first, "accept")
    assert ask(town.worker, as_of)[:2] == ([first.number], [])
    third = incident(town)
    assert set(ask(town.worker, as_of)[0]) == {first.number, third.number}
    assert second.number not in ask(town.worker, as_of)[0]


def test_the_last_minute_comes_again(town, ask, clock):
    matter = incident(town)
    as_of = now_of.local(now_of.now() + timedelta(seconds=59)).isoformat()
    assert ask(town.worker, as_of)[0] == [matter.number]
    as_of = now_of.local(now_of.now() + timedelta(seconds=61)).isoformat()
    assert ask(town.worker, as_of)[0] == []


def test_what_others_see_is_neither_listed_nor_gone(town, ask, clock):
    as_of = now_of.local(now_of.now()).isoformat()
    later(clock)
    act(town, incident(town), "accept")
    other = township("320371102", name="邻镇")
    incident(other)
    assert ask(town.worker2, as_of)[:2] == ([], [])


def test_a_matter_that_moved_to_another_place_is_gone(town, ask, clock):
    matter = incident(town, user=town.clerk)
    later(clock)
    as_of = now_of.local(now_of.now()).isoformat()
    later(clock)
    perform(
        user=fresh(town.clerk),
        incident=matter,
        action="correct",
        grid=town.villages[1],
    )
    assert not Incident.objects.visible_to(fresh(town.contact_leader)).filter(pk=matter.pk).exists()
    assert ask(town.contact_leader, as_of)[:2] == ([], [str(matter.pk)])
    assert ask(town.village_head2, as_of)[:2] == ([matter.number], [])
    assert UUID(ask(town.contact_leader, as_of)[1][0]) == matter.pk


def test_pages_of_changes_follow_one_another(town, ask, api, clock, monkeypatch):
    as_of = now_of.local(now_of.now()).isoformat()
    made = {incident(town).number for _ in range(3)}
    monkeypatch.setattr(querysets.IncidentQuerySet.changed_for, "__defaults__", (None, 2))
    numbers, _gone, body = ask(town.worker, as_of)
    assert len(numbers) == 2
    following = api(town.worker).get(body["next"]).json()
    assert {*numbers, *(row["number"] for row in following["results"])} == made
    assert following["next"] is None


def test_it_does_not_go_together_with_filters(town, api):
    query = {"updated_since": "2026-11-23T09:00:00+08:00", "open": "true"}
    problem(api(town.worker).get(f"{API}incidents/", query), 400, "invalid")


def test_too_much_or_an_ended_post_asks_to_load_anew(town, api, clock, monkeypatch):
    query = {"updated_since": now_of.local(now_of.now()).isoformat()}
    incident(town)
    monkeypatch.setattr(querysets, "MOST_CHANGES", 0)
    problem(api(town.worker).get(f"{API}incidents/", query), 400, "load_anew")
    monkeypatch.setattr(querysets, "MOST_CHANGES", 100)
    assert api(town.worker).get(f"{API}incidents/", query).status_code == 200
    end_appointment(appointment=Appointment.objects.filter(member=town.worker.member).first())
    problem(api(town.worker).get(f"{API}incidents/", query), 400, "load_anew")


def test_changes_ask_the_same_for_one_and_for_five(town, api, counted):
    query = {"updated_since": now_of.local(now_of.now()).isoformat()}
    client = api(town.worker)
    incident(town)
    with counted() as one:
        client.get(f"{API}incidents/", query)
    for _ in range(4):
        incident(town)
    with counted() as five:
        assert len(client.get(f"{API}incidents/", query).json()["results"]) == 5
    assert five.count == one.count
