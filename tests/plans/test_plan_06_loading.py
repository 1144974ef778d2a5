"""Plan 6 from its file into a township: what arrives, what a second time changes, what stays the township's own."""

from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common.errors import Conflict, Invalid, NotVisible
from gridgov.common.models import User
from gridgov.plans import loader
from gridgov.plans.actions import load_plan, set_up
from gridgov.plans.divisions import demo_place, short_name
from gridgov.plans.exporting import as_yaml
from gridgov.plans.schema import RuleSpec, chinese_number
from gridgov.simulation.seed import seed
from grids.actions import NewGrid, add_grids, check_setup
from grids.enums import Kind, Use
from grids.models import Grid, Rule, Tier, Township
from incidents.actions import NewProcedure, publish_procedures
from incidents.models import Category, Procedure
from members.models import Duty, Member, Post, Role
from tests.factories import township

pytestmark = pytest.mark.django_db

TOWN = "320371101"
VILLAGES = [(f"{TOWN}201", "龙田村"), (f"{TOWN}202", "岗楼村")]


def run(*arguments, **options) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def small(plan: int = 6) -> Township:
    return set_up(code=TOWN, name="徐庄镇", villages=VILLAGES, plan=plan)


@pytest.mark.requirement("R2")
def test_every_tier_has_a_kind_and_the_plans_own_label():
    small()
    shown = [(t.kind, t.label, t.name) for t in Tier.objects.filter(township=TOWN).order_by("depth")]
    assert shown == [
        (Kind.TOWNSHIP, "一级网格", "镇"),
        (Kind.VILLAGE, "二级网格", "行政村"),
        (Kind.GROUP, "三级网格", "村民小组"),
    ]


@pytest.mark.requirement("R4")
def test_setup_check_says_what_is_missing_and_where():
    town = small()
    check = check_setup(town)
    assert [(c.tier.kind, c.expected, c.missing) for c in check.counts] == [
        (Kind.VILLAGE, 22, 20),
        (Kind.GROUP, 143, 143),
    ]
    assert [grid.name for grid in check.childless] == ["龙田村", "岗楼村"]
    assert not check.is_complete


@pytest.mark.requirement("R4")
def test_setup_check_says_what_is_too_many():
    (code, name), villages = demo_place(6)
    town = set_up(code=code, name=name, villages=villages, plan=6)
    seed(township=town, hashes={})
    assert check_setup(town).is_complete
    add_grids(grids=[NewGrid(f"{TOWN}201008", "龙田村八组")], township_code=TOWN)
    check = check_setup(town)
    assert [(c.tier.kind, c.missing, c.surplus) for c in check.counts] == [
        (Kind.VILLAGE, 0, 0),
        (Kind.GROUP, 0, 1),
    ]


def test_setup_check_does_not_count_special_grids():
    town = small()
    add_grids(grids=[NewGrid(f"{TOWN}901", "实验小学", Use.SCHOOL)], township_code=TOWN)
    assert check_setup(town).counts[0].present == 2


@pytest.mark.requirement("R1")
def test_loading_twice_changes_nothing():
    small()
    run("load_plan", "6", township=TOWN)
    tables = (Rule, Tier, Role, Procedure, Category, Duty, Post)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    assert run("load_plan", "6", township=TOWN) == "0 changes\n"
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_a_dry_run_says_what_it_would_do_and_writes_nothing():
    town = small()
    Rule.objects.filter(township=town, rule_id="P6-C1").delete()
    assert run("load_plan", "6", township=TOWN, dry_run=True).splitlines() == [
        "added rule P6-C1",
        "1 changes (dry run: nothing was written)",
    ]
    assert not Rule.objects.filter(rule_id="P6-C1").exists()


def test_an_outdated_rule_is_corrected_and_one_changed_here_is_kept():
    town = small()
    Rule.objects.filter(township=town, rule_id="P6-C1").update(text="旧的")
    Rule.objects.filter(township=town, rule_id="P6-C2").update(text="本镇的", changed_here=True)
    changes = load_plan(plan=6, township_code=TOWN)
    assert (changes.added, [*changes.updated], [*changes.kept]) == ([], ["rule P6-C1"], ["rule P6-C2"])
    assert Rule.objects.get(rule_id="P6-C1").text.startswith("每一件重要事件")
    assert Rule.objects.get(rule_id="P6-C2").text == "本镇的"


