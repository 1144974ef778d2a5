"""Which assessments one may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from assessments.enums import AssessmentStatus
from grids.enums import Verb
from grids.querysets import any_of, places_of

if TYPE_CHECKING:
    from assessments.models import Assessment, Score


class AssessmentQuerySet(models.QuerySet["Assessment"]):
    def visible_to(self, user: Any) -> AssessmentQuerySet:
        """Who scores sees drafts too; who works in the township sees what is published."""
        places = places_of(user)
        scoring = {place.code[:9] for place in places[Verb.SCORE]}
        working = {place.code[:9] for verb in (Verb.SEE, Verb.COORDINATE) for place in places[verb]}
        public = ~Q(status=AssessmentStatus.DRAFT)
        return self.filter(Q(township__in=scoring) | (Q(township__in=working) & public))

    def for_list(self) -> AssessmentQuerySet:
        """Newest month first, with what the sheet says of itself."""
        related = self.select_related("scheme", "township", "computed_by__member")
        return related.order_by("-starts_on", "-version", "id")


class ScoreQuerySet(models.QuerySet["Score"]):
    def visible_to(self, user: Any) -> ScoreQuerySet:
        """The figures whose records one may open: a village its own, the township's people all of the township's.

        The published sheet itself shows every village to everybody who sees the assessment.
        """
        seen = any_of(places_of(user)[Verb.SEE]) | any_of(places_of(user)[Verb.SCORE])
        return self.filter(seen)
