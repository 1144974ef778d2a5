"""Undo: everything that the last step changed stands again as before, and both steps stay in the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict
from incidents.actions.case import Case, Given, MoveFunction, message_key
from incidents.actions.traces import model_named, restored
from incidents.models import ClockEvent, FeedbackRequest, Incident, Stage, Transition
from incidents.permissions.conditions import step_to_undo
from members.actions import withdraw
from members.models import Appointment

# Numbers are never given twice: the stage of an undone step keeps its own. The search index looks again anyway.
KEPT = ("last_stage", "search_stale")


def _undo(case: Case, given: Given) -> dict[str, Any]:
    step = step_to_undo(case.person, case.incident)
    if not isinstance(step, Transition):
        raise step
    take_back(case, step)
    return {"action": step.action}


def take_back(case: Case, step: Transition) -> None:
    """Puts back what `step` changed, here and in the other matters in which it wrote."""
    incident = case.incident
    before = {name: value for name, value in step.changed["fields"].items() if name not in KEPT}
    case.undoes = step.seq
    case.set(**restored(Incident, before))
    if incident.is_open and before:
        _check_unit(case)
    for name, key, values in step.changed.get("rows", ()):
        model = model_named(name)
        row = model._default_manager.get(pk=key)
        case.alter(row, **restored(model, values))
    for name, key in step.changed.get("made", ()):
        _unmake(case, model_named(name)._default_manager.get(pk=key))
    stages = ClockEvent.objects.filter(stage__incident=incident, history_seq=step.seq)
    for stage in Stage.objects.filter(pk__in=stages.values("stage")):
        case.void_rows(stage, step.seq)
    withdraw(members=step.changed.get("told", ()), key=message_key(incident, step.seq, step.action))
    for key, seq in step.changed.get("others", ()):
        _take_back_in_other(case, UUID(key), seq)


def _unmake(case: Case, row: Model) -> None:
    """What the step had made. A stage stays as void, for its number; an answer given is somebody's own act."""
    if isinstance(row, Stage):
        case.alter(row, is_void=True, ended_at=row.ended_at or case.now)
    elif isinstance(row, FeedbackRequest):
        gone, _rows = FeedbackRequest.objects.filter(pk=row.pk, answered_at=None).delete()
        if not gone:
            raise Conflict(
                _("The requester has answered since; it cannot be taken back."), code="acted_since"
            )
    else:
        case.remove(row)


def _check_unit(case: Case) -> None:
    """The unit of before must still be there, and whoever holds its post today answers for it."""
    incident = case.incident
    unit = incident.unit
    gone = getattr(unit, "ended_on", None) is not None or not getattr(unit, "is_active", True)
    held = Appointment.objects.responsible(
        grid=incident.unit_code, department=incident.responsible_department_id
    )
    if gone or held is None:
        raise Conflict(_("The unit that had it before is no longer there."), code="unit_gone")
    if held.member_id != incident.responsible_member_id:
        case.set(responsible_member=held.member)


def _take_back_in_other(case: Case, key: UUID, seq: int) -> None:
    other = Incident.objects.select_related("procedure", "responsible_grid").get(pk=key)
    step = Transition.objects.get(incident=other, seq=seq)
    if other.history.standing().latest("seq").pk != step.pk:
        raise Conflict(
            _("%(number)s has moved on since; it cannot be taken back.") % {"number": other.number},
            code="acted_since",
        )
    second = Case(other, user=case.user, actor=case.actor, action="undo", person=case.person)
    take_back(second, step)
    case.others.append(second)


MOVES: Mapping[str, MoveFunction] = {"undo": _undo}
