"""Reading matters over REST: scope, filters, pages, masking, and the price of it."""

import uuid

import pytest

from incidents.actions import sweep
from incidents.api.serializers import IncidentSerializer, in_brief
from incidents.models import Incident
from tests.api.conftest import API, problem
from tests.factories import township

ASKED = {"name": "李四海", "phone": "13812345678"}


def numbers(answer) -> list[str]:
    assert answer.status_code == 200, answer.content.decode()
    return [row["number"] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("worker", True), ("village_head", True), ("contact_leader", True), ("clerk", True), ("leader", True),
        ("assessor", True), ("worker2", False), ("village_head2", False), ("officer", False), ("auditor", False),
        ("admin", False),
    ],
)  # fmt: skip
def test_list_detail_history_and_due_agree_on_who_sees(town, api, reported, who, sees):
    row = reported()
    client = api(getattr(town, who))
    assert numbers(client.get(f"{API}incidents/")) == ([row["number"]] if sees else [])
    assert numbers(client.get(f"{API}incidents/?q={row['number']}")) == ([row["number"]] if sees else [])
    for below in ("", "history/", "due/"):
        answer = client.get(f"{API}incidents/{row['id']}/{below}")
        if sees:
            assert answer.status_code == 200, answer.content.decode()
        else:
            absent = client.get(f"{API}incidents/{uuid.uuid4()}/{below}")
            assert problem(answer, 404, "not_found") == problem(absent, 404, "not_found")


def test_superuser_without_a_post_sees_no_case(town, api, reported):
    row = reported()
    town.admin.is_superuser = True
    town.admin.save()
    assert numbers(api(town.admin).get(f"{API}incidents/")) == []
    problem(api(town.admin).get(f"{API}incidents/{row['id']}/"), 404, "not_found")


def test_reporter_sees_the_own_report_elsewhere_and_nothing_around_it(town, api, reported):
    there = town.groups_of(town.villages[1])[0].code
    mine, theirs = reported(grid=there), reported(town.worker2, grid=there)
    assert numbers(api(town.worker).get(f"{API}incidents/")) == [mine["number"]]
    problem(api(town.worker).get(f"{API}incidents/{theirs['id']}/"), 404, "not_found")


def test_filters_narrow_the_list(town, api, reported, act, freeze):
    freeze("2026-11-23T09:00")
    other = reported(town.worker2, grid=town.groups_of(town.villages[1])[0].code, category="dispute")
    freeze("2026-11-23T09:01")
    quick = reported(category="quick")
    freeze("2026-11-23T09:02")
    plain = reported()
    act(town.worker, plain["id"], "accept")
    freeze("2026-11-23T09:05")
    sweep()
    client = api(town.clerk)
    for query, expected in {
        "": [plain, quick, other],
        "status=accepted": [plain],
        "category=dispute": [other],
        f"grid={town.villages[0].code}": [plain, quick],
        f"grid={town.groups[0].code}&status=reported": [quick],
        "overdue=true": [quick],
        "open=true": [plain, quick, other],
        "open=false": [],
        "mine=true": [],
        f"q={other['number']}": [other],
        "q=20261123-9999": [],
        "category=nothing": [],
        "grid=999999999": [],
    }.items():
        assert numbers(client.get(f"{API}incidents/?{query}")) == [row["number"] for row in expected], query
    assert numbers(api(town.worker).get(f"{API}incidents/?mine=true")) == [plain["number"], quick["number"]]


def test_a_filter_shows_nothing_outside_scope(town, api, reported):
    other = township("320371102", name="另一镇")
    reported(other.worker, grid=other.groups[0].code)
    theirs = reported(town.worker2, grid=town.groups_of(town.villages[1])[0].code)
    client = api(town.worker)
    for query in (
        f"grid={other.code}",
        f"grid={town.villages[1].code}",
        f"q={theirs['number']}",
        "category=request",
    ):
        assert numbers(client.get(f"{API}incidents/?{query}")) == []


def test_pages_lead_there_and_back_and_keep_the_filters(town, api, reported, monkeypatch):
    monkeypatch.setattr(Incident.objects._queryset_class.page_for, "__defaults__", (None, None, 2))
    sent = [reported()["number"] for _ in range(5)][::-1]
    reported(category="dispute")
    client, seen, address = api(town.village_head), [], f"{API}incidents/?category=request"
    while address:
        page = client.get(address).json()
        seen.append([row["number"] for row in page["results"]])
        address = page["next"]
        assert address is None or ("category=request" in address and address.startswith(API))
    assert seen == [sent[:2], sent[2:4], sent[4:]]
    assert numbers(client.get(page["previous"])) == sent[2:4]


def test_list_says_as_of_when(town, api, clock):
    assert api(town.worker).get(f"{API}incidents/").json()["as_of"] == "2026-11-23T09:00:00+08:00"


