"""Who may compute, publish and freeze, and who may see the rows behind a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assessments.models import Assessment
from grids.enums import Verb
from grids.querysets import holds, places_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def can_score(user: User, township_code: str) -> bool:
    return holds(user, Verb.SCORE, township_code)


def townships_to_score(user: User) -> list[str]:
    """Townships that the user may assess, in order of code."""
    return [place.code for place in places_of(user)[Verb.SCORE] if len(place.code) == 9]


def can_open_records(user: User, assessment: Assessment, village_code: str) -> bool:
    """A published sheet is for the whole township; what lies behind a figure is for whoever sees all of that village."""
    return can_score(user, str(assessment.township_id)) or holds(user, Verb.SEE, village_code)
