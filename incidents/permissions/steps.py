"""Which step of its procedure a matter is in, who takes it, and what it refuses."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict, DomainError, Forbidden
from gridgov.common.prepared import Prepared
from grids.enums import Verb
from grids.models import Rule
from grids.querysets import holds, next_code
from incidents.enums import Status
from incidents.models import Incident
from incidents.permissions.taken import done_steps, taken
from incidents.steps import (
    ACCEPTOR,
    CLOSE,
    DEPARTMENT,
    MAIN,
    PAPERS,
    UNIT,
    StepSpec,
    asks_for_order,
    at_levels,
    beside,
    chain_from,
    digits,
    following,
    kind_at,
    level_of,
    levels_here,
    missing_before,
    naming,
    place_at,
    within_unit,
)
from incidents.workflow import TRANSITIONS, Move, Who
from members.enums import RoleCode
from members.models import Appointment, Member
from members.querysets import AppointmentQuerySet, standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

# Of these a step decides at which level they are taken; whatever else has a step may be done by others too.
BOUND = ("dispatch", "review", "approve", "disapprove", "verify", "feed_back", "return_visit", "close")
TURN = (*MAIN, "accept", "escalate", "refer_up")
# In these states a matter may pass to other posts of its unit.
WITHIN = (Status.REPORTED, Status.ACCEPTED, Status.DISPATCHED, Status.IN_PROGRESS, Status.SUSPENDED)
DEEPER = range(1, 7)  # how many levels a grid may lie below another
_HANDS = (Verb.HANDLE, Verb.COORDINATE)


RULES_NAMED: Prepared[Rule] = Prepared(
    lambda township, ids: Rule.objects.filter(township=township, rule_id__in=ids)
)


def clause_of(incident: Incident, rule_id: str) -> dict[str, str] | None:
    """A rule as the township's copy of the plan has it; all that this procedure names are asked for once."""
    if not rule_id:
        return None
    known: dict[str, Rule] | None = vars(incident).get("clauses")
    if known is None:
        spec = incident.procedure.spec
        ids = {*spec.rules.values(), *(step.rule for step in spec.steps), incident.procedure.rule_id} - {""}
        rows = RULES_NAMED(incident.township_code, sorted(ids)) if ids else []
        known = vars(incident)["clauses"] = {row.rule_id: row for row in rows}
    rule = known.get(rule_id)
    return {"id": rule_id, "clause": rule.clause if rule else "", "text": rule.text if rule else ""}


def rule_of(incident: Incident, requirement: str) -> dict[str, str] | None:
    """The clause behind a requirement of this matter's procedure."""
    return clause_of(incident, incident.procedure.spec.rules.get(requirement, ""))


def step_rule(incident: Incident, step: StepSpec) -> dict[str, str] | None:
    return clause_of(incident, step.rule or incident.procedure.rule_id)


# --- where it is --------------------------------------------------------------------------------------------------


def unit_level(incident: Incident) -> str:
    return level_of(str(incident.responsible_grid_id)) if incident.responsible_grid_id else DEPARTMENT


def _here(incident: Incident) -> tuple[str, ...]:
    return levels_here(incident.procedure.spec.steps, unit_level(incident), dispatched=incident.is_sent)


def line_of(incident: Incident) -> str:
    """The place of the matter, or the grid below it that has the work or had it."""
    place = str(incident.grid_id)
    units = [str(code) for code in (incident.responsible_grid_id, incident.handler_grid_id) if code]
    return max([place, *(unit for unit in units if unit.startswith(place))], key=len)


def _of_turn(incident: Incident, found: list[StepSpec]) -> list[StepSpec]:
    """Where several posts of one unit take it on one after the other: without those that are over and those still to come."""
    pairs = within_unit(incident.procedure.spec.steps)
    if not pairs:
        return found
    within = taken(incident).within
    over = {code for code in pairs if within & set(chain_from(pairs, code))}
    aside = over | set(pairs.values()) - within
    return [step for step in found if step.code not in aside]


