"""Who may do what to a matter. Asks the table of moves where one must stand, and the grants whether one stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from gridgov.common.prepared import Prepared
from grids.enums import Kind, Verb
from grids.querysets import holds, places_of
from incidents.enums import CategoryKind, OnOverdue, Status
from incidents.models import AssistTask, Escalation, Incident, Supervision, Transition
from incidents.permissions.conditions import ASSISTING_FIRST, CONDITIONS, step_first
from incidents.permissions.steps import (
    asked_by_step,
    beside_at,
    follows_up,
    narrowed,
    paper_of,
    rule_of,
    rule_of_action,
    rules_of_step,
    step_rule,
)
from incidents.permissions.taken import owed_steps
from incidents.steps import PAPERS, digits, naming
from incidents.workflow import TRANSITIONS, Move, Who, arguments_of
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


@dataclass(frozen=True)
class Allowed:
    """An action that this person may take now. `rules`: argument -> the rule behind its being asked for; `paper`: the title
    of what has to be handed in as `papers`."""

    name: str
    label: str
    requires: tuple[str, ...]
    arguments: tuple[str, ...]
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    paper: str = ""


@dataclass(frozen=True)
class Owed:
    """Something the procedure asks for before the matter may be closed."""

    action: str
    text: str
    rule: Mapping[str, str] | None


def can_import(user: User) -> bool:
    """Lists of matters are taken in where a whole township is coordinated."""
    works = standing_of(user).member is not None and bool(places_of(user)[Verb.REPORT])
    return works and any(place.kind == Kind.TOWNSHIP for place in places_of(user)[Verb.COORDINATE])


def may_send_files(user: User) -> bool:
    """Whoever reports or works on matters somewhere; an officer works by part."""
    standing, places = standing_of(user), places_of(user)
    works = any(places[verb] for verb in (Verb.REPORT, Verb.HANDLE, Verb.COORDINATE))
    return standing.member is not None and (works or bool(standing.departments))


def stands(user: User, incident: Incident, move: Move) -> bool:
    """Whether the user stands where the move asks, whatever the state."""
    if standing_of(user).member is None:
        return False
    if move.who is Who.AT_UNIT:
        return at_unit(user, incident, move.verbs) or (
            move.name == "accept" and takes_over(user, incident) is not None
        )
    if move.who is Who.AT_OR_ABOVE:
        return any(holds(user, verb, incident.unit_code) for verb in move.verbs)
    if move.who in STANDINGS:
        return STANDINGS[move.who](user, incident, move.verbs)
    if move.who is Who.ACCEPTOR_OR_ABOVE:
        if beside_at(user, incident, move):
            return True
        if not follows_up_below(incident):
            return follows_up(user, incident)
        code = incident.unit_code
        return holds(user, Verb.HANDLE, code, exactly=True) or holds(user, Verb.COORDINATE, code)
    return has_part_or_place(user, incident, move.verbs)


def follows_up_below(incident: Incident) -> bool:
    """Whether the procedure names the level that tells the requester, and the matter lies there now."""
    named = naming(incident.procedure.spec.steps, "feed_back")
    return incident.status == Status.VERIFIED and any(digits(step.level) for step in named)


def _above(user: User, incident: Incident, verbs: tuple[str, ...]) -> bool:
    """Above the responsible unit. Who supervises a place stands above whoever works in it; a department answers to
    the township."""
    code, own = incident.unit_code, str(incident.responsible_grid_id)
    return any(
        place.covers(code) and (verb == Verb.SUPERVISE or place.code != own)
        for verb in verbs
        for place in places_of(user)[verb]
    )


def _at_township(user: User, incident: Incident, verbs: tuple[str, ...]) -> bool:
    return any(holds(user, verb, incident.township_code) for verb in verbs)


def _reporter(user: User, incident: Incident, _verbs: tuple[str, ...]) -> bool:
    return user.pk == incident.reporter_user_id or standing_of(user).member.pk == incident.reporter_id  # type: ignore[union-attr]


def _supervised(user: User, incident: Incident, _verbs: tuple[str, ...]) -> bool:
    """On a unit that owes a reply."""
    if not incident.is_supervised:
        return False
    standing = standing_of(user)
    owed = Supervision.objects.filter(incident=incident, settled_at=None).values_list("grid", "department")
    return any(grid in standing.units or department in standing.departments for grid, department in owed)


def _doer(user: User, incident: Incident, _verbs: tuple[str, ...]) -> bool:
    """Took a step here; whether it can still be taken back is another question."""
    return bool(STEPS_BY(incident.pk, user.pk))


STEPS_BY: Prepared[Any] = Prepared(
    lambda incident, user: Transition.objects.filter(incident=incident, user=user).values_list("pk")[:1]
)


def _lead_or_above(user: User, incident: Incident, _verbs: tuple[str, ...]) -> bool:
    return at_unit(user, incident, (Verb.HANDLE,)) or holds(user, Verb.COORDINATE, incident.unit_code)


def _assisting(user: User, incident: Incident, _verbs: tuple[str, ...]) -> bool:
    """On a unit with an open assisting task; which of the two actions it takes, is asked by CONDITIONS."""
    return incident.is_assisted and AssistTask.objects.open_in(incident).of(standing_of(user)).exists()


STANDINGS: Mapping[Who, Callable[[User, Incident, tuple[str, ...]], bool]] = {
    Who.ABOVE: _above,
    Who.AT_TOWNSHIP: _at_township,
    Who.REPORTER: _reporter,
    Who.SUPERVISED: _supervised,
    Who.LEAD_OR_ABOVE: _lead_or_above,
    Who.ASSISTING: _assisting,
    Who.DOER: _doer,
}


def at_unit(user: User, incident: Incident, verbs: tuple[str, ...]) -> bool:
    """At exactly the responsible unit: a grant on that very grid, or a post in that department."""
    if incident.responsible_department_id is not None:
        return incident.responsible_department_id in standing_of(user).departments
    return any(holds(user, verb, str(incident.responsible_grid_id), exactly=True) for verb in verbs)


def takes_over(user: Any, incident: Incident) -> Escalation | None:
    """The card by which a level above may accept a late matter whose procedure says `raise`."""
    if not incident.is_late:
        return None
    cards = Escalation.objects.filter(
        incident=incident, stage_number=incident.stage, mode=OnOverdue.RAISE, is_red=False, settled_at=None
    )
    told = [card for card in cards if card.told_grid_id != incident.responsible_grid_id]
    return next(
        (card for card in told if holds(user, Verb.HANDLE, str(card.told_grid_id), exactly=True)), None
    )


def works_at(user: User, incident: Incident, verbs: tuple[str, ...] = (Verb.HANDLE, Verb.COORDINATE)) -> bool:
    """Whether it is the user's place to work on it, parts aside."""
    return any(holds(user, verb, str(incident.grid_id)) for verb in verbs)


