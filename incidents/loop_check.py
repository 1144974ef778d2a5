"""The audit of the closed loop: what must be true of every matter, asked of the database set by set.

What constraints already forbid is not asked again: two responsible units or none, an open matter without a member, a number,
a history row or an escalation twice. Nothing here writes, and memory stays flat however many matters there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.worktime import Calendar as WorkCalendar
from gridgov.common.worktime import due_at
from grids.models import Calendar
from incidents.enums import Purpose
from incidents.models import ClockEvent, Escalation, Incident, Part, Stage, Transition
from incidents.models.time import TOTAL_NUMBER, limit_of

CHUNK = 2000


class Breach(NamedTuple):
    """One thing that is not as it must be, of the matter with this number."""

    number: str
    text: str


def breaches(township_code: str = "") -> Iterator[Breach]:
    """Every breach of one township, or of all."""
    scope = Q(township_code=township_code) if township_code else Q()
    for check in CHECKS:
        yield from check(scope)


# --- who answers -------------------------------------------------------------------------------------------------


def _unit_exists(scope: Q) -> Iterator[Breach]:
    gone = Q(responsible_grid__ended_on__lte=clock.today()) | Q(responsible_department__is_active=False)
    rows = Incident.objects.open().filter(scope).filter(gone)
    return _each(rows, _("the unit that answers for it no longer exists"))


def _member_is_able(scope: Q) -> Iterator[Breach]:
    able = Q(responsible_member__is_active=True, responsible_member__user__is_active=True)
    rows = Incident.objects.open().filter(scope).exclude(able)
    return _each(rows, _("the member who answers for it cannot log in"))


# --- history -----------------------------------------------------------------------------------------------------


def _history_is_gapless(scope: Q) -> Iterator[Breach]:
    counted = Incident.objects.filter(scope).order_by().values("number", "version")
    counted = counted.annotate(rows=Count("history"), first=Min("history__seq"), last=Max("history__seq"))
    wrong = counted.exclude(rows=F("version"), first=1, last=F("version"))
    text = _("version %(version)s, but %(rows)s rows of history from %(first)s to %(last)s")
    for row in wrong.iterator(CHUNK):
        yield Breach(row["number"], text % row)


def _history_is_a_chain(scope: Q) -> Iterator[Breach]:
    former = Transition.objects.filter(
        incident=OuterRef("incident"), seq=OuterRef("seq") - 1, to_status=OuterRef("from_status")
    )
    broken = Transition.objects.filter(scope).filter(
        Q(seq=1) & ~Q(from_status="") | Q(seq__gt=1) & ~Exists(former)
    )
    text = _("row %(seq)s of history does not begin where the one before ended")
    for number, seq in broken.order_by().values_list("incident__number", "seq").iterator(CHUNK):
        yield Breach(number, text % {"seq": seq})


def _state_is_what_history_says(scope: Q) -> Iterator[Breach]:
    last = Transition.objects.filter(
        incident=OuterRef("pk"), seq=OuterRef("version"), to_status=OuterRef("status")
    )
    return _each(
        Incident.objects.filter(scope).filter(~Exists(last)),
        _("its state is not that of its last row of history"),
    )


# --- clocks ------------------------------------------------------------------------------------------------------


def _open_ones_run(scope: Q) -> Iterator[Breach]:
    running = _stages_of_row().filter(number=OuterRef("stage"), ended_at=None)
    rows = Incident.objects.open().filter(scope).filter(~Exists(running))
    return _each(rows, _("it is open, but the clock of its stage does not run"))


def _nothing_else_runs(scope: Q) -> Iterator[Breach]:
    """One stage clock runs while the matter is open, none afterwards; the whole matter's clock runs as long as it is open."""
    extra = Stage.objects.filter(scope, ended_at=None).filter(
        Q(incident__is_open=False) | ~Q(number=F("incident__stage")) & ~Q(number=TOTAL_NUMBER)
    )
    text = _("the clock of stage %(number)s runs and should not")
    for number, stage in extra.order_by().values_list("incident__number", "number").iterator(CHUNK):
        yield Breach(number, text % {"number": stage})
    ended = Stage.objects.filter(scope, number=TOTAL_NUMBER, incident__is_open=True, ended_at__isnull=False)
    for (number,) in ended.order_by().values_list("incident__number").iterator(CHUNK):
        yield Breach(number, _("it is open, but the clock of the whole matter does not run"))


def _ended_ones_wait_for_nothing(scope: Q) -> Iterator[Breach]:
    rows = Incident.objects.filter(scope, is_open=False).filter(
        Q(escalate_at__isnull=False) | Q(is_late=True)
    )
    return _each(rows, _("it has ended, but is still late or to be escalated"))


def _the_sweep_will_see_it(scope: Q) -> Iterator[Breach]:
    unseen = Q(escalate_at__isnull=True) | ~Q(escalate_at=F("due_at"))
    rows = Incident.objects.open().filter(scope, is_late=False, due_at__isnull=False).filter(unseen)
    return _each(rows, _("it has a deadline, but the sweep will not look at it then"))


