"""Villages and groups from a workbook, in the browser: looked through, refused row by row, taken once."""

from io import BytesIO

import pytest
import xlsxwriter
from django.test import Client

from gridgov.common.models import AuditEvent
from grids.imports import COLUMNS, read_grids
from grids.models import Grid
from tests.factories import login, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town():
    return township()


@pytest.fixture
def clerk(town):
    return login(Client(), town.clerk)


def workbook(*rows):
    file = BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate((tuple(COLUMNS), *rows)):
            sheet.write_row(number, 0, row)
    file.seek(0)
    file.name = "grids.xlsx"
    return file


def choose(client, town, file):
    return client.post(f"/grids/{town.code}/import/", {"file": file}, follow=True)


def test_workbook_of_the_tree_comes_back_with_a_further_group(town, clerk):
    village = town.villages[0]
    answer = clerk.get(f"/grids/{town.code}/tree.xlsx")
    there = read_grids(BytesIO(answer.content), township_code=town.code)
    assert (there.new, there.errors) == ([], {})
    assert there.unchanged == len(town.villages) + len(town.groups)

    page = choose(clerk, town, workbook((f"{village.code}009", "第九组", village.code, "居民")))
    assert "将新增1个网格" in page.content.decode().replace(" ", "")
    assert not Grid.objects.filter(pk=f"{village.code}009").exists()
    done = clerk.post(page.request["PATH_INFO"])
    assert done.status_code == 302
    made = Grid.objects.get(pk=f"{village.code}009")
    assert (made.name, made.parent_id) == ("第九组", village.code)
    assert made.posts.exists()  # vacant, and to be filled now
    assert AuditEvent.objects.filter(township_code=town.code, detail__what="added 1").exists()
    assert clerk.post(page.request["PATH_INFO"]).status_code == 404  # the file was taken


def test_wrong_rows_are_named_and_nothing_is_written(town, clerk):
    before = Grid.objects.count()
    page = choose(
        clerk,
        town,
        workbook(
            (f"{town.villages[0].code}008", "第八组", town.villages[0].code, "居民"),
            ("320371999201", "外镇村", "320371999", ""),
            (f"{town.villages[0].code}007", "", town.villages[0].code, "宾馆"),
        ),
    )
    text = page.content.decode()
    assert "2 行填写有误" in text and "宾馆" in text
    assert clerk.post(page.request["PATH_INFO"]).status_code == 400
    assert Grid.objects.count() == before
    back = clerk.get(page.request["PATH_INFO"] + "errors/")
    assert back["Content-Disposition"] == 'attachment; filename="grids-errors.xlsx"'


def test_file_that_is_no_workbook_is_refused_in_place(town, clerk):
    file = BytesIO(b"no workbook at all")
    file.name = "grids.xlsx"
    page = choose(clerk, town, file)
    assert page.status_code == 400
    assert "aria-invalid" in page.content.decode()


def test_page_is_for_the_office_and_the_technical_administrator(town, clerk):
    assert login(Client(), town.village_head).get(f"/grids/{town.code}/import/").status_code == 404
    assert login(Client(), town.admin).get(f"/grids/{town.code}/import/").status_code == 200
    assert clerk.get("/grids/320371999/import/").status_code == 404
    assert f"/grids/{town.code}/import/" in clerk.get("/grids/").content.decode()
