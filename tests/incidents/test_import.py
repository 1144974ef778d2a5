"""Matters from a list: what becomes a report, what is said, and the file that comes back."""

from datetime import datetime, timedelta
from io import BytesIO

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from gridgov.common import keeping
from gridgov.common.clock import SHANGHAI
from gridgov.common.xlsx import BadWorkbook, Blank, write_template
from incidents.enums import Source
from incidents.exports import write_import_template
from incidents.imports import matters_of, read_matters, take_in
from incidents.models import Incident
from tests.factories import fresh, login, township

HEADERS = [
    "网格*",
    "事项类别*",
    "情况描述*",
    "发生时间",
    "诉求人",
    "联系电话",
    "来源",
    "外部编号",
    "上级时限",
    "重复也登记",
]


@pytest.fixture
def town(db, clock):
    return township()


def book(*rows, headers=HEADERS) -> BytesIO:
    file = BytesIO()
    workbook = openpyxl.Workbook()
    workbook.active.append(headers)
    for row in rows:
        workbook.active.append(list(row))
    workbook.save(file)
    file.seek(0)
    return file


def read(town, *rows):
    return read_matters(book(*rows), user=fresh(town.clerk))


def taken(town, *rows):
    found = read(town, *rows)
    assert found.errors == {}
    return take_in(found, user=fresh(town.clerk)).done


def test_a_row_becomes_a_report_with_everything_it_says(town):
    group, name = town.groups[0], town.categories["request"].name
    row = [
        group.code,
        name,
        "路灯不亮",
        "2026-11-20 08:05",
        "张三",
        "138 0000 0001",
        "群众诉求",
        "WX-7",
        "2026-12-01",
    ]
    [incident] = taken(town, row).values()
    incident = Incident.objects.select_related("requester").get(pk=incident.pk)
    assert (incident.grid_id, incident.category_id) == (group.code, town.categories["request"].pk)
    assert (incident.source, incident.external_no) == (Source.RESIDENT, "WX-7")
    assert incident.occurred_at == datetime(2026, 11, 20, 8, 5, tzinfo=SHANGHAI)
    assert incident.external_due == datetime(2026, 12, 2, tzinfo=SHANGHAI)  # 24:00 of the day
    assert (incident.requester.name, incident.requester.phone) == ("张三", "13800000001")
    assert incident.reporter == town.clerk.member


@pytest.mark.parametrize("said", ["一村一组", "一村 一组"])
def test_a_group_is_found_by_the_village_before_its_name(town, said):
    group = town.groups[0]
    group.name = "一组"
    group.save()
    [incident] = taken(town, [said, "request", "路灯不亮"]).values()
    assert incident.grid_id == group.code


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026/11/2 9:05", (2026, 11, 2, 9, 5)),
        ("2026年11月2日19时5分", (2026, 11, 2, 19, 5)),
        ("2026-11-2 19:05:30", (2026, 11, 2, 19, 5)),
        ("２０２６-11-02", (2026, 11, 2, 0, 0)),
        (datetime.fromisoformat("2026-11-02T19:05"), (2026, 11, 2, 19, 5)),
    ],
)
def test_times_are_read_as_people_write_them(town, said, expected):
    [incident] = taken(town, [town.groups[0].code, "request", "路灯不亮", said]).values()
    assert incident.occurred_at == datetime(*expected, tzinfo=SHANGHAI)


def test_all_errors_come_at_once_in_the_users_own_row_numbers(town):
    found = read(
        town,
        [town.groups[0].code, "request", "好的一行"],
        ["", "", ""] + [None] * 6 + ["是"],
        ["月亮村", "无此类", "x" * 4001, "2026-13-40", None, None, "天上", None, "2999-99-99"],
        [town.groups[0].code, "request", "明天的事", "2026-11-24"],
    )
    assert sorted(found.errors) == [3, 4, 5]
    assert len(found.errors[3]) == 3  # grid, category, words
    assert len(found.errors[4]) == 6
    assert Incident.objects.count() == 0


def test_one_name_of_several_grids_must_be_said_more_exactly(town):
    for grid in town.groups[:2]:
        grid.name = "同名组"
        grid.save()
    found = read(town, ["同名组", "request", "路灯不亮"])
    assert "同名组" in found.errors[2][0]


def test_a_grid_of_another_township_is_unknown(town):
    other = township("320371102", name="邻镇")
    assert 2 in read(town, [other.groups[0].code, "request", "路灯不亮"]).errors


