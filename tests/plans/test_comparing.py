"""Two plans beside each other: all that differs is said, with what stands on each side."""

import re

import pytest
from django.test import Client

from gridgov.plans import loader
from gridgov.plans.comparing import differences
from gridgov.plans.schema import (
    CategorySpec,
    DutySpec,
    PostSpec,
    Preset,
    ProcedurePreset,
    RuleSpec,
    TierSpec,
)
from grids.models import Rule
from incidents.steps import StepSpec
from incidents.workflow import ProcedureSpec
from tests.plans.walking import TOWN, Walk

pytestmark = pytest.mark.django_db


def test_two_plans_beside_each_other_show_what_differs():
    walk = Walk(3)
    client = Client()
    client.force_login(walk.by("乡综治办值班员"))
    text = client.get("/setup/plans/?first=3&second=4").content.decode()
    for said in ("驻片调处（驻组村干部）", "当场办理并登记（网格员）", "乡综治办值班员", "镇网格中心值班员"):
        assert said in text
    same = client.get("/setup/plans/?first=3&second=3").content.decode()
    assert "两个方案内容相同" in same
    Rule.objects.filter(township=walk.town, rule_id="P3-I1").update(text="本乡改过的。")
    own = client.get(f"/setup/plans/?first=3&second={TOWN}").content.decode()
    assert "本乡改过的。" in own
    assert "片、组" not in own  # the tiers are the plan's
    file = client.get(f"/setup/plans/{TOWN}/file/")
    assert file["Content-Disposition"].endswith(f'plan-{TOWN}.yaml"')
    assert "本乡改过的。" in file.content.decode()


def test_a_name_that_both_plans_have_is_said_once():
    plan = loader.preset(3)
    *others, hazard = plan.categories
    stricter = plan.model_copy(
        update={"categories": (*others, hazard.model_copy(update={"must_report": True}))}
    )
    fewer = plan.model_copy(update={"categories": tuple(others), "departments": plan.departments[1:]})
    (part,) = differences(plan, stricter)
    assert part.rows == [("治安隐患 · 必报事件", "否", "是")]
    departments, categories = differences(plan, fewer)
    assert departments.rows == [("派出所", "派出所", "")]
    ((name, first, second),) = categories.rows
    assert (name, second) == ("治安隐患", "")
    assert "类型：隐患；流程：一般事项" in first


# Every value that a plan has, and another one for it.
STEP = ("procedures", 0, "spec", "steps", 1)
OTHERWISE = {
    ("title",): "镇网格办法", ("roles", "worker"): "专职网格员", ("departments",): ["渔政站"],
    ("tiers", 1, "label"): "村级", ("tiers", 1, "name"): "村", ("tiers", 1, "head_title"): "村主任",
    ("tiers", 1, "expected_count"): 7, ("tiers", 1, "count_note"): "三个试点", ("tiers", 1, "rule"): "P6-D6",
    ("tiers", 1, "posts", 1, "title"): "治保员", ("tiers", 1, "posts", 1, "role"): "head",
    ("tiers", 1, "posts"): [{"title": "村支部书记", "role": "village_head"}, {"title": "村治保主任", "role": "village_head", "responsible": True},
                            {"title": "包村领导", "role": "contact_leader"}],
    ("procedures", 0, "name"): "一般事", ("procedures", 0, "rule"): "P6-D15",
    ("procedures", 0, "spec", "start"): "village", ("procedures", 0, "spec", "helpers"): ["village"],
    ("procedures", 0, "spec", "important"): True, ("procedures", 0, "spec", "feedback"): "none",
    ("procedures", 0, "spec", "return_visit"): "all", ("procedures", 0, "spec", "verify"): "none",
    ("procedures", 0, "spec", "approval"): "all",
    ("procedures", 0, "spec", "keeps_helper"): True, ("procedures", 0, "spec", "tells_leaders"): True,
    ("procedures", 0, "spec", "on_overdue"): "raise", ("procedures", 0, "spec", "calendar"): "urgent",
    ("procedures", 0, "spec", "words"): {"start": "登船"}, ("procedures", 0, "spec", "rules", "feedback"): "P6-C1",
    ("procedures", 0, "spec", "limits"): {"card": {"n": 2, "unit": "hours"}},
    (*STEP, "code"): "other_one", (*STEP, "name"): "村中办理", (*STEP, "level"): "group", (*STEP, "actor"): "村里",
    (*STEP, "posts"): ["村支部书记"], (*STEP, "by"): ["start"], (*STEP, "then"): ["add_note"], (*STEP, "sets"): ["note"],
    (*STEP, "requires"): ["note"], (*STEP, "paper"): "书面意见", (*STEP, "after"): ["handle"], (*STEP, "on_success"): "visit",
    (*STEP, "on_failure"): "", (*STEP, "skip_by"): ["township"], (*STEP, "also"): ["group"], (*STEP, "limit"): {"n": 3, "unit": "hours"},
    (*STEP, "on_overdue"): "raise", (*STEP, "parallel"): True, (*STEP, "owed"): True, (*STEP, "important"): True,
    (*STEP, "rule"): "P6-C2",
    ("categories", 0, "code"): "blaze", ("categories", 0, "name"): "火情", ("categories", 0, "kind"): "hazard", ("categories", 0, "procedure"): "ladder",
    ("categories", 0, "must_report"): False, ("categories", 0, "for_grids"): False, ("categories", 0, "active"): False,
    ("categories", 0, "public"): True, ("categories", 0, "public_note"): "请拨打119", ("categories", 0, "rule"): "P6-M2",
    ("duties", 0, "rule"): "P6-T2", ("duties", 0, "name"): "巡查", ("duties", 0, "kind"): "visit",
    ("duties", 0, "grid_kind"): "village", ("duties", 0, "role"): "head", ("duties", 0, "times"): 2,
    ("duties", 0, "per"): "week", ("duties", 0, "active"): False,
    ("rules", 0, "cite"): "《本镇办法》", ("rules", 0, "text"): "另一种说法。",
}  # fmt: skip