def passes_within(incident: Incident) -> StepSpec | None:
    """The step of other posts of the unit that take it on when it is passed up, posts that nobody holds left out; None: it
    goes to the level above."""
    steps = incident.procedure.spec.steps
    pairs = within_unit(steps)
    if not pairs or incident.status not in WITHIN:
        return None
    named = {step.code: step for step in steps}
    turn = _of_turn(incident, at_levels(steps, _here(incident)))
    own = next((step.code for step in turn if step.code in pairs), "")
    return next((named[code] for code in chain_from(pairs, own) if holders_of(incident, named[code])), None)


def answering(incident: Incident) -> list[Member | None]:
    """Who answers for it, and who took it on within the unit."""
    pairs = within_unit(incident.procedure.spec.steps)
    turn = [step for step in _turn_of_unit(incident) if step.code in pairs.values()] if pairs else []
    return [incident.responsible_member, *(member for step in turn for member in holders_of(incident, step))]


def _grid_of(incident: Incident, step: StepSpec) -> str | None:
    """Where the step is taken: a turn by the unit that has the matter, where that is of its level; else by the grid of its
    level on the line of the matter."""
    unit = incident.responsible_grid_id
    if not step.parallel and unit is not None and level_of(str(unit)) == step.level:
        return str(unit)
    return place_at(step.level, line_of(incident))


def holders_of(incident: Incident, step: StepSpec) -> list[Member]:
    """Who holds one of the step's posts today and is there; of a step without posts, whoever answers for its grid."""
    code = _grid_of(incident, step)
    if code is None:
        return []
    if step.posts:
        return _in_posts(incident, step)
    held = Appointment.objects.responsible(grid=code)
    return [held.member] if held is not None else []


def _in_posts(incident: Incident, step: StepSpec) -> list[Member]:
    """Who holds one of the step's posts today, is there, and may do what it takes."""
    held = Appointment.objects.current().able().there().filter(post__title__in=step.posts)
    code = _grid_of(incident, step)
    if code is None and incident.responsible_department_id is not None:
        held = held.filter(post__department=incident.responsible_department_id)
    else:
        held = held.filter(post__grid=code or incident.responsible_grid_id)
    verbs = {verb for name in step.actions if name in TRANSITIONS for verb in TRANSITIONS[name].verbs}
    rows = held.select_related("member", "post__role").order_by("id")
    may = [row.member for row in rows if not verbs or verbs & set(row.post.role.permissions)]
    return list(dict.fromkeys(may))


def stands_at(user: User, incident: Incident, level: str, verbs: tuple[str, ...]) -> bool:
    """Whether the user works at this level of the matter's place, or in some department. Any other level that is not one
    of the tree decides nothing. Where nobody is, whoever answers for the place does, and the unit that accepted it."""
    if level == DEPARTMENT:
        return bool(standing_of(user).departments)
    code = place_at(level, line_of(incident))
    if code is None or any(holds(user, verb, code, exactly=True) for verb in verbs):
        return True
    member = standing_of(user).member
    if member is None or not any(holds(user, verb, code) for verb in verbs):
        return False
    held = Appointment.objects.responsible(grid=code)
    if held is None or held.member_id == member.pk:
        return held is not None
    acceptor = str(incident.acceptor_grid_id or "")
    return held.post.grid_id != code and any(holds(user, verb, acceptor, exactly=True) for verb in verbs)


def step_of(user: User, incident: Incident, move: Move) -> StepSpec | None:
    """The step that this action takes or finishes when this person does it now; one in turn before one beside."""
    steps, name = incident.procedure.spec.steps, move.name
    here, aside = _here(incident), beside(steps, name)
    if name == "escalate":  # what was sent down goes up again by the step of its level
        here = (*here, unit_level(incident))
    for step in _of_turn(incident, naming(steps, name)):
        if step.level == ACCEPTOR and aside and not follows_up(user, incident):
            continue
        placed = digits(step.level) or step.level in (DEPARTMENT, UNIT)
        turn = move.who is Who.AT_UNIT or name in MAIN  # taken where the matter is
        mine = step.level in here if placed and turn else True
        if mine and (move.who is Who.AT_UNIT or stands_at(user, incident, step.level, move.verbs)):
            return step
    own = [one for one in aside if stands_beside(user, incident, one, move.verbs or _HANDS)]
    if any(one.after for one in own):
        ever = taken(incident).ever
        own = [one for one in own if ever.issuperset(one.after)]
    done = done_steps(incident) if len(own) > 1 else ()
    return next((one for one in own if one.code not in done), own[0] if own else None)


