"""The same people where a procedure has steps: what habit would do is done if the procedure lets it, else its own step."""

import hashlib
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.models import User
from gridgov.simulation import matters
from gridgov.simulation.people import People
from incidents.actions import attach
from incidents.enums import AssistKind, Status
from incidents.models import AssistTask, Incident, Procedure, Transition
from incidents.permissions import obligatory, owed_before_closing, refusal
from incidents.permissions.steps import current_step, left_out, people_to_name, wrong_unit
from incidents.permissions.taken import owed_steps
from incidents.steps import PAPERS, StepSpec, place_at
from incidents.workflow import TRANSITIONS

# What may come next in a state, in the order in which it is tried.
NEXT: Mapping[str, tuple[str, ...]] = {
    Status.REPORTED: ("accept",),
    Status.ACCEPTED: ("review", "approve", "whistle", "assist", "dispatch", "start", "settle", "escalate"),
    Status.DISPATCHED: ("start",),
    Status.IN_PROGRESS: ("assist", "submit_result", "settle", "escalate"),
    Status.RESOLVED: ("verify",),
    Status.VERIFIED: ("feed_back", "return_visit", "close"),
}
BY_STEP = ("review", "whistle", "assist", "feed_back")  # only where a step asks for them
ANSWERS = {"assist": "submit_assist", "whistle": "report_in"}  # what is asked for, by what answers it
FAILS = 0.25  # of what is tried at a level that may pass it on; more as long as nobody ever has
PAPER = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


class Way(NamedTuple):
    user: User
    action: str
    arguments: Mapping[str, Any]


def way_of(incident: Incident, people: People, dice: random.Random, wanted: Way) -> Way | None:
    """What habit chose, where the procedure lets it and nothing else is owed; else what the procedure has next."""
    if incident.is_assisted and incident.status in (Status.ACCEPTED, Status.IN_PROGRESS, Status.RESOLVED):
        return _assisting(incident, people)
    beside = _beside(incident, people) if incident.status != Status.REPORTED else None
    if beside is not None:
        return beside
    if wanted.action == "close":
        found = (_by_whom(incident, people, one.action) for one in owed_before_closing(incident))
        own = next(filter(None, found), None) or _completed(incident, people, wanted)
        return own or _by_whom(incident, people, "close")
    failing = _passed_on(incident, people, dice)
    if failing is not None:
        return failing
    asked = _completed(incident, people, wanted)
    return asked or next(_ways(incident, people), None)


def never_taken(township_code: str) -> dict[str, list[str]]:
    """Procedure -> its steps that no matter has taken, of the current versions in use."""
    taken = steps_taken(township_code)
    left: dict[str, list[str]] = {}
    for procedure, step in in_use(township_code):
        if (procedure, step) not in taken:
            left.setdefault(procedure, []).append(step)
    return left


def in_use(township_code: str) -> list[tuple[str, str]]:
    """(procedure, step) of the current versions in use."""
    rows = Procedure.objects.filter(township=township_code, is_current=True, categories__is_active=True)
    return [(row.code, step.code) for row in rows.distinct().order_by("code") for step in row.spec.steps]


def steps_taken(township_code: str, since: datetime | None = None) -> set[tuple[str, str]]:
    """(procedure, step) of everything that was done, or that was done since."""
    rows = Transition.objects.filter(township_code=township_code, data__has_key="step")
    if since is not None:
        rows = rows.filter(entered_at__gte=since)
    return set(rows.order_by().values_list("incident__procedure__code", "data__step").distinct())


# --- one way ------------------------------------------------------------------------------------------------------


def _beside(incident: Incident, people: People) -> Way | None:
    """What is owed beside the way of the matter, or was never done, by whoever works at that level."""
    owed = {step.code for step in owed_steps(incident)}
    for step in incident.procedure.spec.steps:
        if step.parallel and (step.code in owed or (incident.procedure.code, step.code) in people.untaken):
            for user in _at(step, incident, people):
                found = _completed(incident, people, Way(user, step.by[0], {"note": matters.PATROL_NOTES[0]}))
                if found is not None:
                    people.untaken.discard((incident.procedure.code, step.code))
                    return found
    return None


def _at(step: StepSpec, incident: Incident, people: People) -> list[User]:
    code = place_at(step.level, str(incident.grid_id))
    return [user for (place, _role), found in people.at.items() if place == code for user in found]


def _assisting(incident: Incident, people: People) -> Way | None:
    """The first assisting unit that has not finished."""
    task = AssistTask.objects.open_in(incident).order_by("id").first()
    if task is None or task.member_id not in people.users:
        return None
    action = "report_in" if task.kind == AssistKind.WHISTLE else "submit_assist"
    return Way(people.users[task.member_id], action, {"note": matters.ASSISTED})


