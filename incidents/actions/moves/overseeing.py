"""From the levels above: opinions and approvals, urging, supervision, lists; and what the spot says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from grids.enums import Verb
from grids.querysets import holds
from incidents.actions.case import Case, Given, MoveFunction
from incidents.actions.moves.handling import to_follow_up
from incidents.enums import Card, Status
from incidents.models import Escalation, Supervision
from incidents.permissions.steps import answering, ends_handling
from members.enums import MessageKind

APPROVED = gettext_noop("%(number)s is approved: %(heading)s")
NOT_APPROVED = gettext_noop("%(number)s is not approved: %(heading)s")
REMINDED = gettext_noop("Please see to %(number)s: %(heading)s")
SUPERVISED: Mapping[str, str] = {
    Card.YELLOW: gettext_noop("Yellow card, a reply is owed: %(number)s %(heading)s"),
    Card.RED: gettext_noop("Red card, a reply is owed: %(number)s %(heading)s"),
}
REPLIED = gettext_noop("%(number)s: the unit has replied to the supervision: %(heading)s")
LISTED = gettext_noop("%(number)s was put on the rectification list: %(heading)s")
UNLISTED = gettext_noop("%(number)s was taken off the rectification list: %(heading)s")
ACCOUNTABLE = gettext_noop("%(number)s was marked for accountability: %(heading)s")


def _review(case: Case, given: Given) -> None:
    return None


def _approve(case: Case, given: Given) -> None:
    """Where the procedure has nothing left to handle, the approval is the result of the unit that asked for it."""
    incident = case.incident
    case.set(approved_at=case.now)
    case.news = APPROVED
    if not ends_handling(incident, "approve"):
        case.state(Status.IN_PROGRESS)
        return
    case.announce([incident.responsible_member], APPROVED)
    case.set(
        handler_grid=incident.responsible_grid,
        handler_department=incident.responsible_department,
        handler_member=incident.responsible_member,
    )
    to_follow_up(case)


def _disapprove(case: Case, given: Given) -> None:
    case.set(approved_at=None)
    case.news = NOT_APPROVED


def _remind(case: Case, given: Given) -> None:
    case.announce(answering(case.incident), REMINDED, MessageKind.WARNING)


def _supervise(case: Case, given: Given) -> dict[str, Any]:
    """The unit owes a reply; the matter is not closed before it has come. By whoever was told that it is late this is the duty
    done, once: the level above hears of it a card's limit later, or when the reply is late."""
    incident, due = case.incident, given.get("reply_due")
    told = _told_of_lateness(case)
    if told is not None:
        acted_until = case.acted_on(told, due)
        due = due or acted_until
    case.make(
        Supervision(
            incident=incident,
            card=given["level"],
            note=given["note"],
            given_by=case.actor,
            given_at=case.now,
            grid=incident.responsible_grid,
            department=incident.responsible_department,
            reply_due=due,
            township_code=incident.township_code,
        )
    )
    case.set(is_supervised=True)
    case.announce(answering(incident), SUPERVISED[given["level"]], MessageKind.WARNING)
    return {"card": given["level"], **({"reply_due": due.isoformat()} if due else {})}


def _told_of_lateness(case: Case) -> Escalation | None:
    """The card that lies with the level of whoever acts, below the leader's, and that nobody has acted on yet: supervising
    again and again puts nothing off."""
    incident = case.incident
    cards = Escalation.objects.filter(incident=incident, stage_number=incident.stage, settled_at=None)
    last = cards.order_by("-told_at", "-id").first() if incident.is_late else None
    if last is None or last.is_red or last.card_since != last.told_at:
        return None
    told = str(last.told_grid_id)
    return last if any(holds(case.person, verb, told) for verb in (Verb.SUPERVISE, Verb.COORDINATE)) else None


def _reply_supervision(case: Case, given: Given) -> None:
    """One reply for everything that is open."""
    open_ones = Supervision.objects.filter(incident=case.incident, settled_at=None).select_related("given_by")
    case.announce([row.given_by for row in open_ones], REPLIED)
    case.settle_supervisions(reply=given["note"], replied_by=case.actor)


def _list_for_rectification(case: Case, given: Given) -> dict[str, Any]:
    until = given.get("until")
    case.set(is_listed=True, listed_until=until)
    case.announce([case.incident.responsible_member], LISTED)
    return {"until": until.isoformat()} if until else {}


def _unlist(case: Case, given: Given) -> None:
    case.set(is_listed=False, listed_until=None)
    case.announce([case.incident.responsible_member], UNLISTED)


def _mark_accountable(case: Case, given: Given) -> dict[str, Any]:
    case.set(is_accountable=True)
    case.announce([case.incident.responsible_member], ACCOUNTABLE, MessageKind.WARNING)
    return {"about": given["about"]}


def _arrive(case: Case, given: Given) -> None:
    return None


MOVES: Mapping[str, MoveFunction] = {
    "review": _review,
    "approve": _approve,
    "disapprove": _disapprove,
    "remind": _remind,
    "supervise": _supervise,
    "reply_supervision": _reply_supervision,
    "list_for_rectification": _list_for_rectification,
    "unlist": _unlist,
    "mark_accountable": _mark_accountable,
    "arrive": _arrive,
}