def follows_up(user: User, incident: Incident) -> bool:
    """Whether the user stands at the unit that accepted it, or above."""
    code = str(incident.acceptor_grid_id or incident.unit_code)
    return holds(user, Verb.HANDLE, code, exactly=True) or holds(user, Verb.COORDINATE, code)


def beside_at(user: User, incident: Incident, move: Move) -> bool:
    """Whether a step beside the way names this action for a level of the tree at which the user stands."""
    aside = [step for step in beside(incident.procedure.spec.steps, move.name) if digits(step.level)]
    return any(stands_beside(user, incident, step, move.verbs) for step in aside)


def stands_beside(user: User, incident: Incident, step: StepSpec, verbs: tuple[str, ...]) -> bool:
    """Whether a step beside the way is this person's."""
    return any(stands_at(user, incident, level, verbs) for level in (step.level, *step.also))


# --- what is refused ----------------------------------------------------------------------------------------------


def narrowed(user: User, incident: Incident, move: Move) -> DomainError | None:
    """Why the procedure does not let this person do this now. None: it does."""
    steps = incident.procedure.spec.steps
    if not steps:
        return None
    step = step_of(user, incident, move)
    if move.name == "escalate" and step is None:
        return _not_in_turn(user, incident)
    if not (move.name in MAIN or naming(steps, move.name)):
        return None
    if step is None or step.parallel:
        return _not_named(user, incident, move)
    return _not_in_post(user, incident, step) or _out_of_turn(user, incident, move, step)


def _not_in_turn(user: User, incident: Incident) -> Forbidden | None:
    """Who may not take the step in turn does not find it beyond the unit either; who answers for the unit does, unless its
    posts take it on one after the other."""
    member = standing_of(user).member
    if not within_unit(incident.procedure.spec.steps) and incident.responsible_member == member:
        return None
    own = [step for step in _turn_of_unit(incident) if set(MAIN) & set(step.by)]
    refused = [_not_in_post(user, incident, step) for step in own]
    return refused[0] if refused and all(refused) else None


def _not_in_post(user: User, incident: Incident, step: StepSpec) -> Forbidden | None:
    """A step of certain posts is taken by who holds one and is there today, a deputy included. Where nobody does, the
    step is open to whoever works there: a matter does not wait for a vacant post."""
    if not step.posts:
        return None
    members = _in_posts(incident, step)
    if not members or standing_of(user).member in members:
        return None
    text = _("“%(step)s” is taken by %(actor)s.") % {"step": step.name, "actor": "、".join(step.posts)}
    return Forbidden(text, code="not_this_post", rule=step_rule(incident, step))


def _not_named(user: User, incident: Incident, move: Move) -> DomainError | None:
    steps = incident.procedure.spec.steps
    bound = [step for step in naming(steps, move.name) if digits(step.level)]
    elsewhere = bound and move.name in BOUND and move.who is not Who.AT_UNIT
    if elsewhere and not any(stands_at(user, incident, step.level, move.verbs) for step in bound):
        text = _("“%(step)s” is taken by %(actor)s.") % {"step": bound[0].name, "actor": bound[0].actor}
        return Forbidden(text, code="not_this_actor", rule=step_rule(incident, bound[0]))
    own = _turn_of_unit(incident)
    # What was sent down is done there, whatever the level does by itself; and where no step hands a result in, one may be
    # handed in wherever the matter has come back to.
    free = incident.is_sent and not {UNIT, DEPARTMENT} & {step.level for step in own}
    free = free or (move.name == "submit_result" and not naming(steps, move.name))
    own_work = incident.responsible_department_id is None and kept_from_grids(incident)
    free = free or own_work  # what the township sends to no grid it does itself
    if move.name in MAIN and own and not free:
        return not_in_procedure(incident, own[0])
    return None


def not_in_procedure(incident: Incident, step: StepSpec) -> Conflict:
    """`step`: what the procedure has where something else was tried."""
    text = _("The procedure has “%(step)s” here.") % {"step": step.name}
    return Conflict(text, code="not_in_procedure", rule=step_rule(incident, step))


