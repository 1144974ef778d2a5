"""What happens next to a matter: read from its state, decided by the dice, done by whoever it waits for."""

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gridgov.common.enums import Channel
from gridgov.common.models import User
from gridgov.simulation import habits, matters, procedures
from gridgov.simulation.people import People
from grids.enums import Kind
from incidents.enums import Status
from incidents.models import Incident


class Matter(NamedTuple):
    """A matter as it stands, and whether somebody asked and waits for an answer."""

    incident: Incident
    asked: bool


class Step(NamedTuple):
    """One move that somebody will make."""

    user: User
    action: str
    arguments: Mapping[str, Any]


def next_step(matter: Matter, people: People, dice: random.Random) -> Step | None:
    """None: nothing more happens."""
    choose = NEXT.get(matter.incident.status)
    if choose is None:
        return None
    wanted = choose(matter, people, dice)
    if wanted is None or not matter.incident.procedure.spec.steps:
        return wanted
    way = procedures.way_of(
        matter.incident, people, dice, procedures.Way(wanted.user, wanted.action, wanted.arguments)
    )
    return Step(way.user, way.action, way.arguments) if way is not None else None


def _reported(matter: Matter, people: People, dice: random.Random) -> Step:
    incident = matter.incident
    user, kind = _responsible(incident, people), _kind(incident)
    if kind == Kind.TOWNSHIP:
        return Step(user, "accept", {})
    action = habits.at_the_village(dice) if kind == Kind.VILLAGE else habits.at_the_group(dice)
    if action == "settle":
        return _settle(matter, user, dice)
    if action == "escalate":
        reasons = matters.PASSED_TO_TOWN if kind == Kind.VILLAGE else matters.PASSED_UP
        return Step(user, action, {"reason": habits.one_of(dice, reasons)})
    if action == "hand_over":
        return _hand_over(incident, people, dice) or Step(user, "accept", {})
    if action == "reject":
        head = _coordinator(incident, people)
        return Step(head, action, {"reason": habits.one_of(dice, matters.NOT_TRUE)})
    return Step(user, "accept", {})


def _settle(matter: Matter, user: User, dice: random.Random) -> Step:
    arguments: dict[str, Any] = {"note": result_of(matter.incident)}
    if matter.asked:
        channel = dice.choice((Channel.IN_PERSON, Channel.PHONE, Channel.WECHAT))
        arguments["told"] = {"channel": channel, "happened_at": None}  # the moment at which it is done
    return Step(user, "settle", arguments)


def _hand_over(incident: Incident, people: People, dice: random.Random) -> Step | None:
    here = {incident.grid_id, incident.responsible_grid_id}
    others = [g for g in people.groups if g.village_code == incident.village_code and g.code not in here]
    heads = people.coordinators.get(incident.village_code)
    if not others or not heads:
        return None
    reason = habits.one_of(dice, matters.HANDED_OVER)
    return Step(heads[0], "hand_over", {"to": habits.one_of(dice, others), "reason": reason})


def _accepted(matter: Matter, people: People, dice: random.Random) -> Step:
    incident = matter.incident
    spec, leader = incident.procedure.spec, people.leader()
    if spec.needs_approval(important=incident.important) and not incident.approved_at and leader:
        return Step(leader, "approve", {"note": matters.APPROVED})
    user, kind = _responsible(incident, people), _kind(incident)
    if kind == Kind.GROUP or habits.handles_itself(dice):
        return Step(user, "start", {})
    target: Any = None
    if kind == Kind.TOWNSHIP:
        target = people.department_for(incident.category.code)
    elif incident.grid_id != incident.responsible_grid_id:
        target = incident.grid
    return Step(user, "dispatch", {"to": target}) if target is not None else Step(user, "start", {})


def _dispatched(matter: Matter, people: People, dice: random.Random) -> Step:
    return Step(_responsible(matter.incident, people), "start", {})


def _in_progress(matter: Matter, people: People, dice: random.Random) -> Step:
    incident = matter.incident
    return Step(_responsible(incident, people), "submit_result", {"note": result_of(incident)})


def _resolved(matter: Matter, people: People, dice: random.Random) -> Step:
    checker = _coordinator(matter.incident, people)
    if habits.finds_fault(dice, matter.incident.rework_count):
        return Step(checker, "send_back", {"reason": habits.one_of(dice, matters.SENT_BACK)})
    return Step(checker, "verify", {})


def _verified(matter: Matter, people: People, dice: random.Random) -> Step:
    incident = matter.incident
    spec, user = incident.procedure.spec, _responsible(incident, people)
    if spec.feedback == "requester" and matter.asked and incident.fed_back_at is None:
        channel = dice.choice((Channel.PHONE, Channel.PHONE, Channel.IN_PERSON, Channel.WECHAT))
        return Step(user, "feed_back", {"note": "已告知办理结果。", "channel": channel})
    if spec.needs_visit(important=incident.important) and incident.visited_at is None:
        solved = not habits.visit_fails(dice, incident.rework_count)
        channel = dice.choice((Channel.IN_PERSON, Channel.PHONE))
        visitor = _coordinator(incident, people)
        return Step(visitor, "return_visit", {"happened": True, "solved": solved, "channel": channel})
    return Step(user, "close", {})


def _referred(matter: Matter, people: People, dice: random.Random) -> Step:
    return Step(_responsible(matter.incident, people), "record_reply", {"reply": matters.REPLIED})


NEXT: Mapping[str, Callable[[Matter, People, random.Random], Step | None]] = {
    Status.REPORTED: _reported,
    Status.ACCEPTED: _accepted,
    Status.DISPATCHED: _dispatched,
    Status.IN_PROGRESS: _in_progress,
    Status.RESOLVED: _resolved,
    Status.VERIFIED: _verified,
    Status.REFERRED: _referred,
}


def result_of(incident: Incident) -> str:
    """What the library says became of such a matter."""
    known = matters.of(incident.category.code, incident.category.kind)
    return next((it.result for it in known if it.title == incident.title), matters.ANY[0].result)


def _responsible(incident: Incident, people: People) -> User:
    return people.users[incident.responsible_member_id]


def _coordinator(incident: Incident, people: People) -> User:
    """Who rules at the responsible unit, or above a group; never the one who handled it where another is there."""
    code = str(incident.responsible_grid_id or incident.township_code)
    while code not in people.coordinators:
        code = code[:-3]
    there = people.coordinators[code]
    return next((user for user in there if user.member.pk != incident.handler_member_id), there[0])


def _kind(incident: Incident) -> str:
    return incident.responsible_grid.kind if incident.responsible_grid else "department"
