"""Other units beside the lead: asked to assist, whistled for, reporting in, handing in their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Invalid
from gridgov.common.worktime import due_at
from grids.enums import Kind
from grids.models import Grid
from incidents.actions.case import Case, Given, MoveFunction, part_of
from incidents.enums import AssistKind, PartRole
from incidents.models import AssistTask, Part
from incidents.permissions.conditions import not_admitted
from members.enums import MessageKind
from members.models import Appointment, Department
from members.querysets import standing_of

ASKED = gettext_noop("Please assist in %(number)s: %(heading)s")
WHISTLED = gettext_noop("You are called to %(number)s, report in: %(heading)s")
RESULT = gettext_noop("%(number)s: an assisting unit has handed in its result: %(heading)s")
REPORTED_IN = gettext_noop("%(number)s: a unit that was called has reported in: %(heading)s")
RELEASED = gettext_noop("%(number)s: your assistance is no longer needed: %(heading)s")


def ask(case: Case, given: Given, kind: str = AssistKind.ASSIST, *, deadline: Any = None) -> dict[str, Any]:
    """A task for each unit named, with its own clock: the deadline given, else the procedure's limit for assisting,
    else the limit of such a unit."""
    units = list(dict.fromkeys(given["assisting"]))
    _check_units(case, units, kind)
    must_be_admitted(case, units, "assisting")
    for unit in units:
        task = _task(case, unit, kind, deadline, given.get("note", ""))
        case.make(task)
        _give_sight(case, task)
        text = ASKED if kind == AssistKind.ASSIST else WHISTLED
        case.announce([task.member], text, MessageKind.ARRIVED)
    case.set(is_assisted=True)
    return {
        "assisting": [str(unit) for unit in units],
        **({"deadline": deadline.isoformat()} if deadline else {}),
    }


def must_be_admitted(case: Case, units: Iterable[Grid | Department], argument: str) -> None:
    """Raises Invalid at `argument` where the township would send to a grid what is not on the list of that."""
    for unit in units:
        refused = not_admitted(case.incident, unit)
        if refused:
            raise Invalid(refused, code="not_admitted", errors={argument: [refused]})


def _check_units(case: Case, units: Iterable[Grid | Department], kind: str) -> None:
    incident = case.incident
    busy = {task.unit for task in AssistTask.objects.open_in(incident).filter(kind=kind)}
    for unit in units:
        there = (
            unit.is_active
            if isinstance(unit, Department)
            else unit.ended_on is None and unit.kind != Kind.TOWNSHIP
        )
        text = ""
        if not there or unit.township_code != incident.township_code:
            text = _("Departments, villages and groups of the same township assist.")
        elif unit == incident.unit:
            text = _("%(unit)s has the lead already.") % {"unit": unit}
        elif unit in busy:
            text = _("%(unit)s was asked already and has not finished.") % {"unit": unit}
        if text:
            raise Invalid(text, code="wrong_assisting", errors={"assisting": [text]})


def _task(case: Case, unit: Grid | Department, kind: str, deadline: Any, note: str) -> AssistTask:
    incident = case.incident
    grid, department = (unit, None) if isinstance(unit, Grid) else (None, unit)
    held = Appointment.objects.responsible(
        grid=grid.code if grid else incident.township_code, department=department.pk if department else None
    )
    if held is None:
        raise Invalid(_("Nobody answers for %(unit)s yet.") % {"unit": unit}, code="nobody_responsible")
    limit = (
        None if deadline else incident.procedure.spec.assist_limit(kind, grid.kind if grid else "department")
    )
    due = deadline or (due_at(case.now, limit, case.reckoned.calendar) if limit else None)
    return AssistTask(
        incident=incident,
        kind=kind,
        grid=grid,
        department=department,
        member=held.member,
        asked_by=case.actor,
        asked_at=case.now,
        note=note,
        limit_n=limit.n if limit else None,
        limit_unit=limit.unit if limit else "",
        until=deadline,
        calendar_key=case.reckoned.key if limit else "",
        due_at=due,
        tell_at=due,
        township_code=incident.township_code,
        village_code=grid.village_code if grid else "",
    )


def _give_sight(case: Case, task: AssistTask) -> None:
    """A department sees by part; a grid only where the matter does not lie in it."""
    if task.grid_id and str(case.incident.grid_id).startswith(task.grid_id):
        return
    whose = {"department_id": task.department_id} if task.department_id else {"member_id": task.member_id}
    known = Part.objects.filter(incident=case.incident, role=PartRole.ASSISTING, **whose).first()
    planned = any(
        isinstance(row, Part) and all(getattr(row, name) == key for name, key in whose.items())
        for row in case.new
    )
    if known is not None and known.until is not None:
        case.alter(known, since=case.now, until=None)
    elif known is None and not planned:
        case.make(part_of(case.incident, PartRole.ASSISTING, **whose))


def _assist(case: Case, given: Given) -> dict[str, Any]:
    return ask(case, given, deadline=given.get("deadline"))


def _whistle(case: Case, given: Given) -> dict[str, Any]:
    return ask(case, given, AssistKind.WHISTLE, deadline=given.get("deadline"))


def _submit_assist(case: Case, given: Given) -> dict[str, Any]:
    return _finish(case, AssistKind.ASSIST, given["note"], RESULT)


def _report_in(case: Case, given: Given) -> dict[str, Any]:
    return _finish(case, AssistKind.WHISTLE, given.get("note", ""), REPORTED_IN)


def _finish(case: Case, kind: str, result: str, text: str) -> dict[str, Any]:
    """The open task of one's own units is done; whoever asked and the lead hear of it."""
    tasks = list(AssistTask.objects.open_in(case.incident).of(standing_of(case.person)).filter(kind=kind))
    for task in tasks:
        case.end_task(task, done_by=case.actor, result=result)
    case.set(is_assisted=_others_open(case, tasks))
    case.announce([case.incident.responsible_member, *(task.asked_by for task in tasks)], text)
    return {"unit": [str(task.unit) for task in tasks]}


def _release_assist(case: Case, given: Given) -> dict[str, Any]:
    """Units that are no longer needed, or will not come: without a result; a lateness stays."""
    units = list(given["assisting"])
    tasks = [task for task in AssistTask.objects.open_in(case.incident) if task.unit in units]
    if not tasks:
        text = _("None of them has an open task here.")
        raise Invalid(text, code="wrong_assisting", errors={"assisting": [text]})
    for task in tasks:
        case.end_task(task, done_by=case.actor, is_released=True)
    case.set(is_assisted=_others_open(case, tasks))
    case.announce([task.member for task in tasks], RELEASED)
    return {"unit": [str(task.unit) for task in tasks]}


def _others_open(case: Case, done: Iterable[AssistTask]) -> bool:
    keys = [task.pk for task in done]
    return AssistTask.objects.open_in(case.incident).exclude(pk__in=keys).exists()


MOVES: Mapping[str, MoveFunction] = {
    "assist": _assist,
    "whistle": _whistle,
    "submit_assist": _submit_assist,
    "report_in": _report_in,
    "release_assist": _release_assist,
}
