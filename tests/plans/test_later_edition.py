"""A later edition of the plan: what the township left as it was loaded follows, what it changed stays and is named."""

from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.errors import Invalid
from gridgov.common.models import AuditEvent
from gridgov.plans import loader
from gridgov.plans.actions import load_plan, set_up
from gridgov.plans.exporting import as_yaml, plan_of
from gridgov.plans.schema import Preset
from gridgov.simulation.seed import add_demo_rules
from grids.actions import NewGrid, add_grids
from grids.models import Rule, Tier, Township
from incidents.actions import NewProcedure, publish_procedures
from incidents.models import Category, Incident, Procedure
from members.models import Duty, Post, Role
from tests.plans.walking import TOWN, Walk

pytestmark = pytest.mark.django_db

KEYS = {"tiers": "depth", "procedures": "code", "categories": "code", "duties": "rule", "rules": "id"}
TABLES = (Township, Tier, Rule, Role, Post, Procedure, Category, Duty)


@pytest.fixture
def town() -> Township:
    return set_up(code=TOWN, name="徐庄镇", villages=[(f"{TOWN}201", "龙田村")], plan=6)


def edition(*changes: tuple[str, Any, dict[str, Any]], without: tuple[tuple[str, Any], ...] = ()) -> Preset:
    """Plan 6 with other words; `without` some rows."""
    data = loader.preset(6).model_dump(mode="json", exclude_defaults=True)
    for part, code, values in changes:
        row = next(row for row in data[part] if row[KEYS[part]] == code)
        row.update(values)
    for part, code in without:
        data[part] = [row for row in data[part] if row[KEYS[part]] != code]
    return Preset.model_validate(data)


def other_step(code: str = "ladder", **values: Any) -> tuple[str, str, dict[str, Any]]:
    """The step `tell` of a procedure in other words."""
    found = next(row for row in loader.preset(6).procedures if row.code == code)
    spec = found.spec.model_dump(mode="json", exclude_defaults=True)
    next(step for step in spec["steps"] if step["code"] == "tell").update(values)
    return "procedures", code, {"spec": spec}


def load(plan: Preset) -> list[str]:
    """What is said, without the edition itself; a second time nothing is done any more."""
    lines = list(load_plan(plan=plan, township_code=TOWN).lines())
    again = load_plan(plan=plan, township_code=TOWN)
    assert not again
    assert list(again.lines()) == [line for line in lines if line.startswith("kept")]
    return [line for line in lines if not line.startswith("updated settings: ")]


def current(town: Township, code: str) -> Procedure:
    return Procedure.objects.get(township=town.grid, code=code, is_current=True)


def publish(town: Township, code: str, **data: Any) -> Procedure:
    before = current(town, code)
    new = NewProcedure(code, before.name, {**before.data, **data})
    return publish_procedures(township=town.grid, procedures=[new])[0]


def everything() -> list[Any]:
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


# --- categories ----------------------------------------------------------------------------------------------------


def test_a_category_left_alone_follows_the_plan(town):
    plan = edition(("categories", "dispute", {"name": "邻里纠纷", "must_report": True}))
    assert load(plan) == ["updated category dispute: name 矛盾纠纷 → 邻里纠纷; must_report no → yes"]
    found = Category.objects.get(code="dispute")
    assert (found.name, found.must_report) == ("邻里纠纷", True)


def test_a_category_renamed_here_keeps_its_name_and_follows_in_the_rest(town):
    Category.objects.filter(code="dispute").update(name="本镇的叫法", is_active=False)
    plan = edition(("categories", "dispute", {"name": "邻里纠纷", "must_report": True}))
    assert load(plan) == [
        "updated category dispute: must_report no → yes",
        "kept category dispute: name is 本镇的叫法, the plan says 邻里纠纷; is_active is no, the plan says yes",
    ]
    found = Category.objects.get(code="dispute")
    assert (found.name, found.must_report, found.is_active) == ("本镇的叫法", True, False)


def test_a_category_moves_to_the_procedure_that_the_plan_names_now(town):
    assert load(edition(("categories", "dispute", {"procedure": "key_event"}))) == [
        "updated category dispute: procedure ladder → key_event"
    ]
    assert Category.objects.get(code="dispute").procedure == current(town, "key_event")


def test_a_category_that_was_moved_here_stays_there(town):
    Category.objects.filter(code="dispute").update(procedure=current(town, "people_response"))
    assert load(edition(("categories", "dispute", {"procedure": "key_event"}))) == [
        "kept category dispute: procedure is people_response, the plan says key_event"
    ]
    assert Category.objects.get(code="dispute").procedure == current(town, "people_response")