def has_part_or_place(user: User, incident: Incident, verbs: tuple[str, ...]) -> bool:
    if works_at(user, incident, verbs):
        return True
    standing = standing_of(user)
    current = incident.parts.all().current()
    mine = current.filter(member=standing.member)
    return bool(mine.exists() or current.filter(department__in=standing.departments).exists())


def may_record_call(user: User, incident: Incident) -> bool:
    """Whoever works on the matter may note a report by telephone."""
    works = has_part_or_place(user, incident, (Verb.HANDLE, Verb.COORDINATE))
    return standing_of(user).member is not None and works


def may_notify(user: User, incident: Incident) -> bool:
    """Whoever co-ordinates or supervises the unit that answers for an open matter may send it a word."""
    return (
        incident.is_open
        and standing_of(user).member is not None
        and any(holds(user, verb, incident.unit_code) for verb in (Verb.COORDINATE, Verb.SUPERVISE))
    )


def may_mediate(user: User, incident: Incident) -> bool:
    """Whoever works on a dispute that still counts."""
    gone = (Status.REJECTED, Status.WITHDRAWN, Status.MERGED, Status.VOID)
    return (
        incident.category.kind == CategoryKind.DISPUTE
        and incident.status not in gone
        and has_part_or_place(user, incident, (Verb.HANDLE, Verb.COORDINATE))
    )


def may_see_requester(user: User, incident: Incident) -> bool:
    """In full for whoever works on the case; masked for everybody else who sees it."""
    return has_part_or_place(user, incident, (Verb.HANDLE, Verb.COORDINATE))


def may_reveal(user: User, incident: Incident) -> Forbidden | None:
    """Why this person may not look behind the mask. None: may."""
    if standing_of(user).member is not None and holds(user, Verb.REVEAL, str(incident.grid_id)):
        return None
    return Forbidden(_("Names and phones are shown in full only to those who may reveal them here."))


def may_name_parties(user: User, incident: Incident) -> Forbidden | None:
    if standing_of(user).member is not None and may_see_requester(user, incident):
        return None
    return Forbidden(_("Parties are named by those who work on the matter."))


def may_answer_for_requester(user: User, incident: Incident) -> Forbidden | None:
    """An answer is taken down at the unit that accepted the matter or above, never by who handled it."""
    member = standing_of(user).member
    if member is None or not follows_up(user, incident):
        return Forbidden(_("An answer is taken down at the unit that accepted the matter, or above."))
    if member.pk == incident.handler_member_id:
        return Forbidden(
            _("Whoever handled the matter does not take down what the requester thinks of it."),
            code="own_work",
        )
    return None


def refusal(user: User, incident: Incident, move: Move) -> DomainError | None:
    """Why this person may not make this move now, in the order of rules.md: not yours, then state. None: may."""
    if not stands(user, incident, move):
        return Forbidden(
            _("This is not yours to do: it is for whoever stands %(where)s.") % {"where": _(move.who.value)},
            rule=rule_of_action(incident, move.name),
        )
    return _refused_to_whoever_stands_there(user, incident, move)


