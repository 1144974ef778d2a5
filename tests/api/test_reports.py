"""Reporting over REST: once, whatever the network does."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from incidents.models import Incident, Requester
from inspections.models import Patrol
from tests.api.conftest import API, problem
from tests.factories import client_for, township


def send(client, body):
    return client.post(f"{API}incidents/", body)


def test_report_answers_201_with_number_unit_and_deadline(town, api, report):
    answer = send(api(town.worker), report(title="路灯"))
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer
    body = answer.json()
    row = Incident.objects.get()
    assert body["id"] == str(row.pk)
    assert body["number"] == row.number
    assert body["title"] == "路灯"
    assert body["status"] == "reported"
    assert body["version"] == 1
    assert body["responsible"]["grid"] == town.groups[0].code
    assert body["responsible"]["member"]["name"] == town.worker.member.name
    assert body["due_at"].endswith("+08:00")


def test_report_keeps_what_was_sent(town, api, report):
    asked = {"name": "李四", "phone": "13812345678", "wants_feedback": False}
    sent = report(
        requester=asked, latitude=34.1234567, longitude=117.5, accuracy_m=12, address="村口", photos_expected=2,
        source="resident", occurred_at="2026-11-23T08:00:00+08:00", extra={"weather": "雨", "depth_cm": 3.5},
    )  # fmt: skip
    answer = send(api(town.worker), sent)
    assert answer.status_code == 201, answer.content.decode()
    row = Incident.objects.get()
    assert (str(row.latitude), str(row.longitude), row.accuracy_m) == ("34.123457", "117.500000", 12)
    assert (row.address, row.photos_expected, row.source) == ("村口", 2, "resident")
    assert row.extra == {"weather": "雨", "depth_cm": 3.5}
    assert row.occurred_at.isoformat() == "2026-11-23T00:00:00+00:00"
    assert Requester.objects.values("name", "phone", "wants_feedback").get() == asked


def test_repeat_answers_200_with_what_stands_now(town, api, report, act):
    body = report()
    first = send(api(town.worker), body)
    act(town.worker, first.json()["id"], "accept")
    again = send(api(town.worker), body)
    assert again.status_code == 200
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["status"] == "accepted"
    assert Incident.objects.count() == 1


def test_the_same_content_in_another_spelling_is_a_repeat(town, api, report):
    body = report(occurred_at="2026-11-23T08:00:00+08:00", latitude=34, longitude=117)
    send(api(town.worker), body)
    spelled = {**dict(reversed(body.items())), "occurred_at": "2026-11-23T00:00:00Z", "latitude": 34.0}
    assert send(api(town.worker), spelled).status_code == 200


def test_the_same_client_uuid_with_other_content_is_a_conflict(town, api, report):
    body = report()
    send(api(town.worker), body)
    problem(send(api(town.worker), {**body, "description": "别的事"}), 409, "idempotency_conflict")
    assert Incident.objects.get().description == "路灯不亮"


def test_another_persons_client_uuid_is_another_report(town, api, report):
    body = report()
    assert [send(api(user), body).status_code for user in (town.worker, town.worker2)] == [201, 201]


def test_client_uuid_is_obligatory(town, api, report):
    assert (
        "client_uuid" in problem(send(api(town.worker), report(client_uuid=None)), 400, "invalid")["errors"]
    )


def test_grid_of_another_township_is_unknown_and_nothing_is_stored(town, api, report):
    other = township("320371102", name="另一镇")
    answer = send(api(town.worker), report(grid=other.groups[0].code))
    assert set(problem(answer, 400, "unknown_grid")["errors"]) == {"grid"}
    absent = send(api(town.worker), report(grid="999999999999"))
    assert answer.json() == absent.json()
    assert not Incident.objects.exists()


def test_category_of_another_township_is_unknown(town, api, report):
    other = township("320371102", name="另一镇")
    other.categories["quick"].code = "theirs"
    other.categories["quick"].save()
    problem(send(api(town.worker), report(category="theirs")), 400, "unknown_category")
    assert not Incident.objects.exists()


def test_worker_reports_anywhere_in_the_own_township(town, api, report):
    assert send(api(town.worker), report(grid=town.groups[-1].code)).status_code == 201


@pytest.mark.parametrize("who", ["admin", "auditor", "contact_leader", "leader", "assessor", "officer"])
def test_who_may_not_report_hears_that_before_anything_is_looked_up(town, api, report, who):
    for grid in (town.groups[0].code, "999999999999"):
        problem(send(api(getattr(town, who)), report(grid=grid)), 403, "forbidden")
    assert not Incident.objects.exists()


def test_repeat_is_answered_although_the_category_ended_since(town, api, report):
    body = report()
    send(api(town.worker), body)
    town.categories["request"].is_active = False
    town.categories["request"].save()
    assert send(api(town.worker), body).status_code == 200
    problem(send(api(town.worker), report()), 400, "unknown_category")


def test_report_that_passes_up_at_once_is_the_villages(town, api, report):
    body = send(api(town.worker), report(escalate=True)).json()
    assert body["responsible"]["grid"] == town.villages[0].code


def test_must_report_matter_starts_at_the_township(town, api, report):
    assert send(api(town.worker), report(category="fire")).json()["responsible"]["grid"] == town.code


@pytest.mark.parametrize("who", ["worker", "worker2", "clerk"])
def test_report_takes_at_most_14_statements(town, api, report, counted, who):
    client = api(getattr(town, who))
    send(client, report())
    with counted() as seen:
        answer = send(client, report(requester={"name": "李", "phone": "13812345678"}))
    assert answer.status_code == 201
    assert seen.count <= 14, "\n".join(seen.sql)


@pytest.mark.django_db(transaction=True)
def test_five_times_in_parallel_is_one_incident(transactional_db, town, report):
    body = report()
    token_clients = [client_for(town.worker) for _ in range(5)]

    def post(client):
        try:
            return send(client, body)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(post, token_clients))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Incident.objects.count() == 1
    assert Incident.objects.get().history.count() == 1


@pytest.fixture
def patrol(town):
    return {
        "client_uuid": str(uuid.uuid4()),
        "grid": town.groups[0].code,
        "started_at": "2026-11-23T08:00:00+08:00",
        "ended_at": "2026-11-23T08:40:00+08:00",
        "findings": [{"text": "井盖松动", "category": "request"}, {"text": "已清扫"}],
    }


def test_patrol_with_a_finding_becomes_an_incident_once(town, api, patrol, clock):
    answer = api(town.worker).post(f"{API}patrols/", patrol)
    assert answer.status_code == 201, answer.content.decode()
    found = answer.json()["findings"]
    assert [finding["text"] for finding in found] == ["井盖松动", "已清扫"]
    assert found[0]["incident"] == str(Incident.objects.get().pk)
    again = api(town.worker).post(f"{API}patrols/", patrol)
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == answer.json()
    assert (Patrol.objects.count(), Incident.objects.count()) == (1, 1)


def test_patrol_with_other_content_is_a_conflict(town, api, patrol, clock):
    api(town.worker).post(f"{API}patrols/", patrol)
    problem(api(town.worker).post(f"{API}patrols/", {**patrol, "note": "别的"}), 409, "idempotency_conflict")


def test_patrol_refusals_name_the_place(town, api, patrol, clock):
    client = api(town.worker)
    problem(client.post(f"{API}patrols/", {**patrol, "grid": town.groups[-1].code}), 403, "not_own_grid")
    problem(client.post(f"{API}patrols/", {**patrol, "grid": "999999999"}), 400, "unknown_grid")
    wrong = [{"text": "一"}, {"text": "二", "category": "nothing"}]
    body = problem(client.post(f"{API}patrols/", {**patrol, "findings": wrong}), 400, "unknown_category")
    assert set(body["errors"]) == {"findings[1].category"}
    body = problem(client.post(f"{API}patrols/", {**patrol, "findings": [{"txt": "一"}]}), 400, "invalid")
    assert set(body["errors"]) == {"findings[0].txt"}
    assert (Patrol.objects.count(), Incident.objects.count()) == (0, 0)


def test_patrols_are_listed_in_scope(town, api, patrol, clock, counted):
    api(town.worker).post(f"{API}patrols/", patrol)
    for user, number in ((town.worker, 1), (town.village_head, 1), (town.worker2, 0), (town.admin, 0)):
        assert len(api(user).get(f"{API}patrols/").json()["results"]) == number
    client = api(town.village_head)
    with counted() as one:
        client.get(f"{API}patrols/")
    for _ in range(2):
        api(town.worker).post(f"{API}patrols/", {**patrol, "client_uuid": str(uuid.uuid4())})
    with counted() as three:
        assert len(client.get(f"{API}patrols/").json()["results"]) == 3
    assert one.count == three.count <= 8


def test_duties_count_days_of_a_month_and_of_a_day(town, api, patrol, clock):
    api(town.worker).post(f"{API}patrols/", patrol)
    client = api(town.worker)
    today = client.get(f"{API}duties/").json()
    assert (today["first"], today["last"]) == ("2026-11-23", "2026-11-23")
    [duty] = [row for row in today["results"] if row["grid"]["code"] == town.groups[0].code]
    assert (duty["kind"], duty["due"], duty["done"], duty["late"], duty["missing"]) == ("patrol", 1, 1, 0, 0)
    month = client.get(f"{API}duties/?period=2026-11").json()
    assert "results" in month, month
    [duty] = month["results"]
    assert (duty["due"], duty["done"], duty["missing"]) == (23, 1, 22)
    assert duty["missing_days"][0] == "2026-11-01"


@pytest.mark.parametrize("period", ["2026-13", "2026-02-30", "0000-01", "x", "٢٠٢٦-١١"])
def test_impossible_period_is_refused(town, api, period):
    assert (
        "period" in problem(api(town.worker).get(f"{API}duties/?period={period}"), 400, "invalid")["errors"]
    )
