"""Whatever the plan: any order of what is allowed keeps the loop closed, and a plan of one's own needs only a file."""

import os
import random
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.plans import loader
from gridgov.plans.actions import load_plan, set_up
from gridgov.plans.exporting import differences, plan_of
from gridgov.simulation.people import People
from gridgov.simulation.procedures import in_use, never_taken
from gridgov.simulation.seed import seed
from gridgov.simulation.working import simulate
from grids.models import Grid, Rule, Township
from grids.querysets import forget_calendars
from incidents.actions import sweep
from incidents.enums import Status
from incidents.loop_check import breaches
from incidents.models import Category, Escalation, Incident, Procedure
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
    with pytest.raises(loader.BadPreset, match=said) as refused:
        loader.read(broken)
    assert str(refused.value).startswith("broken.yaml:")


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


@pytest.mark.parametrize("number", PLANS)
def test_a_townships_own_plan_loads_elsewhere_and_says_the_same(number, tmp_path):
    walk = Walk(number, villages=1 if number == 2 else 2)
    Category.objects.filter(township=walk.town.grid, code="security_hazard").update(
        name="本镇叫法", is_active=False
    )
    file = tmp_path / "own.yaml"
    call_command("export_plan", str(file), township=TOWN)
    plan = loader.read(file)
    other = set_up(code="320371102", name="另一镇", villages=[("320371102201", "丁村")], plan=plan)
    assert differences(plan_of(other), plan) == []
    moved = Category.objects.get(township=other.grid, code="security_hazard")
    assert (moved.name, moved.is_active) == ("本镇叫法", False)
    theirs = Procedure.objects.filter(township=other.grid).order_by("code").values_list("code", "data")
    ours = Procedure.objects.filter(township=walk.town.grid, is_current=True).order_by("code")
    assert dict(theirs).items() <= dict(ours.values_list("code", "data")).items()
    assert other.plan_title == walk.town.plan_title


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
    assert part.rows == [("治安隐患", "隐患 · 一般事项", "隐患 · 一般事项 · 必报事件")]
    departments, categories = differences(plan, fewer)
    assert departments.rows == [("派出所", "派出所", "")]
    assert categories.rows == [("治安隐患", "隐患 · 一般事项", "")]
