"""Acting on a matter over REST: the order of refusals, repeats, lost races, and whom one may name."""

import uuid

import pytest

from incidents.models import Incident, Transition
from incidents.workflow import TRANSITIONS
from tests.api.conftest import API, problem
from tests.factories import township


@pytest.fixture
def row(reported):
    return reported()


def test_action_answers_the_matter_as_it_is_now(town, act, row):
    answer = act(town.worker, row["id"], "accept")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["version"]) == ("accepted", 2)
    assert "start" in {action["name"] for action in body["allowed_actions"]}
    assert "Idempotent-Replayed" not in answer


def test_the_whole_way_over_rest(town, reported, act):
    row = reported(requester={"name": "李四", "phone": "13812345678"})["id"]
    told = {"channel": "phone", "note": "已告知"}
    for user, action, arguments in (
        (town.worker, "accept", {}),
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已修好"}),
        (town.village_head, "verify", {}),
        (town.worker, "feed_back", told),
        (town.worker, "close", {}),
    ):
        answer = act(user, row, action, **arguments)
        assert answer.status_code == 200, (action, answer.content.decode())
    assert answer.json()["status"] == "closed"


def test_repeat_answers_200_and_writes_nothing_even_after_others_acted(town, api, row):
    body = {"client_uuid": str(uuid.uuid4()), "note": "收到"}
    address = f"{API}incidents/{row['id']}/actions/accept/"
    assert api(town.worker).post(address, body).status_code == 200
    api(town.worker).post(f"{API}incidents/{row['id']}/actions/start/", {"client_uuid": str(uuid.uuid4())})
    again = api(town.worker).post(address, body)
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert again.json()["status"] == "in_progress"
    assert Transition.objects.filter(incident=row["id"]).count() == 3


@pytest.mark.parametrize("change", ["note", "action", "incident"])
def test_client_uuid_used_for_something_else_is_a_conflict(town, api, row, reported, change):
    body = {"client_uuid": str(uuid.uuid4()), "note": "收到"}
    other = reported()
    api(town.worker).post(f"{API}incidents/{row['id']}/actions/add_note/", body)
    target, action = row["id"], "add_note"
    match change:
        case "note":
            body["note"] = "别的"
        case "action":
            action = "accept"
        case "incident":
            target = other["id"]
    answer = api(town.worker).post(f"{API}incidents/{target}/actions/{action}/", body)
    problem(answer, 409, "idempotency_conflict")


def test_refusals_come_in_their_order(town, api, act, reported):
    """404, replay, 403, 409, 400: each body below is wrong in every later way too."""
    row = reported(escalate=True)  # lies with the village, whose turn it is to dispatch
    wrong = {"to": {"grid": "999999999"}, "version": 99}
    for action in ("accept", "dispatch"):
        problem(act(town.worker2, row["id"], action, **wrong), 404, "not_found")
    problem(act(town.contact_leader, row["id"], "dispatch", **wrong), 403, "forbidden")
    problem(act(town.village_head, row["id"], "dispatch", **wrong), 409, "wrong_state")
    body = {"client_uuid": str(uuid.uuid4()), "note": "收到"}
    address = f"{API}incidents/{row['id']}/actions/accept/"
    assert api(town.village_head).post(address, body).status_code == 200
    problem(act(town.village_head, row["id"], "dispatch", **wrong), 409, "stale_version")
    problem(act(town.village_head, row["id"], "dispatch", to=wrong["to"]), 400, "unknown_grid")
    assert api(town.village_head).post(address, body).status_code == 200
    problem(api(town.village_head).post(address, {**body, "to": wrong["to"]}), 409, "idempotency_conflict")


def test_stale_version_is_a_conflict_and_the_right_one_passes(town, act, row):
    problem(act(town.worker, row["id"], "accept", version=2), 409, "stale_version")
    assert act(town.worker, row["id"], "accept", version=1).status_code == 200


def test_missing_argument_is_named(town, act, row):
    assert set(problem(act(town.worker, row["id"], "escalate"), 400, "invalid_arguments")["errors"]) == {
        "reason"
    }
    body = problem(
        act(town.worker, row["id"], "accept", deadline="2027-01-01T09:00:00+08:00"), 400, "invalid_arguments"
    )
    assert set(body["errors"]) == {"deadline"}


