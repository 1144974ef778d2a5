"""No side path leaves a step of the procedure out: handing over, settling, passing up, asking others to assist."""

import pytest

from incidents.models import Category, Incident
from tests.plans.walking import LATER, Walk, page

pytestmark = pytest.mark.django_db


def to(grid):
    return {"to": {"grid": grid.code}, "reason": "请你们办"}


# --- handing over ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R49", "R51", "R56", "R69", "R81")
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


@pytest.mark.requirement("R69")
def test_the_township_settles_nothing_without_its_return_visit():
    """What it handles is important (ambiguity 56)."""
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
    own = walk.report(member, "request", walk.group)  # what a grid finds is its own
    assert walk.act(member, own, "settle", note="已办好。")["status"] == "closed"
