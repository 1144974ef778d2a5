"""Whatever the plan: any order of what is allowed keeps the loop closed, and a plan of one's own needs only a file."""

import os
import random
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.errors import Conflict
from gridgov.common.models import User
from gridgov.plans import loader
from gridgov.plans.actions import load_plan, set_up
from gridgov.plans.comparing import differences
from gridgov.plans.exporting import as_yaml, plan_of
from gridgov.simulation.people import People
from gridgov.simulation.procedures import in_use, never_taken
from gridgov.simulation.seed import DEPARTMENTS as DEMO_DEPARTMENTS
from gridgov.simulation.seed import seed
from gridgov.simulation.working import simulate
from grids.models import Grid, Rule, Tier, Township
from grids.querysets import forget_calendars
from incidents.actions import NewProcedure, publish_procedures, sweep
from incidents.enums import Status
from incidents.loop_check import breaches
from incidents.models import Category, Escalation, Incident, Procedure
from incidents.spec_form import PROBLEMS, SpecForm
from incidents.workflow import ProcedureSpec
from members.actions import create_departments
from members.models import Department, Duty, Post, Role
from tests.admin.browser import sent
from tests.plans.walking import TOWN, Walk
from tests.plans.wandering import Wandering

pytestmark = pytest.mark.django_db
PLANS = range(1, 11)
EXAMPLES = int(os.environ.get("GRIDGOV_PLAN_EXAMPLES", "5"))  # walks under each plan
ACTIONS = 25  # of one walk
SEED = os.environ.get("SEED", "20261124")


@pytest.mark.once
@pytest.mark.parametrize("number", PLANS)
def test_any_sequence_of_allowed_actions_keeps_the_loop_clean(number):
    """And the walks take every step of every procedure; where some is left, more of them look for it."""
    walk = Walk(number, villages=1 if number == 2 else 2)
    people = People.of(walk.town.grid, seed=1)
    untaken, ended = set(in_use(TOWN)), 0
    for start in range(EXAMPLES + 16):
        if start >= EXAMPLES and ended and not untaken:
            break
        category = wanted_category(people, untaken, start)
        with transaction.atomic():
            wandering = Wandering(people, random.Random(f"{SEED}:{number}:{start}"), untaken)
            ended += wandering.go(category, ACTIONS).status == Status.CLOSED
            transaction.set_rollback(True)
    assert untaken == set(), "no walk took these steps"
    assert ended, "no walk came to its end"


def wanted_category(people, untaken, start):
    """In turn; where steps are left, one whose procedure has such a step."""
    rows = list(people.categories.values())
    left = {procedure for procedure, _step in untaken}
    wanted = [row for row in rows if row.procedure.code in left]
    return (wanted or rows)[start % len(wanted or rows)]


@pytest.mark.once
@pytest.mark.parametrize("number", PLANS)
def test_the_simulation_leaves_no_step_of_any_procedure_untaken(number):
    walk = Walk(number, villages=1 if number == 2 else 2)
    walk.town.refresh_from_db()
    days = 20 if number == 10 else 10  # by far the most procedures
    simulate(township=walk.town, days=days, seed=number)
    assert never_taken(TOWN) == {}
    assert list(breaches()) == []


# --- a plan of one's own -----------------------------------------------------------------------------------------

ODD = """
number: 11
title: 海岛渔村网格试行办法
roles: {worker: 码头管理员, village_head: 渔村网格长, clerk: 岛务办, leader: 岛长}
departments: [渔政站]
tiers:
  - {depth: 0, kind: township, label: 岛, name: 岛, head_title: 岛长, posts: [
      {title: 岛务办值班员, role: clerk, responsible: true}, {title: 岛务办工作人员, role: clerk}, {title: 岛长, role: leader}, {title: 考核人员, role: assessor}, {title: 审计人员, role: auditor}]}
  - {depth: 1, kind: village, label: 港湾, name: 渔村, head_title: 渔村网格长, posts: [
      {title: 渔村网格长, role: village_head, responsible: true}, {title: 码头管理员, role: worker}]}
procedures:
  - code: harbour
    name: 船只靠泊纠纷
    rule: P11-I1
    spec:
      verify: none
      words: {start: 登船查看}
      steps:
        - {code: tide, name: 等潮水商议, level: village, actor: 渔村网格长, by: [start], then: [submit_result], requires: [note], sets: [responsible_person], on_success: log, limit: {n: 6, unit: hours}, rule: P11-I1}
        - {code: boat, name: 派船到场, level: village, actor: 码头管理员, by: [arrive], parallel: true, owed: true, rule: P11-Q1}
        - {code: log, name: 记入潮汐簿, level: township, actor: 岛务办, by: [feed_back], owed: true, skip_by: [township], on_success: close, rule: P11-C1}
  - {code: general, name: 一般事项, spec: {}}
categories:
  - {code: mooring, name: 靠泊纠纷, kind: dispute, procedure: harbour, rule: P11-I1}
  - {code: security_hazard, name: 治安隐患, kind: hazard, procedure: general}
rules:
  - {id: P11-I1, at: 二, text: 靠泊纠纷趁潮水未落商议，六小时内定责任人。}
  - {id: P11-Q1, at: 二(一), text: 码头管理员必须乘船到场。}
  - {id: P11-C1, at: 三.2, text: 结果记入潮汐簿并告知当事船家。}
"""