def test_what_the_township_renamed_or_limited_stays():
    town = small()
    Category.objects.filter(code="dispute").update(name="邻里纠纷")
    limits = {"limits": {"group": {"n": 3, "unit": "working_days"}}}
    publish_procedures(township=town.grid, procedures=[NewProcedure("people_response", "民情回应", limits)])
    changes = load_plan(plan=6, township_code=TOWN)
    assert not changes
    assert list(changes.kept) == ["procedure people_response", "category dispute"]
    assert Category.objects.get(code="dispute").name == "邻里纠纷"
    assert Category.objects.get(code="request").procedure.version == 2


def test_the_plan_gives_no_limit_and_none_is_invented():
    small()
    assert [p.spec.limits for p in Procedure.objects.filter(township=TOWN)] == [{}, {}, {}]


def test_must_report_matters_start_at_the_township_with_the_village_beside():
    small()
    must = Category.objects.filter(township=TOWN, must_report=True).select_related("procedure")
    assert len(must) == 6
    for category in must:
        spec = category.procedure.spec
        assert (spec.start, spec.helpers, spec.important) == ("township", (Kind.VILLAGE,), True)


def test_every_rule_shows_its_clause():
    small()
    clauses = dict(Rule.objects.filter(township=TOWN).values_list("rule_id", "clause"))
    assert clauses["P6-C2"] == "《镇网格化服务管理实施意见》第八部分（五）"
    assert clauses["P6-D15"] == "《镇网格化服务管理实施意见》第八部分（四）、第九部分（三）"
    named = {p.rule_id for p in Procedure.objects.all()} | {c.rule_id for c in Category.objects.all()}
    assert named <= set(clauses)


def test_new_grids_get_the_posts_of_their_tier():
    small()
    assert not Post.objects.filter(grid__kind=Kind.GROUP).exists()
    add_grids(grids=[NewGrid(f"{TOWN}201001", "一组")], township_code=TOWN)
    posts = Post.objects.filter(grid=f"{TOWN}201001").order_by("pk")
    assert [(p.title, p.role.code, p.is_responsible) for p in posts] == [
        ("网格员", "worker", True),
        ("村民组长（网格长）", "head", False),
        ("网格信息员", "volunteer", False),
        ("义务信息员、监督员", "volunteer", False),
    ]


def test_a_post_that_the_township_abolished_does_not_come_back():
    small()
    Post.objects.filter(title="村治保主任", grid=VILLAGES[0][0]).delete()
    assert not load_plan(plan=6, township_code=TOWN)


def test_unknown_plans_and_townships_are_refused_in_one_sentence():
    small()
    with pytest.raises(CommandError) as refused:
        call_command("load_plan", "7", township=TOWN)
    assert "\n" not in str(refused.value)
    for number in (0, 11):
        with pytest.raises(Invalid):
            load_plan(plan=number, township_code=TOWN)
    with pytest.raises(NotVisible):
        load_plan(plan=6, township_code="320371109")


def test_a_township_under_another_plan_is_not_mixed():
    town = small()
    Township.objects.filter(pk=town.pk).update(plan_number=5)
    with pytest.raises(Conflict):
        load_plan(plan=6, township_code=TOWN)


def test_a_township_is_not_set_up_halfway_under_an_unknown_plan():
    with pytest.raises(CommandError):
        run("setup_township", code=TOWN, name="徐庄镇", plan=11)
    assert not Grid.objects.exists()


@pytest.mark.parametrize("header", ["code,name", "编码,名称"])
def test_villages_come_from_a_file(tmp_path: Path, header: str):
    file = tmp_path / "villages.csv"
    file.write_text(f"{header}\n" + "\n".join(",".join(village) for village in VILLAGES), encoding="utf-8")
    run("setup_township", code=TOWN, name="徐庄镇", plan=6, villages=file)
    assert list(Grid.objects.filter(kind=Kind.VILLAGE).values_list("code", "name")) == VILLAGES


def test_a_wrong_villages_file_is_named():
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        run("setup_township", code=TOWN, name="徐庄镇", plan=6, villages=Path("nowhere.csv"))


def test_a_broken_preset_names_file_line_and_rule(tmp_path: Path):
    text = loader.preset_path(6).read_text(encoding="utf-8")
    broken = tmp_path / "p06.yaml"
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if "id: P6-C2" in row)
    broken.write_text(text.replace("id: P6-C2, at: 八.5", "id: P6-C2, at: somewhere"), encoding="utf-8")
    with pytest.raises(loader.BadPreset) as refused:
        loader.read(broken)
    assert str(refused.value.detail).startswith(f"p06.yaml:{line}: P6-C2: rules.")


