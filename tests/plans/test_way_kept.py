"""No side path leaves a step of the procedure out: handing over, settling, passing up, asking others to assist."""

import pytest
from pydantic import ValidationError

from gridgov.common import clock
from grids.querysets import Place
from incidents.beside import waiting_beside
from incidents.board import board
from incidents.loop_check import breaches
from incidents.models import Category, Incident, Procedure, Transition
from incidents.workflow import ProcedureSpec
from members.actions import sync_grants
from members.models import Appointment
from tests.factories import fresh
from tests.plans.walking import LATER, Walk, page

pytestmark = pytest.mark.django_db


def to(grid):
    return {"to": {"grid": grid.code}, "reason": "请你们办"}


# --- handing over ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R49", "R51", "R81")
@pytest.mark.parametrize(
    ("number", "category", "desk", "rule"),
    [
        (3, "dispute_major", "乡综治办值班员", "P3-I2"),
        (3, "policy", "乡综治办值班员", "P3-C2"),
        (4, "emergency", "镇网格中心值班员", "P4-I3"),
        (6, "fire", "网格化管理办公室值班员", "P6-I2"),
        (10, "approval", "乡社会服务管理中心值班员", "P10-D2"),
    ],
)
def test_what_begins_at_the_township_is_not_handed_to_a_grid(number, category, desk, rule):
    walk = Walk(number)
    office = walk.by(desk)
    more = {"trend_forecast": "可能升级。"} if category == "dispute_major" else {}
    row = walk.report(office, category, walk.deepest, **more)
    walk.refused(office, row, "hand_over", "not_in_procedure", rule, **to(walk.village))
    assert 'id="hand_over_to"' not in page(office, f"/incidents/{row}/").content.decode()


@pytest.mark.requirement("R63")
def test_upwards_a_matter_is_passed_and_not_handed_over():
    walk = Walk(6)
    member, secretary = walk.by("网格员", walk.group), walk.by("村支部书记", walk.village)
    office = walk.by("网格化管理办公室值班员")
    row = walk.report(member, "request", walk.group)
    walk.refused(secretary, row, "hand_over", "not_in_procedure", "P6-D16", **to(walk.village))
    walk.refused(office, row, "hand_over", "not_in_procedure", "P6-D16", **to(walk.town.grid))
    walk.act(secretary, row, "hand_over", **to(walk.groups[1]))  # to the side
    walk.act(office, row, "hand_over", **to(walk.village2))  # it lies in the next village
    assert Incident.objects.get(pk=row).grid_id == walk.village2.code


@pytest.mark.requirement("R62")
def test_a_matter_that_was_passed_up_is_handed_down_to_where_it_may_begin():
    walk = Walk(6)
    secretary = walk.by("村支部书记", walk.village)
    row = walk.report(walk.by("网格员", walk.group), "request", walk.group, escalate=True)
    walk.act(secretary, row, "hand_over", **to(walk.groups[1]))
    assert walk.step(walk.by("网格员", walk.groups[1]), row) == "handle"


def test_whoever_sent_it_to_an_office_may_take_it_back():
    walk = Walk(6)
    office = walk.by("网格化管理办公室值班员")
    row = walk.report(walk.by("网格员", walk.group), "fire", walk.group)
    walk.act(office, row, "accept")
    walk.act(office, row, "dispatch", to={"grid": walk.village.code})
    walk.act(office, row, "hand_over", **to(walk.town.grid))
    assert walk.step(office, row) == "handle"


@pytest.mark.requirement("R76")
@pytest.mark.parametrize(
    ("number", "category", "desk", "head", "member"),
    [
        (7, "assigned", "镇政府值班员", "村（居）委会主任", "网格服务管理员"),
        (8, "litter", "工作小组值班员", "村级网格长", "网格员"),
    ],
)
def test_what_was_assigned_to_a_village_it_hands_on_to_its_member_and_the_township_checks(
    number, category, desk, head, member
):
    walk = Walk(number)
    office, head = walk.by(desk), walk.by(head, walk.village)
    member = walk.by(member, walk.group)
    row = walk.report(office, category, walk.village)
    walk.act(office, row, "accept")
    walk.act(office, row, "dispatch", to={"grid": walk.village.code})
    walk.act(head, row, "hand_over", **to(walk.group))
    walk.act(member, row, "accept")
    walk.refused(member, row, "settle", "not_own_level", None, note="清了")
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已办好。")
    assert walk.read(office, row)["responsible"]["grid"] == walk.town.pk
    assert walk.call(head, row, "verify").status_code == 403
    walk.act(office, row, "verify")


