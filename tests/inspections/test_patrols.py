"""A patrol, and what may go wrong with it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Conflict, Forbidden, IdempotencyConflict, Invalid
from incidents.models import Incident
from inspections.actions import record_patrol
from inspections.models import Finding, Patrol
from tests.factories import fresh, login, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(clock):
    return township()


def walk(town, user=None, grid=None, ago=timedelta(hours=2), lasted=timedelta(hours=1), **more):
    """A patrol that began `ago` and lasted `lasted`; the worker's own in the own group unless told otherwise."""
    began = gridgov_clock.now() - ago
    return record_patrol(
        user=fresh(user or town.worker),
        grid=grid or town.groups[0],
        started_at=began,
        ended_at=began + lasted,
        **more,
    )


def test_patrol_is_linked_to_the_daily_duty(town):
    patrol = walk(town).patrol
    assert (patrol.duty.rule_id, patrol.duty.times, patrol.duty.per) == ("P6-T1", 1, "day")
    assert patrol.member == town.worker.member
    assert str(patrol.day) == "2026-11-23"


def test_patrol_counts_for_the_day_in_shanghai_on_which_it_began(town, clock):
    clock("2026-11-24T00:30")  # 16:30 of the 23rd in UTC
    assert str(walk(town, ago=timedelta(minutes=20), lasted=timedelta(minutes=5)).patrol.day) == "2026-11-24"
    assert str(walk(town, ago=timedelta(minutes=40), lasted=timedelta(minutes=30)).patrol.day) == "2026-11-23"


@pytest.mark.parametrize(
    ("ago", "lasted", "field"),
    [
        (timedelta(hours=1), timedelta(hours=2), "ended_at"),
        (timedelta(hours=-1), timedelta(hours=1), "ended_at"),
        (timedelta(hours=26), timedelta(hours=25), "ended_at"),
        (timedelta(hours=1), timedelta(hours=-1), "ended_at"),
        (timedelta(days=7, seconds=1), timedelta(hours=1), "started_at"),
    ],
)
def test_patrol_with_impossible_times_is_refused(town, ago, lasted, field):
    with pytest.raises(Invalid) as refused:
        walk(town, ago=ago, lasted=lasted)
    assert list(refused.value.errors) == [field]
    assert not Patrol.objects.exists()


@pytest.mark.parametrize(
    ("ago", "lasted"),
    [
        (timedelta(hours=24), timedelta(hours=24)),
        (timedelta(days=7), timedelta(0)),
        (timedelta(0), timedelta(minutes=1)),
    ],
)
def test_patrol_at_the_edge_of_the_possible_is_taken(town, ago, lasted):
    assert not walk(town, ago=ago, lasted=lasted).replayed


def test_patrol_is_of_the_own_grid_or_below(town):
    village, other = town.villages
    own, neighbour, elsewhere = town.groups[0], town.groups[1], town.groups_of(other)[0]
    allowed = [
        (town.worker, own),
        (town.village_head, village),
        (town.village_head, neighbour),
        (town.clerk, elsewhere),
    ]
    for user, grid in allowed:
        assert walk(town, user, grid).patrol.grid == grid
    refused = [
        (town.worker, neighbour),
        (town.worker, village),
        (town.worker, elsewhere),
        (town.village_head, elsewhere),
        (town.contact_leader, village),
        (town.assessor, village),
        (town.officer, own),
        (town.admin, own),
        (town.auditor, own),
    ]
    for user, grid in refused:
        with pytest.raises(Forbidden):
            walk(town, user, grid)
    assert Patrol.objects.count() == len(allowed)


def test_finding_becomes_an_incident_from_the_patrol(town):
    found = [
        {"text": "楼道堆放杂物"},
        {"text": "电线老化", "category": town.categories["request"], "address": "5号楼"},
    ]
    patrol = walk(town, findings=found).patrol
    noted, reported = patrol.findings.order_by("pk")
    assert (noted.text, noted.incident) == ("楼道堆放杂物", None)
    incident = reported.incident
    assert (incident.source, incident.grid, incident.description) == ("patrol", town.groups[0], "电线老化")
    assert (incident.address, incident.reporter) == ("5号楼", town.worker.member)
    assert incident.occurred_at == patrol.started_at


