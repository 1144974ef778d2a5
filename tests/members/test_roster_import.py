"""The duty roster from a workbook: looked through first, every row's fault with its number, then entered as it stands there."""

from datetime import date
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import load_workbook

from gridgov.common.models import AuditEvent
from gridgov.common.xlsx import write_plain
from members.actions import enter_shifts
from members.models import Member, Shift
from tests.factories import login, township

HEADERS = ["日期", "带班领导", "值班员", "副班", "值班电话"]


@pytest.fixture
def town(db, clock):
    clock("2026-11-23T09:00")
    return township()


def sent(town, rows, headers=HEADERS, user=None):
    """The answer to the page on which the uploaded file is looked through."""
    book = BytesIO()
    write_plain(book, headers=headers, rows=rows)
    client = login(Client(), user or town.clerk)
    file = SimpleUploadedFile("值班表.xlsx", book.getvalue())
    return client, client.post("/roster/import/", {"file": file})


def names(town):
    return town.leader.member.name, town.village_head.member.name, town.worker.member.name


def test_a_roster_is_looked_through_and_entered(town):
    leader, officer, second = names(town)
    enter_shifts(
        township_code=town.code,
        first=date(2026, 11, 30),
        last=date(2026, 12, 2),
        leader=town.leader.member,
        officer=town.leader.member,
    )
    rows = [
        ("2026-12-01", leader, officer, second, "0000 8001"),
        ("2026年12月3日", leader, officer, "", ""),
        ("2026-12-04", "", "", "", ""),  # not filled in
    ]
    client, answer = sent(town, rows)
    page = client.get(answer.url).content.decode()
    assert "将填入 2 天" in page and "其中 1 天" in page
    assert Shift.objects.count() == 3  # nothing yet
    assert client.post(answer.url).url == "/roster/"
    entered = Shift.objects.order_by("day").values_list("day", "officer__name", "second__name", "phone")
    assert list(entered) == [
        (date(2026, 11, 30), leader, None, ""),
        (date(2026, 12, 1), officer, second, "00008001"),
        (date(2026, 12, 2), leader, None, ""),
        (date(2026, 12, 3), officer, None, ""),
    ]
    assert AuditEvent.objects.filter(detail__what="2026-12-01 – 2026-12-03").exists()
    assert client.get(answer.url).status_code == 404  # the file is gone


def test_every_fault_is_said_with_its_row_and_nothing_is_entered(town):
    leader, officer, _second = names(town)
    Member.objects.create(name=officer, phone="00077778888", township_code=town.code)
    rows = [
        ("2026-12-01", leader, "查无此人", "", ""),
        ("不是日期", leader, leader, leader, ""),
        ("2026-12-01", "", leader, "", ""),
        ("2026-12-02", leader, officer, "", ""),
        ("2026-12-03", leader, f"{officer}（8888）", "", ""),
    ]
    client, answer = sent(town, rows)
    page = client.get(answer.url).content.decode()
    for text in (
        "值班员：本乡镇没有叫“查无此人”的人员",
        "日期写法不对",
        "此人已在值班",
        "这一天在第2行已有",
        "带班领导：未填姓名",
        f"有多人叫“{officer}”",
    ):
        assert text in page, text
    assert client.post(answer.url).status_code == 400
    assert Shift.objects.count() == 0
    book = load_workbook(BytesIO(client.get(f"{answer.url}errors/").content))
    faults = {row[0].row: row[-1].value for row in book.active.iter_rows(min_row=2)}
    assert [number for number, text in faults.items() if text] == [2, 3, 4, 5]


def test_the_workbook_to_fill_in_comes_back_as_it_went_out(town):
    enter_shifts(
        township_code=town.code,
        first=date(2026, 11, 24),
        last=date(2026, 11, 24),
        leader=town.leader.member,
        officer=town.worker.member,
    )
    client = login(Client(), town.clerk)
    data = client.get("/roster/roster.xlsx").content
    rows = list(load_workbook(BytesIO(data)).active.iter_rows(values_only=True))
    assert list(rows[0]) == HEADERS and len(rows) == 32
    answer = client.post("/roster/import/", {"file": SimpleUploadedFile("a.xlsx", data)})
    page = client.get(answer.url).content.decode()
    assert "将填入 1 天" in page


def test_a_file_without_the_columns_is_refused(town):
    _client, answer = sent(town, [("a", "b")], headers=["甲", "乙"])
    assert answer.status_code == 400


def test_people_of_another_township_are_nobody_here(town):
    other = township(code="320371102")
    leader, _officer, _second = names(town)
    Member.objects.filter(pk=other.worker.member.pk).update(name="外镇某")
    client, answer = sent(town, [("2026-12-01", leader, "外镇某", "", "")])
    assert "外镇某" in client.get(answer.url).content.decode()
    assert client.post(answer.url).status_code == 400