def test_the_same_external_number_is_said_and_left_out(town):
    row = [town.groups[0].code, "request", "路灯不亮", None, None, None, "上级交办", "12345-1"]
    [first] = taken(town, row).values()
    found = read(town, row)
    assert (found.new, found.changed) == ([], [])
    assert first.number in found.known[2]


def test_the_same_external_number_with_other_words_brings_the_matter_up_to_date(town):
    row = [town.groups[0].code, "request", "路灯不亮", None, None, None, "上级交办", "12345-1"]
    [first] = taken(town, row).values()
    found = read(town, [*row[:2], "换了说法", *row[3:]])
    assert (found.new, found.known) == ([], {})
    [order] = found.changed
    assert (order.incident.pk, order.what) == (first.pk, {"description": ["路灯不亮", "换了说法"]})
    take_in(found, user=fresh(town.clerk))
    assert [one.description for one in Incident.objects.all()] == ["换了说法"]


def test_an_external_number_of_another_source_is_another_matter(town):
    row = [town.groups[0].code, "request", "路灯不亮", None, None, None, "上级交办", "12345-1"]
    taken(town, row)
    assert len(read(town, [*row[:6], "群众诉求", "12345-1"]).new) == 1


def test_the_same_content_is_said_unless_the_row_insists(town):
    row = [town.groups[0].code, "request", "路灯不亮"]
    [first] = taken(town, row).values()
    found = read(town, row, [*row, *[None] * 6, "是"])
    assert first.number in found.known[2]
    assert [new.number for new in found.new] == [3]


def test_rows_of_one_list_that_repeat_each_other_are_said(town):
    row = [town.groups[0].code, "request", "路灯不亮"]
    found = read(town, row, row)
    assert [new.number for new in found.new] == [2]
    assert "2" in found.known[3]


def test_an_old_closed_matter_does_not_hold_back_a_new_one(town, clock):
    row = [town.groups[0].code, "request", "路灯不亮"]
    [first] = taken(town, row).values()
    Incident.objects.filter(pk=first.pk).update(
        is_open=False, status="closed", reported_at=first.reported_at - timedelta(days=31)
    )
    assert len(read(town, row).new) == 1


def test_taking_the_same_file_twice_makes_one_matter(town):
    file = book([town.groups[0].code, "request", "路灯不亮"])
    found = read_matters(file, user=fresh(town.clerk))
    take_in(found, user=fresh(town.clerk))
    take_in(found, user=fresh(town.clerk))
    assert Incident.objects.count() == 1


def test_usual_values_stand_where_a_row_says_nothing(town):
    from gridgov.common.xlsx import Row

    rows = [Row(5, {"description": "路灯不亮", "category": "request"})]
    usual = {"grid": town.code, "source": "上级交办", "channel": "系统内"}
    found = matters_of(rows, user=fresh(town.clerk), digest="a", usual=usual)
    arguments = found.new[0].arguments
    assert (arguments["grid"].code, arguments["source"]) == (town.code, Source.ABOVE)


def test_looking_through_costs_the_same_for_one_row_and_for_many(town, django_assert_max_num_queries):
    row = [town.groups[0].code, "request"]
    user = fresh(town.clerk)
    with django_assert_max_num_queries(9):
        read_matters(book(*[[*row, f"第{n}件"] for n in range(60)]), user=user)


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command_says_first_and_writes_with_apply(town, tmp_path, capsys):
    path = tmp_path / "事项.xlsx"
    path.write_bytes(book([town.groups[0].code, "request", "路灯不亮"]).getvalue())
    call_command("import_incidents", str(path))
    assert Incident.objects.count() == 0
    call_command("import_incidents", str(path), "--apply")
    assert Incident.objects.get().reporter_user == town.clerk
    call_command("import_incidents", str(path), "--apply")
    assert Incident.objects.count() == 1
    assert "1 there already" in capsys.readouterr().out


def test_the_command_writes_the_errors_beside_the_file(town, tmp_path):
    path = tmp_path / "事项.xlsx"
    path.write_bytes(book(["月亮村", "request", "路灯不亮"]).getvalue())
    with pytest.raises(CommandError):
        call_command("import_incidents", str(path), "--apply", "--user", town.clerk.username)
    sheet = openpyxl.load_workbook(tmp_path / "事项.错误.xlsx").active
    assert sheet.cell(1, len(HEADERS) + 1).value == "错误原因"
    assert "月亮村" in sheet.cell(2, len(HEADERS) + 1).value
    assert Incident.objects.count() == 0


