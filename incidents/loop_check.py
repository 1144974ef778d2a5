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
from gridgov.common.worktime import due_at
from incidents.due import Ledger, ledgers
from incidents.enums import Purpose, Status
from incidents.models import (
    AssistTask,
    AssistTold,
    Escalation,
    ExtensionRequest,
    Incident,
    Part,
    Stage,
    Supervision,
    Transition,
)
from incidents.models.incident import REPEATED
from incidents.models.time import TOTAL_NUMBER
from incidents.workflow import KEEPS_REFUSAL, STAGE_STANDS, TOTAL_STANDS

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
    ended = Stage.objects.filter(
        scope, number=TOTAL_NUMBER, is_void=False, incident__is_open=True, ended_at__isnull=False
    )
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
            candidates = [*(due.at for due in derived.get(pk, ()) if due.running), external]
            due = min((at for at in candidates if at is not None), default=None)
            if due != stored:
                yield Breach(number, text % {"stored": _said(stored), "derived": _said(due)})


def _clocks_stand_still_where_they_should(scope: Q) -> Iterator[Breach]:
    """Paused in the states that pause them, running in every other open one."""
    text = _("the clock %(clock)s does not agree with the state “%(state)s”")
    columns = ("pk", "number", "stage", "status", "township_code")
    for rows in _chunks(
        Incident.objects.open().filter(scope, stages__ledger__isnull=False).distinct(), columns
    ):
        derived = _derived_due({row[0]: (row[2], row[4]) for row in rows})
        for pk, number, _stage, status, _town in rows:
            for due in derived.get(pk, ()):
                stands = TOTAL_STANDS if due.is_total else STAGE_STANDS
                if due.running == (status in stands):
                    clock_name = Purpose.TOTAL.label if due.is_total else Purpose.HANDLE.label
                    yield Breach(number, text % {"clock": clock_name, "state": Status(status).label})


class _Derived(NamedTuple):
    at: datetime | None
    running: bool
    is_total: bool


def _derived_due(wanted: dict[UUID, tuple[int, str]]) -> dict[UUID, list[_Derived]]:
    """Incident -> what the ledgers of its running stage and of the whole matter say. `wanted`: its stage and township."""
    found: dict[UUID, list[_Derived]] = defaultdict(list)
    for ledger in ledgers(Stage.objects.filter(is_void=False, incident__in=list(wanted))):
        if ledger.number in {TOTAL_NUMBER, wanted[ledger.incident][0]}:
            found[ledger.incident].append(_due_of(ledger))
    return found


def _due_of(ledger: Ledger) -> _Derived:
    start, *later = ledger.entries
    is_total = ledger.number == TOTAL_NUMBER
    if later:
        derived = ledger.derived()
        return _Derived(derived.at, derived.running, is_total)
    # without a ledger the limit alone says it, and far faster
    at = start.until or (due_at(start.at, start.limit, ledger.calendar) if start.limit else None)
    return _Derived(at, running=True, is_total=is_total)


# --- what repeats ------------------------------------------------------------------------------------------------


def _parts_mirror(scope: Q) -> Iterator[Breach]:
    same = Q()
    for name in (*REPEATED, "category", "reported_at"):
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


# --- side paths --------------------------------------------------------------------------------------------------


def _merged_ones_have_their_main(scope: Q) -> Iterator[Breach]:
    merged = Q(status=Status.MERGED, merged_into__isnull=True) | ~Q(status=Status.MERGED) & Q(
        merged_into__isnull=False
    )
    yield from _each(
        Incident.objects.filter(scope).filter(merged),
        _("it is merged without a main matter, or has one without being merged"),
    )
    chained = Q(merged_into=F("pk")) | Q(merged_into__merged_into__isnull=False)
    yield from _each(
        Incident.objects.filter(scope).filter(chained), _("its main matter is itself, or is merged too")
    )


def _refusals_wait_for_a_ruling(scope: Q) -> Iterator[Breach]:
    elsewhere = ~Q(status__in=KEEPS_REFUSAL)
    rows = Incident.objects.filter(scope, refused_at__isnull=False).filter(elsewhere)
    return _each(rows, _("a refusal waits for its ruling in a state that has none"))


def _supervisions_are_marked(scope: Q) -> Iterator[Breach]:
    open_ones = Supervision.objects.filter(incident=OuterRef("pk"), settled_at=None)
    rows = Incident.objects.filter(scope).annotate(owes=Exists(open_ones)).exclude(is_supervised=F("owes"))
    yield from _each(rows, _("its mark of supervision does not agree with the replies owed"))
    ended = Incident.objects.filter(scope, is_open=False).filter(Q(is_supervised=True) | Q(is_listed=True))
    yield from _each(ended, _("it has ended, but still stands on a list of what is to be done"))


def _extensions_are_marked(scope: Q) -> Iterator[Breach]:
    open_ones = ExtensionRequest.objects.filter(
        incident=OuterRef("pk"), settled_at=None, stage_number=OuterRef("stage")
    )
    rows = Incident.objects.filter(scope).annotate(asks=Exists(open_ones))
    return _each(
        rows.filter(Q(asks=True, extension_asked_at=None) | Q(asks=False, extension_asked_at__isnull=False)),
        _("its mark of an extension does not agree with the requests"),
    )


def _assisting_is_as_it_says(scope: Q) -> Iterator[Breach]:
    open_task = AssistTask.objects.open().filter(incident=OuterRef("pk"))
    rows = Incident.objects.filter(scope).annotate(has_task=Exists(open_task))
    wrong = rows.filter(Q(is_assisted=True, has_task=False) | Q(is_assisted=False, has_task=True))
    yield from _each(wrong, _("its assisting tasks are not as it says"))
    ended = rows.filter(is_open=False, has_task=True)
    yield from _each(ended, _("it has ended, but an assisting task is open"))
    told = AssistTold.objects.filter(task=OuterRef("pk"))
    tasks = AssistTask.objects.filter(scope).filter(
        Q(done_at=None, is_late=False, due_at__isnull=False)
        & ~Q(tell_at=F("due_at"))
        & ~Q(incident__status=Status.SUSPENDED)
        | Q(incident__status=Status.SUSPENDED, tell_at__isnull=False)
        | Q(is_late=True) & ~Exists(told)
        | Q(done_at__isnull=False, tell_at__isnull=False)
    )
    for (number,) in tasks.order_by().values_list("incident__number").iterator(CHUNK):
        yield Breach(number, _("an assisting task is late and nobody was told, or will be"))
    running = AssistTask.objects.open().filter(scope, due_at__isnull=False).select_related("incident")
    for task in running.order_by("pk").iterator(CHUNK):
        if task.derived(task.pauses) != task.due_at:
            yield Breach(
                task.incident.number, _("the deadline of an assisting task does not follow from its clock")
            )


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
    _clocks_stand_still_where_they_should,
    _merged_ones_have_their_main,
    _refusals_wait_for_a_ruling,
    _supervisions_are_marked,
    _extensions_are_marked,
    _parts_mirror,
    _escalations_have_their_stage,
    _late_ones_were_told,
    _assisting_is_as_it_says,
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
