"""How people in a township work: when, how fast, how well. Each habit is one small function of the dice it is given."""

import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from gridgov.common.clock import SHANGHAI
from gridgov.common.worktime import Calendar, add_working_seconds

Thing = TypeVar("Thing")

MONDAY = 0
ARRIVALS = 11.5  # matters on an ordinary working day, beside what patrols find
# Working hours that a step takes on average, by whoever works at an ordinary pace.
HOURS = {
    "accept": 1.0,
    "settle": 1.5,
    "reject": 2.0,
    "escalate": 2.0,
    "hand_over": 2.0,
    "dispatch": 1.5,
    "approve": 4.0,
    "start": 1.5,
    "submit_result": 4.0,
    "verify": 2.5,
    "send_back": 2.5,
    "feed_back": 2.0,
    "return_visit": 3.0,
    "close": 1.0,
    "reopen": 6.0,
    "review": 3.0,
    "refer_up": 3.0,
    "record_reply": 16.0,
    "arrive": 0.5,
    "add_note": 1.0,
    "assist": 1.0,
    "whistle": 1.0,
    "submit_assist": 4.0,
    "report_in": 1.0,
}
LEFT_LYING = 0.025  # of all steps; then some working days pass before anybody thinks of it
SKIPPED_WEEKEND = 0.25  # patrols that a worker leaves out on a day off
MORNING, AFTERNOON = (8 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60 + 30)  # minutes since 00:00


def arrivals(dice: random.Random, day: date, calendar: Calendar, mean: float = ARRIVALS) -> int:
    """How many matters a day brings, `mean` of them on an ordinary one: Mondays a third more, days off a third of it."""
    if not calendar.is_working_day(day):
        mean *= 0.35
    elif day.weekday() == MONDAY:
        mean *= 1.35
    return max(0, round(dice.gauss(mean, mean**0.5)))


def pace(dice: random.Random) -> float:
    """How long this village takes compared with others; most are near 1, a few take twice as long."""
    return min(3.0, max(0.6, dice.lognormvariate(0, 0.35)))


def diligence(dice: random.Random) -> float:
    """The share of days on which this worker patrols."""
    return dice.betavariate(22, 1.6)


def patrols(dice: random.Random, share: float, *, working: bool) -> bool:
    return dice.random() < (share if working else share * (1 - SKIPPED_WEEKEND))


def patrol_time(dice: random.Random, day: date) -> tuple[datetime, datetime]:
    """From when to when a worker walks: most in the morning, for half an hour to an hour and a half."""
    begin = dice.randint(*(MORNING if dice.random() < 0.7 else AFTERNOON))
    start = at(day, begin, dice.randrange(60))
    return start, start + timedelta(minutes=dice.randint(30, 90))


def moment_of_report(dice: random.Random, day: date) -> datetime:
    """Mornings and afternoons, now and then an evening."""
    spans = (MORNING, AFTERNOON, (18 * 60, 21 * 60))
    span = dice.choices(spans, (50, 38, 12))[0]
    return at(day, dice.randint(*span), dice.randrange(60))


def done_at(dice: random.Random, now: datetime, action: str, slowness: float, calendar: Calendar) -> datetime:
    """When a person gets to it: working time from now, sometimes days later."""
    hours = dice.expovariate(1 / HOURS[action]) * slowness
    if dice.random() < LEFT_LYING * slowness:
        hours += dice.uniform(14, 40)
    return add_working_seconds(now, 180 + round(hours * 3600), calendar) + timedelta(
        seconds=dice.randrange(1, 60)
    )


def urgent_at(dice: random.Random, now: datetime, action: str) -> datetime:
    """What must be reported at once is not left until the office opens; the work itself may take until tomorrow."""
    minutes = dice.randint(60, 17 * 60) if action == "submit_result" else dice.randint(5, 150)
    if dice.random() < LEFT_LYING:
        minutes += 24 * 60
    return now + timedelta(minutes=minutes, seconds=dice.randrange(60))


def at_the_group(dice: random.Random) -> str:
    """What a worker does with what arrived at the group."""
    return pick(dice, {"settle": 34, "accept": 52, "escalate": 10, "reject": 2, "hand_over": 2})


def at_the_village(dice: random.Random) -> str:
    return pick(dice, {"accept": 80, "escalate": 16, "reject": 4})


def handles_itself(dice: random.Random) -> bool:
    """Whether a village or the township does it itself instead of dispatching it."""
    return dice.random() < 0.3


def finds_fault(dice: random.Random, rework: int) -> bool:
    """Whether a verifier sends the result back; a second time hardly ever."""
    return dice.random() < (0.09 if rework == 0 else 0.02)


def visit_fails(dice: random.Random, rework: int) -> bool:
    return dice.random() < (0.07 if rework == 0 else 0.01)


def has_requester(dice: random.Random, category: str, *, patrol: bool) -> bool:
    if patrol:
        return False
    return dice.random() < {"request": 0.7, "dispute": 0.6, "social_security": 0.9}.get(category, 0.3)


def answers(dice: random.Random) -> tuple[int, bool] | None:
    """Grade (1 best, 5 worst) and whether it is solved; None: no answer comes."""
    if dice.random() > 0.62:
        return None
    grade = int(dice.choices((1, 2, 3, 4, 5), (42, 36, 14, 6, 2))[0])
    return grade, grade < 4 or dice.random() < 0.4


def pick(dice: random.Random, weights: dict[str, float]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def one_of(dice: random.Random, choices: Sequence[Thing]) -> Thing:
    return choices[dice.randrange(len(choices))]


def at(day: date, minute: int, second: int = 0) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60, second), SHANGHAI)