@pytest.fixture
def odd(tmp_path):
    path = tmp_path / "p11.yaml"
    path.write_text(ODD, encoding="utf-8")
    return path


def islands(plan):
    forget_calendars()
    return set_up(code=TOWN, name="东极岛", villages=[(f"{TOWN}201", "甲渔村")], plan=plan)


class Island(Walk):
    def __init__(self, plan):
        self.town = islands(plan)
        seed(township=self.town, hashes={})
        self.village = Grid.objects.get(pk=f"{TOWN}201")


def test_an_invented_plan_with_odd_rules_needs_only_a_file(odd):
    walk = Island(loader.read(odd))
    keeper, head = walk.by("码头管理员", walk.village), walk.by("渔村网格长", walk.village)
    office, second = walk.by("岛务办值班员"), walk.by("岛务办工作人员")
    row = walk.report(keeper, "mooring", walk.village)
    walk.act(head, row, "accept")
    assert walk.step(head, row) == "tide"
    body = walk.refused(head, row, "start", "invalid_arguments", "P11-I1")
    assert set(body["errors"]) == {"note", "responsible_person"}
    walk.act(head, row, "start", note="等到高潮再移船。", responsible_person=str(keeper.member.pk))
    walk.act(head, row, "submit_result", note="两船已移开。")
    walk.refused(head, row, "feed_back", "forbidden", "P11-C1", note="已告知", channel="phone")
    walk.act(office, row, "feed_back", note="已记入潮汐簿。", channel="in_person")
    walk.refused(second, row, "close", "arrive_required", "P11-Q1")
    walk.act(keeper, row, "arrive")
    walk.finish(second, row)
    assert walk.steps(office, row) == ["tide", "tide", "log", "boat"]
    assert Incident.objects.get(pk=row).stages.get(number=1).limit_n == 6


def test_a_step_says_what_happens_when_it_is_late_and_who_may_skip_another(odd):
    """Lateness at this step moves the matter, and the township may leave the boat's level out."""
    text = ODD.replace("limit: {n: 6, unit: hours}", "limit: {n: 6, unit: hours}, on_overdue: raise", 1)
    text = text.replace(
        "owed: true, skip_by: [township]", "owed: true, after: [tide], skip_by: [township]", 1
    )
    text = text.replace("code: tide,", "code: tide, skip_by: [township],", 1)
    odd.write_text(text, encoding="utf-8")
    walk = Island(loader.read(odd))
    head, office = walk.by("渔村网格长", walk.village), walk.by("岛务办值班员")
    late = walk.report(walk.by("码头管理员", walk.village), "mooring", walk.village)
    at = clock.now() + timedelta(hours=7)
    with clock.running(lambda: at):
        assert sweep() == 1
    assert Escalation.objects.get(incident=late).mode == "raise"
    row = walk.report(walk.by("码头管理员", walk.village), "mooring", walk.village)
    walk.act(head, row, "escalate", reason="要渔政船。")
    walk.act(office, row, "accept")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="渔政船到场解决。")
    walk.act(office, row, "feed_back", note="已告知。", channel="phone")  # without the tide's step
    assert walk.steps(office, row) == ["log"]


def test_a_file_is_loaded_by_the_command_and_a_second_time_changes_nothing(odd, capsys):
    islands(loader.read(odd))
    Category.objects.filter(code="mooring").delete()
    call_command("load_plan", str(odd), township=TOWN)
    assert "added category mooring" in capsys.readouterr().out
    assert not load_plan(plan=loader.read(odd), township_code=TOWN)
    with pytest.raises(CommandError, match=r"no-such\.yaml"):
        call_command("load_plan", "no-such.yaml", township=TOWN)


