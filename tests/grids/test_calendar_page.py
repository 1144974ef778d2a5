"""The page of a township's working time: frames, a year's holidays typed or from a file, and the warning before it is missing."""

from datetime import date
from io import BytesIO

import pytest
import xlsxwriter
from django.test import Client

from grids.imports import read_lines, read_year
from grids.models import Calendar, CalendarDay, CalendarYear
from tests.factories import login, township

pytestmark = pytest.mark.django_db

LINES = """2027-01-01~2027-01-03 放假 元旦
2027年2月5日 至 2027年2月11日 放假 春节

2027/2/20,上班,春节调休上班"""


@pytest.fixture
def town(clock):
    return township()


@pytest.fixture
def clerk(town):
    return login(Client(), town.clerk)


def url(town):
    return f"/grids/{town.code}/calendar/"


def workbook(*rows):
    file = BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    file.seek(0)
    file.name = "2027.xlsx"
    return file


def test_lines_are_read_as_people_write_them():
    table = read_lines(LINES)
    assert not table.errors
    assert len(table.days) == 3 + 7 + 1
    assert [day.working for day in table.days if day.day == date(2027, 2, 20)] == [True]
    assert read_lines(table.lines) == table
    assert table.lines.splitlines()[0] == "2027-01-01~2027-01-03 放假 元旦"


@pytest.mark.parametrize("line", ["2027-13-01 放假", "元旦", "2027-01-03~2027-01-01 放假", "2027-01-01 也许"])
def test_a_line_that_says_nothing_is_an_error_in_its_row(line):
    assert list(read_lines(f"\n{line}").errors) == [2]


def test_a_file_says_the_same():
    file = workbook(
        ["日期", "结束日期", "类型", "名称"],
        ["2027-01-01", "2027-01-03", "放假", "元旦"],
        ["2027-02-20", "", "上班", "春节调休上班"],
    )
    assert len(read_year(file).days) == 4
    assert len(read_year(BytesIO("日期,类型,名称\n2027-01-01,放假,元旦\n".encode())).days) == 1


def test_a_file_is_shown_as_lines_and_imported_only_then(town, clerk):
    file = workbook(["日期", "结束日期", "类型", "名称"], ["2027-01-01", "2027-01-03", "放假", "元旦"])
    page = clerk.post(url(town), {"do": "look", "year": 2027, "file": file})
    assert page.status_code == 200
    assert "2027-01-01~2027-01-03 放假 元旦" in page.content.decode()
    assert not CalendarYear.objects.filter(year=2027).exists()
    done = clerk.post(url(town), {"do": "import", "year": 2027, "lines": LINES})
    assert (done.status_code, done.url) == (302, url(town))
    assert CalendarDay.objects.filter(table_year=2027).count() == 11
    assert CalendarYear.objects.get(year=2027).followed_at is not None
    again = clerk.post(url(town), {"do": "import", "year": 2027, "lines": LINES})
    assert again.status_code == 400


@pytest.mark.parametrize(
    ("year", "lines"),
    [(2027, ""), (2027, "2026-05-01 放假 劳动节"), (2027, "2027-01-01 放假\n2027-01-01 上班"), (2026, LINES)],
)
def test_a_table_without_sense_is_refused(town, clerk, year, lines):
    assert clerk.post(url(town), {"do": "import", "year": year, "lines": lines}).status_code == 400
    assert not CalendarYear.objects.filter(year=2027).exists()


def test_frames_may_be_several_a_day(town, clerk):
    form = {"do": "frames", "frames": "8:00-12:00，14:30-17:30; 19:00-24:00", "weekdays": [0, 1, 2, 3, 4, 5]}
    assert clerk.post(url(town), form | {"urgent_frames": "00:00-24:00"}).status_code == 302
    calendar = Calendar.objects.get(pk=town.code)
    assert calendar.frames == [["08:00", "12:00"], ["14:30", "17:30"], ["19:00", "00:00"]]
    assert calendar.weekdays == [0, 1, 2, 3, 4, 5]
    assert clerk.get(url(town)).status_code == 200
    assert (
        clerk.post(url(town), form | {"frames": "morning", "urgent_frames": "00:00-24:00"}).status_code == 400
    )
    assert (
        clerk.post(url(town), form | {"frames": "12:00-08:00", "urgent_frames": "00:00-24:00"}).status_code
        == 400
    )


def test_the_missing_year_is_warned_of_from_november(town, clock):
    def warned(user):
        return url(town) in login(Client(), user).get("/").content.decode()

    clock("2026-10-31T09:00")
    assert not warned(town.clerk)
    clock("2026-11-01T09:00")
    assert warned(town.clerk) and warned(town.admin)
    assert not warned(town.village_head) and not warned(town.worker)
    CalendarYear.objects.create(calendar_id=town.code, year=2027)
    assert not warned(town.clerk)


def test_a_single_day_does_not_make_a_year_official(town):
    from grids.actions import SpecialDay, change_calendar

    change_calendar(township_code=town.code, days=[SpecialDay(date(2027, 3, 1), working=False, name="庙会")])
    assert Calendar.objects.of(town.code).official_years == {2025, 2026}
