"""Which steps of its procedure were taken in a matter, and what is still owed of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from incidents.models import Incident, Transition
from incidents.steps import StepSpec, owed_beside

NEXT = "next"  # in the history: the step that takes it on within the unit


@dataclass
class Taken:
    """The steps taken since it was reported or reopened, and ever; those that took it on within the unit which has it."""

    version: int
    now: set[str] = field(default_factory=set)
    ever: set[str] = field(default_factory=set)
    within: set[str] = field(default_factory=set)


def done_steps(incident: Incident) -> Collection[str]:
    """The steps taken since it was reported or reopened."""
    return taken(incident).now


def taken(incident: Incident) -> Taken:
    """Asked once for what this row is."""
    known: Taken | None = vars(incident).get("taken")
    if known is None or known.version != incident.version:
        rows = incident.history.standing().order_by("seq").values_list("action", "data")
        known = vars(incident)["taken"] = _read(incident.version, rows)
    return known


def take_together(incidents: Sequence[Incident]) -> None:
    """Asks once for what was taken in all of them."""
    rows: dict[Any, list[tuple[str, Any]]] = {}
    found = Transition.objects.standing().filter(incident__in=[row.pk for row in incidents]).order_by("seq")
    for incident, action, data in found.values_list("incident", "action", "data"):
        rows.setdefault(incident, []).append((action, data))
    for row in incidents:
        vars(row)["taken"] = _read(row.version, rows.get(row.pk, ()))


def _read(version: int, rows: Iterable[tuple[str, Any]]) -> Taken:
    known = Taken(version)
    for action, data in rows:
        if action == "reopen":
            known.now.clear()
        if action == "correct" and "procedure" in data.get("after", ()):
            known = Taken(version)  # what is named after that is of another one
        if action in ("dispatch", "hand_over", "reopen") or (action == "escalate" and not data.get(NEXT)):
            known.within.clear()  # it came to another unit
        if data.get(NEXT):
            known.within.add(data[NEXT])
        if data.get("step"):
            known.now.add(data["step"])
            known.ever.add(data["step"])
    return known


def newly_owed(incident: Incident, step: StepSpec) -> list[StepSpec]:
    """What is owed beside the way of the matter from now on, because this step is taken."""
    waiting = [one for one in incident.procedure.spec.steps if one.parallel and step.code in one.after]
    return owed_beside(waiting, {*taken(incident).ever, step.code}) if waiting else []


def owed_steps(incident: Incident) -> list[StepSpec]:
    """What must have been done before the matter may be closed; beside the way, once what it follows has been."""
    owed = [step for step in incident.procedure.spec.steps if step.owed]
    if not owed:
        return []
    ever = taken(incident).ever
    turn = [step for step in owed if not step.parallel and step.code not in ever]
    return [*turn, *owed_beside(owed, ever)]


def still_beside(incident: Incident) -> StepSpec | None:
    """What is owed beside the way now; None: nothing."""
    return next((step for step in owed_steps(incident) if step.parallel), None)
