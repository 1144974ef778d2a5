"""Plan 6 (镇网格化服务管理实施意见), section 6.3: level by level, tell the person, visit after every important matter."""

import pytest

from tests.plans.walking import ASKED, Walk

pytestmark = pytest.mark.django_db
TOLD = {"note": "已告知处理结果。", "channel": "phone"}
# Must-report, by hand from section 6.3 (P6-M1 to P6-M5).
MUST_REPORT = {
    "fire",
    "fire_hazard",
    "security_hazard",
    "abnormal_death",
    "social_security",
    "weak_group_rights",
}


@pytest.fixture
def walk():
    return Walk(6)


@pytest.fixture
def member(walk):
    return walk.by("网格员", walk.group)


@pytest.fixture
def secretary(walk):
    return walk.by("村支部书记", walk.village)


@pytest.fixture
def office(walk):
    return walk.by("网格化管理办公室值班员")


@pytest.mark.requirement("R68")
def test_what_is_within_duty_is_handled_and_the_person_told(walk, member, secretary):
    row = walk.report(member, "request", walk.group, requester=ASKED)
    walk.act(member, row, "accept")
    assert walk.step(member, row) == "handle"
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已修好。")
    walk.act(secretary, row, "verify")
    assert walk.step(member, row) == "tell"
    walk.refused(member, row, "close", "feed_back_required", "P6-C2")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)
    assert walk.steps(member, row) == ["handle", "handle", "tell"]


@pytest.mark.requirement("R63")
@pytest.mark.parametrize("category", ["request", "dispute"])
def test_what_is_hard_goes_up_level_by_level_and_comes_back_as_an_answer(
    walk, member, secretary, office, category
):
    row = walk.report(member, category, walk.group, requester=ASKED)
    walk.refused(secretary, row, "escalate", "forbidden", "P6-C3", reason="越级")
    walk.act(member, row, "escalate", reason="需要村里协调。")
    assert walk.step(secretary, row) == "handle_village"
    walk.act(secretary, row, "escalate", reason="需要镇里协调。")
    assert walk.step(office, row) == "handle_town"
    walk.act(office, row, "accept")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="已协调解决。")
    second = walk.by("网格化管理办公室工作人员")
    walk.act(second, row, "verify")
    walk.act(second, row, "feed_back", **TOLD)
    walk.refused(second, row, "close", "return_visit_required", "P6-C1")
    walk.act(second, row, "return_visit", happened=True, solved=True)
    walk.finish(second, row)
    assert walk.steps(second, row) == ["handle_town", "handle_town", "tell", "visit"]


@pytest.mark.requirement("R68")
def test_the_member_who_passed_it_up_may_tell_the_person_the_result(walk, member, secretary, office):
    row = walk.report(member, "request", walk.group, requester=ASKED)
    walk.act(member, row, "escalate", reason="需要村里协调。")
    walk.act(secretary, row, "accept")
    walk.act(secretary, row, "start")
    walk.act(secretary, row, "submit_result", note="已协调解决。")
    walk.refused(member, row, "feed_back", "wrong_state", None, **TOLD)  # there is no result yet
    walk.act(office, row, "verify")
    neighbour = walk.by("网格员", walk.groups[1])
    assert walk.call(neighbour, row, "feed_back", **TOLD).status_code == 404
    walk.act(member, row, "feed_back", **TOLD)
    assert walk.steps(member, row) == ["handle_village", "handle_village", "tell_person"]
    assert walk.call(member, row, "close").status_code == 403  # telling, not closing
    walk.finish(secretary, row)


@pytest.mark.requirement("R68")
def test_the_unit_that_accepted_it_may_tell_the_person_as_well(walk, member, secretary, office):
    row = walk.report(member, "request", walk.group, requester=ASKED)
    walk.act(member, row, "escalate", reason="需要村里协调。")
    walk.act(secretary, row, "accept")
    walk.act(secretary, row, "start")
    walk.act(secretary, row, "submit_result", note="已协调解决。")
    walk.act(office, row, "verify")
    assert walk.step(secretary, row) == "tell"
    walk.act(secretary, row, "feed_back", **TOLD)
    walk.finish(secretary, row)
    assert walk.steps(secretary, row)[-1] == "tell"


@pytest.mark.requirement("R69", "R71")
@pytest.mark.parametrize("category", sorted(MUST_REPORT))
def test_a_listed_event_is_reported_at_once_and_visited(walk, member, secretary, office, category):
    row = walk.report(member, category, walk.group)
    read = walk.read(office, row)
    assert (read["important"], read["responsible"]["grid"]) == (True, walk.town.pk)
    assert walk.read(secretary, row)["number"]  # the village has it in sight
    walk.refused(member, row, "start", "forbidden", "P6-I2")
    walk.act(office, row, "accept")
    walk.refused(office, row, "settle", "important_not_settled", "P6-C1", note="已处置")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="已处置。")
    second = walk.by("网格化管理办公室工作人员")
    walk.act(second, row, "verify")
    walk.refused(second, row, "close", "return_visit_required", "P6-C1")
    walk.refused(office, row, "return_visit", "own_work", None, happened=True, solved=True)
    walk.act(second, row, "return_visit", happened=True, solved=True)
    walk.finish(second, row)
    assert walk.steps(second, row) == ["report_first", "handle", "handle", "visit"]


@pytest.mark.requirement("R71")
def test_nothing_else_is_urgent(walk, member, office):
    urgent = set()
    for code in walk.categories():
        row = walk.report(member, code, walk.group)
        urgent |= {code} if walk.read(office, row)["important"] else set()
    assert urgent == MUST_REPORT


@pytest.mark.requirement("R70")
def test_a_visit_that_finds_it_unsolved_brings_it_back(walk, member, office):
    row = walk.report(member, "fire", walk.group)
    walk.act(office, row, "accept")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="已处置。")
    second = walk.by("网格化管理办公室工作人员")
    walk.act(second, row, "verify")
    again = walk.act(second, row, "return_visit", happened=True, solved=False)
    assert (again["status"], again["rework_count"]) == ("in_progress", 1)
    assert walk.step(office, row) == "handle"
