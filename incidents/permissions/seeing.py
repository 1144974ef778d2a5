"""One matter for one person: the row by its key, then whether it is seen, so that the large query is the same for everybody.

The rule itself is `IncidentQuerySet.visible_to`; tests/incidents/test_seeing.py holds the two together.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.translation import gettext as _

from gridgov.common.errors import NotVisible
from gridgov.common.prepared import Prepared
from grids.enums import Verb
from grids.querysets import holds
from incidents.models import Incident, Part
from incidents.querysets import RELATED, part_conditions
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

MATTER: Prepared[Incident] = Prepared(
    lambda pk: Incident.objects.filter(pk=pk).select_related(*RELATED, "requester")
)


def sees(user: User, incident: Incident) -> bool:
    """By place, or by part, or because one's unit answers for it."""
    standing = standing_of(user)
    if holds(user, Verb.SEE, str(incident.grid_id)) or incident.responsible_grid_id in standing.units:
        return True
    parts = part_conditions(standing)
    return bool(parts) and Part.objects.filter(reduce(or_, parts), incident=incident).exists()


def seen(user: User, pk: UUID) -> Incident:
    """The matter with all that its page needs. Raises NotVisible: outside the scope and absent look the same."""
    incident = next(iter(MATTER(pk)), None)
    if incident is None or not sees(user, incident):
        raise NotVisible(_("There is no such thing here, or it is not yours to see."))
    return incident
