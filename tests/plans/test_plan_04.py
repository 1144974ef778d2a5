"""Plan 4 (镇社区网格化管理方案), section 4.3: four kinds of work, each its own way."""

import pytest

from incidents.actions import answer_feedback
from incidents.beside import waiting_beside
from incidents.models import FeedbackRequest, Incident, Part
from tests.plans.walking import ASKED, LATER, Walk

pytestmark = pytest.mark.django_db
TOLD = {"note": "已当面告知结果。", "channel": "in_person"}


@pytest.fixture
def walk():
    return Walk(4)


@pytest.fixture
def member(walk):
    return walk.by("网格员", walk.group)


@pytest.fixture
def station(walk):
    return walk.by("社区（村）党支部书记", walk.village)


@pytest.fixture
def centre(walk):
    return walk.by("镇网格中心值班员")


@pytest.mark.requirement("R47")
def test_general_work_is_handled_on_the_spot_registered_and_closed(walk, member):
    row = walk.report(member, "general", walk.group)
    assert walk.step(member, row) == "handle"
    assert walk.act(member, row, "settle", note="当场修好，已登记。")["status"] == "closed"
    assert walk.steps(member, row) == ["handle"]


@pytest.mark.requirement("R48")
def test_coordination_is_taken_in_studied_reported_and_told(walk, member, station, centre):
    row = walk.report(member, "coordination", walk.group, requester=ASKED)
    told = {"channel": "phone", "happened_at": "2026-01-05T09:00:00+08:00"}
    walk.refused(member, row, "settle", "not_in_procedure", "P4-I2", note="办了", told=told)
    walk.refused(member, row, "escalate", "step_first", "P4-I2", reason="带回村里研究。")
    walk.act(member, row, "accept")
    walk.refused(member, row, "start", "not_in_procedure", "P4-I2")
    walk.act(member, row, "escalate", reason="带回村里研究。")
    walk.act(station, row, "accept")
    assert walk.step(station, row) == "study"
    walk.refused(station, row, "settle", "not_in_procedure", "P4-I2", note="办了", told=told)
    walk.act(station, row, "start")
    assert walk.step(station, row) == "report_result"
    walk.act(station, row, "submit_result", note="已协调供水所。")
    assert walk.read(centre, row)["responsible"]["grid"] == walk.town.pk  # the result is with the centre
    walk.act(centre, row, "verify")
    assert walk.step(station, row) == "tell"
    walk.refused(station, row, "close", "feed_back_required", "P4-I2")
    walk.refused(centre, row, "feed_back", "not_this_actor", "P4-I2", **TOLD)
    walk.act(station, row, "feed_back", **TOLD)
    walk.finish(station, row)
    assert walk.steps(station, row) == ["take_in", "take_in", "study", "report_result", "tell"]


@pytest.mark.requirement("R48")
def test_what_is_passed_up_with_its_report_was_taken_in_first(walk, member, station):
    row = walk.report(member, "coordination", walk.group, escalate=True)
    assert [one["action"] for one in walk.history(station, row)] == ["report", "accept", "escalate"]
    assert walk.steps(station, row) == ["take_in", "take_in"]
    walk.act(station, row, "accept")
    assert walk.step(station, row) == "study"
    walk.act(station, row, "escalate", reason="超出本村范围。")  # from the village on nothing is in the way


@pytest.mark.requirement("R49", "R71")
def test_an_emergency_goes_straight_to_the_centre_and_the_member_tracks_it(walk, member, station, centre):
    row = walk.report(member, "emergency", walk.group)
    read = walk.read(centre, row)
    assert (read["responsible"]["grid"], read["important"]) == (walk.town.pk, True)
    helpers = Part.objects.filter(incident=row, role="helper").values_list("member", flat=True)
    assert station.member.pk in helpers
    walk.refused(member, row, "accept", "forbidden", None)
    walk.act(
        member, row, "add_note", note="已看到，正在赶去。"
    )  # before it is handled nothing is followed up
    walk.act(centre, row, "accept")
    walk.act(centre, row, "start")
    walk.act(centre, row, "submit_result", note="已处置。")
    walk.act(walk.by("镇网格中心工作人员"), row, "verify")
    assert [(str(one.incident.pk), one.step.code) for one in waiting_beside(member)] == [(row, "track")]
    walk.refused(centre, row, "close", "arrive_required", "P4-I3")
    walk.act(station, row, "add_note", note="村里也看了。")  # not the member: noted, but not the step
    walk.refused(centre, row, "close", "arrive_required", "P4-I3")
    walk.act(member, row, "add_note", note="现场已清理，人员安全。")
    walk.finish(centre, row)
    assert walk.steps(member, row) == ["report_first", "handle", "handle", "track"]


@pytest.fixture
def office(walk):
    """The office in charge of what was applied for."""
    return walk.officer("民政办")


@pytest.fixture
def leader(walk):
    return walk.by("镇党委书记")


def reviewed(walk, asking, office, row):
    walk.act(asking, row, "assist", assisting=[walk.department("民政办")])
    walk.act(office, row, "submit_assist", note="材料齐全。")