# --- settling ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R73")
@pytest.mark.parametrize("category", ["neighbours", "misfortune", "request"])
def test_where_one_must_be_nothing_is_settled_from_afar(category):
    walk = Walk(10)
    representative = walk.by("村民代表", walk.deepest)
    row = walk.report(representative, category, walk.deepest)
    body = walk.call(representative, row, "settle", note="已劝解。").json()
    assert (body["code"], bool(body["rule"])) == ("arrive_required", True), body
    walk.act(representative, row, "arrive")
    assert walk.act(representative, row, "settle", note="已劝解。")["status"] == "closed"


@pytest.mark.requirement("R73")
def test_the_grid_head_who_came_has_come():
    """Who holds the head of an area holds the member's post too (ambiguity 3)."""
    walk = Walk(10)
    representative = walk.by("村民代表", walk.deepest)
    row = walk.report(representative, "neighbours", walk.deepest)
    walk.act(walk.by("村两委干部", walk.deepest.code[:15]), row, "arrive")
    assert walk.act(representative, row, "settle", note="已劝解。")["status"] == "closed"


def test_the_township_settles_nothing_on_the_spot():
    """What it handles is important (ambiguity 56), with steps or without."""
    walk = Walk(8)
    row = walk.report(walk.by("网格员", walk.group), "dispute", walk.group, escalate=True)
    walk.act(walk.by("村级网格长", walk.village), row, "escalate", reason="请镇里办。")
    office = walk.by("工作小组值班员")
    body = walk.refused(office, row, "settle", "important_not_settled", None, note="办了")
    assert body["detail"].startswith("镇里办理的一律按重要事件对待")


@pytest.mark.requirement("R69")
def test_the_township_does_not_settle_past_its_return_visit():
    walk = Walk(6)
    row = walk.report(walk.by("网格员", walk.group), "request", walk.group, escalate=True)
    walk.act(walk.by("村支部书记", walk.village), row, "escalate", reason="请镇里办。")
    office = walk.by("网格化管理办公室值班员")
    walk.refused(office, row, "settle", "not_in_procedure", "P6-C3", note="办了")
    assert Incident.objects.get(pk=row).is_open


# --- passing up --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R63")
def test_within_a_village_each_passes_on_only_what_is_theirs():
    walk = Walk(10)
    representative, cadre = walk.by("村民代表", walk.deepest), walk.by("村两委干部", walk.deepest.code[:15])
    committees, stationed = walk.by("村两委负责人", walk.village), walk.by("驻村干部", walk.village)
    row = walk.report(representative, "dispute", walk.deepest)
    walk.act(representative, row, "escalate", reason="化解不了。")
    walk.act(cadre, row, "escalate", reason="化解不了。")
    walk.refused(stationed, row, "escalate", "not_this_post", "P10-I3", reason="交给我们")
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    walk.refused(committees, row, "escalate", "not_this_post", "P10-D4", reason="直接报乡里")
    assert walk.step(stationed, row) == "stationed"
    walk.act(stationed, row, "escalate", reason="请乡里处理。")


def test_who_neither_takes_the_step_nor_answers_for_the_village_does_not_pass_it_up():
    walk = Walk(2, villages=1)
    row = walk.report(walk.by("信息排查队队员", walk.village), "dispute", walk.village)
    walk.refused(
        walk.by("信息排查队队员", walk.village), row, "escalate", "not_this_post", "P2-D3", reason="难"
    )
    walk.act(walk.by("调解会委员", walk.village), row, "escalate", reason="村里解决不了。")


@pytest.mark.requirement("R54")
def test_a_village_to_which_it_was_assigned_sends_it_up_again_with_its_opinion_only():
    walk = Walk(3)
    posted, head = walk.by("驻组村干部", walk.group), walk.by("村（居）主要负责人", walk.village)
    director, office = walk.by("村治保主任", walk.village), walk.by("乡综治办值班员")
    row = walk.report(posted, "dispute", walk.group, escalate=True)
    walk.act(head, row, "accept")
    walk.act(head, row, "start", responsible_person=str(head.member.pk), deadline=LATER)
    opinion = walk.file(director, row)
    walk.act(director, row, "escalate", reason="请乡里归口办理。", papers=[opinion])
    walk.act(office, row, "accept")
    leader = str(walk.by("乡党委主要负责人").member.pk)
    walk.act(office, row, "dispatch", to={"grid": walk.village.code}, case_leader=leader, deadline=LATER)
    body = walk.refused(director, row, "escalate", "invalid_arguments", "P3-D5", reason="还是办不了。")
    assert set(body["errors"]) == {"papers"}
    walk.act(director, row, "escalate", reason="还是办不了。", papers=[walk.file(director, row)])