def test_a_township_is_set_up_under_a_plan_from_a_file_by_the_command(odd, capsys):
    call_command("setup_township", code=TOWN, name="东极岛", plan=str(odd))
    assert "plan 11 《海岛渔村网格试行办法》" in capsys.readouterr().out
    assert not load_plan(plan=loader.read(odd), township_code=TOWN)
    with pytest.raises(CommandError, match=r"no-such\.yaml"):
        call_command("setup_township", code="320371102", name="东极岛", plan="no-such.yaml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("on_success: log", "on_success: nowhere", "unknown_step"),
        ("by: [start], then", "by: [sail], then", "unknown_action"),
        ("requires: [note]", "requires: [assisting]", "unknown_argument"),
        ("actor: 渔村网格长, by: [start]", "actor: '', by: [start]", "no_actor"),
        ("on_success: log", "on_success: tide", "dead_end"),
        (
            "level: village, actor: 渔村网格长, by: [start]",
            "level: unit, actor: 渔村网格长, by: [start]",
            "unreachable",
        ),
        ("code: log", "code: tide", "double"),
        (  # the result is handed in by the step before, whatever comes then
            "limit: {n: 6, unit: hours}, rule: P11-I1}",
            (
                "rule: P11-I1}\n"
                "        - {code: haul, name: 收缆, level: village, actor: 码头管理员, by: [submit_result], after: [tide], on_success: log}"
            ),
            "shadowed",
        ),
        ("on_success: log", "on_success: close", "unreachable"),  # nobody begins by telling
        (
            "level: village, actor: 码头管理员, by: [arrive]",
            "level: group, actor: 码头管理员, by: [arrive]",
            "没有 group 这一级",
        ),
        (
            "actor: 渔村网格长, by: [start]",
            "actor: 渔村网格长, posts: [岛长], by: [start]",
            "village 这一级没有岗位“岛长”",
        ),
        (
            "limit: {n: 6, unit: hours}, rule: P11-I1}",
            (
                "on_failure: dive, rule: P11-I1}\n"
                "        - {code: dive, name: 下水查看, level: village, actor: 码头管理员, by: [start]}"
            ),
            "no_posts",
        ),
    ],
)
def test_a_procedure_that_cannot_work_is_refused_with_its_step_and_line(odd, tmp_path, old, new, said):
    assert old in ODD
    broken = tmp_path / "broken.yaml"
    broken.write_text(ODD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(loader.BadPreset, match=re.escape(str(PROBLEMS.get(said, said)))) as refused:
        loader.read(broken)
    for line in str(refused.value).splitlines():
        assert line.startswith("broken.yaml:")
        assert not re.search(r"shadowed|unreachable|[a-z]_[a-z]+$|Value error", line)


# --- changed in the editor ----------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("number", PLANS)
def test_every_procedure_is_published_as_the_browser_sends_it_with_its_steps_as_they_were(number):
    walk = Walk(number, villages=1 if number == 2 else 2)
    client = Client()
    client.force_login(User.objects.create_user("technik", is_staff=True, password="technik-2026"))
    for before in Procedure.objects.filter(township=walk.town.grid, is_current=True):
        address = f"/admin/incidents/procedure/{before.pk}/publish/"
        form = sent(client.get(address).content.decode(), "spec-form")
        answer = client.post(address, form | {"limit_total_0": "7", "confirm": "1"})
        assert answer.status_code == 302, (
            before,
            answer.context["form"].errors,
            answer.context["steps"].errors,
        )
        after = Procedure.objects.get(township=walk.town.grid, code=before.code, is_current=True)
        limits = {**before.data.get("limits", {}), "total": {"n": 7, "unit": "working_days"}}
        assert (
            after.spec.model_dump()
            == ProcedureSpec.model_validate(before.data | {"limits": limits}).model_dump()
        )
        assert (after.name, after.rule_id) == (before.name, before.rule_id)


# --- how much loading costs --------------------------------------------------------------------------------------


def loaded(code, villages=22, groups=143):
    with CaptureQueriesContext(connection) as asked:
        forget_calendars()
        named = [(f"{code}{200 + n}", f"第{n}村") for n in range(1, villages + 1)]
        town = set_up(code=code, name="某镇", villages=named, plan=6)
        seed(township=town, hashes={}, groups=groups)
    assert Grid.objects.filter(township_code=code).count() == 1 + villages + groups
    return len(asked)


def test_loading_a_township_takes_at_most_150_statements():
    assert loaded(TOWN) <= 150


def test_twenty_townships_cost_twenty_times_one():
    counts = [loaded(f"3203711{number:02d}", villages=2, groups=4) for number in range(1, 21)]
    assert Township.objects.count() == 20
    assert max(counts[1:]) <= counts[0] + 5
    assert Procedure.objects.values("township").distinct().count() == 20


# --- not locked in -----------------------------------------------------------------------------------------------


def what_stands(town):
    """All that a plan brings, as the tables have it."""

    def rows(table, *left, **others):
        """`left`: what is the township's own or each row's."""
        fields = {field.name for field in table._meta.concrete_fields} - {"id", "township", *left}
        found = table.objects.filter(township=town.pk, **others)
        if table is Category:
            fields = fields - {"procedure"} | {"procedure__code"}
        return sorted(map(repr, (sorted(row.items()) for row in found.values(*fields))))

    demo = [*DEMO_DEPARTMENTS] if town.is_demo else []
    quick = set(
        Category.objects.filter(township=town.pk, is_demo=True).values_list("procedure__code", flat=True)
    )
    used = Category.objects.filter(township=town.pk, is_demo=False).values_list("procedure__code", flat=True)
    procedures = Procedure.objects.filter(township=town.pk, is_current=True).exclude(
        code__in=quick - set(used)
    )
    named = Department.objects.filter(township=town.pk, is_active=True)
    posts = Post.objects.filter(grid__township_code=town.pk, grid__depth__lt=2)
    return [
        (town.plan_number, town.plan_title),
        rows(Tier), rows(Rule, "changed_here"), rows(Role), rows(Duty, "since"), rows(Category, is_demo=False),
        sorted((row.code, row.name, row.rule_id, repr(row.spec)) for row in procedures),
        sorted(named.exclude(from_plan=False, name__in=demo).values_list("name", flat=True)),
        sorted(set(posts.values_list("grid__depth", "title", "role__code", "is_responsible"))),
    ]  # fmt: skip


@pytest.mark.parametrize("number", PLANS)
def test_a_townships_own_plan_loads_elsewhere_and_says_the_same(number, tmp_path):
    walk = Walk(number, villages=1 if number == 2 else 2)
    Category.objects.filter(township=walk.town.grid, code="security_hazard").update(
        name="本镇叫法",
        is_active=False,
        is_public=True,
        public_note="请注意安全。",
        must_report=True,
        for_grids=False,
    )
    Duty.objects.filter(township=walk.town.grid).update(is_active=False, times=5)
    Role.objects.filter(township=walk.town.grid, code="worker").update(name="本镇的网格员")
    Tier.objects.filter(township=walk.town, depth=1).update(expected_count=9, count_note="本镇的数", rule="")
    create_departments(township=walk.town.grid, names=["渔政站"], from_plan=False)
    file = tmp_path / "own.yaml"
    call_command("export_plan", str(file), township=TOWN)
    plan = loader.read(file)
    other = set_up(code="320371102", name="另一镇", villages=[("320371102201", "丁村")], plan=plan)
    assert plan_of(other) == plan
    assert what_stands(other) == what_stands(Township.objects.get(pk=TOWN))
    assert differences(plan_of(other), plan) == []
    assert other.plan_title == walk.town.plan_title


def test_what_a_township_switched_and_opened_goes_out_and_arrives_as_it_is():
    walk = Walk(6)
    grid = walk.town.grid
    Category.objects.filter(township=grid, code="fire").update(is_public=True, public_note="请同时拨打119。")
    Duty.objects.filter(township=grid).update(is_active=False)
    create_departments(township=grid, names=["渔政站", "撤销的站"], from_plan=False)
    Department.objects.filter(township=grid, name="撤销的站").update(is_active=False)
    plan = loader.parse(as_yaml(plan_of(Township.objects.get())), name="own.yaml")
    assert plan.departments == ("渔政站",)  # those of the demo are nobody's own
    for user, told in (
        (walk.by("网格化管理办公室值班员"), True),
        (User.objects.get(username="admin"), False),
    ):
        client = Client()
        client.force_login(user)
        assert ("渔政站" in client.get(f"/setup/plans/{TOWN}/file/").content.decode()) is told
    other = set_up(code="320371102", name="另一镇", plan=plan)
    fire = Category.objects.get(township=other.grid, code="fire")
    assert (fire.is_public, fire.public_note) == (True, "请同时拨打119。")
    assert list(Duty.objects.filter(township=other.grid).values_list("is_active", flat=True)) == [False]
    assert list(Department.objects.filter(township=other.grid).values_list("name", flat=True)) == ["渔政站"]


def test_a_townships_file_makes_another_township_of_the_same_plan_say_the_same(capsys):
    """By commands: set up under the plan, then the file; what the file has no longer goes out of use."""
    walk = Walk(6)
    Category.objects.filter(township=walk.town.grid, code="fire_hazard").delete()
    Role.objects.filter(township=walk.town.grid, code="worker").update(name="专职网格员")
    plan = plan_of(Township.objects.get())
    other = set_up(code="320371102", name="另一镇", plan=6)
    said = list(load_plan(plan=plan, township_code=other.pk).lines())
    assert "updated role worker: name 网格员 → 专职网格员" in said
    assert "kept category fire_hazard: no longer in the plan" in said
    assert not Category.objects.get(township=other.grid, code="fire_hazard").is_active


def test_a_post_of_the_townships_own_that_a_step_is_bound_to_goes_out_with_its_tier():
    """As a post is renamed: one of the new title is added, and chosen in the step beside the old one."""
    walk = Walk(10)
    ladder = Procedure.objects.get(township=walk.town.grid, code="ladder", is_current=True)
    old = Post.objects.filter(title="驻村干部").first()
    depth = old.grid.depth
    Post.objects.create(grid=old.grid, role=old.role, title="驻村工作队员")
    steps = [
        step | {"posts": [*step["posts"], "驻村工作队员"]} if "驻村干部" in step.get("posts", ()) else step
        for step in ladder.data["steps"]
    ]
    assert steps != ladder.data["steps"]
    new = NewProcedure("ladder", ladder.name, ladder.data | {"steps": steps})
    publish_procedures(township=walk.town.grid, procedures=[new])
    plan = loader.parse(as_yaml(plan_of(Township.objects.get())), name="own.yaml")
    post = next(post for post in plan.tiers[depth].posts if post.title == "驻村工作队员")
    assert (post.role, post.responsible) == (old.role.code, False)
    other = set_up(code="320371102", name="另一镇", villages=[("320371102201", "丁村")], plan=plan)
    assert plan_of(other) == plan


def test_a_step_of_a_post_that_no_tier_has_any_more_is_named_instead_of_an_error():
    """The township changed the way of the ladder; a later edition calls the stationed cadres something else."""
    walk = Walk(10)
    ladder = Procedure.objects.get(township=walk.town.grid, code="ladder", is_current=True)
    publish_procedures(
        township=walk.town.grid,
        procedures=[NewProcedure("ladder", ladder.name, {**ladder.data, "important": True})],
    )
    text = (
        as_yaml(loader.preset(10))
        .replace("title: 驻村干部", "title: 驻村工作队")
        .replace("- 驻村干部", "- 驻村工作队")
    )
    load_plan(plan=loader.parse(text, name="later.yaml"), township_code=TOWN)
    Post.objects.filter(title="驻村干部").update(title="驻村队员")
    client = Client()
    client.force_login(walk.by("乡社会服务管理中心值班员"))
    for address in (f"/setup/plans/{TOWN}/file/", f"/setup/plans/?first=10&second={TOWN}"):
        answer = client.get(address)
        assert answer.status_code == 409
        for said in ("驻村干部处理", "矛盾纠纷逐级化解", "驻村干部"):
            assert said in answer.content.decode()
    assert client.get("/setup/plans/").status_code == 200
    with pytest.raises(CommandError, match="驻村干部处理"):
        call_command("export_plan", township=TOWN)


def test_what_a_township_cannot_write_is_said_whatever_it_is():
    walk = Walk(6)
    Rule.objects.filter(township=walk.town, rule_id="P6-D1").delete()
    client = Client()
    client.force_login(walk.by("网格化管理办公室值班员"))
    answer = client.get(f"/setup/plans/{TOWN}/file/")
    assert answer.status_code == 409
    assert "P6-D1" in answer.content.decode()
    assert "Value error" not in answer.content.decode()


def test_a_way_of_before_a_check_is_said_in_words_where_it_cannot_be_written_or_changed():
    walk = Walk(6)
    row = Procedure.objects.get(township=walk.town.grid, code="ladder", is_current=True)
    first, *others = row.data["steps"]
    again = [first, first | {"code": "again", "name": "再办一次"}, *others]
    Procedure.objects.filter(pk=row.pk).update(data=row.data | {"steps": again})
    row = Procedure.objects.get(pk=row.pk)
    typed = {name: field.initial for name, field in SpecForm(procedure=row).fields.items()}
    form = SpecForm(typed, procedure=row)
    with pytest.raises(Conflict) as refused:
        plan_of(Township.objects.get())
    for said in (str(form.errors["__all__"]), refused.value.detail):
        assert str(PROBLEMS["shadowed"]) in said
        assert not re.search(r"shadowed|Value error", said)
