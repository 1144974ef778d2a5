"""Patrols one may see, in the field's words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from grids.enums import Verb
from grids.querysets import any_of, places_of

if TYPE_CHECKING:
    from inspections.models import Patrol


class PatrolQuerySet(models.QuerySet["Patrol"]):
    def visible_to(self, user: Any) -> PatrolQuerySet:
        """By place, and one's own."""
        return self.filter(any_of(places_of(user)[Verb.SEE]) | Q(member__user=user.pk))

    def between(self, start: datetime, end: datetime) -> PatrolQuerySet:
        """Begun in [start, end)."""
        return self.filter(started_at__gte=start, started_at__lt=end)

    def for_list(self) -> PatrolQuerySet:
        return self.select_related("grid", "member").order_by("-started_at", "-id")
