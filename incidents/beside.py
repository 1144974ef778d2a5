"""What somebody owes beside the way of matters for which others answer: to come to the spot, to follow up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from grids.enums import Verb
from incidents.enums import PartRole
from incidents.models import Incident, Part, Procedure
from incidents.permissions.steps import stands_beside
from incidents.permissions.taken import owed_steps, take_together
from incidents.steps import StepSpec
from members.models import Appointment
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

MOST = 50
BLOCKS = 20  # of as many matters that are looked through for what is still owed


class OwedBeside(NamedTuple):
    """A step of an open matter, taken by whoever works at its level."""

    incident: Incident
    step: StepSpec


def waiting_beside(user: User, most: int = MOST) -> list[OwedBeside]:
    """The oldest first, among the matters in which this person, or whoever had the post before, was told of such a step; four
    queries, and three more for each fifty matters of which nothing is owed any more."""
    standing = standing_of(user)
    if standing.member is None or not standing.units:
        return []
    before = Appointment.objects.filter(post__grid__in=standing.units).values("member")
    parts = Part.objects.current().filter(member__in=before, role=PartRole.HELPER, is_open=True)
    going = Procedure.objects.filter(pk__in=parts.values("incident__procedure"))
    owing = [row.pk for row in going if any(step.parallel and step.owed for step in row.spec.steps)]
    parts = parts.filter(incident__procedure__in=owing).order_by("reported_at", "incident")
    ids = parts.values_list("incident", flat=True).distinct()
    found: list[OwedBeside] = []
    for block in range(BLOCKS):
        some = list(ids[block * MOST : (block + 1) * MOST])
        found += _owed_in(some, user)
        if len(found) >= most or len(some) < MOST:
            break
    return found[:most]


def _owed_in(ids: list[UUID], user: User) -> list[OwedBeside]:
    incidents = list(Incident.objects.for_list().filter(pk__in=ids).order_by("reported_at", "pk"))
    take_together(incidents)
    return [
        OwedBeside(row, step)
        for row in incidents
        for step in owed_steps(row)
        if step.parallel and stands_beside(user, row, step, (Verb.HANDLE, Verb.COORDINATE))
    ]
