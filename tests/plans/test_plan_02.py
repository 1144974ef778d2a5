"""Plan 2 (村级综治维稳工作方案), section 2.3: one village that screens, mediates and checks by itself."""

import pytest

from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(2, villages=1)


@pytest.fixture
def mediator(walk):
    return walk.by("调解会委员", walk.village)


@pytest.fixture
def leader(walk):
    return walk.by("村党支部书记", walk.village)


def test_a_dispute_is_screened_mediated_and_checked_within_the_village(walk, mediator, leader):
    row = walk.report(walk.by("信息排查队队员", walk.village), "dispute", walk.village)
    walk.act(mediator, row, "accept")
    assert walk.step(mediator, row) == "mediate"
    walk.refused(mediator, row, "settle", "not_in_procedure", "P2-D3", note="说和了")
    walk.act(mediator, row, "start")
    walk.act(mediator, row, "submit_result", note="双方和好。")
    assert walk.read(leader, row)["responsible"]["grid"] == walk.village.code  # not the township
    assert walk.step(leader, row) == "urge"
    walk.refused(mediator, row, "verify", "forbidden", "P2-O5")
    walk.act(leader, row, "send_back", reason="再去看一次，防止反复。")
    walk.act(mediator, row, "submit_result", note="回访无反复。")
    walk.act(leader, row, "verify")
    walk.finish(leader, row)
    assert walk.steps(leader, row) == ["find", "mediate", "mediate", "urge", "mediate", "urge"]


def test_a_major_problem_goes_the_same_way_and_up_if_it_must(walk, mediator, leader):
    row = walk.report(mediator, "major_dispute", walk.village)
    walk.act(leader, row, "escalate", reason="村里解决不了。")
    office = walk.by("镇综治办值班员")
    walk.act(office, row, "accept")
    walk.act(office, row, "dispatch", to=walk.department("司法所"))
    justice = walk.officer("司法所")
    walk.act(justice, row, "start")
    walk.act(justice, row, "submit_result", note="已调解。")
    walk.act(office, row, "verify")
    walk.finish(office, row)


@pytest.mark.requirement("R80")
def test_a_public_security_problem_is_recorded(walk, leader):
    row = walk.report(leader, "security_hazard", walk.village)
    assert walk.act(leader, row, "settle", note="已加固。")["status"] == "closed"
