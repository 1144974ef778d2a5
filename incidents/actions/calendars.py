"""A year's official holidays came in: open clocks that leaned on the assumption are reckoned again, and their people told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Min, Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import put_aside
from gridgov.common.errors import Conflict, DomainError
from gridgov.common.models import SetAside
from gridgov.common.worktime import Entry, Kind, Limit, derive, is_late
from grids.actions import completed
from grids.models import CalendarDay, CalendarYear, WorkingTime
from incidents.actions.case import Case
from incidents.due import local_minute
from incidents.models import AssistTask, AssistTold, Escalation, Incident, Stage
from incidents.models.time import LAST_RESORT, TOTAL_NUMBER, limit_of
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
FOLLOWING = "follow-year-"  # and the year: of what was put aside
TRIES = 5


def follow_years(*, batch: int = AT_ONCE) -> int:
    """Years that were completed and whose open clocks were not yet looked at; returns how many matters moved.

    Asked after an import and by every sweep: what is interrupted goes on where it stopped. A matter that somebody acts on
    in the same moment is read again and reckoned then; one that changes each time is taken by the next run.
    """
    moved = 0
    for row in CalendarYear.objects.filter(followed_at=None).order_by("calendar", "year"):
        found, whole = _follow(str(row.calendar_id), row.year, batch)
        moved += found
        if whole:
            CalendarYear.objects.filter(pk=row.pk).update(followed_at=clock.now())
    return moved + _try_again()


def _follow(township_code: str, year: int, batch: int) -> tuple[int, bool]:
    moved, whole, after = 0, True, None
    keys: dict[str, str] = {}
    while True:
        rows = Incident.objects.open().filter(township_code=township_code).order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        ids = list(rows.values_list("pk", flat=True)[:batch])
        for one in _each(ids, year):
            answer = _followed(one, year, keys)
            moved, whole = moved + bool(answer), whole and answer is not None
        if len(ids) < batch:
            return moved, whole
        after = ids[-1]


def _each(ids: Sequence[UUID], year: int) -> Iterator[_Leaning]:
    """Those that lean on the year; where one cannot even be read it is put aside, and the others are taken one by one."""
    try:
        yield from _leaning(ids, year)
    except ValueError:
        for pk in ids:
            try:
                yield from _leaning([pk], year)
            except ValueError as error:
                put_aside(f"{FOLLOWING}{year}", pk, error)


def _followed(one: _Leaning, year: int, keys: dict[str, str]) -> bool | None:
    """What is wrong with one matter is noted and keeps no other from its right deadline."""
    try:
        return _reckon_until_done(one, year, keys)
    except (ValueError, DomainError, IntegrityError) as error:
        put_aside(f"{FOLLOWING}{year}", one.incident.pk, error)
        return False


def _try_again() -> int:
    """What was put aside and whose time has come; what fails again waits longer."""
    moved, now = 0, clock.now()
    for row in SetAside.objects.filter(work__startswith=FOLLOWING, retry_at__lte=now):
        year = int(row.work.removeprefix(FOLLOWING))
        still_open = list(Incident.objects.open().filter(pk=row.key).values_list("pk", flat=True))
        moved += sum(bool(_followed(one, year, {})) for one in _each(still_open, year))
        SetAside.objects.filter(pk=row.pk, retry_at__lte=now).delete()
    return moved


def _reckon_until_done(found: _Leaning, year: int, keys: dict[str, str]) -> bool | None:
    """Whether the matter's own deadline moved; None where somebody was first every time."""
    leaning: _Leaning | None = found
    for _time in range(TRIES):
        if leaning is None:  # what was done meanwhile ended it, or reckoned it already
            return False
        _complete_keys(leaning, year, keys)
        try:
            with transaction.atomic():
                return _reckon_again(leaning, year, keys)
        except Conflict:
            still_open = Incident.objects.open().filter(pk=leaning.incident.pk).values_list("pk", flat=True)
            leaning = next(iter(_leaning(list(still_open), year)), None)
    return None


def _complete_keys(leaning: _Leaning, year: int, keys: dict[str, str]) -> None:
    """Adds to `keys` (working time that a clock began with -> the same with the year) what this matter needs. Before its own
    transaction, for what is stored there would be lost where somebody is first."""
    begun_with = [stage.calendar_key for stage in leaning.stages]
    begun_with += [it.task.calendar_key for it in leaning.tasks if it.leans]
    begun_with += [it.task.card_key for it in leaning.tasks if it.card]
    begun_with += [card.calendar_key for card, _start in leaning.cards]
    town = leaning.incident.township_code
    keys |= {key: completed(key, township_code=town, year=year) for key in begun_with if key not in keys}


