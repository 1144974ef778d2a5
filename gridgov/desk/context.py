"""What the frame around every page shows: asked only when a page shows it, in a constant number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from grids.enums import Verb
from grids.models import Grid
from grids.querysets import lineage, places_of
from members.models import Department, InboxMessage
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

MANY = 100


def frame(request: HttpRequest) -> dict[str, Any]:
    """Nothing for anonymous visitors: their pages have no frame."""
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "nav": SimpleLazyObject(lambda: navigation(user, request.path)),
        "place": SimpleLazyObject(lambda: place_of(user)),
        "inbox_unread": SimpleLazyObject(lambda: unread_of(user)),
        "me": SimpleLazyObject(lambda: standing_of(user).member),
    }


def unread_of(user: User) -> int | str:
    """How many messages are new; from a hundred on the figure says no more than that there are many."""
    unread = InboxMessage.objects.visible_to(user).unread()[:MANY].count()
    return unread if unread < MANY else f"{MANY - 1}+"


@dataclass(frozen=True)
class Item:
    url: str
    label: str
    icon: str
    active: bool = False


def navigation(user: User, path: str) -> list[Item]:
    """The rooms that this person can open."""
    places, member = places_of(user), standing_of(user).member
    sees = bool(places[Verb.SEE])
    works = member is not None and (sees or bool(places[Verb.REPORT] or standing_of(user).departments))
    rooms = (
        (True, "/", _("To do"), "list-task"),
        (works, "/incidents/", _("Incidents"), "folder2-open"),
        (sees, "/grids/", _("Grids"), "diagram-3"),
        (sees, "/inspections/", _("Patrols and visits"), "person-walking"),
        (sees or bool(places[Verb.SCORE]), "/assessments/", _("Assessment"), "bar-chart"),
        (bool(places[Verb.AUDIT]), "/audit/", _("Audit trail"), "shield-check"),
        (member is not None, "/inbox/", _("Messages"), "inbox"),
        (user.is_staff, "/admin/", _("Management"), "gear"),
    )
    return [Item(url, label, icon, _is_active(url, path)) for there, url, label, icon in rooms if there]


def _is_active(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


def place_of(user: User) -> str:
    """The unit one works for, from the township down: 徐庄镇 › 龙田村. Empty for technical accounts."""
    standing = standing_of(user)
    codes = list(standing.units) or [place.code for places in places_of(user).values() for place in places]
    if codes:
        code = min(codes, key=lambda code: (len(code), code))
        names = Grid.objects.filter(pk__in=lineage(code)).order_by("code").values_list("name", flat=True)
        return " › ".join(names)
    if standing.departments:
        department = Department.objects.select_related("township").get(pk=standing.departments[0])
        return f"{department.township} › {department}"
    return ""
