"""Going up by itself: every minute, what is late is told one level higher, exactly once per stage and level.

The database is asked for `escalate_at < now` only, so the work grows with what is due, not with what is open. Batches are
locked (SKIP LOCKED, or SQLite's IMMEDIATE); the unique key of `Escalation` is the last word if two sweeps still meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import F, Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import in_batches
from gridgov.common.worktime import Limit, due_at
from grids.models import Calendar
from incidents.actions.webhooks import tell_outside
from incidents.enums import Level
from incidents.models import Escalation, Incident, Part, Procedure, Stage, Transition
from incidents.models.time import LAST_RESORT, limit_of
from incidents.steps import DEPARTMENT, level_of
from incidents.workflow import OVERDUE, Rung, department_rungs, rungs
from members.actions import pass_on
from members.enums import MessageKind, RoleCode
from members.models import Appointment, InboxMessage, Member

SWEEP = "sweep"
LATE_BELOW = gettext_noop("Late below you: %(number)s %(heading)s (%(unit)s)")
LATE_YOURS = gettext_noop("Late: %(number)s %(heading)s")
RED_CARD = gettext_noop("Red card: %(number)s %(heading)s (%(unit)s)")


def sweep(*, batch: int = 500, now: datetime | None = None) -> int:
    """Tells the next level of everything that is late at `now`; returns how many rows of escalation were written."""
    at = now or clock.now()
    return in_batches(
        SWEEP,
        take=lambda which, most: _take(at, which, most),
        act=lambda rows: _tell_next(rows, at),
        batch=batch,
    )


def _take(at: datetime, which: Q, batch: int) -> list[Incident]:
    late = Incident.objects.filter(which, escalate_at__lt=at).order_by("escalate_at")
    if connection.features.has_select_for_update_skip_locked:
        late = late.select_for_update(skip_locked=True, of=("self",))
    return list(late.select_related("responsible_grid", "responsible_department")[:batch])


@dataclass
class _Batch:
    """What one batch writes."""

    escalations: list[Escalation] = field(default_factory=list)
    history: list[Transition] = field(default_factory=list)
    messages: list[InboxMessage] = field(default_factory=list)
    urgent: list[InboxMessage] = field(default_factory=list)  # of important matters
    # when to look again -> which incidents; None: nobody is left to be told
    next_at: dict[datetime | None, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    again: list[Escalation] = field(default_factory=list)
    exhausted: list[UUID] = field(default_factory=list)


def _tell_next(rows: Sequence[Incident], at: datetime) -> int:
    told = _told_levels(rows)
    steps = {row.pk: _next_rung(row, told[row.pk]) for row in rows}
    people = People(rung for rung in steps.values() if rung is not None)
    cards = Cards(at, rows)
    out = _Batch()
    for row in rows:
        rung = steps[row.pk]
        if rung is None:
            out.exhausted.append(row.pk)
            continue
        card = None if rung.is_red else cards.card(row)
        before = told[row.pk].get(rung.level)
        _write(out, _Told(row, rung, people.holder(rung), cards.mode(row), card, at, before))
    _save(out)
    return len(out.escalations) + len(out.again)


def next_rungs(rows: Sequence[Incident]) -> dict[UUID, Rung | None]:
    """Incident -> who is told next of the stage that it is in; None: nobody is left. One query."""
    told = _told_levels(rows)
    return {row.pk: _next_rung(row, told[row.pk]) for row in rows}


def _told_levels(rows: Sequence[Incident]) -> dict[UUID, dict[str, Escalation]]:
    """Level -> the card already given, of the stage that each incident is in now."""
    stage = {row.pk: row.stage for row in rows}
    found: dict[UUID, dict[str, Escalation]] = defaultdict(dict)
    for card in Escalation.objects.filter(incident__in=list(stage)):
        if card.stage_number == stage[card.incident_id]:
            found[card.incident_id][card.level] = card
    return found


def _next_rung(row: Incident, told: Mapping[str, Escalation]) -> Rung | None:
    """The level above the last one told; where it is late anew (more time was granted and has passed), that one again."""
    if row.responsible_department_id is not None:
        chain = department_rungs(row.township_code)
    else:
        chain = rungs(str(row.responsible_grid_id))
    last = next((rung for rung in reversed(chain) if rung.level in told), None)
    if last is not None and not row.is_late:
        return last
    return next((rung for rung in chain if rung.level not in told), None)


def leaders_of(towns: Collection[str]) -> dict[str, Member]:
    """Township -> its leader; one query, none for no township."""
    if not towns:
        return {}
    held = Appointment.objects.current().able().filter(post__grid__in=towns, post__role__code=RoleCode.LEADER)
    rows = held.select_related("member", "post").order_by("is_main", "since", "id")
    return {str(row.post.grid_id): row.member for row in rows}


class People:
    """Who is told: the one who answers for the grid, for a red card the township's leader."""

    def __init__(self, steps: Iterable[Rung]) -> None:
        asked = list(steps)
        self.by_code = Appointment.objects.responsible_for_all({r.code for r in asked if not r.is_red})
        self.leaders = leaders_of({rung.code for rung in asked if rung.is_red})

    def holder(self, rung: Rung) -> Member | None:
        if rung.level == Level.LEADER:
            return self.leaders.get(rung.code)
        held = self.by_code.get(rung.code)
        return held.member if held else None


