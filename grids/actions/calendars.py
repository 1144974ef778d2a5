"""A township's working time: frames, special days, and the official table of a year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from chinese_calendar import constants as published
from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Conflict, Invalid
from grids.models import Calendar, CalendarDay, CalendarYear, Grid, WorkingTime
from grids.querysets import OFFICE, URGENT, contents

# Sent after a year's official table came in, outside any transaction; receivers above reckon again what leaned on it.
year_completed = Signal()

DEMO_FRAMES = (("08:30", "12:00"), ("14:00", "17:30"))
MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)
PUBLISHED_YEARS = (2025, 2026)
LONGEST_TABLE = 100  # days; official ones have some thirty-five


@dataclass(frozen=True)
class SpecialDay:
    day: date
    working: bool
    name: str
    source: str = ""
    table_year: int | None = None  # the official table it belongs to


def published_days(years: Iterable[int] = PUBLISHED_YEARS) -> list[SpecialDay]:
    """Holidays and make-up days as the State Council published them, by day."""
    wanted = set(years)
    listed = [(day, english, False) for day, english in published.holidays.items() if day.year in wanted]
    listed += [(day, english, True) for day, english in published.workdays.items() if day.year in wanted]
    return [
        SpecialDay(
            day,
            working,
            _holiday_name(english) + ("调休上班" if working else ""),
            source_of(day.year),
            day.year,
        )
        for day, english, working in sorted(listed)
    ]


def source_of(year: int) -> str:
    return f"国务院办公厅关于{year}年部分节假日安排的通知"


def _holiday_name(english: str) -> str:
    chinese = str(published.Holiday(english).chinese)
    return chinese if chinese.endswith(("节", "元旦", "纪念日")) else f"{chinese}节"


def seed_calendar(grid: Grid) -> None:
    """Of a new township: the usual frames and the years that are published."""
    calendar = Calendar.objects.create(
        township=grid, frames=[list(frame) for frame in DEMO_FRAMES], weekdays=list(MONDAY_TO_FRIDAY)
    )
    _write_days(calendar, published_days())
    CalendarYear.objects.bulk_create(
        CalendarYear(calendar=calendar, year=year, source=source_of(year), followed_at=clock.now())
        for year in PUBLISHED_YEARS
    )
    _keep(calendar)


def _write_days(calendar: Calendar, days: Iterable[SpecialDay]) -> None:
    CalendarDay.objects.bulk_create(
        [
            CalendarDay(
                calendar=calendar,
                day=it.day,
                working=it.working,
                name=it.name,
                source=it.source,
                table_year=it.table_year,
            )
            for it in days
        ],
        update_conflicts=True,
        unique_fields=["calendar", "day"],
        update_fields=["working", "name", "source", "table_year"],
    )


def _keep(calendar: Calendar) -> None:
    """What clocks that begin from now on are reckoned with. Raises Invalid where nobody would ever work."""
    try:
        keys = {which: WorkingTime.objects.kept(content) for which, content in contents(calendar).items()}
    except ValueError as error:
        raise Invalid(
            _("This is no working time: %(reason)s") % {"reason": error}, code="invalid_calendar"
        ) from error
    calendar.office_key, calendar.urgent_key = keys[OFFICE], keys[URGENT]
    calendar.save(update_fields=["office_key", "urgent_key"])


@transaction.atomic
def change_calendar(
    *,
    township_code: str,
    frames: Sequence[tuple[str, str]] | None = None,
    weekdays: Sequence[int] | None = None,
    urgent_frames: Sequence[tuple[str, str]] | None = None,
    days: Iterable[SpecialDay] = (),
    drop: Iterable[date] = (),
) -> Calendar:
    """Any change of working time, in one step and one version; raises Invalid where nobody would ever work.

    Running deadlines do not move: they are reckoned with the calendar of their time.
    """
    calendar = _held(township_code)
    if frames is not None:
        calendar.frames = [list(frame) for frame in frames]
    if weekdays is not None:
        calendar.weekdays = sorted(weekdays)
    if urgent_frames is not None:
        calendar.urgent_frames = [list(frame) for frame in urgent_frames]
    calendar.save(update_fields=["frames", "weekdays", "urgent_frames"])
    CalendarDay.objects.filter(calendar=calendar, day__in=list(drop)).delete()
    _write_days(calendar, days)
    _keep(calendar)
    return calendar


def import_year(*, township_code: str, year: int, days: Sequence[SpecialDay], source: str = "") -> int:
    """The official holidays and make-up days of a year that was missing; open clocks that leaned on it are reckoned again.

    Days of the December before may be among them: New Year is announced with the year it begins. Returns how many open
    matters moved. Raises Invalid with `errors`, Conflict where the year is in already.
    """
    with transaction.atomic():
        calendar = _held(township_code)
        if CalendarYear.objects.filter(calendar=calendar, year=year).exists():
            raise Conflict(
                _("The holidays of %(year)s are in already; correct single days among the special days.")
                % {"year": year},
                code="year_exists",
            )
        problems = table_problems(year, days)
        if problems:
            raise Invalid(problems[0], code="invalid_table", errors={"days": problems})
        text = source or source_of(year)
        _write_days(calendar, [SpecialDay(it.day, it.working, it.name, text, year) for it in days])
        CalendarYear.objects.create(calendar=calendar, year=year, source=text)
        _keep(calendar)
    answers = year_completed.send(sender=Calendar, township_code=township_code, year=year)
    return sum(int(moved or 0) for _receiver, moved in answers)


def table_problems(year: int, days: Sequence[SpecialDay]) -> list[str]:
    """What stands against these days as the table of a year; empty if nothing."""
    found = []
    first, last = date(year - 1, 12, 1), date(year, 12, 31)
    if not any(it.day.year == year and not it.working for it in days):
        found.append(_("There is no holiday of %(year)s among these days.") % {"year": year})
    outside = [it.day.isoformat() for it in days if not first <= it.day <= last]
    if outside:
        found.append(
            _("These days do not belong to %(year)s: %(days)s")
            % {"year": year, "days": "、".join(outside[:5])}
        )
    twice = sorted({it.day.isoformat() for it in days if sum(other.day == it.day for other in days) > 1})
    if twice:
        found.append(_("These days stand there twice: %(days)s") % {"days": "、".join(twice[:5])})
    if len(days) > LONGEST_TABLE:
        found.append(_("These are more days than a year's table can have."))
    return found


def completed(key: str, *, township_code: str, year: int) -> str:
    """The key of the same working time with the year's table in it, and nothing else that was changed meanwhile."""
    content = dict(WorkingTime.objects.get(pk=key).content)
    days = CalendarDay.objects.filter(calendar=township_code, table_year=year)
    table = {day.day.isoformat(): [day.working, day.name] for day in days.order_by("day")}
    content["days"] = dict(content["days"]) | table
    content["years"] = sorted({*content["years"], year})
    return WorkingTime.objects.kept(content)


def _held(township_code: str) -> Calendar:
    """The row, held until the end of the transaction."""
    Calendar.objects.filter(pk=township_code).update(version=F("version") + 1)
    return Calendar.objects.get(pk=township_code)