def test_a_preset_may_not_name_a_rule_it_does_not_have(tmp_path: Path):
    text = loader.preset_path(6).read_text(encoding="utf-8")
    broken = tmp_path / "p06.yaml"
    broken.write_text(text.replace("feedback: P6-C2", "feedback: P6-C9"), encoding="utf-8")
    with pytest.raises(loader.BadPreset, match="P6-C9"):
        loader.read(broken)


@pytest.mark.parametrize(
    ("old", "new", "rule", "where"),
    [
        ("role: clerk, responsible: true}", "role: mayor, responsible: true}", "P6-D1", "tiers.0.posts.0.role"),
        ("    rule: P6-D5", "    rule: P6-D55", "P6-D55", "tiers.1.rule"),
        ("    rule: P6-I1", "    rule: P6-I11", "P6-I11", "procedures.1.rule"),
        ("on_success: tell, rule: P6-I2", "on_success: tell, rule: P6-I22", "P6-I22", "procedures.2.spec.steps.1.rule"),
        ("by: [report], on", "posts: [镇长], by: [report], on", "P6-I2", "procedures.2.spec.steps.0.posts"),
        ("kind: dispute, procedure: ladder", "kind: dispute, procedure: stairs", "P6-D11", "categories.6.procedure"),
        ("{code: request, name: 群", "{code: dispute, name: 群", "P6-I1", "categories.7"),
        ("{rule: P6-T1, name", "{rule: P6-T9, name", "P6-T9", "duties.0.rule"),
        ("{id: P6-X6, at: 九", "{id: P6-X5, at: 九", "P6-X5", "rules.64"),
        ("{id: P6-X6, at", "{id: P5-X6, at", "P5-X6", "rules.64"),
        ("actor: 未办理此事的镇人员,", "actor: '',", "P6-C1", "procedures.2.spec.steps.3"),
    ],
)  # fmt: skip
def test_what_names_the_wrong_thing_is_named_by_its_own_line(old, new, rule, where):
    text = loader.preset_path(6).read_text(encoding="utf-8")
    assert old in text
    broken = text.replace(old, new, 1)
    line = next(n for n, row in enumerate(broken.splitlines(), start=1) if new in row)
    with pytest.raises(loader.BadPreset) as refused:
        loader.parse(broken, name="p06.yaml")
    (said,) = str(refused.value.detail).splitlines()
    assert said.startswith(f"p06.yaml:{line}: {rule}: {where}: ")


def test_all_that_names_the_wrong_thing_is_said_at_once():
    text = loader.preset_path(6).read_text(encoding="utf-8")
    broken = text.replace("feedback: P6-C2", "feedback: P6-C9").replace("kind: dispute, procedure: ladder", "kind: dispute, procedure: x")  # fmt: skip
    with pytest.raises(loader.BadPreset) as refused:
        loader.parse(broken, name="p06.yaml")
    assert len(str(refused.value.detail).splitlines()) == 4


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"# nothing\n", 1),
        (b"just a word\n", 1),
        (b"- a\n- b\n", 1),
        ("number: 6\ntitle: 某镇办法\n".encode("gb18030"), 2),
        (b"number: 6\ntitle: \x00\n", 2),
        (b"number: 6\n1: x\n", 2),
        (b"number: 6\ntitle: 2026-99-99\n", 1),
        (b"[" * 5000, 1),
        (b"number: 6\ntitle: a\n---\nnumber: 7\n", 3),
        (b"number: 6\ntitle: &a [*a]\n", 2),
        (b"number: 6\nroles: {mayor: x, 1: y}\n", 2),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_a_line(tmp_path: Path, content: bytes, line: int):
    broken = tmp_path / "p06.yaml"
    broken.write_bytes(content)
    with pytest.raises(loader.BadPreset, match=rf"(?m)^p06\.yaml:{line}: "):
        loader.read(broken)


@pytest.mark.parametrize("part", ["rules", "tiers"])
def test_a_plan_has_rules_a_township_and_villages(part: str):
    text = as_yaml(loader.preset(6))
    data = yaml.safe_load(text)
    for left in (0, 1):
        if part == "tiers" or not left:
            broken = yaml.safe_dump({**data, part: data[part][:left]}, allow_unicode=True)
            with pytest.raises(loader.BadPreset, match=rf"p06\.yaml:\d+: .*{part}"):
                loader.parse(broken, name="p06.yaml")


