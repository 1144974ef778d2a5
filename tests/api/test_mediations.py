"""Mediations over REST: entered, read, put right, repeated; and their line in the course of the matter."""

import uuid

import pytest

from incidents.models import Mediation
from tests.api.conftest import API, problem
from tests.factories import login


@pytest.fixture
def dispute(reported) -> str:
    return f"{API}incidents/{reported(category='dispute')['id']}/mediations/"


def said(**more):
    return {
        "client_uuid": str(uuid.uuid4()), "held_at": "2026-11-23T08:00:00+08:00", "place": "村委会", "mediator": "调解员甲",
        "record": "双方陈述", "outcome": "continued", **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _now(clock):
    clock("2026-11-23T10:00")


def test_mediation_is_entered_and_read_by_whoever_works_on_the_dispute(town, api, dispute):
    made = api(town.worker).post(dispute, said())
    assert (made.status_code, made.json()["number"]) == (201, "2026-0001")
    assert made.json()["entered_by"]["name"] == town.worker.member.name
    assert api(town.village_head).get(dispute).json()["results"] == [made.json()]
    problem(api(town.assessor).get(dispute), 403, "forbidden")
    problem(api(town.assessor).post(dispute, said()), 403, "forbidden")
    assert api(town.worker2).get(dispute).status_code == 404


def test_repeat_is_one_mediation(town, api, dispute):
    body = said()
    first = api(town.worker).post(dispute, body)
    again = api(town.worker).post(dispute, body)
    assert (again.status_code, again["Idempotent-Replayed"], again.json()) == (200, "true", first.json())
    problem(api(town.worker).post(dispute, body | {"record": "别的"}), 409, "idempotency_conflict")
    assert Mediation.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"outcome": "written", "terms": "赔偿"}, "performance_due"),
        ({"outcome": "oral"}, "terms"),
        ({"outcome": "failed"}, "told_other_ways"),
        ({"held_at": "2026-11-24T08:00:00+08:00"}, "held_at"),
        ({"mediators": "甲"}, "mediators"),
    ],
)
def test_what_is_missing_is_named(town, api, dispute, wrong, field):
    answer = api(town.worker).post(dispute, said(**wrong))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not Mediation.objects.exists()


def test_putting_right_keeps_number_and_what_stood(town, api, dispute):
    made = api(town.worker).post(dispute, said()).json()
    body = said(outcome="oral", terms="恢复原状", version=1)
    answer = api(town.village_head).post(f"{dispute}{made['id']}/", body)
    assert (answer.status_code, answer.json()["number"], answer.json()["version"]) == (200, made["number"], 2)
    again = api(town.village_head).post(f"{dispute}{made['id']}/", body)
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    problem(api(town.worker).post(f"{dispute}{made['id']}/", said(version=1)), 409, "stale_version")
    assert Mediation.objects.get().replaced.count() >= 1


def test_mediation_of_another_matter_is_not_found_here(town, api, dispute, reported):
    made = api(town.worker).post(dispute, said()).json()
    other = f"{API}incidents/{reported(category='dispute')['id']}/mediations/"
    assert api(town.worker).post(f"{other}{made['id']}/", said(version=1)).status_code == 404


def test_mediation_has_its_line_in_the_course(client, town, api, dispute):
    made = api(town.worker).post(dispute, said(outcome="oral", terms="恢复原状")).json()
    login(client, town.village_head)
    page = client.get(f"/incidents/{dispute.split('/')[4]}/")
    assert [entry for entry in page.context["story"] if made["number"] in entry.text and "口头" in entry.text]
