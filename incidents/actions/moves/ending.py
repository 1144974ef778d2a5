"""Telling the requester, looking again, ending and opening again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from gridgov.common.errors import Invalid
from grids.models import Grid
from incidents.actions.case import Case, Given, MoveFunction
from incidents.actions.moves.handling import to_handler
from incidents.actions.moves.mending import with_merged
from incidents.enums import Purpose, Status
from incidents.models import FeedbackRequest, Incident
from incidents.permissions import owed_before_closing

REJECTED = gettext_noop("%(number)s was rejected: %(heading)s")
CLOSED = gettext_noop("%(number)s is closed: %(heading)s")
VISIT_FAILED = gettext_noop("%(number)s was not solved, says the return visit: %(heading)s")


def _reject(case: Case, given: Given) -> None:
    case.end_stage()
    case.state(Status.REJECTED)
    _tell_reporters(case, REJECTED)


def _settle(case: Case, given: Given) -> dict[str, Any]:
    incident, told = case.incident, given.get("told")
    case.set(
        acceptor_grid=incident.acceptor_grid or incident.responsible_grid,
        handler_grid=incident.responsible_grid,
        handler_department=None,
        handler_member=case.actor,
        closed_at=case.now,
    )
    if told:
        case.set(fed_back_at=told["happened_at"])
    case.end_stage()
    case.state(Status.CLOSED)
    _tell_reporters(case, CLOSED)
    return (
        {"told": {"channel": told["channel"], "happened_at": told["happened_at"].isoformat()}} if told else {}
    )


def _feed_back(case: Case, given: Given) -> dict[str, Any]:
    incident = case.incident
    told_at = given.get("happened_at") or case.now
    case.set(fed_back_at=told_at)
    for merged in with_merged(case):
        merged.set(fed_back_at=told_at)
        _ask(case, merged.incident)
    asked = _ask(case, incident)
    return {"feedback_request": asked.pk} if asked else {}


def _ask(case: Case, incident: Incident) -> FeedbackRequest | None:
    """A link for the requester's answer, where somebody asked."""
    if not hasattr(incident, "requester"):
        return None
    asked = FeedbackRequest.objects.create(
        incident=incident, township_code=incident.township_code, village_code=incident.village_code
    )
    case.traces.new(asked)
    return asked


def _tell_reporters(case: Case, text: str) -> None:
    """Of this matter and of those merged into it."""
    case.announce([case.incident.reporter], text)
    for merged in with_merged(case):
        merged.announce([merged.incident.reporter], text)


def _return_visit(case: Case, given: Given) -> dict[str, Any]:
    if given["happened"] and given["solved"]:
        case.set(visited_at=given.get("happened_at") or case.now)
    else:
        fail_visit(case)
    return {"happened": given["happened"], "solved": given["solved"]}


def fail_visit(case: Case) -> None:
    """Not true or not solved: the handler works on it again, on a new clock (R70)."""
    to_handler(case)
    case.news = VISIT_FAILED
    case.begin_stage(Purpose.HANDLE)


def _close(case: Case, given: Given) -> None:
    owed = owed_before_closing(case.incident)
    if owed:
        raise Invalid(
            owed[0].text,
            code=f"{owed[0].action}_required",
            errors={item.action: [item.text] for item in owed},
            rule=owed[0].rule,
        )
    case.end_stage()
    case.set(closed_at=case.now)
    case.state(Status.CLOSED)
    _tell_reporters(case, CLOSED)


def _reopen(case: Case, given: Given) -> None:
    incident = case.incident
    unit = incident.acceptor_grid or Grid.objects.get(pk=incident.unit_code)
    case.set(
        acceptor_grid=unit,
        dispatcher_grid=None,
        fed_back_at=None,
        visited_at=None,
        closed_at=None,
        approved_at=None,
    )
    case.assign(unit)
    case.state(Status.ACCEPTED)
    case.begin_stage(Purpose.HANDLE)


MOVES: Mapping[str, MoveFunction] = {
    "reject": _reject,
    "settle": _settle,
    "feed_back": _feed_back,
    "return_visit": _return_visit,
    "close": _close,
    "reopen": _reopen,
}
