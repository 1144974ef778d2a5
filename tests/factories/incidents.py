"""Matters in a given state, brought there by the people of the town through the same actions."""

from collections.abc import Iterator
from typing import Any

from gridgov.common.enums import Channel
from gridgov.common.models import User
from grids.enums import Kind
from grids.models import Grid
from incidents.actions import perform, report
from incidents.enums import Status
from incidents.models import Incident
from incidents.permissions import refusal
from incidents.workflow import TRANSITIONS
from tests.factories.grids import Town
from tests.factories.members import fresh

# The shortest way to each state; `dispatched` needs a level that has somebody below.
WAY: dict[str, tuple[str, ...]] = {
    Status.REPORTED: (),
    Status.ACCEPTED: ("accept",),
    Status.DISPATCHED: ("accept", "dispatch"),
    Status.IN_PROGRESS: ("accept", "start"),
    Status.RESOLVED: ("accept", "start", "submit_result"),
    Status.VERIFIED: ("accept", "start", "submit_result", "verify"),
    Status.CLOSED: ("accept", "start", "submit_result", "verify", "close"),
    Status.REJECTED: ("reject",),
}


def incident(
    town: Town,
    status: str = Status.REPORTED,
    *,
    user: User | None = None,
    grid: Grid | None = None,
    category: str = "request",
    to: Any = None,
    **reported: Any,
) -> Incident:
    """A matter of the first group, reported by its worker and taken to `status` by whoever may do each step.

    Reported as escalated where it is to be dispatched, so that the village dispatches; `to` defaults to the group (of a
    matter at the township: to the department). Further arguments go to `report`. What closing asks for is done.
    """
    if status == Status.DISPATCHED:
        reported.setdefault("escalate", town.categories[category].procedure.spec.start == "own")
    matter = report(
        user=fresh(user or town.worker),
        grid=grid or (town.groups or town.villages)[0],
        category=town.categories[category],
        description=reported.pop("description", "路灯不亮"),
        **reported,
    ).incident
    for action in WAY[status]:
        for step in _with_what_is_owed(town, matter, action):
            matter = act(
                town, matter, step, **({"to": to or _target(town, matter)} if step == "dispatch" else {})
            )
    return Incident.objects.for_list().get(pk=matter.pk)


def act(town: Town, matter: Incident, action: str, **arguments: Any) -> Incident:
    """The action by whoever of the town may take it, with words where words are asked for."""
    needed = {
        "reject": {"reason": "不属于本镇事项"},
        "submit_result": {"note": "已修好"},
        "send_back": {"reason": "没有修好"},
        "feed_back": {"note": "已电话告知", "channel": Channel.PHONE},
        "return_visit": {"happened": True, "solved": True},
    }.get(action, {})
    outcome = perform(user=doer(town, matter, action), incident=matter, action=action, **(needed | arguments))
    return Incident.objects.for_list().get(pk=outcome.incident.pk)


def doer(town: Town, matter: Incident, action: str) -> User:
    """The first person from below who may take the action now."""
    responsible = matter.responsible_member.user if matter.responsible_member else None
    people = (
        responsible,
        town.worker,
        town.worker2,
        town.village_head,
        town.village_head2,
        town.officer,
        town.clerk,
        town.clerk2,
    )
    for user in people:
        if user is not None and refusal(asked := fresh(user), matter, TRANSITIONS[action]) is None:
            return asked
    raise AssertionError(f"nobody in the town may {action} a matter that is {matter.status}")


def _with_what_is_owed(town: Town, matter: Incident, action: str) -> Iterator[str]:
    if action == "close":
        if matter.procedure.spec.feedback == "requester" and hasattr(matter, "requester"):
            yield "feed_back"
        if matter.procedure.spec.needs_visit(important=matter.important):
            yield "return_visit"
    yield action


def _target(town: Town, matter: Incident) -> Any:
    at = matter.responsible_grid
    return town.department if at is None or at.kind == Kind.TOWNSHIP else matter.grid