@dataclass
class _Assisting:
    """An assisting task: whether its own clock leaned on the year, and the start of the card that did."""

    task: AssistTask
    leans: bool
    card: Entry | None


@dataclass
class _Leaning:
    """A matter and those of its clocks whose reckoning assumed the weekdays of a year."""

    incident: Incident
    stages: list[Stage] = field(default_factory=list)
    tasks: list[_Assisting] = field(default_factory=list)
    cards: list[tuple[Escalation, Entry]] = field(default_factory=list)  # of levels that were told


def _leaning(ids: Sequence[UUID], year: int) -> list[_Leaning]:
    """Of these matters those with such a clock; a constant number of queries. A reply that is owed for a supervision is not
    among them: its day was set by a person."""
    matter = ("incident__procedure", "incident__responsible_grid", "incident__responsible_member")
    reached = {"due_at__gte": clock.start_of(date(year, 1, 1)), "incident__in": ids}
    stages = Stage.objects.filter(
        is_void=False, incident__in=ids, due_at__gte=clock.start_of(_first_day(ids, year))
    )
    stages = stages.exclude(calendar_key="").select_related(*matter)
    found: dict[UUID, _Leaning] = {}
    for stage in stages.prefetch_related("ledger").order_by("incident", "number"):
        if year in stage.derived().provisional or _is_moved(stage, year):
            found.setdefault(stage.incident_id, _Leaning(stage.incident)).stages.append(stage)
    for it in _assisting(reached, year, matter):
        found.setdefault(it.task.incident_id, _Leaning(it.task.incident)).tasks.append(it)
    for card, start in _cards(reached):
        if year in derive([start], WorkingTime.objects.under(card.calendar_key)).provisional:
            found.setdefault(card.incident_id, _Leaning(card.incident)).cards.append((card, start))
    return list(found.values())


def _first_day(ids: Sequence[UUID], year: int) -> date:
    """Of the year's table: it may begin with days of the December before."""
    towns = Incident.objects.filter(pk__in=ids).order_by().values("township_code").distinct()
    days = CalendarDay.objects.filter(calendar__in=towns, table_year=year)
    first: date | None = days.aggregate(first=Min("day"))["first"]
    return min(filter(None, (first, date(year, 1, 1))))


def _is_moved(stage: Stage, year: int) -> bool:
    """Whether days of the December before, which the year's table has, move a clock that ends in it."""
    if stage.due_at is None or stage.due_at >= clock.start_of(date(year, 1, 1)):
        return False
    if not stage.calendar.follows_holidays:  # of urgent matters: it runs through all days
        return False
    key = completed(stage.calendar_key, township_code=stage.township_code, year=year)
    return stage.derived(WorkingTime.objects.under(key)).at != stage.due_at


def _assisting(reached: dict[str, Any], year: int, matter: Sequence[str]) -> Iterator[_Assisting]:
    """Open tasks whose own time leaned on the year, or that of the level which was told that they are late."""
    first = reached["due_at__gte"]
    own = Q(due_at__gte=first) & ~Q(calendar_key="")
    told = Q(is_late=True, tell_at__gte=first, tell_at__gt=clock.now()) & ~Q(card_key="")
    rows = AssistTask.objects.open().filter(own | told, incident__in=reached["incident__in"])
    tasks = list(rows.select_related(*matter, "member", "grid", "department").order_by("incident", "pk"))
    limits = _limits_of_stages({task.incident_id for task in tasks if task.is_late})
    for task in tasks:
        leans = bool(task.calendar_key) and year in task.reckoned(task.pauses).provisional
        card = _start_of_card(task, limits.get((task.incident_id, task.incident.stage)))
        if card and year not in derive([card], WorkingTime.objects.under(task.card_key)).provisional:
            card = None
        if leans or card:
            yield _Assisting(task, leans, card)


def _start_of_card(task: AssistTask, of_stage: Limit | None) -> Entry | None:
    """Of a late task whose next level waits: since when, and for how long. None where that does not give the moment kept, as
    where another stage has begun since."""
    if not task.is_late or not task.card_key or task.card_since is None:
        return None
    if task.tell_at is None or task.tell_at <= clock.now():
        return None
    limit = task.incident.procedure.spec.card_limit or limit_of(task.limit_n, task.limit_unit) or of_stage
    if limit is None:
        return None
    start = Entry(Kind.START, task.card_since, limit)
    return start if derive([start], WorkingTime.objects.under(task.card_key)).at == task.tell_at else None


