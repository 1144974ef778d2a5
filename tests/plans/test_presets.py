"""All ten plans from their files: what is in them, what loading makes of them, and that a township can work under each."""

import random
import re

import pytest
from django.core.management import CommandError, call_command

from gridgov.plans import loader
from gridgov.plans.actions import load_plan, set_up
from gridgov.plans.divisions import demo_place, shipped_places
from gridgov.plans.exporting import plan_of
from gridgov.plans.schema import RuleSpec
from gridgov.simulation.people import People
from gridgov.simulation.seed import seed
from gridgov.simulation.steps import Matter, next_step
from gridgov.simulation.working import simulate
from grids.actions import check_setup
from grids.enums import Kind
from grids.models import Grid, Rule, Tier, Township
from grids.querysets import forget_calendars
from incidents.actions import perform, report
from incidents.enums import Status
from incidents.loop_check import breaches
from incidents.models import Category, Incident, Procedure
from incidents.spec_form import BeginForm, SpecForm
from incidents.steps import naming
from incidents.workflow import REQUIREMENTS, ProcedureSpec
from members.models import Appointment, Department, Duty, Post, Role

pytestmark = pytest.mark.django_db
PLANS = range(1, 11)
TOWN = "320371101"

# Grid rules, roles, duties, procedures, rules of matters, must-report, must-arrive, visits, patrols and other duties that
# each plan has: G 6 means P6-G1 to P6-G6. By hand, from the reading of the plans.
IN_SCOPE = {
    1: {"G": 1, "R": 7, "D": 12, "I": 2, "C": 1, "T": 1, "O": 3},
    2: {"R": 7, "D": 7, "I": 1, "C": 1, "T": 1, "O": 5},
    3: {"R": 10, "D": 16, "I": 4, "C": 3, "M": 2, "V": 4, "O": 5},
    4: {"G": 10, "R": 7, "D": 24, "I": 4, "C": 9, "V": 3, "T": 1, "O": 5},
    5: {"G": 6, "R": 7, "D": 18, "I": 1, "V": 10, "O": 6},
    6: {"G": 6, "R": 9, "D": 20, "I": 2, "C": 3, "M": 5, "V": 7, "T": 2, "O": 2},
    7: {"G": 2, "R": 4, "D": 16, "I": 2, "C": 3, "T": 2, "O": 3},
    8: {"G": 4, "R": 4, "D": 17, "I": 1, "T": 3, "O": 6},
    9: {"G": 5, "R": 13, "D": 21, "I": 1, "C": 1, "T": 4, "O": 5},
    10: {"G": 4, "R": 7, "D": 15, "I": 4, "C": 2, "M": 3, "Q": 4, "V": 9, "T": 1, "O": 2},
}
TIERS = {
    1: ["镇", "村、企业、单位"],
    2: ["镇", "村"],
    3: ["乡", "村（居）", "片、组"],
    4: ["一级网格平台", "二级网格", "三级网格"],
    5: ["乡镇", "农村社区服务站", "网格"],
    6: ["一级网格", "二级网格", "三级网格"],
    7: ["一级网络", "二级网络", "三级网络"],
    8: ["总网格", "村级网格", "责任网格"],
    9: ["一级网格（总网格）", "二级网格（大网格）", "三级网格（小网格）"],
    10: ["乡", "一级网格", "二级网格", "三级网格"],
}
EXPECTED = {
    2: {"village": 1},
    4: {"village": 37},
    6: {"village": 22, "group": 143},
    9: {"township": 1, "village": 8, "group": 58},
    10: {"village": 9},
}
# Words of what no product for a township may ask about people; none of them is in any rule.
NEVER = re.compile("邪教|信教|宗教|上访|信访|吸毒|戒毒|刑满|刑释|矫正|计生|计划生育|超生|精神病|艾滋")


def small(plan: int, villages: int = 2) -> Township:
    forget_calendars()
    named = [
        (f"{TOWN}{200 + n}", f"{word}村") for n, word in zip(range(1, villages + 1), "甲乙丙", strict=False)
    ]
    return set_up(code=TOWN, name="徐庄镇", villages=named, plan=plan)


def walked(number: int, *, groups: int | None = None) -> tuple[Township, People]:
    town = small(number)
    seed(township=town, hashes={}, groups=groups)
    town.refresh_from_db()
    return town, People.of(town.grid, seed=1)


