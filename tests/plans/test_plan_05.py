"""Plan 5 (农村社区网格化服务管理方案), section 5.3: the station first, then the township."""

import pytest

from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(5)


@pytest.fixture
def member(walk):
    return walk.by("网格员", walk.group)


@pytest.fixture
def station(walk):
    return walk.by("农村社区服务站站长", walk.village)


@pytest.fixture
def township(walk):
    return walk.by("乡镇值班员")


def test_the_station_solves_what_it_can_at_once(walk, member, station):
    row = walk.report(member, "resident_problem", walk.group)
    assert walk.step(member, row) == "take_up"
    walk.refused(member, row, "escalate", "step_first", "P5-D14", reason="交服务站办理。")
    walk.act(member, row, "accept")
    walk.act(member, row, "escalate", reason="交服务站办理。")
    assert walk.step(station, row) == "station"
    assert walk.act(station, row, "settle", note="当场办结。")["status"] == "closed"
    assert walk.steps(station, row) == ["take_up", "take_up", "station"]


def test_what_the_station_cannot_solve_is_sorted_and_reported_to_the_township(
    walk, member, station, township
):
    row = walk.report(member, "livelihood", walk.group, escalate=True)
    walk.act(station, row, "accept")
    walk.act(station, row, "start")
    body = walk.refused(station, row, "escalate", "invalid_arguments", None)
    assert set(body["errors"]) == {"reason"}
    walk.act(station, row, "escalate", reason="归类：需要资金，报乡镇。")
    assert walk.step(township, row) == "handle"
    walk.act(township, row, "accept")
    walk.act(township, row, "start")
    walk.act(township, row, "submit_result", note="已拨付资金。")
    walk.act(walk.by("乡镇工作人员"), row, "verify")
    walk.finish(township, row)
    assert walk.steps(township, row) == ["take_up", "take_up", "station", "sort", "handle", "handle"]


def test_the_member_takes_up_and_does_not_settle_in_place_of_the_station(walk, member, station):
    row = walk.report(member, "resident_problem", walk.group)
    walk.refused(member, row, "settle", "not_in_procedure", "P5-D14", note="办了")
    walk.act(member, row, "accept")
    walk.refused(member, row, "start", "not_in_procedure", "P5-D14")
    walk.refused(station, row, "start", "forbidden", "P5-D14")


def test_the_station_does_not_pass_down_what_is_its_own(walk, member, station):
    row = walk.report(member, "resident_problem", walk.group, escalate=True)
    walk.act(station, row, "accept")
    walk.refused(station, row, "dispatch", "not_this_actor", "P5-I1", to={"grid": walk.group.code})


def test_what_the_township_sends_down_is_done_there(walk, member, station, township):
    row = walk.report(member, "resident_problem", walk.group, escalate=True)
    walk.act(station, row, "escalate", reason="报乡镇。")
    walk.act(township, row, "accept")
    walk.act(township, row, "dispatch", to={"grid": walk.group.code})
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已办好。")
    walk.act(township, row, "verify")
    walk.finish(township, row)


def test_the_member_acts_for_residents_and_passes_on_what_he_cannot_do(walk, member, station, township):
    """P5-D15: a duty of the member, not of the station."""
    row = walk.report(member, "agency_service", walk.group)
    assert walk.step(member, row) == "act_for"
    walk.refused(station, row, "settle", "forbidden", "P5-D15", note="办了")
    assert walk.act(member, row, "settle", note="已代缴医保。")["status"] == "closed"
    assert walk.steps(member, row) == ["act_for"]
    row = walk.report(member, "agency_service", walk.group)
    walk.act(member, row, "accept")
    walk.act(member, row, "start")
    walk.act(member, row, "escalate", reason="需要盖村里的章。")
    walk.act(station, row, "accept")
    walk.act(station, row, "start")
    walk.act(station, row, "escalate", reason="需要乡镇办理。")
    assert walk.step(township, row) == "handle"
    assert walk.steps(township, row) == ["act_for", "station", "sort"]