def test_what_the_township_changed_back_follows_again(town):
    named = Category.objects.filter(code="dispute")
    named.update(name="本镇的叫法")
    load(edition(("categories", "dispute", {"name": "邻里纠纷"})))
    named.update(name="邻里纠纷")
    assert load(edition(("categories", "dispute", {"name": "民间纠纷"}))) == [
        "updated category dispute: name 邻里纠纷 → 民间纠纷"
    ]


# --- procedures ----------------------------------------------------------------------------------------------------


def test_a_procedure_left_alone_gets_a_new_version_and_a_running_matter_keeps_its_own():
    walk = Walk(6)
    dispute = Category.objects.get(code="dispute", is_demo=False)
    running = Incident.objects.get(pk=walk.report(walk.by("网格员", walk.group), "dispute", walk.group))
    before = current(walk.town, "ladder")
    assert "updated procedure ladder: data (step tell)" in load(edition(other_step(actor="村网格负责人")))
    after = current(walk.town, "ladder")
    assert after.version == before.version + 1
    assert next(step.actor for step in after.spec.steps if step.code == "tell") == "村网格负责人"
    dispute.refresh_from_db()
    running.refresh_from_db()
    assert (dispute.procedure, running.procedure) == (after, before)
    assert Category.objects.get(code="request").procedure.code == "people_response"


def test_steps_in_another_order_are_said_so(town):
    ladder = loader.preset(6).procedures[0].spec.model_dump(mode="json", exclude_defaults=True)
    ladder["steps"][3:5] = reversed(ladder["steps"][3:5])
    assert load(edition(("procedures", "ladder", {"spec": ladder}))) == [
        "updated procedure ladder: data (order)"
    ]
    assert [step.code for step in current(town, "ladder").spec.steps][3:5] == ["visit", "tell"]


def test_limits_that_the_township_set_stay_and_the_steps_follow(town):
    limits = {"group": {"n": 3, "unit": "working_days"}}
    publish(town, "ladder", limits=limits)
    assert load(edition(other_step(actor="村网格负责人"))) == [
        "updated procedure ladder: data (step tell)",
        "kept procedure ladder: limits other than in the plan (group only here)",
    ]
    after = current(town, "ladder")
    assert (after.version, after.data["limits"]) == (3, limits)
    assert after.spec.steps[3].actor == "村网格负责人"


def test_a_way_that_the_township_changed_stays_whole(town):
    own = publish(town, "ladder", return_visit="all")
    plan = edition(other_step(actor="村网格负责人"), ("procedures", "people_response", {"name": "回应民情"}))
    assert load(plan) == [
        "updated procedure people_response: name 民情回应 → 回应民情",
        "kept procedure ladder: data other than in the plan (step tell, return_visit)",
    ]
    assert current(town, "ladder") == own
    assert current(town, "people_response").version == 2


def test_a_way_that_does_not_pass_the_checks_of_today_is_said_and_nothing_is_loaded(town):
    before = current(town, "ladder")
    own = before.data | {"words": {"fly": "飞过去"}}  # published before such words were refused
    Procedure.objects.filter(pk=before.pk).update(data=own)
    spec = loader.preset(6).procedures[0].spec.model_dump(mode="json", exclude_defaults=True)
    spec["limits"] = {"group": {"n": 3, "unit": "working_days"}}
    plan = edition(("procedures", "ladder", {"spec": spec}), ("categories", "dispute", {"name": "邻里纠纷"}))
    with pytest.raises(Invalid) as refused:
        load_plan(plan=plan, township_code=TOWN)
    assert before.name in refused.value.detail and refused.value.detail.endswith("fly")
    assert Category.objects.get(code="dispute").name == "矛盾纠纷"


def test_the_demos_own_limits_and_names_stay(town):
    add_demo_rules(township=town.grid)
    before = {row.code: row for row in Procedure.objects.filter(is_current=True)}
    load(edition(other_step(actor="村网格负责人")))
    after = current(town, "ladder")
    assert "演示自设" in after.name
    assert after.data["limits"] == before["ladder"].data["limits"]
    assert {code: current(town, code) for code in before} == before | {"ladder": after}


def test_a_procedure_loses_the_rule_that_the_plan_does_not_name_any_more(town):
    assert load(edition(("procedures", "ladder", {"rule": None}))) == [
        "updated procedure ladder: rule_id P6-D16 → –"
    ]
    assert current(town, "ladder").rule_id == ""


# --- roles and posts -----------------------------------------------------------------------------------------------


