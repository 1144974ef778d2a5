"""Who may enter a patrol, and of which grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.enums import Verb
from grids.models import Grid
from grids.querysets import holds, places_of
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def can_patrol(user: User, grid: Grid) -> bool:
    """Of the own grid and those below it: where one both reports and handles."""
    return standing_of(user).member is not None and all(
        holds(user, verb, grid.code) for verb in (Verb.REPORT, Verb.HANDLE)
    )


def can_patrol_somewhere(user: User) -> bool:
    places = places_of(user)
    return standing_of(user).member is not None and bool(places[Verb.REPORT] and places[Verb.HANDLE])