def _turn_of_unit(incident: Incident) -> list[StepSpec]:
    """The turns of the responsible unit itself, where the matter is now."""
    found = at_levels(incident.procedure.spec.steps, _here(incident))
    return [step for step in _of_turn(incident, found) if _at_unit(step)]


def _at_unit(step: StepSpec) -> bool:
    """A turn of the responsible unit itself."""
    return any(name in TURN for name in step.by)


def _out_of_turn(user: User, incident: Incident, move: Move, step: StepSpec) -> DomainError | None:
    if not step.after and not (step.then and move.name in step.then):
        return None
    if incident.is_sent and digits(step.level):
        return None  # sent down, it was handled by the step for that; those of the level were not to be taken
    steps, done = incident.procedure.spec.steps, done_steps(incident)
    levels = [
        level for first in steps for level in first.skip_by if stands_at(user, incident, level, move.verbs)
    ]
    first = missing_before(steps, step, done=done, unit=unit_level(incident), actor=levels)
    if first is None and move.name in step.then and step.code not in done:
        first = step
    if first is None:
        return None
    text = _("“%(first)s” comes first.") % {"first": first.name}
    return Conflict(text, code="step_first", rule=step_rule(incident, first))


def asked_by_step(user: User | None, incident: Incident, action: str) -> tuple[str, ...]:
    """The arguments that the procedure asks for with this action, beside those of the table."""
    step = _step_for(user, incident, action)
    return step.asks(action) if step is not None else ()


def paper_of(user: User | None, incident: Incident, action: str) -> str:
    """The title of the paper that is handed in with this action; empty where none is asked for."""
    step = _step_for(user, incident, action)
    return step.paper if step is not None and PAPERS in step.asks(action) else ""


def _step_for(user: User | None, incident: Incident, action: str) -> StepSpec | None:
    steps = incident.procedure.spec.steps
    if not steps:
        return None
    if user is not None:
        return step_of(user, incident, TRANSITIONS[action])
    here = _here(incident)
    named = naming(steps, action)
    return next((step for step in named if step.level in here or not digits(step.level)), None)


def kept_from_grids(incident: Incident) -> bool:
    """Whether it lies with the township or one of its departments and is not on the admission list (准入清单); what a grid has
    of its own stays in the grids."""
    return incident.unit_code == incident.township_code and not incident.category.for_grids


def way_up(incident: Incident) -> StepSpec | None:
    """The step by which alone the matter goes up, where the procedure asks something of that: a paper, what comes first."""
    named = naming(incident.procedure.spec.steps, "escalate")
    return next((step for step in named if step.asked or step.after), None)


def handed_on(incident: Incident, to: str) -> bool:
    """Whether it was sent to a grid, which gives it to one below itself: whoever sent it checks the result all the same."""
    unit = str(incident.responsible_grid_id or "")
    return bool(unit) and incident.is_sent and to != unit and to.startswith(unit)


def left_out(incident: Incident, to: str) -> StepSpec | None:
    """The step that would be left out if it were handed over to this grid. To the side a matter is handed, and down to where
    its procedure may begin; up it goes by the procedure. Whoever sent it down may take it back, and who got it hand it on."""
    unit, spec = incident.unit_code, incident.procedure.spec
    up, down = unit.startswith(to), len(to) > len(unit)
    taken_back = incident.is_sent and to == incident.dispatcher_grid_id
    if not (up or down) or taken_back or handed_on(incident, to) or (down and spec.begins_at(level_of(to))):
        return None
    there = [step for step in at_levels(spec.steps, (level_of(unit),)) if _at_unit(step)]
    return (way_up(incident) if up else None) or next(iter([*_turn_of_unit(incident), *there]), None)


def rule_of_action(incident: Incident, action: str) -> dict[str, str] | None:
    """The clause of the step that the action takes where the matter is now, else of the step there, else anywhere; where no
    step names the action, the procedure's own for it."""
    spec = incident.procedure.spec
    steps = spec.steps
    named = naming(steps, action)
    if not named:
        return clause_of(incident, spec.rule_for(action))
    here = _here(incident)
    there = at_levels(steps, here) if action in MAIN else []
    own = [step for step in named if step.level in here] or there or named
    return step_rule(incident, own[0])


