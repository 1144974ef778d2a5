"""A township's working time: the published days, what a change does, how often the database is asked."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common.errors import Invalid
from grids.actions import SpecialDay, change_calendar, published_days, setup_township
from grids.models import Calendar, CalendarDay
from grids.querysets import forget_calendars

pytestmark = pytest.mark.django_db

TOWN = "320371101"


@pytest.fixture
def town():
    forget_calendars()
    return setup_township(code=TOWN, name="徐庄镇")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2025-10-01", False),  # National Day
        ("2025-10-08", False),
        ("2025-10-09", True),
        ("2025-09-28", True),  # a Sunday, made up
        ("2025-10-11", True),  # a Saturday, made up
        ("2026-02-16", False),  # Spring Festival
        ("2026-02-14", True),  # a Saturday, made up
        ("2026-11-23", True),
        ("2026-11-22", False),
    ],
)
def test_published_days_are_known(town, day, works):
    assert Calendar.objects.of(TOWN).is_working_day(date.fromisoformat(day)) is works


def test_years_with_published_days_are_official_and_others_not(town):
    assert Calendar.objects.of(TOWN).official_years == {2025, 2026}


def test_special_days_have_a_chinese_name_and_a_source(town):
    named = {day.day.isoformat(): day for day in CalendarDay.objects.all()}
    assert named["2025-10-01"].name == "国庆节"
    assert named["2025-09-28"].name == "国庆节调休上班"
    assert named["2026-01-01"].name == "元旦"
    assert named["2026-04-05"].name == "清明节"
    assert "2026年" in named["2026-04-05"].source
    assert len(named) == len(published_days())


def test_the_calendar_is_read_once_per_version(town):
    with CaptureQueriesContext(connection) as first:
        Calendar.objects.of(TOWN)
    with CaptureQueriesContext(connection) as again:
        Calendar.objects.of(TOWN)
    assert (len(first), len(again)) == (2, 1)


def test_a_change_is_seen_at_once(town):
    before = Calendar.objects.of(TOWN)
    change_calendar(township_code=TOWN, days=[SpecialDay(date(2026, 11, 24), working=False, name="镇休息日")])
    after = Calendar.objects.of(TOWN)
    assert before.is_working_day(date(2026, 11, 24)) and not after.is_working_day(date(2026, 11, 24))
    change_calendar(township_code=TOWN, drop=[date(2026, 11, 24)])
    assert Calendar.objects.of(TOWN).is_working_day(date(2026, 11, 24))
    assert Calendar.objects.get(pk=TOWN).version == 3


def test_a_day_listed_twice_is_corrected(town):
    for working in (False, True):
        change_calendar(
            township_code=TOWN, days=[SpecialDay(date(2026, 11, 28), working=working, name="某日")]
        )
    assert CalendarDay.objects.get(day=date(2026, 11, 28)).working


@pytest.mark.parametrize(
    "change",
    [
        {"frames": []},
        {"frames": [("12:00", "08:00")]},
        {"frames": [("08:00", "12:00"), ("11:00", "17:00")]},
        {"frames": [("morning", "noon")]},
        {"weekdays": [7]},
    ],
)
def test_a_calendar_without_sense_is_refused_and_the_old_one_stays(town, change):
    with pytest.raises(Invalid):
        change_calendar(township_code=TOWN, **change)
    assert Calendar.objects.of(TOWN).frames
    assert Calendar.objects.get(pk=TOWN).version == 1