def _limits_of_stages(incidents: Collection[UUID]) -> dict[tuple[UUID, int], Limit | None]:
    """(matter, number of the stage) -> its limit."""
    if not incidents:
        return {}
    stages = Stage.objects.filter(incident__in=incidents)
    return {
        (incident, number): limit_of(n, unit)
        for incident, number, n, unit in stages.values_list("incident", "number", "limit_n", "limit_unit")
    }


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
    own = _limits_of_stages({card.incident_id for card in cards})
    for card in cards:
        limit = (
            card.incident.procedure.spec.card_limit
            or own.get((card.incident_id, card.stage_number))
            or LAST_RESORT
        )
        if card.card_since is not None:
            yield card, Entry(Kind.START, card.card_since, limit)


def _reckon_again(leaning: _Leaning, year: int, keys: dict[str, str]) -> bool:
    """Whether the matter's own deadline moved."""
    incident = leaning.incident
    case = Case(incident, user=None, actor=None, action=YEAR_IMPORTED)
    before = incident.due_at
    for stage in leaning.stages:
        if stage.number == TOTAL_NUMBER:
            case.total = stage  # the one that changes is the one that counts
        case.complete_year(stage, year, keys[stage.calendar_key])
    if leaning.stages:
        own = next((stage for stage in leaning.stages if stage.number == incident.stage), None)
        current = own or case.current_stage()
        case.set_due(current.due_at)
        case.settle_lateness(current)
    tasks = [_complete_task(case, it, keys) for it in leaning.tasks]
    cards = [_complete_card(case, card, start, keys[card.calendar_key]) for card, start in leaning.cards]
    said: dict[str, Any] = {"before": local_minute(before), "after": local_minute(incident.due_at)}
    if cards:
        said["cards"] = [
            {"level": card.level, "before": local_minute(was), "after": local_minute(card.card_due_at)}
            for card, was in cards
        ]
    if tasks:
        said["assisting"] = [_said_of(it.task, was, told) for it, was, told in tasks]
    case.save(data={"year": year, **said})
    _tell(incident, MOVED, incident.responsible_member, year, before, incident.due_at)
    for it, was, told in tasks:
        _tell(incident, MOVED, it.task.member, year, was, it.task.due_at)
        if it.card and it.task.is_late:
            _tell_of_card(it.task, year, told)
    for card, was in cards:
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


def _complete_task(
    case: Case, it: _Assisting, keys: dict[str, str]
) -> tuple[_Assisting, datetime | None, datetime | None]:
    """With its deadline before, and when the next level was to be told. An assisting task has no ledger: the history row of
    the matter says that it was reckoned again. What was late by the assumption only is late no more; levels told stay told."""
    task, values = it.task, dict[str, Any]()
    before = (it, task.due_at, task.tell_at)
    late, due = task.is_late, task.due_at
    if it.leans:
        key, was = keys[task.calendar_key], task.calendar_key
        task.calendar_key = key
        due = task.reckoned(task.pauses).at
        task.calendar_key = was
        stands_since = datetime.fromisoformat(task.pauses[-1][0]) if task.is_paused else case.now
        late = late and is_late(due, stands_since)
        values = {"calendar_key": key, "due_at": due, "is_late": late}
    if not late:
        values |= {"tell_at": None if task.is_paused else due, "card_since": None, "card_key": ""}
    elif it.card:
        key = keys[task.card_key]
        values |= {"tell_at": derive([it.card], WorkingTime.objects.under(key)).at, "card_key": key}
    case.alter(task, **values)
    return before


def _said_of(task: AssistTask, due: datetime | None, told: datetime | None) -> dict[str, Any]:
    """Both dates of a task, and of the next level's being told where that is another moment."""
    said = {"unit": str(task.unit), "before": local_minute(due), "after": local_minute(task.due_at)}
    if told != due or task.tell_at != task.due_at:
        said |= {"told_before": local_minute(told), "told_after": local_minute(task.tell_at)}
    return said


def _tell_of_card(task: AssistTask, year: int, before: datetime | None) -> None:
    """The level that was told last of a late task."""
    last = AssistTold.objects.filter(task=task).order_by("told_at", "pk").last()
    receiver = last.told_member if last else None
    _tell(task.incident, CARD_MOVED, receiver, year, before, task.tell_at, key=str(task.pk))


def _tell(
    incident: Incident,
    text: str,
    member: Member | None,
    year: int,
    *moved: datetime | None,
    key: str = "",
) -> None:
    before, after = moved
    if before == after:
        return
    dates = {"before": local_minute(before), "after": local_minute(after)}
    tell(
        members=[member],
        text=text,
        params={"number": incident.number, "heading": incident.heading, "year": str(year), **dates},
        key=f"{key or incident.pk}:{YEAR_IMPORTED}:{year}" + (":card" if text == CARD_MOVED else ""),
        link=f"/incidents/{incident.pk}/",
        kind=MessageKind.NEWS,
        urgent=incident.important,
    )