@pytest.mark.parametrize("who", ["worker", "village_head", "clerk", "officer"])
@pytest.mark.parametrize(
    "query",
    ["", "status=reported", "category=request", "open=true", "overdue=true", "mine=true", "q=20261123-0001"],
)
def test_list_takes_the_same_few_statements_for_one_and_three(town, api, reported, counted, *, who, query):
    client = api(getattr(town, who))
    query = query.replace("20261123-0001", reported()["number"])
    with counted() as one:
        client.get(f"{API}incidents/?{query}")
    for _ in range(2):
        reported(requester=ASKED)
    with counted() as three:
        client.get(f"{API}incidents/?{query}")
    assert one.count == three.count <= 8, "\n".join(three.sql)


def test_detail_takes_the_same_statements_with_one_and_three_steps(town, api, reported, act, counted):
    row = reported(requester=ASKED)
    client = api(town.village_head)
    with counted() as one:
        client.get(f"{API}incidents/{row['id']}/")
    for _ in range(2):
        act(town.worker, row["id"], "add_note", note="看过")
    with counted() as three:
        client.get(f"{API}incidents/{row['id']}/")
    with counted() as history:
        client.get(f"{API}incidents/{row['id']}/history/")
    assert one.count == three.count <= 16, "\n".join(three.sql)
    assert history.count <= 6


def test_detail_lists_what_may_be_done_now(town, api, reported):
    row = reported()
    found = {
        one["name"]: one
        for one in api(town.worker).get(f"{API}incidents/{row['id']}/").json()["allowed_actions"]
    }
    own = {"accept", "settle", "escalate", "suspend", "request_extension", "withdraw", "arrive", "add_note"}
    assert set(found) == own
    assert found["escalate"]["requires"] == ["reason"]
    assert found["accept"]["requires"] == []
    entry = {"channel", "happened_at", "on_behalf_of"}
    assert set(found["settle"]["arguments"]) == {"note", "told", "files"} | entry
    urged = api(town.contact_leader).get(f"{API}incidents/{row['id']}/").json()["allowed_actions"]
    assert {one["name"] for one in urged} <= {"remind", "supervise", "whistle", "mark_accountable"}


@pytest.mark.parametrize(
    ("who", "masked"),
    [("worker", False), ("village_head", False), ("clerk", False), ("contact_leader", True), ("leader", True),
     ("assessor", True)],
)  # fmt: skip
def test_requester_is_masked_for_those_who_do_not_work_on_the_case(town, api, reported, who, masked):
    row = reported(requester=ASKED)
    answer = api(getattr(town, who)).get(f"{API}incidents/{row['id']}/")
    asked = answer.json()["requester"]
    assert asked["masked"] is masked
    assert (asked["name"], asked["phone"]) == (
        ("李**", "138****5678") if masked else ("李四海", "13812345678")
    )
    assert ("13812345678" in answer.content.decode()) is not masked


def test_requester_appears_in_no_list(town, api, reported):
    reported(requester=ASKED)
    assert "13812345678" not in api(town.clerk).get(f"{API}incidents/").content.decode()
    assert "李四海" not in api(town.worker).get(f"{API}tasks/").content.decode()


def test_history_tells_each_step_in_order(town, api, reported, act):
    row = reported()
    act(town.worker, row["id"], "accept", note="已到现场")
    steps = api(town.village_head).get(f"{API}incidents/{row['id']}/history/").json()["results"]
    assert [(step["seq"], step["action"], step["to_status"]) for step in steps] == [
        (1, "report", "reported"),
        (2, "accept", "accepted"),
    ]
    assert steps[1]["actor"]["name"] == town.worker.member.name
    assert steps[1]["note"] == "已到现场"
    assert steps[1]["from_unit"] == {"grid": town.groups[0].code, "department": None}


def test_due_says_why_and_what_if(town, api, reported, clock):
    row = reported(category="quick")
    client = api(town.worker)
    why = client.get(f"{API}incidents/{row['id']}/due/").json()
    assert why["source"] == "stage"
    assert why["running"]
    assert why["due_at"] == row["due_at"] == "2026-11-23T09:02:00+08:00"
    assert why["lines"]
    assert [one["number"] for one in why["clocks"]] == [1]
    asked = client.get(f"{API}incidents/{row['id']}/due/", {"start": "2026-11-24T10:00:00+08:00"}).json()
    assert asked["due_at"] == "2026-11-24T10:02:00+08:00"


def test_late_is_said_before_the_sweep_comes_by(town, api, reported, clock):
    row = reported(category="quick")
    assert not row["late"]
    clock("2026-11-23T09:02")
    assert not api(town.worker).get(f"{API}incidents/{row['id']}/").json()["late"]
    clock("2026-11-23T09:02:01")
    assert api(town.worker).get(f"{API}incidents/{row['id']}/").json()["late"]


def test_a_matter_in_brief_says_what_its_serializer_says(town, reported):
    reported()
    reported(category="fire", title="着火")
    for incident in Incident.objects.for_list():
        assert in_brief(incident) == IncidentSerializer(incident).data
