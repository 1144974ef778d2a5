"""Waiting: suspended, referred to a superior body, more time asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Conflict, Invalid
from grids.models import Grid
from incidents.actions.case import Case, Given, MoveFunction
from incidents.enums import Purpose, Status
from incidents.models import ExtensionRequest, Incident
from incidents.querysets import last_step
from incidents.workflow import parent_of
from members.models import Appointment

EXTENSION_ASKED = gettext_noop("%(number)s: an extension is asked for: %(heading)s")
GRANTED = gettext_noop("%(number)s: the extension is granted: %(heading)s")
NOT_GRANTED = gettext_noop("%(number)s: the extension is not granted: %(heading)s")
REPLIED = gettext_noop("%(number)s: the superior body has replied: %(heading)s")


def _suspend(case: Case, given: Given) -> dict[str, Any]:
    until = given.get("until")
    case.set(suspended_until=until)
    case.state(Status.SUSPENDED, reason=given["reason"])
    case.pause_stage(given["reason"])
    return {"until": until.isoformat()} if until else {}


def resume(case: Case, given: Given) -> None:
    """The state before, on the time that was left."""
    before = last_step(case.incident, "suspend").from_status
    case.set(suspended_until=None)
    case.state(before)
    case.continue_stage(case.current_stage())


def _refer_up(case: Case, given: Given) -> dict[str, Any]:
    """The township answers for it until the superior body has replied."""
    incident = case.incident
    case.set(dispatcher_grid=None)
    case.assign(Grid.objects.get(pk=incident.township_code))
    case.state(Status.REFERRED, reason=given["reason"])
    case.begin_stage(Purpose.REFERRAL)
    return {"body": given["body"], "reference": given.get("number", "")}


def _record_reply(case: Case, given: Given) -> dict[str, Any]:
    incident = case.incident
    case.set(acceptor_grid=incident.responsible_grid)
    case.state(Status.ACCEPTED)
    case.begin_stage(Purpose.HANDLE)
    case.announce([incident.reporter, incident.responsible_member], REPLIED)
    return {"reference": given.get("number", ""), "reply": given["reply"]}


def _request_extension(case: Case, given: Given) -> dict[str, Any]:
    """Only a request: the deadline stands until somebody above has decided."""
    incident, limit, until = case.incident, given.get("limit"), given.get("until")
    if (limit is None) == (until is None):
        text = _("Say how much longer, or until when: one of the two.")
        raise Invalid(text, code="invalid_arguments", errors={"until": [text]})
    if until is not None and until <= incident.due_at:
        text = _("An extension ends after the deadline that it moves.")
        raise Invalid(text, code="invalid_arguments", errors={"until": [text]})
    case.make(
        ExtensionRequest(
            incident=incident,
            stage_number=incident.stage,
            asked_by=case.actor,
            asked_at=case.now,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
            until=until,
            reason=given["reason"],
        )
    )
    case.set(extension_asked_at=case.now)
    case.announce([_answers_above(incident)], EXTENSION_ASKED)
    if limit is not None:
        return {"n": limit.n, "unit": str(limit.unit)}
    return {"until": until.isoformat()} if until else {}


def _answers_above(incident: Incident) -> Any:
    """Who decides on more time: the one who answers for the level above; for the township its leader."""
    if incident.responsible_department_id is not None:
        above = incident.township_code
    else:
        above = parent_of(incident.unit_code) or incident.township_code
    held = Appointment.objects.responsible(grid=above)
    return held.member if held else None


def _decide_extension(case: Case, given: Given) -> dict[str, Any]:
    """One decision per request. Granted: a row of the ledger; the superior body's deadline does not move."""
    asked = ExtensionRequest.objects.filter(incident=case.incident, settled_at=None).first()
    if asked is None:
        raise Conflict(_("No extension is asked for."), code="no_request")
    if asked.asked_by_id == getattr(case.actor, "pk", None):
        raise Conflict(_("Nobody decides on what they asked for themselves."), code="own_request")
    case.alter(asked, settled_at=case.now, granted=given["granted"])
    case.set(extension_asked_at=None)
    if given["granted"]:
        case.extend(limit=asked.limit, until=asked.until, reason=asked.reason)
    case.news = GRANTED if given["granted"] else NOT_GRANTED
    return {"granted": given["granted"]}


MOVES: Mapping[str, MoveFunction] = {
    "suspend": _suspend,
    "resume": resume,
    "refer_up": _refer_up,
    "record_reply": _record_reply,
    "request_extension": _request_extension,
    "decide_extension": _decide_extension,
}
