"""Calendars and short forms for the tests of the clock."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from chinese_calendar import constants

from gridgov.common.worktime import Calendar, Due, Entry, Kind, Limit, Step, StepKind, Unit, due_at

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = ((time(8, 30), time(12)), (time(14), time(17, 30)))
ROUND_THE_CLOCK = ((time(0), time(0)),)
NAMES = {
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Spring Festival": "春节",
    "New Year's Day": "元旦",
}


def published(*years: int) -> Calendar:
    """The demo's calendar with the real days of the State Council's tables."""
    off = {day: name for day, name in constants.holidays.items() if day.year in years}
    made_up = {day: name for day, name in constants.workdays.items() if day.year in years}
    return Calendar(
        frames=OFFICE,
        weekdays=frozenset(range(5)),
        days=dict.fromkeys(off, False) | dict.fromkeys(made_up, True),
        names={day: NAMES.get(name, name) for day, name in (off | made_up).items()},
        official_years=frozenset(years),
    )


DEMO = published(2025, 2026)
PLAIN = Calendar(frames=OFFICE, weekdays=frozenset(range(5)))
ALWAYS = Calendar(frames=ROUND_THE_CLOCK, weekdays=frozenset(range(7)))

DAY = Limit(1, Unit.WORKING_DAYS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def due(start: str, n: int, unit: Unit, calendar: Calendar = DEMO) -> str:
    return f"{due_at(at(start), Limit(n, unit), calendar):%Y-%m-%d %H:%M}"


def entry(kind: str, moment: str, what: Limit | str | None = None, reason: str = "") -> Entry:
    """`what` is a limit or the text of a deadline."""
    limit, until = (what, None) if isinstance(what, Limit) else (None, at(what) if what else None)
    return Entry(Kind(kind), at(moment), limit, until, reason)


def ledger(*rows: tuple) -> list[Entry]:
    return [entry(*row) for row in rows]


def steps(result: Due, kind: StepKind) -> list[Step]:
    return [step for step in result.steps if step.kind is kind]
