"""Who one is, and what waits."""

import pytest

from members.actions import change_duty
from tests.api.conftest import API


def test_me_names_the_posts(town, api):
    body = api(town.village_head).get(f"{API}me/").json()
    assert body["username"] == town.village_head.username
    assert body["member"] == {
        "id": str(town.village_head.member.pk),
        "name": town.village_head.member.name,
        "township": town.code,
    }
    [post] = [row for row in body["appointments"] if row["role"]["code"] == "village_head"]
    assert post["grid"] == {"code": town.villages[0].code, "name": town.villages[0].name}
    assert post["department"] is None


def test_me_of_a_department_officer_names_the_department(town, api):
    [post] = api(town.officer).get(f"{API}me/").json()["appointments"]
    assert post["grid"] is None
    assert post["department"]["id"] == town.department.pk


def test_me_of_a_technical_account_has_no_member(town, api):
    body = api(town.admin).get(f"{API}me/").json()
    assert (body["member"], body["appointments"]) == (None, [])
    assert body["counters"] == {"late": 0, "due_today": 0, "open": 0, "assisting": 0, "unread": 0}


def test_numbers_to_call_are_there_to_be_kept(town, api):
    change_duty(township_code=town.code, phone="0516-0000000", call_after=15)
    numbers = [one["number"] for one in api(town.worker).get(f"{API}me/").json()["emergency"]]
    assert numbers == ["110", "119", "120", "0516-0000000"]
    assert api(town.admin).get(f"{API}me/").json()["emergency"] == []


def test_unread_messages_are_counted(town, api, reported):
    reported(escalate=True)
    assert api(town.village_head).get(f"{API}me/").json()["counters"]["unread"] == 1


@pytest.fixture
def three(town, reported, act, clock):
    """One late, one due today, one due later; the clock stands five minutes after."""
    rows = {"late": reported(category="quick"), "open": reported()}
    clock("2026-11-23T09:05")
    rows["due_today"] = reported(category="quick")
    return rows


def test_tasks_are_sorted_into_late_today_and_the_rest(town, api, three):
    body = api(town.worker).get(f"{API}tasks/").json()
    for name, row in three.items():
        assert [task["incident"]["id"] for task in body[name]] == [row["id"]], name
    assert body["counters"] == {"late": 1, "due_today": 1, "open": 3, "assisting": 0}
    assert body["late"][0]["window"] == {
        "from": "2026-11-23T09:00:00+08:00",
        "until": "2026-11-23T09:02:00+08:00",
    }


@pytest.mark.parametrize("who", ["worker2", "village_head", "clerk", "officer", "contact_leader", "admin"])
def test_what_waits_for_others_does_not_wait_for_me(town, api, three, who):
    body = api(getattr(town, who)).get(f"{API}tasks/").json()
    assert body["counters"] == {"late": 0, "due_today": 0, "open": 0, "assisting": 0}


def test_tasks_and_me_take_the_same_statements_for_one_and_three(town, api, reported, counted):
    client = api(town.worker)
    counts = {"tasks/": [], "me/": []}
    for more in (1, 2):
        for _ in range(more):
            reported()
        for address, seen in counts.items():
            with counted() as captured:
                client.get(f"{API}{address}")
            seen.append(captured.count)
    assert counts["tasks/"][0] == counts["tasks/"][1] <= 9
    assert counts["me/"][0] == counts["me/"][1] <= 10


def test_window_begins_when_it_reached_the_unit(town, api, reported, act, clock):
    row = reported()
    clock("2026-11-23T10:00")
    act(town.worker, row["id"], "escalate", reason="需要村里协调")
    body = api(town.village_head).get(f"{API}tasks/").json()
    [task] = body["late"] + body["due_today"] + body["open"]
    assert task["window"]["from"] == "2026-11-23T10:00:00+08:00"
