"""Reading lists that belong to no single room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from gridgov.common.models import AuditEvent
from grids.enums import Verb
from grids.querysets import places_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def audit_trail_of(user: User) -> QuerySet[AuditEvent]:
    """The trail of the townships one audits; a login counts for the township of the person who logged in."""
    towns = {place.code[:9] for place in places_of(user)[Verb.AUDIT]}
    own = Q(township_code__in=towns) | Q(township_code="", user__member__township_code__in=towns)
    return AuditEvent.objects.filter(own)