def rules_of_step(user: User, incident: Incident, action: str) -> dict[str, dict[str, str]]:
    """Argument -> the rule behind its being asked for."""
    step = _step_for(user, incident, action)
    rule = step_rule(incident, step) if step is not None and step.asks(action) else None
    return dict.fromkeys(step.asks(action), rule) if step is not None and rule else {}


def wrong_unit(user: User, incident: Incident, to: Any) -> StepSpec | None:
    """The step that a dispatched matter comes to, where the unit named is none of its level."""
    steps = incident.procedure.spec.steps
    step = step_of(user, incident, TRANSITIONS["dispatch"]) if steps else None
    after = following(steps, step) if step is not None and not step.parallel else None
    if after is None or after.level not in ("group", "village", DEPARTMENT):
        return None
    level = level_of(to.code) if hasattr(to, "code") and hasattr(to, "village_code") else DEPARTMENT
    return None if kind_at(level) == kind_at(after.level) else after


def people_to_name(incident: Incident, argument: str) -> AppointmentQuerySet:
    """Who may be named: as case leader a leader of the township, as responsible person whoever serves on the unit or
    below it."""
    current = Appointment.objects.current().filter(post__township_code=incident.township_code)
    if argument == "case_leader":
        return current.filter(post__grid=incident.township_code, post__role__code=RoleCode.LEADER)
    if incident.responsible_department_id is not None:
        return current.filter(post__department=incident.responsible_department_id)
    code = incident.unit_code
    return current.filter(post__grid__gte=code, post__grid__lt=next_code(code))


def may_be_named(incident: Incident, argument: str, member: Member) -> bool:
    return people_to_name(incident, argument).filter(member=member).exists()


def ends_handling(incident: Incident, action: str) -> bool:
    """Whether nothing is left to be handled once the step of this action is taken: only to tell, to visit, to close."""
    steps = incident.procedure.spec.steps
    step = next(iter(naming(steps, action)), None)
    after = following(steps, step) if step is not None else None
    if after is None:
        return step is not None and step.on_success == CLOSE
    later = {Status.VERIFIED, Status.CLOSED}
    return all(name in TRANSITIONS and later.issuperset(TRANSITIONS[name].sources) for name in after.by)


# --- what is shown ------------------------------------------------------------------------------------------------


def current_step(incident: Incident) -> StepSpec | None:
    """The step whose turn it is: of the unit that has the matter, or of whoever stands at the step's level."""
    steps = incident.procedure.spec.steps
    if not steps or not incident.is_open:
        return None
    done = done_steps(incident) if asks_for_order(steps) else frozenset()
    turn = _of_turn(incident, [step for step in steps if not step.parallel])
    possible = [step for step in turn if _possible(incident, step, done)]
    if len(possible) > 1:
        done = done_steps(incident)

    here = _here(incident)
    taken_here = {action for step in possible if step.level in here for action in step.by}

    def later(step: StepSpec) -> tuple[bool, bool, bool]:
        """What is only for the failure of another waits behind it, what another level does behind the same where the matter
        is, what was done behind what was not."""
        elsewhere = step.level not in here and not taken_here.isdisjoint(step.by)
        failing = any(other.on_failure == step.code for other in possible)
        return failing, elsewhere, _is_done(incident, step, done)

    return min(possible, key=later, default=None)


def _is_done(incident: Incident, step: StepSpec, done: Collection[str]) -> bool:
    """Taken, or done beside it by somebody else."""
    told = step.by == ("feed_back",) and incident.fed_back_at is not None
    return told or step.code in done


def _possible(incident: Incident, step: StepSpec, done: Collection[str]) -> bool:
    placed = digits(step.level) or step.level in (DEPARTMENT, UNIT)
    if _at_unit(step) and placed and step.level not in _here(incident):
        return False
    moves = [TRANSITIONS[name] for name in step.actions if name in TRANSITIONS]
    # what has arrived is accepted next, whatever its step
    states = {incident.status, *([Status.ACCEPTED] if incident.status == Status.REPORTED else [])}
    if not any(states & set(move.sources) for move in moves):
        return False
    steps, unit = incident.procedure.spec.steps, unit_level(incident)
    return missing_before(steps, step, done=done, unit=unit, actor=()) is None
