"""What each move of the table does. `perform` is the one way in; a function per move says what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Invalid
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions.case import Case
from incidents.actions.files import take_files
from incidents.actions.result import Outcome, replay_of
from incidents.enums import Purpose, Status
from incidents.models import FeedbackRequest, Incident, Stage, Transition
from incidents.permissions import obligatory, owed_before_closing, refusal, takes_over
from incidents.workflow import ARGUMENTS, TRANSITIONS, Move, parent_of
from members.models import Department
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

Given = Mapping[str, Any]

REJECTED = gettext_noop("%(number)s was rejected: %(heading)s")
CLOSED = gettext_noop("%(number)s is closed: %(heading)s")
SENT_BACK = gettext_noop("%(number)s was sent back for rework: %(heading)s")
VISIT_FAILED = gettext_noop("%(number)s was not solved, says the return visit: %(heading)s")


def perform(
    *,
    user: User,
    incident: Incident,
    action: str,
    client_uuid: UUID | None = None,
    body_hash: str = "",
    version: int | None = None,
    **arguments: Any,
) -> Outcome:
    """Makes one move of the table on `incident` (as read by the caller, or at `version`).

    Raises, in this order: IdempotencyConflict or a replay, Forbidden, Conflict (state or lost race), Invalid.
    """
    try:
        with transaction.atomic():
            given = _checked(user, incident, TRANSITIONS[action], version, arguments)
            _carry_out(
                Case(incident, user=user, actor=standing_of(user).member, action=action),
                given,
                client_uuid,
                body_hash,
            )
    except (DomainError, IntegrityError) as error:
        if replay_of(Transition, "user", user, client_uuid, body_hash) is not None:
            return Outcome(Incident.objects.for_list().get(pk=incident.pk), replayed=True)
        if isinstance(error, DomainError):
            raise
        raise Conflict(_("Somebody else was first; look at it again."), code="lost_race") from error
    return Outcome(incident)


def _checked(
    user: User, incident: Incident, move: Move, version: int | None, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The arguments really given, after everything that can refuse the move has been asked, in order."""
    refused = refusal(user, incident, move)
    if refused is not None:
        raise refused
    if version is not None and version != incident.version:
        raise Conflict(_("It has changed since you read it; look at it again."), code="stale_version")
    given = {name: value for name, value in arguments.items() if value not in (None, "", [], ())}
    _check_arguments(incident, move, given)
    return given


def _carry_out(case: Case, given: Given, client_uuid: UUID | None, body_hash: str) -> None:
    if case.action == "accept":
        case = _take_over_first(case)
    data = MOVES[case.action](case, given) or {}
    row = case.save(
        client_uuid=client_uuid,
        body_hash=body_hash,
        note=given.get("note") or given.get("reason") or "",
        channel=given.get("channel", Channel.SYSTEM),
        happened_at=given.get("happened_at"),
        data=data,
    )
    if given.get("files") and case.user is not None:
        take_files(user=case.user, incident=case.incident, client_uuids=given["files"], seq=row.seq)
    _tell(case)


def _check_arguments(incident: Incident, move: Move, given: Mapping[str, Any]) -> None:
    """Unknown, missing and impossible arguments, all at once and by name."""
    unknown = set(given) - set(ARGUMENTS[move.name])
    errors: dict[str, Sequence[str]] = {
        name: [_("This action does not take it.")] for name in sorted(unknown)
    }
    for name in obligatory(incident, move.name):
        if name not in given:
            errors[name] = [_("This is needed for “%(action)s”.") % {"action": move.label}]
    now = clock.now()
    happened = given.get("happened_at")
    if happened is not None and happened > now:
        errors["happened_at"] = [_("This lies in the future.")]
    deadline = given.get("deadline")
    if deadline is not None and deadline <= now:
        errors["deadline"] = [_("A deadline lies in the future.")]
    if errors:
        raise Invalid(_("Something is missing or not right."), code="invalid_arguments", errors=errors)


# --- the moves ---------------------------------------------------------------------------------------------------


def _take_over_first(case: Case) -> Case:
    """The level above accepts a late matter whose procedure raises: it moves first, then it is accepted."""
    card = takes_over(case.user, case.incident)  # type: ignore[arg-type]
    if card is None:
        return case
    incident = case.incident
    raised = Case(incident, user=None, actor=case.actor, action="escalate")
    _to_unit_above(raised, card.told_grid)
    raised.save(data={"card": card.level})
    return Case(incident, user=case.user, actor=case.actor, action="accept")


def _accept(case: Case, given: Given) -> None:
    unit = case.incident.responsible_grid
    important = case.incident.important or bool(given.get("important")) or _is_township(unit)
    case.set(acceptor_grid=unit, important=important)
    case.state(Status.ACCEPTED)


def _reject(case: Case, given: Given) -> None:
    case.end_stage()
    case.state(Status.REJECTED)


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
    return (
        {"told": {"channel": told["channel"], "happened_at": told["happened_at"].isoformat()}} if told else {}
    )


def _dispatch(case: Case, given: Given) -> dict[str, Any]:
    incident, to = case.incident, given["to"]
    own = [place.code for place in places_of(case.user)[Verb.COORDINATE] if place.covers(incident.unit_code)]
    dispatcher = max(own, key=len)
    if isinstance(to, Department):
        fits = to.is_active and to.township_code == incident.township_code == dispatcher
    else:
        fits = to.ended_on is None and to.code.startswith(dispatcher) and to.code != dispatcher
    if not fits:
        raise _wrong_target(
            _("A matter is dispatched to a grid below, by the township also to a department.")
        )
    case.set(
        dispatcher_grid=Grid.objects.get(pk=dispatcher),
        important=incident.important or bool(given.get("important")),
    )
    case.assign(to)
    case.state(Status.DISPATCHED)
    case.begin_stage(Purpose.HANDLE, until=given.get("deadline"))
    return {"deadline": given["deadline"].isoformat()} if given.get("deadline") else {}


