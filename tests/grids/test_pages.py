"""The tree as pages."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from grids.models import Tier, Township
from tests.factories import Town, login, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(clock) -> Town:
    return township()


@pytest.mark.requirement("R2")
def test_tree_names_the_levels_as_the_plan_does(town):
    text = login(Client(), town.clerk).get("/grids/").content.decode()
    for tier in Tier.objects.filter(township=town.township):
        assert tier.label in text
        assert tier.name in text
    for grid in (*town.villages, *town.groups):
        assert f"/grids/{grid.code}/" in text


@pytest.mark.requirement("R4")
def test_tree_shows_what_is_expected_and_what_is_there(town):
    Tier.objects.filter(township=town.township, depth=2).update(expected_count=len(town.groups))
    Tier.objects.filter(township=town.township, depth=1).update(expected_count=22)
    Township.objects.filter(pk=town.code).update(expected={})
    text = login(Client(), town.clerk).get("/grids/").content.decode()
    village, group = (text[text.index(label) :] for label in ("二级网格", "三级网格"))
    assert "22" in village[: village.index("</tr>")]
    assert "exclamation-triangle" in village[: village.index("</tr>")]
    assert "exclamation-triangle" not in group[: group.index("</tr>")]


def test_tree_of_a_village_is_its_own(town):
    text = login(Client(), town.village_head).get("/grids/").content.decode()
    assert town.groups_of(town.villages[0])[0].code in text
    assert town.villages[1].code not in text


def test_grid_shows_posts_and_who_holds_them(town):
    group = town.groups[0]
    text = login(Client(), town.village_head).get(f"/grids/{group.code}/").content.decode()
    assert town.worker.member.name in text
    assert f"/incidents/?grid={group.code}&amp;open=1" in text
    assert town.grid.name in text  # the path begins at the township, which a village does not open
    assert f'href="/grids/{town.code}/"' not in text


@pytest.mark.parametrize("role", ["worker", "worker2", "village_head2", "officer", "auditor", "admin"])
def test_grid_outside_scope_is_not_found(town, role):
    client = login(Client(), getattr(town, role))
    assert client.get(f"/grids/{town.groups_of(town.villages[0])[1].code}/").status_code == 404
    assert client.get("/grids/999/").status_code == 404


def test_tree_asks_the_same_number_of_questions_for_few_grids_and_many(clock):
    def asked(town: Town) -> int:
        client = login(Client(), town.clerk)
        client.get("/grids/")
        with CaptureQueriesContext(connection) as found:
            client.get("/grids/")
        return len(found)

    assert asked(township()) == asked(township("320371102", villages=3, groups_per_village=3))
