"""What somebody owes beside the way of matters for which others answer: to come to the spot, to follow up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from incidents.enums import PartRole
from incidents.models import Incident, Part, Procedure
from incidents.permissions.steps import line_of
from incidents.permissions.taken import owed_steps, take_together
from incidents.steps import StepSpec, place_at
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

MOST = 50


class OwedBeside(NamedTuple):
    """A step of an open matter, taken by whoever works at its level."""

    incident: Incident
    step: StepSpec


def owed_beside(user: User, most: int = MOST) -> list[OwedBeside]:
    """The oldest first, found among the oldest `MOST` open matters in which this person has such a part; at most four
    queries."""
    standing = standing_of(user)
    if standing.member is None or not standing.units:
        return []
    procedures = [
        row.pk
        for row in Procedure.objects.filter(township__in=standing.townships)
        if any(step.parallel and step.owed for step in row.spec.steps)
    ]
    if not procedures:
        return []
    parts = Part.objects.current().filter(member=standing.member, role=PartRole.HELPER, is_open=True)
    parts = parts.filter(incident__procedure__in=procedures).order_by("reported_at", "incident")
    ids = list(parts.values_list("incident", flat=True)[:MOST])
    incidents = list(Incident.objects.for_list().filter(pk__in=ids).order_by("reported_at", "pk"))
    take_together(incidents)
    found = [
        OwedBeside(row, step)
        for row in incidents
        for step in owed_steps(row)
        if step.parallel and place_at(step.level, line_of(row)) in standing.units
    ]
    return found[:most]