@pytest.mark.requirement("R63")
def test_a_suspended_matter_leaves_out_nobody_either_and_its_clock_goes_on():
    walk, row = at_the_committees()
    committees, stationed = walk.by("村两委负责人", walk.village), walk.by("驻村干部", walk.village)
    walk.act(committees, row, "accept")
    walk.act(committees, row, "suspend", reason="等当事人回来。")
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    assert walk.step(stationed, row) == "stationed"
    assert list(breaches()) == []


@pytest.mark.requirement("R63")
def test_what_was_sent_to_a_village_may_be_taken_back_while_it_passes_on_there():
    walk, row = at_the_committees()
    committees, stationed = walk.by("村两委负责人", walk.village), walk.by("驻村干部", walk.village)
    centre = walk.by("乡社会服务管理中心值班员")
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    walk.act(stationed, row, "escalate", reason="请乡里处理。")
    walk.act(centre, row, "accept")
    walk.act(centre, row, "dispatch", to={"grid": walk.village.code})
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    assert board([Place(walk.town.pk, "township", False)])[12]["raised"] == 1  # it was passed up before
    walk.act(centre, row, "hand_over", **to(walk.town.grid))
    assert walk.step(centre, row) == "centre"


def test_what_passes_on_within_its_village_has_not_gone_up():
    walk, row = at_the_committees()
    Transition.objects.filter(incident=row, action="escalate").update(action="add_note")  # as if begun there
    walk.act(walk.by("村两委负责人", walk.village), row, "escalate", reason="两委处理不了。")
    assert board([Place(walk.town.pk, "township", False)])[12]["raised"] == 0


def test_of_three_posts_each_has_its_turn_once():
    walk = Walk(10)
    procedure = Procedure.objects.get(township=walk.town.grid, code="ladder", is_current=True)
    steps = procedure.data["steps"]
    third = next(step for step in steps if step["code"] == "stationed") | {
        "code": "chief", "name": "组长处理", "posts": ["村两委负责人"], "actor": "组长",
    }  # fmt: skip
    next(step for step in steps if step["code"] == "stationed")["on_failure"] = "chief"
    steps.insert(4, third)
    procedure.save()
    walk, row = at_the_committees(walk)
    committees, stationed = walk.by("村两委负责人", walk.village), walk.by("驻村干部", walk.village)
    for user, after in ((committees, "stationed"), (stationed, "chief"), (committees, "centre")):
        walk.act(user, row, "escalate", reason="处理不了。")
        assert walk.step(walk.by("乡社会服务管理中心值班员"), row) == after


def test_a_post_that_may_not_handle_locks_nobody_out():
    walk = Walk(10)
    procedure = Procedure.objects.get(township=walk.town.grid, code="ladder", is_current=True)
    next(step for step in procedure.data["steps"] if step["code"] == "committees")["posts"] = [
        "组长（分管领导）"
    ]
    procedure.save()
    walk, row = at_the_committees(walk)
    committees = walk.by("村两委负责人", walk.village)
    assert walk.act(committees, row, "settle", note="谈成了。")["status"] == "closed"


def test_the_village_that_has_it_works_on_it_although_its_place_was_corrected():
    walk, row = at_the_committees()
    walk.act(walk.by("乡社会服务管理中心值班员"), row, "correct", grid=walk.village2.code)
    committees = walk.by("村两委负责人", walk.village)
    walk.act(committees, row, "accept")
    walk.act(committees, row, "start")


def at_the_committees(walk=None):
    """A dispute of plan 10 that neither the representative nor the cadre could settle."""
    walk = walk or Walk(10)
    row = walk.report(walk.by("村民代表", walk.deepest), "dispute", walk.deepest)
    walk.act(walk.by("村民代表", walk.deepest), row, "escalate", reason="化解不了。")
    walk.act(walk.by("村两委干部", walk.deepest.code[:15]), row, "escalate", reason="化解不了。")
    return walk, row


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"level": "township", "by": ["settle"]}, "only_settled"),
        ({"level": "department", "by": ["arrive"], "parallel": True, "owed": True}, "owed_nowhere"),
    ],
)
def test_a_step_that_nobody_could_take_is_refused(step, said):
    first = {
        "code": "handle",
        "name": "办理",
        "level": "village",
        "actor": "村",
        "by": ["start", "submit_result"],
    }
    with pytest.raises(ValidationError, match=said):
        ProcedureSpec(steps=[first, {"code": "other", "name": "另办", "actor": "镇", **step}])


