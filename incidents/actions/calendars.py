"""A year's official holidays came in: open clocks that leaned on the assumption are reckoned again, and their people told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.errors import Conflict
from gridgov.common.worktime import Entry, Kind, derive
from grids.actions import completed
from grids.models import CalendarYear, WorkingTime
from incidents.actions.case import Case
from incidents.due import local_minute
from incidents.models import AssistTask, Escalation, Incident, Stage
from incidents.models.time import TOTAL_NUMBER, limit_of
from incidents.workflow import YEAR_IMPORTED
from members.actions import tell
from members.enums import MessageKind
from members.models import Member

MOVED = gettext_noop(
    "%(number)s: by the holidays of %(year)s now due %(after)s instead of %(before)s: %(heading)s"
)
CARD_MOVED = gettext_noop(
    "%(number)s: by the holidays of %(year)s to be acted on by %(after)s instead of %(before)s: %(heading)s"
)
AT_ONCE = 200


def follow_years(*, batch: int = AT_ONCE) -> int:
    """Years that were completed and whose open clocks were not yet looked at; returns how many matters moved.

    Asked after an import and by every sweep: what is interrupted goes on where it stopped. A matter that somebody acts on
    in the same moment is taken by the next run.
    """
    moved = 0
    for row in CalendarYear.objects.filter(followed_at=None).order_by("calendar", "year"):
        found, whole = _follow(str(row.calendar_id), row.year, batch)
        moved += found
        if whole:
            CalendarYear.objects.filter(pk=row.pk).update(followed_at=clock.now())
    return moved


def _follow(township_code: str, year: int, batch: int) -> tuple[int, bool]:
    moved, whole, after = 0, True, None
    keys: dict[str, str] = {}
    while True:
        rows = Incident.objects.open().filter(township_code=township_code).order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        ids = list(rows.values_list("pk", flat=True)[:batch])
        for leaning in _leaning(ids, year):
            try:
                with transaction.atomic():
                    moved += _reckon_again(leaning, year, keys)
            except Conflict:  # somebody was first
                whole = False
        if len(ids) < batch:
            return moved, whole
        after = ids[-1]


@dataclass
class _Leaning:
    """A matter and those of its clocks whose reckoning assumed the weekdays of a year."""

    incident: Incident
    stages: list[Stage] = field(default_factory=list)
    tasks: list[AssistTask] = field(default_factory=list)
    cards: list[tuple[Escalation, Entry]] = field(default_factory=list)  # of levels that were told


def _leaning(ids: Sequence[UUID], year: int) -> list[_Leaning]:
    """Of these matters those with such a clock; a constant number of queries. A reply that is owed for a supervision is not
    among them: its day was set by a person."""
    matter = ("incident__procedure", "incident__responsible_grid", "incident__responsible_member")
    reached = {"due_at__gte": clock.start_of(date(year, 1, 1)), "incident__in": ids}
    stages = Stage.objects.filter(is_void=False, **reached).exclude(calendar_key="").select_related(*matter)
    tasks = AssistTask.objects.open().filter(**reached).exclude(calendar_key="")
    found: dict[UUID, _Leaning] = {}
    for stage in stages.prefetch_related("ledger").order_by("incident", "number"):
        if year in stage.derived().provisional:
            found.setdefault(stage.incident_id, _Leaning(stage.incident)).stages.append(stage)
    for task in tasks.select_related(*matter, "member").order_by("incident", "pk"):
        if year in task.reckoned(task.pauses).provisional:
            found.setdefault(task.incident_id, _Leaning(task.incident)).tasks.append(task)
    for card, start in _cards(reached):
        if year in derive([start], WorkingTime.objects.under(card.calendar_key)).provisional:
            found.setdefault(card.incident_id, _Leaning(card.incident)).cards.append((card, start))
    return list(found.values())


def _cards(reached: dict[str, Any]) -> Iterator[tuple[Escalation, Entry]]:
    """Cards that still run, each with its start and limit: the procedure's, or that of the stage that failed."""
    rows = Escalation.objects.filter(
        settled_at=None,
        card_due_at__gt=clock.now(),
        card_due_at__gte=reached["due_at__gte"],
        incident__in=reached["incident__in"],
    ).exclude(calendar_key="")
    matter = (
        "incident__procedure",
        "incident__responsible_grid",
        "incident__responsible_member",
        "told_member",
        "told_grid",
    )
    cards = list(rows.select_related(*matter).order_by("incident", "pk"))
    stages = Stage.objects.filter(incident__in=[card.incident_id for card in cards])
    own = {
        (incident, number): limit_of(n, unit)
        for incident, number, n, unit in stages.values_list("incident", "number", "limit_n", "limit_unit")
    }
    for card in cards:
        limit = card.incident.procedure.spec.card_limit or own.get((card.incident_id, card.stage_number))
        if limit is not None and card.card_since is not None:
            yield card, Entry(Kind.START, card.card_since, limit)