class Card(NamedTuple):
    """Until when a level that is told should have acted, and the working time with which that was reckoned."""

    due: datetime
    calendar_key: str


class Cards:
    """What the procedures say about going up, asked once per batch; card deadlines are computed once per limit."""

    def __init__(self, at: datetime, rows: Sequence[Incident]) -> None:
        self.at = at
        ids = {row.procedure_id for row in rows}
        self.specs = {p.pk: p.spec for p in Procedure.objects.filter(pk__in=ids)}
        self.own = self._limits_of_stages(
            row for row in rows if self.specs[row.procedure_id].card_limit is None
        )
        self.known: dict[tuple[str, str, Limit], Card] = {}

    def mode(self, row: Incident) -> str:
        unit = level_of(str(row.responsible_grid_id)) if row.responsible_grid_id else DEPARTMENT
        return self.specs[row.procedure_id].overdue_at(unit, dispatched=row.is_sent)

    @staticmethod
    def _limits_of_stages(rows: Iterable[Incident]) -> dict[UUID, Limit | None]:
        """Where the procedure gives no limit to a level that is told, it takes that of the stage that failed."""
        stage = {row.pk: row.stage for row in rows}
        if not stage:
            return {}
        found = Stage.objects.filter(incident__in=list(stage)).only(
            "incident", "number", "limit_n", "limit_unit"
        )
        return {
            it.incident_id: limit_of(it.limit_n, it.limit_unit)
            for it in found
            if it.number == stage[it.incident_id]
        }

    def card(self, row: Incident, failed: Limit | None = None) -> Card:
        """`failed`: the limit that was missed, where it is not that of the matter's own stage."""
        spec = self.specs[row.procedure_id]
        limit = spec.card_limit or failed or self.own.get(row.pk) or LAST_RESORT
        key = (row.township_code, spec.calendar, limit)
        if key not in self.known:
            reckoned = Calendar.objects.keyed(row.township_code, spec.calendar)
            self.known[key] = Card(due_at(self.at, limit, reckoned.calendar), reckoned.key)
        return self.known[key]


@dataclass(frozen=True)
class _Told:
    """One level that is told of one late matter."""

    row: Incident
    rung: Rung
    holder: Member | None
    mode: str
    card: Card | None
    at: datetime
    before: Escalation | None  # the card that it had of the same stage, when it was late before


def telling(
    row: Incident, action: str, *, seq: int, rung: Rung, at: datetime, data: dict[str, Any]
) -> Transition:
    """The unsaved row of history that says which level was told."""
    return standing_step(row, action, seq=seq, level=rung.level, at=at, data={"told": rung.code, **data})


