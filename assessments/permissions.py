"""Who may compute, publish and freeze."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.enums import Verb
from grids.querysets import holds, places_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def can_score(user: User, township_code: str) -> bool:
    return holds(user, Verb.SCORE, township_code)


def townships_to_score(user: User) -> list[str]:
    """Townships that the user may assess, in order of code."""
    return [place.code for place in places_of(user)[Verb.SCORE] if len(place.code) == 9]