# --- what is owed beside -----------------------------------------------------------------------------------------


@pytest.mark.requirement("R73")
def test_whoever_follows_in_the_post_has_it_on_the_desk():
    walk = Walk(10)
    row = walk.report(walk.by("乡社会服务管理中心值班员"), "emergency", walk.deepest)
    old = Appointment.objects.current().get(post__grid=walk.deepest, post__role__code="worker")
    other = walk.by("党小组长", walk.deepest.code[:15])
    old.until = clock.today()
    old.save()
    Appointment.objects.create(member=other.member, post=old.post, is_main=True, since=clock.today())
    sync_grants(township_code=walk.town.pk)
    assert [(str(one.incident.pk), one.step.code) for one in waiting_beside(fresh(other))] == [
        (row, "be_there")
    ]


@pytest.mark.requirement("R73")
def test_what_is_done_hides_nothing_that_is_owed(monkeypatch):
    walk = Walk(10)
    monkeypatch.setattr("incidents.beside.MOST", 2)
    representative, centre = walk.by("村民代表", walk.deepest), walk.by("乡社会服务管理中心值班员")
    rows = [walk.report(centre, "emergency", walk.deepest) for _n in range(3)]
    for row in rows[:2]:
        walk.act(representative, row, "arrive")
    assert [str(one.incident.pk) for one in waiting_beside(fresh(representative))] == rows[2:]


# --- the admission list ------------------------------------------------------------------------------------------


@pytest.mark.requirement("R82")
def test_what_is_not_on_the_list_comes_to_no_grid_from_the_township():
    walk = Walk(6)
    office, member = walk.by("网格化管理办公室值班员"), walk.by("网格员", walk.group)
    Category.objects.filter(township=walk.town.grid, code="request").update(for_grids=False)
    row = walk.report(office, "request", walk.group)
    assert walk.read(office, row)["responsible"]["grid"] == walk.town.pk  # not with the group
    walk.act(office, row, "accept")
    village = {"grid": walk.village.code}
    walk.refused(office, row, "hand_over", "not_admitted", None, **to(walk.village))
    walk.refused(office, row, "dispatch", "not_admitted", None, to=village)
    for action in ("assist", "whistle"):
        body = walk.refused(office, row, action, "not_admitted", None, assisting=[village], deadline=LATER)
        assert set(body["errors"]) == {"assisting"}
    shown = page(office, f"/incidents/{row}/").content.decode()
    assert f"grid:{walk.village.code}" not in shown
    assert not {one["name"] for one in walk.read(office, row)["allowed_actions"]} & {"hand_over"}
    walk.act(office, row, "start")  # it does such a matter itself
    own = walk.report(member, "request", walk.group)  # what a grid finds is its own
    assert walk.act(member, own, "settle", note="已办好。")["status"] == "closed"


@pytest.mark.requirement("R82")
def test_nor_does_it_reach_a_grid_by_way_of_an_office():
    walk = Walk(3)
    office = walk.by("乡综治办值班员")
    Category.objects.filter(township=walk.town.grid, code="security_hazard").update(for_grids=False)
    row = walk.report(office, "security_hazard", walk.group)
    walk.act(office, row, "accept")
    walk.act(office, row, "dispatch", to=walk.department("司法所"))
    walk.refused(office, row, "hand_over", "not_admitted", None, **to(walk.village))
    walk.refused(office, row, "assist", "not_admitted", None, assisting=[{"grid": walk.village.code}])
    walk.act(office, row, "hand_over", **to(walk.town.grid))


@pytest.mark.requirement("R82")
def test_what_the_township_sends_nowhere_it_does_itself_although_its_step_only_assigns():
    walk = Walk(8)
    office = walk.by("工作小组值班员")
    Category.objects.filter(township=walk.town.grid, code="litter").update(for_grids=False)
    row = walk.report(office, "litter", walk.group)
    walk.act(office, row, "accept")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="已清理。")
    walk.act(walk.by("工作小组成员"), row, "verify")
    walk.finish(office, row)