def _passed_on(incident: Incident, people: People, dice: random.Random) -> Way | None:
    """Now and then it does not succeed at a level, and goes the way of failure."""
    if incident.status not in (Status.ACCEPTED, Status.IN_PROGRESS):
        return None
    step = current_step(incident)
    if step is None or not step.on_failure:
        return None
    failing = list(_after_failure(incident.procedure.spec.steps, step))
    new = {code for procedure, code in people.untaken if procedure == incident.procedure.code}
    often = 0.8 if step.code not in new and any(one.code in new for one in failing) else FAILS
    if dice.random() > often:
        return None
    target = failing[0]
    action = next((name for name in target.by if name in ("escalate", "refer_up")), "escalate")
    return _by_whom(incident, people, action)


def _after_failure(steps: Sequence[StepSpec], step: StepSpec) -> Iterator[StepSpec]:
    """What follows where each step fails, one after the other."""
    named = {one.code: one for one in steps}
    seen: set[str] = set()
    while step.on_failure and step.on_failure not in seen:
        seen.add(step.on_failure)
        step = named[step.on_failure]
        yield step


def _ways(incident: Incident, people: People) -> Iterator[Way]:
    """Everything that takes the matter on now."""
    step = current_step(incident)
    for action in NEXT.get(incident.status, ()):
        if action in BY_STEP and (step is None or not {action, ANSWERS.get(action)} & set(step.actions)):
            continue
        found = _by_whom(incident, people, action)
        if found is not None:
            yield found


def _by_whom(incident: Incident, people: People, action: str) -> Way | None:
    """The first who may do it now, with what it asks for."""
    for user in _near(incident, people):
        found = _completed(incident, people, Way(user, action, {}))
        if found is not None:
            return found
    return None


def _near(incident: Incident, people: People) -> Iterator[User]:
    """Whoever answers for it, then whoever has a post on its line, from below."""
    if incident.responsible_member_id:
        yield people.users[incident.responsible_member_id]
    code = str(incident.grid_id)
    line = [code[:length] for length in range(len(code), 8, -3)]
    for place in line:
        for (at, _role), users in people.at.items():
            if at == place:
                yield from users


def _completed(incident: Incident, people: People, way: Way) -> Way | None:
    """With everything that the procedure asks for; None: it does not let this person do it, or nobody is there to be
    named."""
    user, action, given = way
    if refusal(user, incident, TRANSITIONS[action]) is not None:
        return None
    whole = dict(given)
    for name in obligatory(incident, action, user):
        if name not in whole:
            whole[name] = _word(incident, people, user, name, whole)
    if any(value is None for value in whole.values()):
        return None
    if action == "dispatch" and wrong_unit(user, incident, whole["to"]) is not None:
        return None
    if action == "hand_over" and left_out(incident, whole["to"].code) is not None:
        return None
    return Way(user, action, whole)


def _word(incident: Incident, people: People, user: User, name: str, given: Mapping[str, Any]) -> Any:
    if name in ("case_leader", "responsible_person"):
        held = people_to_name(incident, name).select_related("member").order_by("id").first()
        return held.member if held else None
    if name == "to":
        return _unit_for(incident, people, user)
    if name == "assisting":
        busy = {incident.unit, given.get("to")}
        units: list[Any] = [*people.departments, *people.villages]
        found = next((unit for unit in units if unit not in busy), None)
        return [found] if found is not None else None
    if name in ("files", PAPERS):
        return [_paper(user)]
    return {
        "note": matters.ANY[0].result,
        "reason": matters.PASSED_UP[0],
        "body": matters.SUPERIOR,
        "number": matters.REFERENCE,
        "deadline": clock.now() + timedelta(days=20),
        "happened": True,
        "solved": True,
        "channel": Channel.PHONE,
        "told": {"channel": Channel.PHONE, "happened_at": clock.now()},
    }.get(name)


def _unit_for(incident: Incident, people: People, user: User) -> Any:
    """A unit that the step goes to: the department for it, the place of the matter, its village."""
    village = next((it for it in people.villages if it.code == incident.village_code), None)
    below = incident.grid if incident.grid_id != incident.responsible_grid_id else None
    department = people.department_for(incident.category.code)
    if incident.responsible_grid_id != incident.township_code:
        department = village = None
    options = [unit for unit in (department, below, village) if unit is not None]
    return next((unit for unit in options if wrong_unit(user, incident, unit) is None), None)


def _paper(user: User) -> uuid.UUID:
    """A written opinion, sent ahead."""
    upload, _replayed = attach(
        user=user,
        client_uuid=uuid.uuid4(),
        sha256=hashlib.sha256(PAPER).hexdigest(),
        file=BytesIO(PAPER),
        name="书面意见.pdf",
    )
    return upload.client_uuid