@pytest.mark.parametrize("number", PLANS)
def test_every_rule_in_scope_is_there_with_its_clause_and_nothing_else(number):
    wanted = {
        f"P{number}-{letter}{n}" for letter, last in IN_SCOPE[number].items() for n in range(1, last + 1)
    }
    town = small(number)
    rules = Rule.objects.filter(township=town)
    have = {rule.rule_id for rule in rules if rule.rule_id.split("-")[1][0] in "GRDICMQVTO"}
    assert have == wanted
    assert all(rule.clause.startswith(f"《{town.plan_title}》第") for rule in rules)
    assert not [rule.rule_id for rule in rules if rule.rule_id.split("-")[1][0] in "ZN"]
    assert not [rule.rule_id for rule in rules if NEVER.search(rule.text)]


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("number", PLANS)
def test_loading_a_second_time_changes_nothing(number):
    small(number)
    tables = (Township, Tier, Rule, Role, Procedure, Category, Duty, Department, Post)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    changes = load_plan(plan=number, township_code=TOWN)
    assert (changes.added, changes.updated, changes.kept) == ([], {}, {})
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


@pytest.mark.requirement("R2")
@pytest.mark.parametrize("number", PLANS)
def test_the_tiers_carry_the_plans_own_labels(number):
    town = small(number)
    shown = Tier.objects.filter(township=town).order_by("depth")
    assert [tier.label for tier in shown] == TIERS[number]
    assert [tier.kind for tier in shown] == ["township", "village", "group", "group"][: len(TIERS[number])]


@pytest.mark.requirement("R3", "R4", "R5", "R6")
@pytest.mark.parametrize("number", PLANS)
def test_expected_counts_are_compared_with_what_is_there(number):
    town = small(number)
    assert town.expected == EXPECTED.get(number, {})
    missing = {count.tier.kind: count.missing for count in check_setup(town).counts}
    there = {"township": 1, "village": 2, "group": 0}
    assert missing == {kind: max(0, wanted - there[kind]) for kind, wanted in town.expected.items()}


@pytest.mark.requirement("R80")
@pytest.mark.parametrize("number", PLANS)
def test_disputes_and_security_hazards_can_be_recorded(number):
    town = small(number)
    kinds = dict(Category.objects.filter(township=town.grid).values_list("code", "kind"))
    assert (kinds["dispute"], kinds["security_hazard"]) == ("dispute", "hazard")


@pytest.mark.requirement("R82")
@pytest.mark.parametrize("number", [8, 9])
def test_plans_of_the_living_environment_offer_its_categories(number):
    town = small(number)
    offered = Category.objects.filter(township=town.grid, kind="environment")
    assert offered.count() == {8: 8, 9: 1}[number]


@pytest.mark.once
@pytest.mark.requirement("R7", "R80")
@pytest.mark.parametrize("number", PLANS)
@pytest.mark.parametrize("groups", [0, None])
def test_a_matter_of_each_category_is_reported_accepted_handled_and_closed(number, groups):
    _town, people = walked(number, groups=groups)
    grid, dice = people.walked[-1], random.Random(number)
    for category in people.categories.values():
        incident = report(
            user=people.worker(grid),
            grid=grid,
            category=category,
            description="路边有一堆杂物。",
            trend_forecast="可能有多人到场。",
        ).incident
        for _step in range(40):
            following = next_step(Matter(incident, asked=False), people, dice)
            if following is None:
                break
            if following.action == "reject":  # ends it too, but not what is asked here
                continue
            perform(user=following.user, incident=incident, action=following.action, **following.arguments)
            incident = Incident.objects.for_list().get(pk=incident.pk)
        assert incident.status == Status.CLOSED, (number, category.code)
    assert list(breaches()) == []


@pytest.mark.parametrize("number", PLANS)
def test_two_days_of_work_leave_a_closed_loop(number, clock):
    clock("2026-11-26T09:00")  # a Thursday: less is reported at weekends
    town, _people = walked(number)
    done = simulate(township=town, days=2, seed=number)
    assert done["arrived"] > 5
    assert done["accepted"] > 0
    assert list(breaches()) == []


@pytest.mark.parametrize("number", PLANS)
def test_every_demo_account_has_somebody(number):
    town = small(number, villages=1 if number == 2 else 2)
    people = seed(township=town, hashes={})
    assert set(people) == {
        "admin", "township", "township2", "village", "worker", "worker2", "department", "supervisor", "leader", "auditor",
    }  # fmt: skip
    assert len({user.pk for user in people.values()}) == len(people)


@pytest.mark.parametrize(
    ("number", "by_depth"),
    [(1, {1: 15}), (2, {1: 1}), (4, {1: 27, 2: 54}), (9, {1: 8, 2: 58}), (10, {1: 9, 2: 18, 3: 36})],
)
def test_the_demo_has_the_tree_of_its_plan(number, by_depth):
    (code, name), villages = demo_place(number)
    town = set_up(code=code, name=name, villages=villages, plan=number)
    seed(township=town, hashes={})
    for depth, count in by_depth.items():
        assert Grid.objects.filter(township_code=code, depth=depth).count() == count
    assert Grid.objects.filter(township_code=code).exclude(depth__in=[0, *by_depth]).count() == 0