def test_a_plan_with_a_byte_order_mark_is_read(tmp_path: Path):
    file = tmp_path / "p06.yaml"
    file.write_text(loader.preset_path(6).read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert loader.read(file) == loader.preset(6)


def test_a_preset_that_is_no_yaml_names_the_line(tmp_path: Path):
    broken = tmp_path / "p06.yaml"
    broken.write_text("number: 6\ntitle: [\n", encoding="utf-8")
    with pytest.raises(loader.BadPreset, match=r"p06\.yaml:3"):
        loader.read(broken)


def test_the_demo_is_the_real_place_with_143_groups():
    (code, name), villages = demo_place(6)
    town = set_up(code=code, name=name, villages=villages, plan=6)
    seed(township=town, hashes={})
    by_village: dict[str, int] = {}
    for group in Grid.objects.filter(kind=Kind.GROUP):
        by_village[group.village_code] = by_village.get(group.village_code, 0) + 1
    assert [by_village[code] for code, _name in sorted(villages)] == [7] * 11 + [6] * 11
    assert Grid.objects.get(pk=f"{TOWN}201001").name == "龙田村一组"


def test_setting_up_and_seeding_the_demo_take_few_statements():
    (code, name), villages = demo_place(6)
    with CaptureQueriesContext(connection) as loaded:
        town = set_up(code=code, name=name, villages=villages, plan=6)
    with CaptureQueriesContext(connection) as seeded:
        seed(township=town, hashes={})
    count = [
        sum("SAVEPOINT" not in query["sql"] for query in log.captured_queries) for log in (loaded, seeded)
    ]
    assert count[0] <= 41
    assert count[1] <= 65


def test_a_township_with_people_is_not_seeded():
    small()
    Member.objects.create(name="真人", township_code=TOWN)
    with pytest.raises(CommandError):
        run("seed_demo", township=TOWN)
    assert Member.objects.count() == 1


def test_a_production_system_makes_no_demo_accounts(settings):
    small()
    settings.GRIDGOV_DEMO = False
    for command in (["seed_demo", "--township", TOWN], ["demo"]):
        with pytest.raises(CommandError):
            run(*command)


def test_demo_limits_and_departments_are_marked_as_the_demos_own():
    town = township()
    assert all("演示自设" in p.name for p in Procedure.objects.filter(is_current=True))
    assert [p.spec.limits for p in Procedure.objects.filter(is_current=False)] == [{}, {}, {}]
    assert not any(department.from_plan for department in town.departments)
    quick = town.categories["quick"]
    assert quick.is_demo and quick.procedure.spec.on_overdue == "raise"


def test_random_passwords_open_the_demo_accounts_and_are_kept_for_the_owner_only(settings, tmp_path):
    settings.GRIDGOV_DATA, settings.GRIDGOV_DEMO_PASSWORD = tmp_path, ""
    small()
    shown = run("seed_demo", township=TOWN)
    file = tmp_path / "demo-accounts.txt"
    assert file.stat().st_mode & 0o777 == 0o600
    words = dict(line.split() for line in file.read_text().splitlines())
    assert set(words) == {
        "admin", "township", "township2", "village", "worker", "worker2", "department", "supervisor", "leader", "auditor",
    }  # fmt: skip
    assert len(set(words.values())) == len(words)
    for name, word in words.items():
        assert word in shown
        assert User.objects.get(username=name).check_password(word)
    others = User.objects.exclude(username__in=words)
    assert others.exists()
    assert not any(user.has_usable_password() for user in others)


def test_one_given_password_opens_all_demo_accounts_and_is_not_shown(settings, tmp_path):
    settings.GRIDGOV_DATA, settings.GRIDGOV_DEMO_PASSWORD = tmp_path, "given-to-all"
    small()
    assert "given-to-all" not in run("seed_demo", township=TOWN)
    assert not (tmp_path / "demo-accounts.txt").exists()
    assert User.objects.get(username="worker").check_password("given-to-all")


@pytest.mark.parametrize(
    ("official", "short"),
    [
        ("龙田村委会", "龙田村"),
        ("新坝社区居委会", "新坝社区"),
        ("新坝村村民委员会", "新坝村"),
        ("大委会村", "大委会村"),
    ],
)
def test_villages_go_by_the_name_people_use(official, short):
    assert short_name(official) == short


@pytest.mark.parametrize(
    ("number", "word"), [(1, "一"), (10, "十"), (11, "十一"), (20, "二十"), (27, "二十七")]
)
def test_numbers_are_chinese(number, word):
    assert chinese_number(number) == word


def test_a_clause_without_an_item_names_the_part_alone():
    assert RuleSpec(id="P6-G1", at="五", text="网格不留空白。").clause("甲") == "《甲》第五部分"