@pytest.mark.parametrize(
    ("to", "code", "named"),
    [
        ({"grid": "OTHER"}, "unknown_grid", "to.grid"),
        ({"grid": "999999999999"}, "unknown_grid", "to.grid"),
        ({"department": 999_999}, "unknown_department", "to.department"),
        ({"department": "OTHER"}, "unknown_department", "to.department"),
        ({"grid": "BESIDE"}, "wrong_target", "to"),
        ({}, "invalid", "to"),
        ({"grid": "320371101", "department": 1}, "invalid", "to"),
        ({"member": 1}, "invalid", "to.member"),
    ],
)
def test_target_outside_scope_is_refused_and_nothing_is_stored(town, act, reported, *, to, code, named):
    other = township("320371102", name="另一镇")
    row = reported(escalate=True)["id"]
    act(town.village_head, row, "accept")
    places = {"OTHER": other.groups[0].code, "BESIDE": town.groups_of(town.villages[1])[0].code}
    to = {name: places.get(value, value) if name == "grid" else value for name, value in to.items()}
    if to.get("department") == "OTHER":
        to["department"] = other.department.pk
    before = Incident.objects.values().get(pk=row)
    assert named in problem(act(town.village_head, row, "dispatch", to=to), 400, code)["errors"]
    assert Incident.objects.values().get(pk=row) == before


def test_clerk_dispatches_to_a_department_whose_officer_then_sees_it(town, api, reported, act):
    row = reported(category="fire")["id"]
    problem(api(town.officer).get(f"{API}incidents/{row}/"), 404, "not_found")
    act(town.clerk, row, "accept")
    answer = act(town.clerk, row, "dispatch", to={"department": town.department.pk})
    assert answer.status_code == 200, answer.content.decode()
    assert answer.json()["responsible"]["department"] == town.department.pk
    assert api(town.officer).get(f"{API}incidents/{row}/").status_code == 200
    assert act(town.officer, row, "start").status_code == 200


def test_files_of_an_action_must_be_ones_own_and_have_arrived(town, act, row):
    act(town.worker, row["id"], "accept")
    act(town.worker, row["id"], "start")
    answer = act(town.worker, row["id"], "submit_result", note="好了", files=[str(uuid.uuid4())])
    problem(answer, 400, "unknown_file")
    assert Incident.objects.get(pk=row["id"]).status == "in_progress"


def test_action_that_does_not_exist_is_absent(town, act, row):
    for action in ("delete", "report", "overdue"):
        assert action not in TRANSITIONS
        problem(act(town.clerk, row["id"], action), 404, "not_found")


@pytest.mark.parametrize("who", ["worker2", "auditor", "admin", "officer"])
def test_no_action_is_possible_on_what_one_does_not_see(town, act, row, who):
    for action in TRANSITIONS:
        problem(act(getattr(town, who), row["id"], action), 404, "not_found")


def test_procedure_requirement_names_its_rule(town, reported, act):
    row = reported(category="fire")["id"]
    for action, arguments in (
        ("accept", {}),
        ("start", {}),
        ("submit_result", {"note": "已处置"}),
        ("verify", {}),
    ):
        answer = act(town.clerk, row, action, **arguments)
        assert answer.status_code == 200, (action, answer.content.decode())
    body = problem(act(town.clerk, row, "close"), 400, "return_visit_required")
    assert body["rule"]["id"]
    assert set(body["errors"]) == {"return_visit"}


def test_accept_takes_the_same_statements_every_time(town, api, reported, counted):
    rows = [reported()["id"] for _ in range(2)]
    client, counts = api(town.worker), []
    for row in rows:
        with counted() as seen:
            client.post(f"{API}incidents/{row}/actions/accept/", {"client_uuid": str(uuid.uuid4())})
        counts.append(seen.count)
    assert counts[0] == counts[1] <= 13, "\n".join(seen.sql)


def test_extension_is_asked_for_as_so_much_longer(town, row, act):
    """A limit is a thing of its own; what was sent twice must be told from something else."""
    longer = {"reason": "等材料", "limit": {"n": 2, "unit": "hours"}, "client_uuid": str(uuid.uuid4())}
    first = act(town.worker, row["id"], "request_extension", **longer)
    assert first.status_code == 200, first.content.decode()
    assert act(town.worker, row["id"], "request_extension", **longer)["Idempotent-Replayed"] == "true"
    other = longer | {"limit": {"n": 3, "unit": "hours"}}
    problem(act(town.worker, row["id"], "request_extension", **other), 409, "idempotency_conflict")
