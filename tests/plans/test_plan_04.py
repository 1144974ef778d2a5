"""Plan 4 (镇社区网格化管理方案), section 4.3: four kinds of work, each its own way."""

import pytest

from incidents.models import Incident, Part
from tests.plans.walking import ASKED, Walk

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
    assert walk.steps(station, row) == ["take_in", "study", "report_result", "tell"]


@pytest.mark.requirement("R49", "R71")
def test_an_emergency_goes_straight_to_the_centre_and_the_member_tracks_it(walk, member, station, centre):
    row = walk.report(member, "emergency", walk.group)
    read = walk.read(centre, row)
    assert (read["responsible"]["grid"], read["important"]) == (walk.town.pk, True)
    helpers = Part.objects.filter(incident=row, role="helper").values_list("member", flat=True)
    assert list(helpers) == [station.member.pk]
    walk.refused(member, row, "accept", "forbidden", None)
    walk.act(centre, row, "accept")
    walk.act(centre, row, "start")
    walk.act(centre, row, "submit_result", note="已处置。")
    walk.act(walk.by("镇网格中心工作人员"), row, "verify")
    walk.refused(centre, row, "close", "arrive_required", "P4-I3")
    walk.act(station, row, "add_note", note="村里也看了。")  # not the member: noted, but not the step
    walk.refused(centre, row, "close", "arrive_required", "P4-I3")
    walk.act(member, row, "add_note", note="现场已清理，人员安全。")
    walk.finish(centre, row)
    assert walk.steps(member, row) == ["report_first", "handle", "handle", "track"]


@pytest.mark.requirement("R50")
def test_approval_is_accepted_reviewed_approved_and_delivered_by_the_member(walk, member, station, centre):
    leader = walk.by("镇党委书记")
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    assert walk.read(station, row)["responsible"]["grid"] == walk.village.code
    walk.act(station, row, "accept")
    assert walk.step(station, row) == "review"
    walk.refused(station, row, "review", "not_this_actor", "P4-I4", note="同意")
    walk.refused(leader, row, "approve", "step_first", "P4-I4")
    walk.act(centre, row, "review", note="材料齐全。")
    assert walk.step(station, row) == "approve"
    walk.refused(station, row, "approve", "forbidden", "P4-I4")
    walk.act(leader, row, "approve", note="同意。")
    walk.act(station, row, "submit_result", note="证件已办好。")
    assert walk.read(member, row)["responsible"]["grid"] == walk.group.code
    assert walk.step(member, row) == "deliver"
    walk.refused(station, row, "feed_back", "not_this_actor", "P4-I4", **TOLD)
    walk.refused(member, row, "close", "feed_back_required", "P4-I4")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)
    assert walk.steps(member, row) == ["take_in", "review", "approve", "carry_out", "deliver"]


@pytest.mark.requirement("R50")
def test_what_the_leader_does_not_approve_is_not_handled(walk, member, station, centre):
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    leader = walk.by("镇党委书记")
    walk.refused(station, row, "submit_result", "wrong_state", None, note="办了")
    walk.act(station, row, "accept")
    walk.act(centre, row, "review", note="缺材料。")
    walk.act(leader, row, "disapprove", reason="请补齐材料。")
    assert Incident.objects.get(pk=row).status == "accepted"
    walk.refused(station, row, "start", "approval_required", "P4-I4")
    walk.act(centre, row, "review", note="材料补齐了。")
    walk.act(leader, row, "approve")


@pytest.mark.requirement("R50")
def test_a_matter_that_skipped_a_step_is_not_stuck(walk, member, station, centre):
    """The village passed it up without accepting it: its own step is not waited for at the township."""
    row = walk.report(member, "approval", walk.group, requester=ASKED)
    walk.act(station, row, "escalate", reason="村里不受理此类。")
    walk.act(centre, row, "accept")
    walk.act(centre, row, "review", note="可以。")
    walk.act(walk.by("镇党委书记"), row, "approve")
    walk.act(centre, row, "submit_result", note="办好了。")
    walk.act(member, row, "feed_back", **TOLD)
    walk.finish(member, row)


def test_a_village_reporting_itself_delivers_itself(walk, station, centre):
    row = walk.report(station, "approval", walk.village, requester=ASKED)
    walk.act(station, row, "accept")
    walk.act(centre, row, "review", note="可以。")
    walk.act(walk.by("镇党委书记"), row, "approve")
    walk.act(station, row, "submit_result", note="办好了。")
    walk.act(station, row, "feed_back", **TOLD)
    walk.finish(station, row)
