"""To another unit: down, up, or across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Invalid
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions.case import ARRIVED, Case, Given, MoveFunction
from incidents.actions.moves.assisting import ask, must_be_admitted
from incidents.actions.moves.naming import name_people, take_part
from incidents.enums import PartRole, Purpose, Status
from incidents.models import Stage, Transition
from incidents.permissions.steps import (
    handed_on,
    holders_of,
    left_out,
    not_in_procedure,
    passes_within,
    step_rule,
    wrong_unit,
)
from incidents.permissions.taken import NEXT
from incidents.querysets import last_step
from incidents.steps import StepSpec
from incidents.workflow import parent_of
from members.enums import MessageKind
from members.models import Department

REFUSED = gettext_noop("%(number)s was refused; rule on it: %(heading)s")
UPHELD = gettext_noop("%(number)s: your refusal was upheld: %(heading)s")
NOT_UPHELD = gettext_noop("%(number)s: your refusal was not upheld; it is yours again: %(heading)s")


def _dispatch(case: Case, given: Given) -> dict[str, Any]:
    incident, to = case.incident, given["to"]
    own = [
        place.code for place in places_of(case.person)[Verb.COORDINATE] if place.covers(incident.unit_code)
    ]
    dispatcher = max(own, key=len)
    if isinstance(to, Department):
        fits = to.is_active and to.township_code == incident.township_code == dispatcher
    else:
        fits = to.ended_on is None and to.code.startswith(dispatcher) and to.code != dispatcher
    if not fits:
        raise wrong_target(_("A matter is dispatched to a grid below, by the township also to a department."))
    must_be_admitted(case, [to], "to")
    step = wrong_unit(case.person, incident, to)
    if step is not None:
        text = _("“%(step)s” is for another kind of unit: %(actor)s.") % {
            "step": step.name,
            "actor": step.actor,
        }
        raise Invalid(text, code="wrong_target", errors={"to": [text]}, rule=step_rule(incident, step))
    case.set(
        dispatcher_grid=Grid.objects.get(pk=dispatcher),
        important=incident.important or bool(given.get("important")),
    )
    case.assign(to)
    case.state(Status.DISPATCHED)
    case.begin_stage(Purpose.HANDLE, until=given.get("deadline"))
    asked = ask(case, given) if given.get("assisting") else {}
    named = name_people(case, given)
    return {
        **asked,
        **named,
        **({"deadline": given["deadline"].isoformat()} if given.get("deadline") else {}),
    }


def _escalate(case: Case, given: Given) -> dict[str, Any] | None:
    """One level up and only one (R63), or first to other posts of the unit, where the procedure says so; a department's
    matter goes to the township."""
    incident = case.incident
    if given.get("important"):
        case.set(important=True)
    within = passes_within(incident)
    if within is not None:
        return _to_other_posts(case, within)
    if incident.responsible_department_id is not None:
        above = incident.township_code
    else:
        above = parent_of(incident.unit_code) or incident.township_code
    if incident.procedure.spec.keeps_helper and incident.responsible_member is not None:
        take_part(case, PartRole.HELPER, incident.responsible_member)
    to_unit_above(case, Grid.objects.get(pk=above))
    return None


def _to_other_posts(case: Case, step: StepSpec) -> dict[str, Any]:
    """The unit keeps it, and its clock runs on; those whose turn it is are told and have it among theirs."""
    stood = case.incident.status == Status.SUSPENDED
    case.state(Status.REPORTED)
    if stood:
        case.continue_stage(case.current_stage())
    holders = holders_of(case.incident, step)
    for member in holders:
        take_part(case, PartRole.HELPER, member)
    case.announce(holders, ARRIVED, MessageKind.ARRIVED)
    return {NEXT: step.code}


def to_unit_above(case: Case, unit: Grid) -> None:
    case.set(acceptor_grid=None, dispatcher_grid=None)
    case.assign(unit)
    case.state(Status.REPORTED)
    case.begin_stage(Purpose.HANDLE)


def _hand_over(case: Case, given: Given) -> dict[str, Any]:
    """To another unit, logged with both (R62). A grid off the matter's own line becomes its place; what was sent down and is
    handed on below still comes back to whoever sent it."""
    incident, to = case.incident, given["to"]
    ours = places_of(case.person)[Verb.COORDINATE]
    fits = isinstance(to, Grid) and to.ended_on is None and any(place.covers(to.code) for place in ours)
    if not fits or to.pk == incident.responsible_grid_id or to.township_code != incident.township_code:
        raise wrong_target(_("A matter is handed over to another grid that you co-ordinate."))
    must_be_admitted(case, [to], "to")
    step = left_out(incident, to.code)
    if step is not None:
        raise not_in_procedure(incident, step)
    before = incident.grid_id
    if not str(incident.grid_id).startswith(to.code):
        case.set(grid=to, village_code=to.village_code)
    sender = incident.dispatcher_grid if handed_on(incident, to.code) else None
    to_unit_above(case, to)
    case.set(dispatcher_grid=sender)
    return {"from_place": before, "to_place": incident.grid_id}


def _refuse(case: Case, given: Given) -> None:
    """退单: whoever dispatched answers for it until the ruling; the handler's clock stands still (C22)."""
    incident = case.incident
    case.assign(incident.dispatcher_grid or Grid.objects.get(pk=incident.township_code))
    case.set(refused_at=case.now)
    case.news = REFUSED
    case.begin_stage(Purpose.RULING)


def _rule_refusal(case: Case, given: Given) -> dict[str, Any]:
    """Upheld: back to where it was dispatched from. Not upheld: the unit has it again, on the time it had left."""
    incident = case.incident
    refusal = last_step(incident, "refuse")
    if given["upheld"]:
        case.set(dispatcher_grid=None, acceptor_grid=incident.responsible_grid)
        case.state(Status.ACCEPTED)
        case.begin_stage(Purpose.HANDLE)
        case.announce([refusal.actor], UPHELD)
    else:
        case.set(refused_at=None)
        case.assign(refusal.from_department or refusal.from_grid)  # type: ignore[arg-type]
        case.news = NOT_UPHELD
        case.resume_stage(Stage.objects.get(incident=incident, number=_stage_before(refusal)))
    return {"upheld": given["upheld"]}


def _stage_before(refusal: Transition) -> int:
    """The stage of the unit that refused: the one that ran before the ruling began."""
    return int(refusal.changed["fields"]["stage"])


def wrong_target(text: str) -> Invalid:
    return Invalid(text, code="wrong_target", errors={"to": [text]})


MOVES: Mapping[str, MoveFunction] = {
    "dispatch": _dispatch,
    "escalate": _escalate,
    "hand_over": _hand_over,
    "refuse": _refuse,
    "rule_refusal": _rule_refusal,
}
