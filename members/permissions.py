"""Who may enter something on behalf of whom (代录)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from gridgov.common.errors import Forbidden
from grids.enums import Verb
from grids.querysets import places_of
from members.models import Member
from members.querysets import person_of, standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def enters_for_others(user: Any) -> bool:
    """The township's clerks for everybody, village heads for their own people."""
    return standing_of(user).member is not None and bool(places_of(user)[Verb.COORDINATE])


def acting(user: User, on_behalf_of: Member | None) -> Any:
    """The person whose rights count: whoever is acted for, else the user. Raises Forbidden where one may not enter
    for that person."""
    if on_behalf_of is None or on_behalf_of == standing_of(user).member:
        return user
    if not Member.objects.entered_by(user).filter(pk=on_behalf_of.pk).exists():
        raise Forbidden(
            _("You enter things for the people of the places that you co-ordinate, not for this person."),
            code="not_entered_for",
        )
    return person_of(on_behalf_of)