def _due_follows_from_the_ledger(scope: Q) -> Iterator[Breach]:
    text = _("due %(stored)s, but its clocks say %(derived)s")
    columns = ("pk", "number", "stage", "due_at", "external_due", "township_code")
    for rows in _chunks(Incident.objects.open().filter(scope), columns):
        derived = _derived_due({row[0]: (row[2], row[5]) for row in rows})
        for pk, number, _stage, stored, external, _town in rows:
            candidates = [*derived.get(pk, ()), external]
            due = min((at for at in candidates if at is not None), default=None)
            if due != stored:
                yield Breach(number, text % {"stored": _said(stored), "derived": _said(due)})


def _derived_due(wanted: dict[UUID, tuple[int, str]]) -> dict[UUID, list[datetime | None]]:
    """Incident -> what the ledgers of its running stage and of the whole matter say. `wanted`: its stage and township."""
    stages = Stage.objects.filter(incident__in=list(wanted)).defer("member")
    running = [stage for stage in stages if stage.number in {TOTAL_NUMBER, wanted[stage.incident_id][0]}]
    ledger = defaultdict(list)
    for event in ClockEvent.objects.filter(stage__in=[stage.pk for stage in running]).order_by("id"):
        ledger[event.stage_id].append(event)
    calendars = {code: Calendar.objects.of(code) for code in {town for _stage, town in wanted.values()}}
    found: dict[UUID, list[datetime | None]] = defaultdict(list)
    for stage in running:
        found[stage.incident_id].append(_due_of(stage, ledger[stage.pk], calendars[stage.township_code]))
    return found


def _due_of(stage: Stage, events: Sequence[ClockEvent], calendar: WorkCalendar) -> datetime | None:
    if events:
        return stage.derived_from(events, calendar).at
    limit = limit_of(
        stage.limit_n, stage.limit_unit
    )  # without a ledger the limit alone says it, and far faster
    return stage.until or (due_at(stage.started_at, limit, calendar) if limit else None)


# --- what repeats ------------------------------------------------------------------------------------------------


def _parts_mirror(scope: Q) -> Iterator[Breach]:
    same = Q()
    for name in ("status", "is_open", "is_late", "category", "reported_at"):
        same &= Q(**{name: F(f"incident__{name}")})
    rows = Part.objects.filter(scope).filter(~same).order_by().values_list("incident__number", "role")
    text = _("the part “%(role)s” does not repeat what the matter says")
    for number, role in rows.iterator(CHUNK):
        yield Breach(number, text % {"role": role})


def _escalations_have_their_stage(scope: Q) -> Iterator[Breach]:
    stage = Stage.objects.filter(incident=OuterRef("incident"), number=OuterRef("stage_number"))
    wrong = Escalation.objects.filter(scope).filter(~Exists(stage) | Q(told_at__lte=F("due_at")))
    text = _("the escalation to “%(level)s” belongs to no stage, or came before the deadline")
    for number, level in wrong.order_by().values_list("incident__number", "level").iterator(CHUNK):
        yield Breach(number, text % {"level": level})


def _late_ones_were_told(scope: Q) -> Iterator[Breach]:
    told = Escalation.objects.filter(incident=OuterRef("pk"), stage_number=OuterRef("stage"))
    rows = Incident.objects.open().filter(scope, is_late=True).filter(~Exists(told))
    return _each(rows, _("it counts as late, but nobody was told"))


CHECKS: tuple[Callable[[Q], Iterator[Breach]], ...] = (
    _unit_exists,
    _member_is_able,
    _history_is_gapless,
    _history_is_a_chain,
    _state_is_what_history_says,
    _open_ones_run,
    _nothing_else_runs,
    _ended_ones_wait_for_nothing,
    _the_sweep_will_see_it,
    _due_follows_from_the_ledger,
    _parts_mirror,
    _escalations_have_their_stage,
    _late_ones_were_told,
)


def _each(rows: QuerySet[Incident], text: str) -> Iterator[Breach]:
    for number in rows.order_by().values_list("number", flat=True).iterator(CHUNK):
        yield Breach(number, text)


def _stages_of_row() -> QuerySet[Stage]:
    return Stage.objects.filter(incident=OuterRef("pk")).exclude(purpose=Purpose.TOTAL)


def _chunks(rows: QuerySet[Any], columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in order of their key, a chunk at a time; `columns` begins with pk."""
    rows, last = rows.order_by("pk"), None
    while chunk := list((rows.filter(pk__gt=last) if last else rows).values_list(*columns)[:CHUNK]):
        yield chunk
        last = chunk[-1][0]


def _said(at: datetime | None) -> str:
    return f"{clock.local(at):%Y-%m-%d %H:%M:%S}" if at else _("never")