def test_a_role_is_called_as_the_plan_calls_it_now_and_one_renamed_here_keeps_its_name(town):
    Role.objects.filter(township=town.grid, code="head").update(name="小组长")
    Role.objects.filter(township=town.grid, code="worker").update(permissions=["see"])
    data = loader.preset(6).model_dump(mode="json", exclude_defaults=True)
    data["roles"] |= {"worker": "专职网格员", "head": "组网格长"}
    assert load(Preset.model_validate(data)) == [
        "updated role worker: name 网格员 → 专职网格员",
        "kept role head: name is 小组长, the plan says 组网格长",
    ]
    worker = Role.objects.get(township=town.grid, code="worker")
    assert (worker.name, worker.permissions) == ("专职网格员", ["see"])
    assert Role.objects.get(township=town.grid, code="head").name == "小组长"


def with_posts(
    depth: int, *more: dict[str, Any], without: tuple[str, ...] = ()
) -> tuple[str, int, dict[str, Any]]:
    posts = loader.preset(6).model_dump(mode="json")["tiers"][depth]["posts"]
    return "tiers", depth, {"posts": [post for post in posts if post["title"] not in without] + list(more)}


WARDEN = {"title": "义务监督员", "role": "volunteer", "responsible": False}


def posts_of(grid: str) -> list[tuple[str, str, bool]]:
    found = Post.objects.filter(grid=grid).order_by("pk")
    return list(found.values_list("title", "role__code", "is_responsible"))


def test_a_post_that_a_later_edition_adds_is_made_on_each_grid_of_the_tier(town):
    add_grids(grids=[NewGrid(f"{TOWN}202", "岗楼村")], township_code=TOWN)
    Post.objects.filter(grid=f"{TOWN}201", title="村治保主任").delete()  # abolished by the township
    plan = edition(with_posts(1, WARDEN))
    dry = list(load_plan(plan=plan, township_code=TOWN, dry_run=True).lines())
    assert not Post.objects.filter(title="义务监督员").exists()
    said = load(plan)
    assert said == [
        "added post 龙田村 义务监督员",
        "added post 岗楼村 义务监督员",
        "updated tier 1: posts (义务监督员 new)",
    ]
    assert [line for line in dry if not line.startswith("updated settings")] == said
    assert posts_of(f"{TOWN}201") == [
        ("村支部书记", "village_head", True), ("包村领导", "contact_leader", False), ("义务监督员", "volunteer", False),
    ]  # fmt: skip
    Post.objects.filter(grid=f"{TOWN}201", title="义务监督员").delete()
    load(edition(with_posts(1, WARDEN), ("tiers", 1, {"label": "村级"})))
    assert Post.objects.filter(title="义务监督员").count() == 1


def test_a_second_post_of_a_title_is_made_beside_the_first(town):
    guard = {"title": "村治保主任", "role": "village_head", "responsible": False}
    assert "added post 龙田村 村治保主任" in load(edition(with_posts(1, guard)))
    assert Post.objects.filter(grid=f"{TOWN}201", title="村治保主任").count() == 2


def test_who_answers_for_a_grid_stays_where_the_plan_calls_the_post_something_else(town):
    new = {"title": "村党组织书记", "role": "village_head", "responsible": True}
    load(edition(with_posts(1, new, without=("村支部书记",))))
    rows = {title: answers for title, _role, answers in posts_of(f"{TOWN}201")}
    assert (rows["村支部书记"], rows["村党组织书记"]) == (True, False)
    Post.objects.filter(grid=f"{TOWN}201", is_responsible=True).delete()
    newer = {**new, "title": "村第一书记"}
    load(edition(with_posts(1, newer, without=("村支部书记",))))
    assert ("村第一书记", "village_head", True) in posts_of(f"{TOWN}201")


# --- tiers, duties, rules ------------------------------------------------------------------------------------------


def test_a_tier_follows_and_one_that_was_changed_here_keeps_its_label(town):
    Tier.objects.filter(township=town, depth=2).update(label="小网格")
    posts = loader.preset(6).model_dump(mode="json")["tiers"][1]["posts"][:2]
    plan = edition(
        ("tiers", 1, {"label": "村级网格", "posts": posts}),
        ("tiers", 2, {"label": "组级网格", "expected_count": 140}),
    )
    assert load(plan) == [
        "updated tier 1: label 二级网格 → 村级网格; posts (包村领导 gone)",
        "updated tier 2: expected_count 143 → 140",
        "kept tier 2: label is 小网格, the plan says 组级网格",
    ]
    village, group = Tier.objects.filter(township=town, depth__gt=0).order_by("depth")
    assert (village.label, village.posts) == ("村级网格", posts)
    assert (group.label, group.expected_count) == ("小网格", 140)