def test_patrol_and_its_findings_are_all_or_nothing(town):
    closed = town.categories["dispute"]
    closed.is_active = False
    closed.save()
    found = [
        {"text": "电线老化", "category": town.categories["request"]},
        {"text": "争吵", "category": closed},
    ]
    with pytest.raises(Invalid):
        walk(town, findings=found)
    assert (Patrol.objects.count(), Finding.objects.count(), Incident.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("text", ["", "   ", "长" * 501])
def test_finding_needs_words_that_fit(town, text):
    with pytest.raises(Invalid):
        walk(town, findings=[{"text": text}])


def test_patrol_holds_at_most_twenty_findings(town):
    assert walk(town, findings=[{"text": "一处"}] * 20).patrol.findings.count() == 20
    with pytest.raises(Invalid):
        walk(town, findings=[{"text": "一处"}] * 21)


def test_patrol_sent_again_changes_nothing(town):
    sent = {"client_uuid": uuid4(), "body_hash": "a" * 64}
    found = [{"text": "电线老化", "category": town.categories["request"]}]
    first = walk(town, findings=found, **sent)
    again = walk(town, findings=found, **sent)
    assert (first.replayed, again.replayed, again.patrol.pk) == (False, True, first.patrol.pk)
    assert (Patrol.objects.count(), Finding.objects.count(), Incident.objects.count()) == (1, 1, 1)


def test_patrol_sent_again_is_answered_even_when_it_would_be_too_old_now(town, clock):
    sent = {"client_uuid": uuid4(), "body_hash": "a" * 64}
    first = walk(town, **sent)
    clock("2026-12-05T09:00")
    assert walk(town, ago=timedelta(days=12), **sent).patrol == first.patrol


def test_patrol_with_the_same_id_and_other_content_is_refused(town):
    sent = uuid4()
    walk(town, client_uuid=sent, body_hash="a" * 64)
    with pytest.raises(IdempotencyConflict) as refused:
        walk(town, client_uuid=sent, body_hash="b" * 64)
    assert isinstance(refused.value, Conflict)
    assert Patrol.objects.count() == 1


def test_same_id_of_another_user_is_another_patrol(town):
    sent = uuid4()
    walk(town, client_uuid=sent)
    walk(town, town.worker2, town.groups_of(town.villages[1])[0], client_uuid=sent)
    assert Patrol.objects.count() == 2


def test_patrols_are_seen_by_place_and_by_whoever_made_them(town):
    mine = walk(town).patrol
    theirs = walk(town, town.clerk, town.groups_of(town.villages[1])[0]).patrol
    seen = {
        "worker": [mine],
        "worker2": [theirs],
        "village_head": [mine],
        "contact_leader": [mine],
        "clerk": [mine, theirs],
        "assessor": [mine, theirs],
        "officer": [],
        "auditor": [],
        "admin": [],
    }
    for name, expected in seen.items():
        user = fresh(getattr(town, name))
        listed = Patrol.objects.page_for(user).rows
        assert {one.pk for one in listed} == {one.pk for one in expected}, name
        assert set(Patrol.objects.visible_to(user)) == set(expected), name


def test_list_turns_its_pages_both_ways(town):
    made = [walk(town, ago=timedelta(hours=hours)).patrol.pk for hours in range(2, 9)]
    user = fresh(town.village_head)
    first = Patrol.objects.page_for(user, size=3)
    second = Patrol.objects.page_for(user, key=first.next, size=3)
    third = Patrol.objects.page_for(user, key=second.next, size=3)
    assert [one.pk for page in (first, second, third) for one in page.rows] == made
    assert third.next is None
    assert [one.pk for one in Patrol.objects.page_for(user, key=third.previous, size=3).rows] == made[3:6]


def test_list_cut_down_to_a_grid_keeps_scope(town):
    mine = walk(town).patrol
    walk(town, town.clerk, town.groups_of(town.villages[1])[0])
    assert [one.pk for one in Patrol.objects.page_for(fresh(town.clerk), town.villages[0].code).rows] == [
        mine.pk
    ]
    assert Patrol.objects.page_for(fresh(town.village_head), town.villages[1].code).rows == []


# --- pages -------------------------------------------------------------------------------------------------------
def test_pages_are_for_whoever_sees_the_patrol(town, client):
    patrol = walk(town, findings=[{"text": "电线老化", "category": town.categories["request"]}]).patrol
    number = Incident.objects.get().number
    for user, status in ((town.worker, 200), (town.assessor, 200), (town.worker2, 404), (town.admin, 404)):
        login(client, user)
        answer = client.get(f"/inspections/patrols/{patrol.pk}/")
        assert answer.status_code == status, user
        assert (number in answer.content.decode()) == (status == 200)
    client.logout()
    assert client.get(f"/inspections/patrols/{patrol.pk}/").status_code == 302


def test_list_page_takes_the_same_queries_for_one_and_three(town, client):
    login(client, town.clerk)
    counts = []
    for extra in (1, 2):
        for hours in range(extra):
            walk(town, ago=timedelta(hours=2 + hours))
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/inspections/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1], [query["sql"] for query in queries.captured_queries]


def test_patrol_entered_in_the_browser_twice_is_one(town, client):
    login(client, town.worker)
    form = client.get("/inspections/new/").context["form"]
    data = {
        "grid": town.groups[0].code,
        "started_at": "2026-11-23T08:00",
        "ended_at": "2026-11-23T08:40",
        "note": "",
        "client_uuid": str(form.initial["client_uuid"]),
        "findings-TOTAL_FORMS": "3",
        "findings-INITIAL_FORMS": "0",
        "findings-0-text": "电线老化",
        "findings-0-category": str(town.categories["request"].pk),
        "findings-1-text": "路灯不亮",
    }
    for _time in range(2):
        assert client.post("/inspections/new/", data).status_code == 302
    patrol = Patrol.objects.get()
    assert [bool(one.incident_id) for one in patrol.findings.order_by("pk")] == [True, False]
    assert gridgov_clock.local(patrol.started_at).hour == 8


def test_form_keeps_what_was_typed_and_says_what_is_wrong(town, client):
    login(client, town.worker)
    data = {
        "grid": town.groups[0].code,
        "started_at": "2026-11-23T08:00",
        "ended_at": "2026-11-23T18:40",
        "note": "雨天",
        "client_uuid": str(uuid4()),
        "findings-TOTAL_FORMS": "0",
        "findings-INITIAL_FORMS": "0",
    }
    answer = client.post("/inspections/new/", data)
    assert answer.status_code == 400
    assert "雨天" in answer.content.decode()
    assert list(answer.context["form"].errors) == ["ended_at"]


def test_form_offers_only_grids_that_one_may_patrol(town, client):
    login(client, town.village_head)
    offered = client.get("/inspections/new/").context["form"].fields["grid"].queryset
    assert {grid.village_code for grid in offered} == {town.villages[0].code}
    login(client, town.assessor)
    assert client.get("/inspections/new/").status_code == 403