@pytest.mark.requirement("R50")
def test_approval_is_accepted_reviewed_approved_and_delivered_by_the_member(
    walk, member, station, centre, office, leader
):
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    assert walk.read(station, row)["responsible"]["grid"] == walk.village.code
    walk.act(station, row, "accept")
    assert walk.step(station, row) == "review"
    walk.refused(leader, row, "approve", "step_first", "P4-I4")
    walk.act(station, row, "assist", assisting=[walk.department("民政办")])
    assert walk.read(office, row)["step"]["code"] == "review"
    walk.refused(station, row, "submit_assist", "forbidden", "P4-I4", note="同意")
    walk.refused(centre, row, "submit_assist", "forbidden", "P4-I4", note="同意")
    walk.refused(leader, row, "approve", "step_first", "P4-I4")
    walk.act(office, row, "submit_assist", note="材料齐全。")
    assert walk.step(station, row) == "approve"
    walk.refused(station, row, "approve", "forbidden", "P4-I4")
    walk.refused(office, row, "approve", "forbidden", "P4-I4")
    walk.refused(centre, row, "approve", "not_this_post", "P4-I4")
    assert walk.act(leader, row, "approve", note="同意。")["status"] == "verified"
    assert walk.read(member, row)["responsible"]["grid"] == walk.group.code
    assert walk.step(member, row) == "deliver"
    walk.refused(station, row, "feed_back", "not_this_actor", "P4-I4", **TOLD)
    walk.refused(member, row, "close", "feed_back_required", "P4-I4")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)
    assert walk.steps(member, row) == ["hold", "take_in", "review", "approve", "deliver"]


@pytest.mark.requirement("R50")
def test_only_an_office_reviews(walk, member, station, leader):
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    walk.act(station, row, "accept")
    walk.act(station, row, "assist", assisting=[{"grid": walk.village2.code}])
    other = walk.by("社区（村）党支部书记", walk.village2)
    walk.act(other, row, "submit_assist", note="邻村没有意见。")
    walk.refused(leader, row, "approve", "step_first", "P4-I4")


@pytest.mark.requirement("R50")
def test_what_the_leader_does_not_approve_is_not_handled(walk, member, station, office, leader):
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    walk.refused(station, row, "submit_result", "wrong_state", None, note="办了")
    walk.act(station, row, "accept")
    reviewed(walk, station, office, row)
    walk.act(leader, row, "disapprove", reason="请补齐材料。")
    assert Incident.objects.get(pk=row).status == "accepted"
    walk.refused(station, row, "start", "approval_required", "P4-I4")
    walk.refused(member, row, "feed_back", "forbidden", "P4-I4", **TOLD)
    reviewed(walk, station, office, row)
    walk.act(leader, row, "approve")
    assert walk.step(member, row) == "deliver"


@pytest.mark.requirement("R50")
def test_a_matter_that_skipped_a_step_is_not_stuck(walk, member, station, centre, office, leader):
    """The village passed it up without accepting it: its own step is not waited for at the township."""
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    walk.act(station, row, "escalate", reason="村里不受理此类。")
    walk.act(centre, row, "accept")
    assert walk.step(centre, row) == "review"
    reviewed(walk, centre, office, row)
    walk.act(leader, row, "approve")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)


@pytest.mark.requirement("R50")
def test_an_approval_that_comes_back_is_worked_on_again_by_the_village(walk, member, station, office, leader):
    """The person says that it is not solved before it is closed; and once closed it is opened again."""
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    walk.act(station, row, "accept")
    reviewed(walk, station, office, row)
    walk.act(leader, row, "approve")
    walk.act(member, row, "feed_back", **TOLD)
    asked = FeedbackRequest.objects.get(incident=row)
    answer_feedback(token=asked.token, grade=4, solved=False, comment="证件上的名字不对。")
    assert walk.read(station, row)["responsible"]["grid"] == walk.village.code
    walk.act(station, row, "submit_result", note="证件已更正。")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)
    walk.act(station, row, "reopen", reason="又少了一份。")
    reviewed(walk, station, office, row)
    walk.act(leader, row, "approve")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)


def test_a_village_reporting_itself_delivers_itself(walk, station, office, leader):
    row = walk.report(station, "approval", walk.village, requester=ASKED)
    walk.act(station, row, "accept")
    reviewed(walk, station, office, row)
    walk.act(leader, row, "approve")
    walk.act(station, row, "feed_back", **TOLD)
    walk.finish(station, row)


def test_general_rules_stand_behind_what_they_forbid(walk, member, station, centre):
    """P4-C4 to P4-C9, by hand from section 4.3."""
    row = walk.report(member, "general", walk.group)
    walk.act(member, row, "accept")
    to = {"grid": walk.groups[1].code}
    walk.refused(member, row, "hand_over", "forbidden", "P4-C9", to=to, reason="在隔壁片区")
    walk.refused(member, row, "reject", "forbidden", "P4-C6", reason="不归我管")
    walk.refused(member, row, "supervise", "forbidden", "P4-C8", level="yellow", note="催办")
    walk.refused(member, row, "mark_accountable", "forbidden", "P4-C4", about="网格员", reason="拖延")
    walk.act(member, row, "request_extension", until=LATER, reason="还要两天")
    walk.refused(member, row, "request_extension", "extension_open", "P4-C5", until=LATER, reason="还要两天")
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    walk.refused(member, row, "verify", "forbidden", "P4-C2")
