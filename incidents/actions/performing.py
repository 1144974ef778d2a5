"""`perform`: the one way into every move. Asks what can refuse it, lets the move change the case, writes, tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Invalid
from incidents.actions.case import Case, Given
from incidents.actions.files import take_files
from incidents.actions.moves import MOVES
from incidents.actions.moves.handling import take_over_first
from incidents.actions.moves.naming import call_beside
from incidents.actions.result import Outcome, entry_errors, replay_of
from incidents.models import Incident, Transition
from incidents.permissions import obligatory, refusal
from incidents.permissions.steps import paper_of, rules_of_step, step_of
from incidents.permissions.taken import newly_owed
from incidents.steps import PAPERS
from incidents.workflow import TRANSITIONS, Move, arguments_of
from members.models import Member
from members.permissions import acting
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def perform(
    *,
    user: User,
    incident: Incident,
    action: str,
    client_uuid: UUID | None = None,
    body_hash: str = "",
    version: int | None = None,
    batch: UUID | None = None,
    on_behalf_of: Member | None = None,
    unknown: DomainError | None = None,
    **arguments: Any,
) -> Outcome:
    """Makes one move of the table on `incident` (as read by the caller, or at `version`). `on_behalf_of`: whoever acted;
    that person must stand where the move asks, and `user` be one who may enter for them.

    `batch` ties the steps of one bulk action together. `unknown`: what the caller could not find of what was named; it is
    raised once nothing else stands in the way. Raises, in this order: IdempotencyConflict or a replay,
    Forbidden, Conflict (state or lost race), Invalid.
    """
    read = incident.version
    try:
        with transaction.atomic():
            person = acting(user, on_behalf_of)
            entry = {} if person is user else {"on_behalf_of": on_behalf_of}
            move = TRANSITIONS[action]
            _must_be_possible(person, incident, move, version)
            if unknown is not None:
                raise unknown
            given = _checked(person, incident, move, {**arguments, **entry})
            _carry_out(
                Case(incident, user=user, actor=standing_of(person).member, action=action, person=person),
                given,
                client_uuid,
                body_hash,
                batch,
            )
    except (DomainError, IntegrityError, ValueError) as error:
        if replay_of(Transition, "user", user, client_uuid, body_hash) is not None:
            return Outcome(Incident.objects.for_list().get(pk=incident.pk), replayed=True)
        if isinstance(error, DomainError):
            raise
        # A matter read before somebody's step and its clocks read after it do not fit together.
        if isinstance(error, ValueError) and Incident.objects.filter(pk=incident.pk, version=read).exists():
            raise
        raise Conflict(_("Somebody else was first; look at it again."), code="lost_race") from error
    return Outcome(incident)


def _must_be_possible(user: User, incident: Incident, move: Move, version: int | None) -> None:
    """Right, state, version: in this order, before anything is said of the arguments."""
    refused = refusal(user, incident, move)
    if refused is not None:
        raise refused
    if version is not None and version != incident.version:
        raise Conflict(_("It has changed since you read it; look at it again."), code="stale_version")


def _checked(user: User, incident: Incident, move: Move, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments really given, looked at."""
    given = {name: value for name, value in arguments.items() if value not in (None, "", [], ())}
    _check_arguments(user, incident, move, given)
    return given


def _carry_out(
    case: Case, given: Given, client_uuid: UUID | None, body_hash: str, batch: UUID | None
) -> None:
    if case.action == "accept":
        case = take_over_first(case)
    step = step_of(case.person, case.incident, TRANSITIONS[case.action])
    if step is not None and step.important:
        case.set(important=True)
    data = (MOVES[case.action](case, given) or {}) | ({"step": step.code} if step else {})
    if step is not None:
        call_beside(case, newly_owed(case.incident, step))
    row = case.save(
        client_uuid=client_uuid,
        body_hash=body_hash,
        note=given.get("note") or given.get("reason") or "",
        channel=given.get("channel", Channel.SYSTEM),
        happened_at=given.get("happened_at"),
        data=data,
        batch=batch,
    )
    for name, paper in (("files", ""), (PAPERS, step.paper if step else "")):
        if given.get(name) and case.user is not None:
            take_files(
                user=case.user,
                incident=case.incident,
                client_uuids=given[name],
                seq=row.seq,
                argument=name,
                paper=paper,
            )


def _earliest(incident: Incident, move: Move) -> datetime:
    """Before when the move cannot have happened: a change of state not before the last one, all else not before the
    report."""
    rows: Any = incident.history
    rows = rows.filter(seq=1) if move.target is None else rows.exclude(to_status=F("from_status"))
    last: datetime | None = rows.aggregate(last=Max("happened_at"))["last"]
    return last or incident.reported_at


def _check_arguments(user: User, incident: Incident, move: Move, given: Mapping[str, Any]) -> None:
    """Unknown, missing and impossible arguments, all at once and by name."""
    requires = obligatory(incident, move.name, user)
    unknown = set(given) - set(arguments_of(move.name, requires))
    errors: dict[str, Sequence[str]] = {
        name: [_("This action does not take it.")] for name in sorted(unknown)
    }
    missing = [name for name in requires if name not in given]
    for name in missing:
        errors[name] = [_("This is needed for “%(action)s”.") % {"action": move.label}]
    if PAPERS in missing:
        paper = paper_of(user, incident, move.name)
        errors[PAPERS] = [_("“%(paper)s” has to be handed in.") % {"paper": paper}]
    now = clock.now()
    errors |= entry_errors(given)
    happened = given.get("happened_at")
    if happened is not None and happened < _earliest(incident, move):
        errors["happened_at"] = [_("This lies before what had happened already.")]
    for name in ("deadline", "until", "reply_due"):
        if name in given and given[name] <= now:
            errors[name] = [_("A deadline lies in the future.")]
    if errors:
        rules = rules_of_step(user, incident, move.name)
        raise Invalid(
            _("Something is missing or not right."),
            code="invalid_arguments",
            errors=errors,
            rule=next((rules[name] for name in missing if name in rules), None),
        )
