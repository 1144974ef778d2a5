"""Plan 7 (镇网络化管理方案), section 7.3: up tier by tier and beyond the township, down from above and back."""

import pytest

from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(7)


@pytest.fixture
def manager(walk):
    return walk.by("网格服务管理员", walk.group)


@pytest.fixture
def director(walk):
    return walk.by("村（居）委会主任", walk.village)


@pytest.fixture
def town(walk):
    return walk.by("镇政府值班员")


@pytest.mark.requirement("R63")
def test_each_tier_handles_or_passes_to_the_next(walk, manager, director, town):
    row = walk.report(manager, "environment_cleanup", walk.group)
    assert walk.step(manager, row) == "handle"
    walk.act(manager, row, "escalate", reason="管理员处理不了。")
    assert walk.step(director, row) == "handle_village"
    walk.act(director, row, "escalate", reason="村里处理不了。")
    assert walk.step(town, row) == "handle_town"
    walk.act(town, row, "accept")
    walk.act(town, row, "start")
    walk.act(town, row, "submit_result", note="已协调综合执法办处理。")
    walk.act(walk.by("镇政府工作人员"), row, "verify")
    walk.finish(town, row)
    assert walk.steps(town, row) == ["find", "handle_town", "handle_town"]


def test_the_third_tier_handles_what_it_finds_in_time(walk, manager, director):
    row = walk.report(manager, "town_management", walk.group, source="patrol")
    walk.refused(director, row, "accept", "forbidden", "P7-C1")
    walk.act(manager, row, "settle", note="已劝离。")
    assert walk.steps(manager, row) == ["find", "handle"]


@pytest.mark.requirement("R45")
def test_what_comes_from_above_begins_at_the_township_and_is_sent_down(walk, manager, director, town):
    row = walk.report(town, "environment_cleanup", walk.group, source="above", external_no="县交办3号")
    assert (walk.read(town, row)["responsible"]["grid"], walk.step(town, row)) == (
        walk.town.pk,
        "handle_town",
    )
    walk.act(town, row, "accept")
    walk.act(town, row, "dispatch", to={"grid": walk.group.code})
    walk.act(manager, row, "start")
    walk.act(manager, row, "submit_result", note="已清运。")
    walk.act(town, row, "verify")
    walk.finish(town, row)
    assert walk.steps(town, row) == ["handle_town", "handle", "handle"]


@pytest.mark.requirement("R66")
def test_what_the_town_cannot_solve_is_referred_to_the_superior_network(walk, manager, director, town):
    row = walk.report(manager, "environmental_protection", walk.group, escalate=True)
    walk.act(director, row, "accept")
    walk.refused(
        director, row, "refer_up", "not_at_township", "P7-I1", body="县生态环境局", reason="超出权限"
    )
    walk.act(director, row, "escalate", reason="村里处理不了。")
    walk.act(town, row, "accept")
    body = walk.refused(
        town, row, "refer_up", "invalid_arguments", "P7-D6", body="县生态环境局", reason="超权限"
    )
    assert set(body["errors"]) == {"number"}
    walk.act(town, row, "refer_up", body="县生态环境局", reason="镇里解决不了。", number="〔2026〕8号")
    walk.act(town, row, "record_reply", reply="县里已派人处理。")
    walk.act(town, row, "start")
    walk.act(town, row, "submit_result", note="已整治。")
    walk.act(walk.by("镇政府工作人员"), row, "verify")
    walk.finish(town, row)
    assert walk.steps(town, row) == ["find", "refer", "handle_town", "handle_town"]


@pytest.mark.requirement("R67")
@pytest.mark.parametrize("tier", ["village", "group"])
def test_what_is_assigned_from_above_is_done_confirmed_and_reported_back(walk, manager, director, town, tier):
    row = walk.report(town, "assigned", walk.village, source="above", external_no="县交办1号")
    walk.act(town, row, "accept")
    walk.refused(town, row, "start", "not_in_procedure", "P7-D4")
    grid, doer = {"village": (walk.village, director), "group": (walk.group, manager)}[tier]
    walk.act(town, row, "dispatch", to={"grid": grid.code})
    walk.act(doer, row, "start")
    walk.act(doer, row, "submit_result", note="已完成。")
    walk.refused(doer, row, "verify", "forbidden", "P7-I2")
    walk.act(town, row, "verify")
    walk.refused(town, row, "close", "feed_back_required", "P7-D4")
    walk.act(town, row, "feed_back", note="已向县里报告完成情况。", channel="paper")
    walk.finish(town, row)
    assert walk.steps(town, row) == ["assign", "carry_out", "carry_out", "confirm", "report_back"]


def test_what_is_not_done_well_goes_back_to_the_tier(walk, director, town):
    row = walk.report(town, "assigned", walk.village, source="above", external_no="县交办2号")
    walk.act(town, row, "accept")
    walk.act(town, row, "dispatch", to={"grid": walk.village.code})
    walk.act(director, row, "start")
    walk.act(director, row, "submit_result", note="已完成。")
    assert walk.act(town, row, "send_back", reason="照片看不清。")["responsible"]["grid"] == walk.village.code
    walk.act(director, row, "submit_result", note="补了照片。")


def test_hard_matters_are_settled_together(walk, manager, director, town):
    """P7-C2: joint meetings; P7-C1: what is sent down is taken on in time."""
    row = walk.report(manager, "safety", walk.group)
    walk.refused(town, row, "accept", "forbidden", "P7-C1")
    walk.refused(manager, row, "whistle", "forbidden", "P7-C2", assisting=[walk.department("派出所")])
    walk.act(manager, row, "accept")
    walk.act(manager, row, "assist", assisting=[walk.department("派出所")])
    walk.refused(manager, row, "settle", "assisting_open", "P7-C2", note="好了")
