"""A township from nothing: codes, names, the tree."""

import pytest
from django.core.management import CommandError, call_command

from gridgov.common.errors import Conflict, Invalid
from grids.actions import NewGrid, add_grids, setup_township
from grids.enums import CodeSource, Kind
from grids.models import Calendar, Grid, Township

pytestmark = pytest.mark.django_db

TOWN, VILLAGE = "320371101", "320371101201"


def build(*villages: tuple[str, str]) -> Township:
    return setup_township(code=TOWN, name="徐庄镇", villages=villages or [(VILLAGE, "龙田村")])


def test_a_township_begins_with_its_villages_and_a_calendar():
    build()
    tree = [
        (g.code, g.kind, g.parent_id, g.township_code, g.village_code, g.depth)
        for g in Grid.objects.for_list()
    ]
    assert tree == [
        (TOWN, Kind.TOWNSHIP, None, TOWN, "", 0),
        (VILLAGE, Kind.VILLAGE, TOWN, TOWN, VILLAGE, 1),
    ]
    assert Calendar.objects.filter(pk=TOWN).exists()


def test_groups_may_have_groups_below_them_in_any_order():
    build()
    add_grids(
        grids=[NewGrid(f"{VILLAGE}001002", "一组二片"), NewGrid(f"{VILLAGE}001", "一组")], township_code=TOWN
    )
    assert Grid.objects.get(pk=f"{VILLAGE}001002").parent_id == f"{VILLAGE}001"


@pytest.mark.parametrize(
    ("code", "source"),
    [(f"{TOWN}899", CodeSource.NBS), (f"{TOWN}900", CodeSource.LOCAL), (f"{TOWN}999", CodeSource.LOCAL),
     (f"{VILLAGE}001", CodeSource.LOCAL)],
)  # fmt: skip
def test_the_code_tells_who_gave_it_out(code, source):
    build()
    assert add_grids(grids=[NewGrid(code, "某处")], township_code=TOWN)[0].code_source == source


@pytest.mark.parametrize("code", ["32037110", "3203711011", "32037110a", "３２０３７１１０１", "", VILLAGE])
def test_a_township_needs_nine_digits(code):
    with pytest.raises(Invalid):
        setup_township(code=code, name="徐庄镇")
    assert not Grid.objects.exists()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (f"{TOWN}20", "少一位"),
        (f"{TOWN}20a", "有字母"),
        ("320371102201", "别的镇"),
        (VILLAGE, "已经有了"),
        (f"{TOWN}202001", "没有上级"),
        (f"{TOWN}202", " "),
        (f"{TOWN}202", "长" * 61),
        ("320371102", "又一个镇"),
        ("1" * 33, "太长"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused_and_nothing_is_written(code, name):
    build()
    with pytest.raises(Invalid) as refused:
        add_grids(grids=[NewGrid(f"{TOWN}203", "好的村"), NewGrid(code, name)], township_code=TOWN)
    assert list(refused.value.errors) == [code]
    assert Grid.objects.count() == 2


def test_a_code_twice_in_one_go_is_refused():
    build()
    with pytest.raises(Invalid):
        add_grids(grids=[NewGrid(f"{TOWN}202", "甲村"), NewGrid(f"{TOWN}202", "乙村")], township_code=TOWN)


def test_a_township_is_set_up_once():
    build()
    with pytest.raises(Conflict):
        build()


def test_nothing_grows_below_a_grid_that_has_ended(clock):
    build()
    Grid.objects.filter(pk=VILLAGE).update(ended_on="2026-01-01")
    with pytest.raises(Invalid):
        add_grids(grids=[NewGrid(f"{VILLAGE}001", "一组")], township_code=TOWN)


def workbook(path, *rows):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (("编码", "名称", "上级编码", "类型"), *rows):
        book.active.append(row)
    book.save(path)
    return path


def test_an_import_is_a_dry_run_until_it_is_applied(tmp_path, capsys):
    build()
    file = workbook(
        tmp_path / "grids.xlsx",
        (VILLAGE, "龙田村", TOWN, ""),
        (f"{VILLAGE}001", "一组", VILLAGE, "居民"),
        (f"{TOWN}901", "实验小学", "", "学校"),
    )
    call_command("import_grids", str(file))
    assert Grid.objects.count() == 2
    call_command("import_grids", str(file), apply=True)
    assert Grid.objects.get(pk=f"{TOWN}901").use == "school"
    assert capsys.readouterr().out.splitlines() == [
        "2 grids would be added (dry run; --apply writes), 1 there already",
        "2 grids added, 1 there already",
    ]


def test_an_import_reports_all_errors_in_the_users_rows_and_writes_nothing(tmp_path, capsys):
    import openpyxl

    build()
    file = workbook(
        tmp_path / "grids.xlsx",
        (f"{VILLAGE}001", "一组", VILLAGE, "居民"),
        (f"{VILLAGE}00", "少一位", "", "居民"),
        (f"{VILLAGE}002", "二组", TOWN, "寺庙"),
        ("320371102201", "别的镇", "", ""),
    )
    with pytest.raises(CommandError):
        call_command("import_grids", str(file), apply=True)
    said = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["row 3", "row 4", "row 5"]
    assert Grid.objects.count() == 2
    sheet = openpyxl.load_workbook(tmp_path / "grids.错误.xlsx").active
    noted = [bool(row[4].value) for row in sheet.iter_rows()]
    assert noted == [True, False, True, True, True]
    assert sheet.cell(1, 5).value == "错误原因"


def test_an_import_without_its_township_says_so_in_every_row(tmp_path):
    file = workbook(tmp_path / "grids.xlsx", (VILLAGE, "龙田村", TOWN, ""))
    with pytest.raises(CommandError, match="1 rows"):
        call_command("import_grids", str(file), apply=True)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"none\.xlsx"):
        call_command("import_grids", str(tmp_path / "none.xlsx"))