def test_the_command_refuses_a_login_that_is_not_there(town, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(book().getvalue())
    with pytest.raises(CommandError):
        call_command("import_incidents", str(path), "--user", "niemand")


# --- the page ----------------------------------------------------------------------------------------------------


def upload(client, file):
    file.name = "事项.xlsx"
    return client.post(reverse("incidents:import"), {"file": file})


def test_the_page_looks_through_and_writes_only_when_told(town, client):
    login(client, town.clerk)
    answer = upload(client, book([town.groups[0].code, "request", "路灯不亮"]))
    assert answer.status_code == 302
    page = client.get(answer.url)
    assert "路灯不亮" in page.content.decode()
    assert Incident.objects.count() == 0
    assert client.post(answer.url).status_code == 302
    assert Incident.objects.count() == 1
    assert client.get(answer.url).status_code == 404  # the file is gone with its decision


def test_the_page_gives_the_same_file_back_with_what_is_wrong(town, client):
    login(client, town.clerk)
    answer = upload(client, book(["月亮村", "request", "路灯不亮"]))
    assert "月亮村" in client.get(answer.url).content.decode()
    assert client.post(answer.url).status_code == 200  # nothing to report
    assert Incident.objects.count() == 0
    back = client.get(f"{answer.url}errors/")
    sheet = openpyxl.load_workbook(BytesIO(back.content)).active
    assert sheet.cell(1, len(HEADERS) + 1).value == "错误原因"


def test_a_file_that_is_no_list_is_refused_with_words(town, client):
    login(client, town.clerk)
    answer = upload(client, BytesIO(b"\x00\x01"))
    assert answer.status_code == 400
    assert "Excel" in answer.content.decode()


def test_a_kept_file_is_its_bringers_alone(town, client):
    name = keeping.keep(book([town.groups[0].code, "request", "路灯不亮"]).getvalue(), user=town.clerk)
    login(client, town.clerk2)
    for address in ("import-check", "import-errors"):
        assert client.get(reverse(f"incidents:{address}", args=[name])).status_code == 404


@pytest.mark.parametrize("who", ["worker", "village_head", "officer", "assessor", "admin", "leader"])
def test_only_the_township_takes_lists_in(town, client, who):
    login(client, getattr(town, who))
    for address in ("incidents:import", "incidents:import-template"):
        assert client.get(reverse(address)).status_code == 403


def test_files_that_nobody_decided_about_go(town, clock):
    clock(datetime.now(SHANGHAI))
    name = keeping.keep(b"x", user=town.clerk)
    assert keeping.drop_old() == 0
    clock(datetime.now(SHANGHAI) + timedelta(days=1))
    assert keeping.drop_old() >= 1  # and what other tests left
    with pytest.raises(Exception, match="gone"):
        keeping.kept(name, user=town.clerk)


def test_the_template_can_be_filled_in_and_read(town):
    file = BytesIO()
    write_import_template(file, user=fresh(town.clerk))
    workbook = openpyxl.load_workbook(file)
    sheet = workbook.worksheets[0]
    headers = [cell.value.rstrip("*") for cell in sheet[1]]
    filled = dict.fromkeys(headers, "") | {
        "网格": "一村",
        "事项类别": town.categories["request"].name,
        "情况描述": "路灯不亮",
    }
    sheet.append(list(filled.values()))
    saved = BytesIO()
    workbook.save(saved)
    found = read_matters(saved, user=fresh(town.clerk))
    assert (found.errors, len(found.new)) == ({}, 1)
    offered = {str(rule.sqref).split(":")[0] for rule in sheet.data_validations.dataValidation}
    assert {"A2", "B2", "J2", "K2"} <= offered


def test_a_long_list_to_choose_from_stands_on_a_sheet_of_its_own():
    names = [f"第{number}组" for number in range(200)]
    file = BytesIO()
    write_template(file, title="甲", columns=[Blank("网格", choices=names)], instructions=["乙"])
    workbook = openpyxl.load_workbook(file)
    [rule] = workbook.worksheets[0].data_validations.dataValidation
    assert rule.formula1.endswith("$A$2:$A$201")
    assert [cell.value for cell in workbook.worksheets[2]["A"]] == ["网格", *names]


def test_a_workbook_without_the_columns_is_refused(town):
    with pytest.raises(BadWorkbook):
        read_matters(book(headers=["甲", "乙"]), user=fresh(town.clerk))
