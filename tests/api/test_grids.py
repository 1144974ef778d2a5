"""Grids and categories over REST."""

import pytest

from tests.api.conftest import API, problem
from tests.factories import township


def codes(answer) -> list[str]:
    assert answer.status_code == 200, answer.content.decode()
    return [grid["code"] for grid in answer.json()["results"]]


def test_grids_come_in_the_order_of_the_code_and_of_the_own_township(town, api):
    township("320371102", name="另一镇")
    found = codes(api(town.worker).get(f"{API}grids/"))
    assert found == sorted(grid.code for grid in [town.grid, *town.villages, *town.groups])


def test_grids_narrow_by_kind_and_parent(town, api):
    client = api(town.clerk)
    assert codes(client.get(f"{API}grids/?kind=village")) == [grid.code for grid in town.villages]
    below = codes(client.get(f"{API}grids/?parent={town.villages[0].code}"))
    assert below == [grid.code for grid in town.groups_of(town.villages[0])]


def test_contact_leader_sees_the_village_and_below_only(town, api):
    found = codes(api(town.contact_leader).get(f"{API}grids/"))
    assert found == [town.villages[0].code, *(grid.code for grid in town.groups_of(town.villages[0]))]


@pytest.mark.parametrize("who", ["admin", "auditor"])
def test_who_neither_sees_nor_reports_gets_no_grids(town, api, who):
    assert codes(api(getattr(town, who)).get(f"{API}grids/")) == []


@pytest.mark.requirement("R2")
def test_grid_carries_the_plans_tier_beside_its_kind(town, api):
    body = api(town.worker).get(f"{API}grids/{town.villages[0].code}/").json()
    assert body["kind"] == "village"
    assert body["tier"]["label"]
    assert body["tier"]["head_title"]
    assert body["parent"] == town.code


def test_grid_of_another_township_looks_absent(town, api):
    other = township("320371102", name="另一镇")
    there, nowhere = (api(town.worker).get(f"{API}grids/{code}/") for code in (other.code, "999999999"))
    assert problem(there, 404, "not_found") == problem(nowhere, 404, "not_found")


def test_pages_lead_there_and_back(town, api, monkeypatch):
    monkeypatch.setattr("grids.api.views.PAGE_SIZE", 3)
    client, seen, address = api(town.clerk), [], f"{API}grids/"
    while address:
        page = client.get(address).json()
        seen += [grid["code"] for grid in page["results"]]
        address = page["next"]
    assert seen == sorted(grid.code for grid in [town.grid, *town.villages, *town.groups])
    back = client.get(page["previous"]).json()
    assert [grid["code"] for grid in back["results"]] == seen[3:6]


def test_number_of_queries_does_not_grow_with_the_grids(town, api, counted):
    client = api(town.clerk)
    with counted() as few:
        client.get(f"{API}grids/?kind=township")
    with counted() as many:
        client.get(f"{API}grids/")
    assert few.count == many.count == 4


def test_categories_say_limits_and_what_they_require(town, api):
    found = {row["code"]: row for row in api(town.worker).get(f"{API}categories/").json()}
    assert set(town.categories) == set(found)
    assert found["fire"]["must_report"]
    assert found["quick"]["limits"]
    assert {"n", "unit"} == set(next(iter(found["quick"]["limits"].values())))
    visit = [step for step in found["request"]["requires"] if step["name"] == "return_visit"]
    assert visit == [] or visit[0]["when"] in {"important", "all"}


def test_categories_of_another_township_are_not_shown(town, api):
    other = township("320371102", name="另一镇")
    found = api(town.worker).get(f"{API}categories/").json()
    assert {row["township"] for row in found} == {town.code} != {other.code}