def _reckon_again(leaning: _Leaning, year: int, keys: dict[str, str]) -> bool:
    """Whether the matter's own deadline moved."""
    incident, town = leaning.incident, leaning.incident.township_code
    case = Case(incident, user=None, actor=None, action=YEAR_IMPORTED)
    before = incident.due_at
    begun_with = [stage.calendar_key for stage in leaning.stages] + [it.calendar_key for it in leaning.tasks]
    begun_with += [card.calendar_key for card, _start in leaning.cards]
    keys |= {key: completed(key, township_code=town, year=year) for key in begun_with if key not in keys}
    for stage in leaning.stages:
        if stage.number == TOTAL_NUMBER:
            case.total = stage  # the one that changes is the one that counts
        case.complete_year(stage, year, keys[stage.calendar_key])
    if leaning.stages:
        own = next((stage for stage in leaning.stages if stage.number == incident.stage), None)
        current = own or case.current_stage()
        case.set_due(current.due_at)
        case.settle_lateness(current)
    moved = [(incident.responsible_member, before, incident.due_at)]
    moved += [
        (task.member, task.due_at, _complete_task(case, task, keys[task.calendar_key]))
        for task in leaning.tasks
    ]
    cards = [_complete_card(case, card, start, keys[card.calendar_key]) for card, start in leaning.cards]
    said: dict[str, Any] = {"before": local_minute(before), "after": local_minute(incident.due_at)}
    if cards:
        said["cards"] = [
            {"level": card.level, "before": local_minute(was), "after": local_minute(card.card_due_at)}
            for card, was in cards
        ]
    case.save(data={"year": year, **said})
    for member, was, now in moved:
        if was != now:
            _tell(incident, MOVED, member, year, was, now)
    for card, was in cards:
        if was != card.card_due_at:
            _tell(incident, CARD_MOVED, card.told_member, year, was, card.card_due_at)
    return before != incident.due_at


def _complete_card(
    case: Case, card: Escalation, start: Entry, key: str
) -> tuple[Escalation, datetime | None]:
    """The level told has its time by the holidays; the next one is told when that has run out. With the time it had before."""
    before, due = card.card_due_at, derive([start], WorkingTime.objects.under(key)).at
    assert due is not None
    case.change_card(card, due, since=start.at, calendar_key=key)
    incident = case.incident
    if incident.is_late and card.stage_number == incident.stage and incident.escalate_at == before:
        case.set(escalate_at=due)
    return card, before


def _complete_task(case: Case, task: AssistTask, key: str) -> datetime | None:
    """An assisting task has no ledger: the history row of the matter says that it was reckoned again."""
    late, was = task.is_late, task.calendar_key
    task.calendar_key = key
    due = task.reckoned(task.pauses).at
    task.calendar_key = was
    running = not late and not task.is_paused
    case.alter(task, calendar_key=key, due_at=due, tell_at=due if running else task.tell_at)
    return due


def _tell(
    incident: Incident,
    text: str,
    member: Member | None,
    year: int,
    *moved: datetime | None,
) -> None:
    before, after = moved
    dates = {"before": local_minute(before), "after": local_minute(after)}
    tell(
        members=[member],
        text=text,
        params={"number": incident.number, "heading": incident.heading, "year": str(year), **dates},
        key=f"{incident.pk}:{YEAR_IMPORTED}:{year}" + (":card" if text == CARD_MOVED else ""),
        link=f"/incidents/{incident.pk}/",
        kind=MessageKind.NEWS,
        urgent=incident.important,
    )