def standing_step(
    row: Incident, action: str, *, seq: int, level: str, at: datetime, data: dict[str, Any]
) -> Transition:
    """An unsaved row of history by which nothing else of the matter changes."""
    return Transition(
        incident=row,
        seq=seq,
        action=action,
        from_status=row.status,
        to_status=row.status,
        happened_at=at,
        entered_at=at,
        stage=row.stage,
        level=level,
        from_grid_id=row.responsible_grid_id,
        from_department_id=row.responsible_department_id,
        to_grid_id=row.responsible_grid_id,
        to_department_id=row.responsible_department_id,
        responsible_id=row.responsible_member_id,
        township_code=row.township_code,
        data=data,
    )


def _write(out: _Batch, told: _Told) -> None:
    row, rung, holder, at = told.row, told.rung, told.holder, told.at
    unit = row.responsible_grid or row.responsible_department
    if told.before is None:
        out.escalations.append(_card_for(told))
    else:
        out.again.append(_again(told, told.before))
    out.history.append(telling(row, OVERDUE, seq=row.version + 1, rung=rung, at=at, data={"mode": told.mode}))
    text = RED_CARD if rung.is_red else LATE_BELOW
    receivers: list[tuple[Any, str]] = [(row.responsible_member_id, LATE_YOURS)]
    if holder is not None and holder.pk != row.responsible_member_id:
        receivers.append((holder.pk, text))
    messages = out.urgent if row.important else out.messages
    messages += [
        InboxMessage(
            member_id=member,
            text=words,
            params={"number": row.number, "heading": row.heading, "unit": str(unit)},
            key=f"{row.pk}:{row.stage}:{OVERDUE}:{rung.level}" + (f":{row.version}" if told.before else ""),
            link=f"/incidents/{row.pk}/",
            kind=MessageKind.OVERDUE,
            created_at=at,
        )
        for member, words in receivers
    ]
    out.next_at[told.card.due if told.card else None].append(row.pk)


def _card_for(told: _Told) -> Escalation:
    row, card = told.row, told.card
    return Escalation(
        incident=row,
        stage_number=row.stage,
        level=told.rung.level,
        told_grid_id=told.rung.code,
        told_member=told.holder,
        mode=told.mode,
        is_red=told.rung.is_red,
        due_at=row.due_at or told.at,
        told_at=told.at,
        card_due_at=card.due if card else None,
        card_since=told.at if card else None,
        calendar_key=card.calendar_key if card else "",
        township_code=row.township_code,
        village_code=row.responsible_grid.village_code if row.responsible_grid else "",
        late_grid_id=row.responsible_grid_id,
        late_department_id=row.responsible_department_id,
    )


def _again(told: _Told, before: Escalation) -> Escalation:
    """The card that was settled lies on the table again, for the new deadline."""
    new = _card_for(told)
    for name in AGAIN:
        setattr(before, name, getattr(new, name))
    return before


# What of a card is new when its level is told again; the first telling stays in the history.
AGAIN = (
    "told_member",
    "mode",
    "due_at",
    "told_at",
    "card_due_at",
    "card_since",
    "calendar_key",
    "settled_at",
)


def _save(out: _Batch) -> None:
    Escalation.objects.bulk_create(out.escalations)
    if out.again:
        Escalation.objects.bulk_update(out.again, AGAIN)
    Transition.objects.bulk_create(out.history)
    tell_outside(out.history)
    InboxMessage.objects.bulk_create([*out.urgent, *out.messages], ignore_conflicts=True)
    pass_on(out.urgent, urgent=True)
    pass_on(out.messages)
    for again, ids in out.next_at.items():
        Incident.objects.filter(pk__in=ids).update(version=F("version") + 1, is_late=True, escalate_at=again)
        Part.objects.filter(incident__in=ids, is_late=False).update(is_late=True)
    if out.exhausted:
        Incident.objects.filter(pk__in=out.exhausted).update(escalate_at=None)