def test_a_demo_place_is_there_for_every_plan():
    assert shipped_places() == list(PLANS)


# Posts that a plan has beside those who handle and answer for it: (title, depth). By hand, from the reading of the plans.
BESIDE = {
    1: {("村“一把手”", 1)},
    3: {("治安联户长", 2), ("纠纷信息员", 2)},
    4: {("网格长", 2), ("网格信息员", 2), ("义务信息员、监督员", 2)},
    6: {("包村领导", 1), ("网格信息员", 2), ("义务信息员、监督员", 2)},
    9: {("包村领导（分网格长）", 1), ("包社干部", 2), ("网格联络员", 2), ("总联络员", 0), ("总联络员", 2)},
    10: {("组长（分管领导）", 1), ("驻村干部", 1), ("党小组长", 2)},
}


@pytest.mark.requirement("R33", "R34", "R36")
@pytest.mark.parametrize("number", BESIDE)
def test_the_tiers_bring_the_posts_that_the_plan_has_beside(number):
    made = {(post.title, tier.depth) for tier in loader.preset(number).tiers for post in tier.posts}
    assert BESIDE[number] <= made


# Where the plan has a rule in more places than one. By hand.
PLACES = {
    "P7-I1": "第三部分（一）、第三部分（二）、第三部分（三）",
    "P7-I2": "第三部分（一）第3项、第三部分（二）第2项、第三部分（三）第2项",
    "P10-I3": "第六部分（一）、第六部分（二）、第六部分（三）",
    "P4-D10": "第四部分（二）、第五部分（二）、第五部分（三）",
    "P4-V2": "第五部分（四）、第六部分（三）第4项、第七部分（三）",
}


@pytest.mark.parametrize("rule", PLACES)
def test_a_clause_names_every_place_of_its_rule(rule):
    plan = loader.preset(int(rule[1:].partition("-")[0]))
    (found,) = [one for one in plan.rules if one.id == rule]
    assert found.clause(plan.title) == f"《{plan.title}》{PLACES[rule]}"


def test_departments_of_the_plan_come_with_it_and_stay_given_up():
    town = small(1)
    made = Department.objects.filter(township=town.grid)
    assert sorted(made.values_list("name", "from_plan")) == [("司法所", True), ("派出所", True)]
    assert Post.objects.filter(department__in=made).count() == 2
    made.filter(name="派出所").update(is_active=False)
    assert not load_plan(plan=1, township_code=TOWN)
    seed(township=town, hashes={})
    assert Department.objects.filter(township=town.grid, name="派出所").count() == 1


@pytest.mark.requirement("R6")
def test_two_depths_of_groups_go_up_one_at_a_time():
    _town, people = walked(10)
    deepest = Grid.objects.filter(township_code=TOWN, depth=3).order_by("code").first()
    incident = report(
        user=people.worker(deepest),
        grid=deepest,
        category=people.categories["dispute"],
        description="院墙争议",
    ).incident
    seen = [incident.responsible_grid.depth]
    for turn in range(4):
        stationed = Appointment.objects.get(post__grid=incident.village_code, post__title="驻村干部")
        user = people.users[stationed.member_id if turn == 3 else incident.responsible_member_id]
        incident = perform(user=user, incident=incident, action="escalate", reason="化解不了").incident
        seen.append(incident.responsible_grid.depth)
    assert seen == [3, 2, 1, 1, 0]  # in the village first from the committees to the stationed cadres


@pytest.mark.parametrize("number", PLANS)
def test_a_dry_run_says_what_would_be_added_and_adds_nothing(number, capsys):
    town = small(number)
    Category.objects.filter(township=town.grid, code="dispute").delete()
    Rule.objects.filter(township=town).first().delete()
    before = (Rule.objects.count(), Category.objects.count(), Procedure.objects.count(), Duty.objects.count())
    call_command("load_plan", str(number), township=TOWN, dry_run=True)
    said = capsys.readouterr().out
    assert "added category dispute" in said
    assert "2 changes (dry run" in said
    after = (Rule.objects.count(), Category.objects.count(), Procedure.objects.count(), Duty.objects.count())
    assert after == before


@pytest.mark.parametrize("number", PLANS)
def test_what_a_township_changed_itself_is_kept_and_named(number):
    town = small(number)
    Category.objects.filter(township=town.grid, code="dispute").update(name="我镇的叫法")
    changes = load_plan(plan=number, township_code=TOWN)
    assert (changes.added, changes.updated, [*changes.kept]) == ([], {}, ["category dispute"])
    assert Category.objects.get(township=town.grid, code="dispute").name == "我镇的叫法"


