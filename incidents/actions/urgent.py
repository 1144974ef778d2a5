"""Urgent matters: whoever is on duty is called while nobody takes it; reports by telephone are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import in_batches
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from grids.models import Township
from incidents.actions.case import Case, part_of
from incidents.actions.result import Outcome, replay_of
from incidents.actions.sweeping import leaders_of, standing_step
from incidents.actions.webhooks import tell_outside
from incidents.enums import PartRole, Status
from incidents.models import Incident, Part, Stage, Transition, UrgentCall
from incidents.permissions import may_record_call
from incidents.steps import DEPARTMENT
from incidents.workflow import CALLED, PHONE_REPORT
from members.actions import post
from members.enums import MessageKind
from members.models import Appointment, InboxMessage, Member, Shift
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

CALL = gettext_noop("Urgent, nobody has taken it yet: %(number)s %(heading)s")
WORK = "urgent-calls"
NO_LONGER = timedelta(days=2)  # what lay longer has gone up long ago


def call_next(*, batch: int = 500) -> int:
    """Calls the next one on the roster for each urgent matter that lies unaccepted too long; returns how many were called.

    After every `call_after` minutes one more, in the order of the roster, each once per stage; then going up takes over.
    """
    now, called, after = clock.now(), 0, Q()
    waits = {town: timedelta(minutes=n) for town, n in Township.objects.values_list("pk", "call_after")}
    lying = Incident.objects.filter(_lies(now), township_code__in=list(waits)).order_by("reported_at", "pk")
    while True:
        rows = list(lying.filter(after)[:batch])
        due = {row.pk for row, _calls in _due(rows, waits, now)}
        if due:
            called += _call_all(due, waits, now)
        if len(rows) < batch:
            return called
        last = rows[-1]
        after = Q(reported_at__gt=last.reported_at) | Q(reported_at=last.reported_at, pk__gt=last.pk)


def _lies(now: datetime) -> Q:
    """Not taken by the unit that has it now, however long ago it was reported."""
    began = Stage.objects.filter(
        incident=OuterRef("pk"), number=OuterRef("stage"), started_at__gt=now - NO_LONGER
    )
    return Q(Exists(began), important=True, status=Status.REPORTED, is_open=True)


def _call_all(due: set[UUID], waits: Mapping[str, timedelta], now: datetime) -> int:
    def take(which: Q, most: int) -> list[Incident]:
        """Held until they are written; what somebody took meanwhile is not among them."""
        found = Incident.objects.filter(which, _lies(now), pk__in=due).order_by("reported_at", "pk")
        if connection.features.has_select_for_update_skip_locked:
            found = found.select_for_update(skip_locked=True, of=("self",))
        return list(found.select_related("category", "procedure", "responsible_grid")[:most])

    def act(rows: Sequence[Incident]) -> int:
        done = _call(rows, waits, now)
        due.difference_update(row.pk for row in rows)
        return done

    return in_batches(WORK, take=take, act=act, batch=len(due) + 1)


def _due(
    rows: Sequence[Incident], waits: Mapping[str, timedelta], now: datetime
) -> list[tuple[Incident, list[tuple[int, Member]]]]:
    """Each matter for which somebody is to be called now, with everybody up to the position that is due who was not
    called yet; a constant number of queries."""
    begun = _begun(rows)
    positions = {row.pk: int((now - begun[row.pk]) / waits[row.township_code]) for row in rows}
    waiting = [row for row in rows if positions[row.pk] > 0]
    if not waiting:
        return []
    stage = {row.pk: row.stage for row in waiting}
    called: dict[UUID, set[UUID]] = defaultdict(set)
    known = UrgentCall.objects.filter(incident__in=list(stage))
    for incident, number, member in known.values_list("incident", "stage_number", "member"):
        if number == stage[incident]:
            called[incident].add(member)
    people = _on_roster({row.township_code for row in waiting}, now)
    found = []
    for row in waiting:
        # whoever has it, or was called for it, is not called; with another shift others are there
        already = called[row.pk]
        callees = [
            one for one in people[row.township_code] if one.pk not in {*already, row.responsible_member_id}
        ]
        calls = callees[: max(0, positions[row.pk] - len(already))]
        if calls:
            found.append((row, list(enumerate(calls, start=len(already) + 1))))
    return found


def _begun(rows: Iterable[Incident]) -> dict[UUID, datetime]:
    """When the unit that has it now got it."""
    stage = {row.pk: row.stage for row in rows}
    found = Stage.objects.filter(incident__in=list(stage)).values_list("incident", "number", "started_at")
    return {incident: at for incident, number, at in found if number == stage[incident]}


def _on_roster(towns: set[str], now: datetime) -> dict[str, list[Member]]:
    """Township -> whom to call in which order: the roster of now; without one, who answers for it, then its leader."""
    shifts = {
        str(shift.township_id): shift.callees
        for shift in Shift.objects.during(now).filter(township__in=towns).order_by("starts_at")
    }
    without = towns - shifts.keys()
    if not without:
        return shifts
    heads = Appointment.objects.responsible_for_all(without)
    leaders = leaders_of(without)
    for town in without:
        people = [heads[town].member if town in heads else None, leaders.get(town)]
        shifts[town] = list({one.pk: one for one in people if one is not None}.values())
    return shifts


def _call(rows: Sequence[Incident], waits: Mapping[str, timedelta], now: datetime) -> int:
    """Everything that calling writes for a batch of matters, in a constant number of statements."""
    calls: list[UrgentCall] = []
    history: list[Transition] = []
    parts: list[Part] = []
    messages: list[InboxMessage] = []
    steps: dict[int, list[UUID]] = defaultdict(list)  # how many -> matters
    for row, due in _due(rows, waits, now):
        steps[len(due)].append(row.pk)
        for position, member in due:
            row.version += 1
            calls.append(
                UrgentCall(
                    incident=row, stage_number=row.stage, position=position, member=member, called_at=now
                )
            )
            level = row.responsible_grid.kind if row.responsible_grid else DEPARTMENT
            said = {"position": position, "called": member.name}
            history.append(standing_step(row, CALLED, seq=row.version, level=level, at=now, data=said))
            # sight, wherever that person works otherwise
            parts.append(part_of(row, PartRole.HELPER, member_id=member.pk))
            messages.append(
                InboxMessage(
                    member=member,
                    text=CALL,
                    params={"number": row.number, "heading": row.heading},
                    key=f"{row.pk}:{row.stage}:{CALLED}:{position}",
                    link=f"/incidents/{row.pk}/",
                    kind=MessageKind.WARNING,
                )
            )
    if not calls:
        return 0
    UrgentCall.objects.bulk_create(calls)
    Transition.objects.bulk_create(history)
    tell_outside(history)
    Part.objects.bulk_create(parts, ignore_conflicts=True)
    post(messages, urgent=True, everywhere=True)
    for count, ids in steps.items():
        Incident.objects.filter(pk__in=ids).update(version=F("version") + count)
    return len(calls)


def record_call(
    *,
    user: User,
    incident: Incident,
    whom: str,
    answered: bool,
    happened_at: datetime | None = None,
    note: str = "",
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> Outcome:
    """A report by telephone (电话报告): who called whom, when, and whether anybody answered. Changes no state.

    Raises, in this order: a replay, Forbidden, Conflict (ended, lost race), Invalid.
    """
    try:
        with transaction.atomic():
            _check(user, incident, whom, happened_at)
            case = Case(incident, user=user, actor=standing_of(user).member, action=PHONE_REPORT)
            case.save(
                client_uuid=client_uuid,
                body_hash=body_hash,
                note=note.strip(),
                channel=Channel.PHONE,
                happened_at=happened_at,
                data={"called": whom.strip(), "answered": answered},
            )
    except (DomainError, IntegrityError) as error:
        if replay_of(Transition, "user", user, client_uuid, body_hash) is not None:
            return Outcome(Incident.objects.for_list().get(pk=incident.pk), replayed=True)
        if isinstance(error, DomainError):
            raise
        raise Conflict(_("Somebody else was first; look at it again."), code="lost_race") from error
    return Outcome(incident)


def _check(user: User, incident: Incident, whom: str, happened_at: datetime | None) -> None:
    if not may_record_call(user, incident):
        raise Forbidden(_("This is for whoever works on the matter."))
    if not incident.is_open:
        raise Conflict(_("This matter has ended."), code="wrong_state")
    errors = {}
    if not whom.strip():
        errors["whom"] = [_("Say who was called.")]
    if happened_at is not None and happened_at > clock.now():
        errors["happened_at"] = [_("This lies in the future.")]
    if errors:
        raise Invalid(_("Something is missing or not right."), code="invalid_arguments", errors=errors)
