"""Plan 1 (社会治安综合治理责任制方案), section 1.3: no groups; villages, enterprises and units answer for themselves."""

import pytest

from incidents.models import AssistTask
from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(1)


@pytest.fixture
def head(walk):
    return walk.by("村委会主任", walk.village)


@pytest.fixture
def guard(walk):
    return walk.by("护村队队员", walk.village)


@pytest.fixture
def office(walk):
    return walk.by("镇综治办值班员")


def test_a_dispute_is_found_early_and_settled_in_the_bud(walk, guard, head):
    row = walk.report(guard, "dispute", walk.village)
    assert walk.step(head, row) == "settle_early"
    assert walk.act(head, row, "settle", note="当天说和。")["status"] == "closed"
    assert walk.steps(head, row) == ["find", "settle_early"]


@pytest.mark.requirement("R59")
def test_what_the_unit_cannot_settle_the_three_offices_mediate_jointly(walk, guard, head, office):
    row = walk.report(guard, "dispute", walk.village)
    walk.act(head, row, "escalate", reason="村里说不和。")
    walk.act(office, row, "accept")
    walk.refused(office, row, "start", "not_in_procedure", "P1-C1")
    body = walk.refused(office, row, "dispatch", "invalid_arguments", "P1-C1", to=walk.department("司法所"))
    assert set(body["errors"]) == {"assisting"}
    village = {"to": {"grid": walk.village.code}, "assisting": [walk.department("派出所")]}
    walk.refused(
        office, row, "dispatch", "wrong_target", "P1-D6", **village
    )  # to the offices, not to a village
    walk.act(office, row, "dispatch", to=walk.department("司法所"), assisting=[walk.department("派出所")])
    justice, police = walk.officer("司法所"), walk.officer("派出所")
    assert walk.step(justice, row) == "mediate_jointly"
    walk.refused(police, row, "start", "forbidden", "P1-D6")
    walk.act(justice, row, "start")
    walk.act(justice, row, "submit_result", note="签了协议。")
    walk.act(office, row, "verify")
    walk.refused(office, row, "close", "submit_assist_required", "P1-C1")
    walk.act(police, row, "submit_assist", note="已到场。")
    assert AssistTask.objects.get(incident=row).done_at
    walk.finish(office, row)
    assert walk.steps(office, row) == ["find", "call_offices", "mediate_jointly", "mediate_jointly"]


@pytest.mark.parametrize("title", ["村委会主任", "村“一把手”"])
def test_both_leaders_of_the_village_settle_early(walk, guard, title):
    row = walk.report(guard, "dispute", walk.village)
    walk.refused(guard, row, "settle", "not_this_post", "P1-I1", note="劝了")
    leader = walk.by(title, walk.village)
    assert walk.act(leader, row, "settle", note="当天说和。")["status"] == "closed"
    assert walk.steps(leader, row) == ["find", "settle_early"]


def test_a_hard_problem_is_listed_studied_solved_and_overseen(walk, guard, head, office):
    row = walk.report(guard, "security_hazard", walk.village)
    walk.act(head, row, "accept")
    assert walk.step(head, row) == "study"
    walk.refused(head, row, "settle", "not_in_procedure", "P1-D3", note="好了")
    body = walk.refused(head, row, "start", "invalid_arguments", "P1-D3")
    assert set(body["errors"]) == {"note"}
    walk.act(head, row, "start", note="专题研究：夜间两班巡逻，装两处路灯。")
    walk.act(head, row, "submit_result", note="路灯已亮，未再发生。")
    assert walk.step(office, row) == "oversee"
    walk.refused(head, row, "verify", "forbidden", "P1-I2")
    walk.act(office, row, "verify")
    walk.finish(office, row)
    assert walk.steps(office, row) == ["find", "study", "solve", "oversee"]


@pytest.mark.requirement("R78")
def test_a_problem_long_unsolved_is_listed(walk, guard, head, office):
    row = walk.report(guard, "border_area", walk.village)
    walk.act(head, row, "accept")
    assert walk.act(office, row, "list_for_rectification", reason="久拖未决，挂账。")["is_listed"]
    walk.refused(office, row, "list_for_rectification", "listed_already", "P1-I2", reason="再挂一次")
    walk.refused(guard, row, "list_for_rectification", "forbidden", "P1-I2", reason="挂账")


@pytest.mark.requirement("R7")
def test_without_groups_the_village_is_the_place_of_work(walk, head):
    assert walk.groups == []
    row = walk.report(head, "rental_housing", walk.village)
    walk.act(head, row, "settle", note="已整改。")