def _start(case: Case, given: Given) -> None:
    case.state(Status.IN_PROGRESS)


def _submit_result(case: Case, given: Given) -> None:
    incident = case.incident
    case.set(
        handler_grid=incident.responsible_grid,
        handler_department=incident.responsible_department,
        handler_member=case.actor,
    )
    if incident.procedure.spec.verify == "none":
        _to_follow_up(case)
    else:
        case.assign(_verifier(incident))
        case.state(Status.RESOLVED)
        case.begin_stage(Purpose.VERIFY)


def _verifier(incident: Incident) -> Grid:
    """The unit that dispatched, else the level above the handler; above the township there is none."""
    if incident.dispatcher_grid is not None:
        return incident.dispatcher_grid
    return Grid.objects.get(pk=parent_of(incident.unit_code) or incident.township_code)


def _verify(case: Case, given: Given) -> None:
    _to_follow_up(case)


def _to_follow_up(case: Case) -> None:
    """Verified: now the unit that accepted it feeds back; a return visit is due one level up from a group."""
    incident = case.incident
    unit = incident.acceptor_grid or Grid.objects.get(pk=incident.unit_code)
    if incident.procedure.spec.needs_visit(important=incident.important) and unit.kind == Kind.GROUP:
        unit = unit.parent or unit
    case.assign(unit)
    case.state(Status.VERIFIED)
    case.begin_stage(Purpose.FOLLOW_UP)


def _send_back(case: Case, given: Given) -> None:
    _to_handler(case)
    case.news = SENT_BACK
    stage = Stage.objects.filter(incident=case.incident, purpose=Purpose.HANDLE).order_by("-number").first()
    if (
        stage is None
    ):  # cannot happen while every result comes from a stage; the clock must not run without one
        case.begin_stage(Purpose.HANDLE)
    else:
        case.resume_stage(stage)


def _to_handler(case: Case) -> None:
    """Rework: back to the unit that handled it; what followed the old result is owed anew."""
    incident = case.incident
    case.assign(
        incident.handler_department or incident.handler_grid or Grid.objects.get(pk=incident.unit_code)
    )
    case.state(Status.IN_PROGRESS)
    case.set(rework_count=incident.rework_count + 1, fed_back_at=None, visited_at=None, closed_at=None)


def _feed_back(case: Case, given: Given) -> dict[str, Any]:
    incident = case.incident
    case.set(fed_back_at=given.get("happened_at") or case.now)
    if not hasattr(incident, "requester"):
        return {}
    asked = FeedbackRequest.objects.create(
        incident=incident, township_code=incident.township_code, village_code=incident.village_code
    )
    return {"feedback_request": asked.pk}


def _return_visit(case: Case, given: Given) -> dict[str, Any]:
    if given["happened"] and given["solved"]:
        case.set(visited_at=given.get("happened_at") or case.now)
    else:
        fail_visit(case)
    return {"happened": given["happened"], "solved": given["solved"]}


def fail_visit(case: Case) -> None:
    """Not true or not solved: the handler works on it again, on a new clock (R70)."""
    _to_handler(case)
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


def _reopen(case: Case, given: Given) -> None:
    incident = case.incident
    unit = incident.acceptor_grid or Grid.objects.get(pk=incident.unit_code)
    case.set(
        acceptor_grid=unit,
        dispatcher_grid=None,
        fed_back_at=None,
        visited_at=None,
        closed_at=None,
    )
    case.assign(unit)
    case.state(Status.ACCEPTED)
    case.begin_stage(Purpose.HANDLE)


def _escalate(case: Case, given: Given) -> None:
    """One level up and only one (R63); a department's matter goes to the township."""
    incident = case.incident
    if incident.responsible_department_id is not None:
        above = incident.township_code
    else:
        above = parent_of(incident.unit_code) or incident.township_code
    if given.get("important"):
        case.set(important=True)
    _to_unit_above(case, Grid.objects.get(pk=above))


def _to_unit_above(case: Case, unit: Grid) -> None:
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
        raise _wrong_target(_("A matter is handed over to another grid that you co-ordinate."))
    before = incident.grid_id
    if not str(incident.grid_id).startswith(to.code):
        case.set(grid=to, village_code=to.village_code)
    _to_unit_above(case, to)
    return {"from_place": before, "to_place": incident.grid_id}


def _add_note(case: Case, given: Given) -> None:
    return None


def _wrong_target(text: str) -> Invalid:
    return Invalid(text, code="wrong_target", errors={"to": [text]})


def _is_township(unit: Grid | None) -> bool:
    """Handled at the township counts as important (rules.md)."""
    return unit is not None and unit.kind == Kind.TOWNSHIP


def _tell(case: Case) -> None:
    """What the reporter hears of the end; whoever answers for it now was told when the case was saved."""
    incident = case.incident
    if case.action == "reject":
        case.tell([incident.reporter], REJECTED)
    elif incident.status == Status.CLOSED and case.seen[0] != Status.CLOSED:
        case.tell([incident.reporter], CLOSED)


MOVES: Mapping[str, Callable[[Case, Given], dict[str, Any] | None]] = {
    "accept": _accept,
    "reject": _reject,
    "settle": _settle,
    "dispatch": _dispatch,
    "start": _start,
    "submit_result": _submit_result,
    "send_back": _send_back,
    "verify": _verify,
    "feed_back": _feed_back,
    "return_visit": _return_visit,
    "close": _close,
    "reopen": _reopen,
    "escalate": _escalate,
    "hand_over": _hand_over,
    "add_note": _add_note,
}