@pytest.mark.parametrize("way", OTHERWISE, ids=lambda way: ".".join(map(str, way)))
def test_whatever_differs_between_two_plans_is_said_with_what_stands_on_each_side(way):
    plan = loader.preset(6)
    data = plan.model_dump(mode="json")
    data["rules"][0] |= {"cite": plan.rules[0].clause(plan.title), "at": ""}
    first = Preset.model_validate(data)
    row = data
    for step in way[:-1]:
        row = row[step]
    row[way[-1]] = OTHERWISE[way]
    second = _validated(data)
    rows = [row for part in differences(first, second) for row in part.rows]
    assert rows
    assert all(was != now for _name, was, now in rows)
    alone = way[-1] in ("departments", "code") or way == ("duties", 0, "rule")  # one has it and the other not
    assert alone or all(was and now for name, was, now in rows if way[-1] not in MAY_BE_EMPTY)


MAY_BE_EMPTY = (
    "count_note", "public_note", "paper", "helpers", "words", "posts", "then", "sets", "requires", "after", "skip_by", "also",
    "on_failure",
)  # fmt: skip


def _validated(data):
    """As it stands, whether a matter could go that way or not."""
    procedure = data["procedures"][0]
    specs = ProcedureSpec.model_validate({**procedure["spec"], "steps": []})
    steps = tuple(StepSpec.model_validate(step) for step in procedure["spec"]["steps"])
    rest = Preset.model_validate({**data, "procedures": [{**procedure, "spec": {}}, *data["procedures"][1:]]})
    first = rest.procedures[0].model_copy(update={"spec": specs.model_copy(update={"steps": steps})})
    return rest.model_copy(update={"procedures": (first, *rest.procedures[1:])})


def test_no_value_of_a_plan_is_left_out_of_that():
    named = {tuple(step for step in way if isinstance(step, str)) for way in OTHERWISE}
    for at, spec in {
        ("tiers",): TierSpec, ("tiers", "posts"): PostSpec, ("procedures",): ProcedurePreset,
        ("procedures", "spec"): ProcedureSpec, ("procedures", "spec", "steps"): StepSpec, ("categories",): CategorySpec,
        ("duties",): DutySpec, ("rules",): RuleSpec, (): Preset,
    }.items():  # fmt: skip
        below = {way[len(at)] for way in named if way[: len(at)] == at and len(way) > len(at)}
        left = set(spec.model_fields) - below
        assert left <= {"depth", "number", "id", "at", "responsible"} | (
            {"kind", "code"} if at in (("tiers",), ("procedures",)) else set()
        )


def test_the_order_of_the_categories_is_compared():
    plan = loader.preset(6)
    (part,) = differences(plan, plan.model_copy(update={"categories": plan.categories[::-1]}))
    ((_name, first, second),) = part.rows
    assert first.startswith("火警火情、") and second.endswith("、火警火情")


def test_the_clauses_of_a_procedure_are_named_in_chinese():
    """Requirements that are no actions too: what people read is what they do."""
    for number in loader.PLANS:
        plan = loader.preset(number)
        bare = plan.model_copy(
            update={
                "procedures": tuple(
                    it.model_copy(update={"spec": it.spec.model_copy(update={"rules": {}})})
                    for it in plan.procedures
                )
            }
        )
        told = "".join(row[1] for part in differences(plan, bare) for row in part.rows)
        assert not re.search(r"[a-z]{3,}", told), told
