"""One action on several matters over REST."""

import uuid

import pytest

from incidents.models import Incident, Transition
from tests.api.conftest import API
from tests.factories import township

BULK = f"{API}incidents/bulk/"


@pytest.fixture
def rows(reported):
    return [reported()["id"] for _n in range(3)]


def body(rows, action="accept", **more):
    return {"client_uuid": str(uuid.uuid4()), "action": action, "incidents": rows, **more}


def test_answer_has_a_line_for_each_matter(town, api, act, rows):
    act(town.worker, rows[1], "accept")
    answer = api(town.worker).post(BULK, body(rows)).json()
    assert (answer["done"], answer["refused"]) == (2, 1)
    assert [(line["id"], line["status"]) for line in answer["results"]] == list(
        zip(rows, [200, 409, 200], strict=True)
    )
    assert answer["results"][0]["body"]["status"] == "accepted"
    assert answer["results"][1]["problem"]["code"] == "wrong_state"


def test_refused_line_answers_as_a_call_of_its_own_would(town, api, reported):
    row = reported(escalate=True)["id"]
    answer = api(town.worker).post(BULK, body([row], "settle", note="已处理")).json()
    assert answer["results"][0]["status"] == 403


def test_same_call_again_does_only_what_is_missing(town, api, rows):
    sent = body(rows)
    api(town.worker).post(BULK, sent)
    again = api(town.worker).post(BULK, sent).json()
    assert (again["done"], Transition.objects.filter(action="accept").count()) == (3, 3)
    other = api(town.worker).post(BULK, sent | {"incidents": rows[:1]})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_undo_of_a_batch(town, api, act, rows):
    batch = api(town.worker).post(BULK, body(rows)).json()["batch"]
    act(town.worker, rows[2], "start")
    undone = api(town.worker).post(f"{BULK}{batch}/undo/", {"client_uuid": str(uuid.uuid4())}).json()
    assert (undone["done"], undone["refused"]) == (2, 1)
    assert [line["id"] for line in undone["results"] if line["status"] != 200] == [rows[2]]
    assert (
        api(town.village_head).post(f"{BULK}{batch}/undo/", {"client_uuid": str(uuid.uuid4())}).status_code
        == 404
    )


def test_named_outside_is_unknown_in_every_line_and_nothing_is_stored(town, api, reported, act):
    rows = [reported(escalate=True)["id"] for _n in range(2)]
    for row in rows:
        act(town.village_head, row, "accept")
    foreign = township("320371103", name="外镇")
    sent = body(rows, "dispatch", to={"grid": foreign.groups[0].code})
    answer = api(town.village_head).post(BULK, sent).json()
    assert {line["problem"]["code"] for line in answer["results"]} == {"unknown_grid"}
    assert set(Incident.objects.values_list("status", flat=True)) == {"accepted"}


@pytest.mark.parametrize(
    "wrong", [{"action": "undo"}, {"incidents": []}, {"incidents": [str(uuid.uuid4())] * 201}, {"files": []}]
)
def test_what_the_call_does_not_take_is_refused_whole(town, api, rows, wrong):
    assert api(town.worker).post(BULK, body(rows) | wrong).status_code == 400
    assert set(Incident.objects.values_list("status", flat=True)) == {"reported"}