def test_a_plan_that_does_not_exist_is_refused_by_the_command():
    small(1)
    with pytest.raises(CommandError, match="11"):
        call_command("load_plan", "11", township=TOWN)


@pytest.mark.parametrize("number", PLANS)
def test_every_rule_of_a_procedure_is_read_somewhere(number):
    """A step that names the action has a rule of its own."""
    dead = {
        (procedure.code, name)
        for procedure in loader.preset(number).procedures
        for name in procedure.spec.rules
        if name not in REQUIREMENTS and naming(procedure.spec.steps, name)
    }
    assert dead == set()


def test_a_rule_of_no_requirement_and_no_action_does_not_pass_the_schema():
    assert ProcedureSpec(rules={"refusal": "P3-C1", "hand_over": "P4-C9"}).rule_for("refuse") == "P3-C1"
    with pytest.raises(ValueError, match="helper"):
        ProcedureSpec(rules={"helper": "P10-C2"})


def test_a_version_that_was_kept_with_such_a_rule_is_read_copied_exported_and_edited():
    town = small(10)
    row = Procedure.objects.get(township=town.grid, code="ladder")
    Procedure.objects.filter(pk=row.pk).update(
        data=row.data | {"rules": {**row.data["rules"], "helper": "P10-C2"}}
    )
    kept = Procedure.objects.get(pk=row.pk)
    (own,) = [it.spec for it in plan_of(town).procedures if it.code == "ladder"]
    assert own == kept.spec == row.spec
    named = {"township": TOWN, "code": "own_way", "name": "本镇流程"}
    assert BeginForm(named, towns=Grid.objects.filter(pk=TOWN), base=kept).is_valid()
    typed = {name: field.initial for name, field in SpecForm(procedure=kept).fields.items()}
    edited = SpecForm(typed | {"name": "本镇的阶梯"}, procedure=kept)
    assert edited.is_valid()
    assert edited.data_of_spec["rules"] == row.data["rules"]


# Rules that no clause of a refusal named, and the procedures in which they act now. By hand.
ACTING = {
    3: {"P3-M2": "four_steps", "P3-C3": "four_steps"},
    4: dict.fromkeys(("P4-C2", "P4-C4", "P4-C5", "P4-C6", "P4-C8", "P4-C9"), "coordination"),
    7: {"P7-C1": "assigned", "P7-C2": "upward", "P7-C3": "upward"},
    10: {"P10-C1": "general", "P10-C2": "ladder"},
}


@pytest.mark.parametrize("number", ACTING)
def test_rules_of_matters_stand_where_they_act(number):
    named = {
        procedure.code: {*procedure.spec.rules.values(), *(step.rule for step in procedure.spec.steps)}
        for procedure in loader.preset(number).procedures
    }
    assert {rule: code for rule, code in ACTING[number].items() if rule not in named[code]} == {}


@pytest.mark.parametrize("letter", ["Z", "N"])
def test_a_clause_out_of_scope_does_not_pass_the_schema(tmp_path, letter):
    text = loader.preset_path(2).read_text(encoding="utf-8")
    broken = tmp_path / "p02.yaml"
    broken.write_text(text.replace("{id: P2-T1,", f"{{id: P2-{letter}1,"), encoding="utf-8")
    with pytest.raises(loader.BadPreset, match=f"P2-{letter}1"):
        loader.read(broken)


def test_a_rule_of_another_plan_does_not_pass_the_schema(tmp_path):
    text = loader.preset_path(2).read_text(encoding="utf-8")
    broken = tmp_path / "p02.yaml"
    broken.write_text(text.replace("{id: P2-T1,", "{id: P3-T1,"), encoding="utf-8")
    with pytest.raises(loader.BadPreset, match=r"p02\.yaml:\d+: P3-T1: rules\."):
        loader.read(broken)


@pytest.mark.parametrize(
    ("at", "clause"),
    [
        ("二(一)", "《甲》第二部分（一）"),
        ("二(二).3", "《甲》第二部分（二）第3项"),
        ("八.5", "《甲》第八部分（五）"),
        ("五(一); 七", "《甲》第五部分（一）、第七部分"),
    ],
)
def test_a_clause_reads_as_the_plan_is_divided(at, clause):
    assert RuleSpec(id="P5-G1", at=at, text="网格不留空白。").clause("甲") == clause


def test_plans_one_and_two_have_no_group_tier():
    for number in (1, 2):
        assert all(tier.kind != Kind.GROUP for tier in loader.preset(number).tiers)