def test_a_duty_follows_and_one_that_was_changed_here_keeps_its_number(town):
    Duty.objects.update(since=date(2026, 1, 1))
    assert load(edition(("duties", "P6-T1", {"times": 2}))) == ["updated duty P6-T1: times 1 → 2"]
    assert list(Duty.objects.values_list("times", "since")) == [(2, date(2026, 1, 1))]
    Duty.objects.update(times=4)
    assert load(edition(("duties", "P6-T1", {"times": 3, "name": "巡查"}))) == [
        "updated duty P6-T1: name 每日巡查 → 巡查",
        "kept duty P6-T1: times is 4, the plan says 3",
    ]


def test_what_falls_due_only_since_the_later_edition_was_not_neglected_before(town):
    """A duty without a number brings nothing due; with one it counts from the day on which it came."""
    load(edition(("duties", "P6-T1", {"times": None, "per": None})))
    Duty.objects.update(since=date(2026, 1, 1))
    assert load(edition()) == [
        f"updated duty P6-T1: times – → 1; per – → day; since 2026-01-01 → {clock.today()}"
    ]
    duty = Duty.objects.get()
    assert (duty.times, duty.per, duty.since) == (1, "day", clock.today())


def test_a_rule_changed_here_stays_as_a_whole(town):
    Rule.objects.filter(rule_id="P6-C1").update(text="本镇的", changed_here=True)
    plan = edition(("rules", "P6-C1", {"at": "九.2"}), ("rules", "P6-C2", {"text": "结果要告诉当事人。"}))
    updated, kept = load(plan)
    assert updated == "updated rule P6-C2: text 办理结果及时反馈给当事人。 → 结果要告诉当事人。"
    assert kept.startswith(
        "kept rule P6-C1: clause is 《镇网格化服务管理实施意见》第九部分（三）, the plan says "
    )
    assert "; text is 本镇的, the plan says 每一件重要事件" in kept


# --- what one side does not have any more -----------------------------------------------------------------------------


DROPPED = edition(without=(("categories", "request"), ("procedures", "people_response"), ("duties", "P6-T1")))


def test_what_the_plan_dropped_is_named_each_time_and_goes_out_of_use(town):
    assert load(DROPPED) == [
        "updated category request: is_active yes → no",
        "updated duty P6-T1: is_active yes → no",
        "kept procedure people_response: no longer in the plan",
        "kept category request: no longer in the plan",
        "kept duty P6-T1: no longer in the plan",
    ]
    assert not Category.objects.get(code="request").is_active
    assert not Duty.objects.get().is_active


def test_what_the_plan_dropped_and_has_again_comes_back(town):
    load(DROPPED)
    Duty.objects.update(since=date(2026, 1, 1))
    assert load(edition(("categories", "request", {"name": "群众的诉求"}))) == [
        "updated category request: name 群众诉求 → 群众的诉求; is_active no → yes",
        f"updated duty P6-T1: is_active no → yes; since 2026-01-01 → {clock.today()}",
    ]
    assert Category.objects.get(code="request").is_active
    assert Duty.objects.get().since == clock.today()


def test_what_the_plan_dropped_and_the_township_made_its_own_stays_in_use(town):
    Category.objects.filter(code="request").update(name="本镇的叫法")
    Duty.objects.update(times=3)
    assert load(DROPPED) == [
        "kept procedure people_response: no longer in the plan",
        "kept category request: no longer in the plan",
        "kept duty P6-T1: no longer in the plan",
    ]
    assert Category.objects.get(code="request").is_active
    assert Duty.objects.get().is_active


def test_what_the_plan_dropped_and_the_township_takes_up_again_stays_in_use(town):
    load(DROPPED)
    Category.objects.filter(code="request").update(is_active=True)
    assert "updated category request" not in " ".join(load(DROPPED))
    assert Category.objects.get(code="request").is_active


def test_what_the_township_added_itself_is_nobody_elses(town):
    Category.objects.create(
        township=town.grid,
        code="street_lights",
        name="路灯",
        kind="request",
        procedure=current(town, "ladder"),
    )
    assert load(edition()) == []


def test_what_the_township_deleted_comes_back_by_name(town):
    Category.objects.filter(code="dispute").delete()
    assert load(edition(("categories", "dispute", {"name": "邻里纠纷"}))) == ["added category dispute"]