def _refused_to_whoever_stands_there(user: User, incident: Incident, move: Move) -> DomainError | None:
    by_procedure = narrowed(user, incident, move)
    if isinstance(by_procedure, Forbidden):
        return by_procedure
    if move.name == "return_visit" and standing_of(user).member.pk == incident.handler_member_id:  # type: ignore[union-attr]
        return Forbidden(_("Whoever handled the matter does not make its return visit."), code="own_work")
    if not _in_its_state(user, incident, move):
        return Conflict(
            _("Not possible in the state “%(state)s”.") % {"state": incident.get_status_display()},
            code="wrong_state",
        )
    refused = _refused_by_place(incident, move.name)
    if refused is None and move.name in CONDITIONS:
        refused = CONDITIONS[move.name](user, incident)
    refused = refused or by_procedure
    if refused is None and move.name == "settle" and incident.responsible_grid_id == incident.township_code:
        text = _(
            "The township settles nothing on the spot: what it handles is important, with its verification."
        )
        return Invalid(text, code="important_not_settled", rule=rule_of(incident, "return_visit"))
    return refused


def _in_its_state(user: User, incident: Incident, move: Move) -> bool:
    return incident.status in move.sources or (
        move.name == "accept" and takes_over(user, incident) is not None
    )


def _refused_by_place(incident: Incident, action: str) -> DomainError | None:
    if action == "escalate" and incident.responsible_grid_id == incident.township_code:
        return Conflict(_("There is no level above the township."), code="no_level_above")
    if action == "settle":
        if incident.responsible_department_id or incident.dispatcher_grid_id:
            return Conflict(
                _("Only a matter of one's own level is settled on the spot."), code="not_own_level"
            )
        if incident.important:
            return _important_not_settled(incident)
    return None


def _important_not_settled(incident: Incident) -> Invalid:
    text = _("An important matter is not settled on the spot; it needs its verification and return visit.")
    rule = rule_of(incident, "return_visit") or rule_of(incident, "important")
    return Invalid(text, code="important_not_settled", rule=rule)


def owed_before_closing(incident: Incident) -> list[Owed]:
    """What must have happened before `close`: feedback where somebody asked, the return visit (R68, R69)."""
    spec, owed = incident.procedure.spec, []
    if spec.feedback == "requester" and incident.fed_back_at is None and _somebody_asked(incident):
        owed.append(
            Owed(
                "feed_back", _("The requester must be told the result first."), rule_of(incident, "feedback")
            )
        )
    if spec.needs_visit(important=incident.important) and incident.visited_at is None:
        owed.append(
            Owed(
                "return_visit",
                _("The return visit must have been made first."),
                rule_of(incident, "return_visit"),
            )
        )
    if incident.is_assisted:
        owed.append(Owed("submit_assist", str(ASSISTING_FIRST), rule_of(incident, "assisting")))
    asked = {one.action for one in owed}
    for step in owed_steps(incident):
        if step.by[0] in asked:
            continue
        owed.append(Owed(step.by[0], step_first(step), step_rule(incident, step)))
    if incident.is_supervised:
        owed.append(
            Owed(
                "reply_supervision",
                _("The supervision must have been replied to first."),
                rule_of(incident, "supervision"),
            )
        )
    return owed


def _somebody_asked(incident: Incident) -> bool:
    """In this matter, or in one that was merged into it."""
    return bool(ASKED_IN(incident.pk))


# Over one table, so that each half is found by its index.
ASKED_IN: Prepared[Any] = Prepared(
    lambda pk: (
        Incident.objects.filter(Q(pk=pk) | Q(merged_into=pk), requester__isnull=False)
        .order_by()
        .values_list("pk")[:1]
    )
)


def allowed_actions(user: User, incident: Incident) -> list[Allowed]:
    """What this person may do now, in the table's order; a constant number of queries."""
    found = []
    for move in TRANSITIONS.values():
        # Most moves fail here, and why they do nobody asks.
        if not _in_its_state(user, incident, move) or not stands(user, incident, move):
            continue
        if _refused_to_whoever_stands_there(user, incident, move) is not None:
            continue
        if move.name == "close" and owed_before_closing(incident):
            continue
        requires, rules = obligatory(incident, move.name, user), rules_of_step(user, incident, move.name)
        label = incident.procedure.spec.word_for(move.name)
        paper = paper_of(user, incident, move.name) if PAPERS in requires else ""
        found.append(Allowed(move.name, label, requires, arguments_of(move.name, requires), rules, paper))
    return found


def obligatory(incident: Incident, action: str, user: User | None = None) -> tuple[str, ...]:
    """The arguments this action cannot do without, for this matter, when this person does it."""
    requires = TRANSITIONS[action].requires
    if action == "settle" and _somebody_asked(incident):
        requires = (*requires, "told")
    if action == "whistle" and not {"whistle", "department"} & set(incident.procedure.spec.limits):
        requires = (*requires, "deadline")  # each reports in within its own clock
    return tuple(dict.fromkeys((*requires, *asked_by_step(user, incident, action))))


def allowed_names(user: Any, incident: Incident) -> set[str]:
    return {allowed.name for allowed in allowed_actions(user, incident)}
