"""Taking a matter on, working on it, and judging the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from grids.enums import Kind
from grids.models import Grid
from incidents.actions.case import Case, Given, MoveFunction
from incidents.actions.moves.naming import name_people
from incidents.actions.moves.sending import to_unit_above
from incidents.enums import Purpose, Status
from incidents.models import Incident, Stage
from incidents.permissions import takes_over
from incidents.permissions.steps import line_of
from incidents.steps import digits, naming, place_at
from incidents.workflow import parent_of

SENT_BACK = gettext_noop("%(number)s was sent back for rework: %(heading)s")


def take_over_first(case: Case) -> Case:
    """The level above accepts a late matter whose procedure raises: it moves first, then it is accepted."""
    card = takes_over(case.person, case.incident)
    if card is None:
        return case
    incident = case.incident
    raised = Case(incident, user=None, actor=case.actor, action="escalate")
    to_unit_above(raised, card.told_grid)
    raised.save(data={"card": card.level})
    return Case(incident, user=case.user, actor=case.actor, action="accept", person=case.person)


def _accept(case: Case, given: Given) -> None:
    unit = case.incident.responsible_grid
    important = case.incident.important or bool(given.get("important")) or _is_township(unit)
    case.set(acceptor_grid=unit, important=important)
    case.state(Status.ACCEPTED)


def _start(case: Case, given: Given) -> dict[str, Any]:
    """With a deadline that the unit sets itself, its clock begins anew and ends then."""
    case.state(Status.IN_PROGRESS)
    said = name_people(case, given)
    if given.get("deadline"):
        case.begin_stage(Purpose.HANDLE, until=given["deadline"])
        said["deadline"] = given["deadline"].isoformat()
    return said


def _submit_result(case: Case, given: Given) -> None:
    incident = case.incident
    case.set(
        handler_grid=incident.responsible_grid,
        handler_department=incident.responsible_department,
        handler_member=case.actor,
    )
    if incident.procedure.spec.verify == "none":
        to_follow_up(case)
    else:
        case.assign(_verifier(incident))
        case.state(Status.RESOLVED)
        case.begin_stage(Purpose.VERIFY)


def _verifier(incident: Incident) -> Grid:
    """The unit that dispatched, else the level above the handler; above the township there is none."""
    if incident.dispatcher_grid is not None:
        return incident.dispatcher_grid
    if incident.procedure.spec.verify == "own":
        return Grid.objects.get(pk=incident.unit_code)
    return Grid.objects.get(pk=parent_of(incident.unit_code) or incident.township_code)


def _verify(case: Case, given: Given) -> None:
    to_follow_up(case)


def to_follow_up(case: Case) -> None:
    """Verified: now the unit that accepted it feeds back, or that of the level which the procedure names for telling or for
    ending it; a return visit is due one level up from a group."""
    incident = case.incident
    unit = incident.acceptor_grid or Grid.objects.get(pk=incident.unit_code)
    steps = incident.procedure.spec.steps
    telling = naming(steps, "feed_back") if incident.fed_back_at is None else []
    named = next((step for step in [*telling, *naming(steps, "close")] if digits(step.level)), None)
    if named is not None:
        unit = Grid.objects.get(pk=place_at(named.level, line_of(incident)))
    elif incident.procedure.spec.needs_visit(important=incident.important) and unit.kind == Kind.GROUP:
        unit = unit.parent or unit
    case.assign(unit)
    case.state(Status.VERIFIED)
    case.begin_stage(Purpose.FOLLOW_UP)


def _send_back(case: Case, given: Given) -> None:
    to_handler(case)
    case.news = SENT_BACK
    handled = Stage.objects.filter(incident=case.incident, purpose=Purpose.HANDLE, is_void=False)
    stage = handled.order_by("-number").first()
    if (
        stage is None
    ):  # cannot happen while every result comes from a stage; the clock must not run without one
        case.begin_stage(Purpose.HANDLE)
    else:
        case.resume_stage(stage)


def to_handler(case: Case) -> None:
    """Rework: back to the unit that handled it; what followed the old result is owed anew."""
    incident = case.incident
    case.assign(
        incident.handler_department or incident.handler_grid or Grid.objects.get(pk=incident.unit_code)
    )
    case.state(Status.IN_PROGRESS)
    case.set(rework_count=incident.rework_count + 1, fed_back_at=None, visited_at=None, closed_at=None)


def _add_note(case: Case, given: Given) -> None:
    return None


def _is_township(unit: Grid | None) -> bool:
    """Handled at the township counts as important (rules.md)."""
    return unit is not None and unit.kind == Kind.TOWNSHIP


MOVES: Mapping[str, MoveFunction] = {
    "accept": _accept,
    "start": _start,
    "submit_result": _submit_result,
    "verify": _verify,
    "send_back": _send_back,
    "add_note": _add_note,
}