# --- a township set up before it was remembered what was loaded -------------------------------------------------------


def test_an_older_township_keeps_what_differs_and_follows_from_then_on(town):
    Township.objects.update(loaded_plan={})
    Category.objects.filter(code="request").update(name="本镇的叫法")
    plan = edition(("categories", "dispute", {"name": "邻里纠纷"}), other_step(actor="村网格负责人"))
    assert load(plan) == [
        "kept procedure ladder: data other than in the plan (step tell)",
        "kept category dispute: name is 矛盾纠纷, the plan says 邻里纠纷",
        "kept category request: name is 本镇的叫法, the plan says 群众诉求",
    ]
    later = edition(("categories", "dispute", {"name": "邻里纠纷"}), ("categories", "fire", {"name": "火情"}))
    assert "updated category fire: name 火警火情 → 火情" in load(later)


def test_an_older_township_under_the_same_edition_is_remembered_without_a_change(town):
    remembered = town.loaded_plan
    Township.objects.update(loaded_plan={})
    changes = load_plan(plan=6, township_code=TOWN)
    assert (list(changes.lines()), len(changes)) == ([], 0)
    assert Township.objects.get().loaded_plan == remembered


def test_a_tier_of_an_edition_without_posts_gets_them(town):
    Township.objects.update(loaded_plan={})
    Tier.objects.filter(depth=1).update(posts=[])
    titles = ", ".join(f"{post.title} new" for post in loader.preset(6).tiers[1].posts)
    assert load(edition()) == [f"updated tier 1: posts ({titles})"]


# --- said before it is done, and afterwards -------------------------------------------------------------------------


def test_a_dry_run_shows_old_and_new_and_writes_nothing(town, tmp_path):
    Category.objects.filter(code="request").update(name="本镇的叫法")
    plan = edition(
        ("categories", "dispute", {"name": "邻里纠纷"}),
        other_step(actor="村网格负责人"),
        ("tiers", 1, {"label": "村级", **with_posts(1, WARDEN)[2]}),
    )
    file = tmp_path / "later.yaml"
    file.write_text(as_yaml(plan), encoding="utf-8")
    before, audited = everything(), AuditEvent.objects.count()
    post, settings, *said = _run(file, dry_run=True)
    assert post == "added post 龙田村 义务监督员"
    assert settings.startswith("updated settings: plan_hash ")
    assert said == [
        "updated tier 1: label 二级网格 → 村级; posts (义务监督员 new)",
        "updated procedure ladder: data (step tell)",
        "updated category dispute: name 矛盾纠纷 → 邻里纠纷",
        "kept category request: name is 本镇的叫法, the plan says 群众诉求",
        "5 changes (dry run: nothing was written)",
    ]
    assert (everything(), AuditEvent.objects.count()) == (before, audited)
    assert _run(file) == [post, settings, *said[:-1], "5 changes"]
    assert _run(file) == [said[-2], "0 changes"]


def _run(file: Any, **options: Any) -> list[str]:
    out = StringIO()
    call_command("load_plan", str(file), township=TOWN, stdout=out, **options)
    return out.getvalue().splitlines()


def test_the_audit_trail_has_before_and_after(town):
    load(edition(("categories", "dispute", {"name": "邻里纠纷"}), other_step(actor="村网格负责人")))
    detail = AuditEvent.objects.filter(kind="plan").latest("pk").detail
    assert detail["before"]["category dispute"] == {"name": "矛盾纠纷"}
    assert detail["after"]["category dispute"] == {"name": "邻里纠纷"}
    assert detail["after"]["procedure ladder"]["data"]["steps"][3]["actor"] == "村网格负责人"


def test_a_later_edition_is_exported_as_it_was_loaded(town):
    plan = edition(("categories", "dispute", {"name": "邻里纠纷"}), other_step(actor="村网格负责人"))
    load(plan)
    own = plan_of(Township.objects.get())
    assert own.categories == plan.categories
    assert {it.code: it.spec for it in own.procedures} == {it.code: it.spec for it in plan.procedures}


def test_a_later_edition_takes_a_statement_per_table_that_changes(town):
    def asked(plan: Preset) -> int:
        with CaptureQueriesContext(connection) as log:
            load_plan(plan=plan, township_code=TOWN)
        return sum("SAVEPOINT" not in query["sql"] for query in log.captured_queries)

    one = asked(edition(("categories", "dispute", {"name": "邻里纠纷"})))
    codes = [row.code for row in loader.preset(6).categories]
    assert asked(edition(*(("categories", code, {"name": f"{code}类"}) for code in codes))) == one
