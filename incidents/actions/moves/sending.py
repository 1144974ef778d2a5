"""To another unit: down, up, or across."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from gridgov.common.errors import Invalid
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions.case import Case, Given, MoveFunction
from incidents.enums import Purpose, Status
from incidents.workflow import parent_of
from members.models import Department


def _dispatch(case: Case, given: Given) -> dict[str, Any]:
    incident, to = case.incident, given["to"]
    own = [place.code for place in places_of(case.user)[Verb.COORDINATE] if place.covers(incident.unit_code)]
    dispatcher = max(own, key=len)
    if isinstance(to, Department):
        fits = to.is_active and to.township_code == incident.township_code == dispatcher
    else:
        fits = to.ended_on is None and to.code.startswith(dispatcher) and to.code != dispatcher
    if not fits:
        raise wrong_target(_("A matter is dispatched to a grid below, by the township also to a department."))
    case.set(
        dispatcher_grid=Grid.objects.get(pk=dispatcher),
        important=incident.important or bool(given.get("important")),
    )
    case.assign(to)
    case.state(Status.DISPATCHED)
    case.begin_stage(Purpose.HANDLE, until=given.get("deadline"))
    return {"deadline": given["deadline"].isoformat()} if given.get("deadline") else {}


def _escalate(case: Case, given: Given) -> None:
    """One level up and only one (R63); a department's matter goes to the township."""
    incident = case.incident
    if incident.responsible_department_id is not None:
        above = incident.township_code
    else:
        above = parent_of(incident.unit_code) or incident.township_code
    if given.get("important"):
        case.set(important=True)
    to_unit_above(case, Grid.objects.get(pk=above))


def to_unit_above(case: Case, unit: Grid) -> None:
    case.set(acceptor_grid=None, dispatcher_grid=None)
    case.assign(unit)
    case.state(Status.REPORTED)
    case.begin_stage(Purpose.HANDLE)


def _hand_over(case: Case, given: Given) -> dict[str, Any]:
    """To another unit, logged with both (R62). A grid off the matter's own line becomes its place."""
    incident, to = case.incident, given["to"]
    ours = places_of(case.user)[Verb.COORDINATE]
    fits = isinstance(to, Grid) and to.ended_on is None and any(place.covers(to.code) for place in ours)
    if not fits or to.pk == incident.responsible_grid_id or to.township_code != incident.township_code:
        raise wrong_target(_("A matter is handed over to another grid that you co-ordinate."))
    before = incident.grid_id
    if not str(incident.grid_id).startswith(to.code):
        case.set(grid=to, village_code=to.village_code)
    to_unit_above(case, to)
    return {"from_place": before, "to_place": incident.grid_id}


def wrong_target(text: str) -> Invalid:
    return Invalid(text, code="wrong_target", errors={"to": [text]})


MOVES: Mapping[str, MoveFunction] = {
    "dispatch": _dispatch,
    "escalate": _escalate,
    "hand_over": _hand_over,
}
