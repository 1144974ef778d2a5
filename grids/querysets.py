"""Scope by place: which grids a person holds which permission on, and how that narrows any table (architecture, decision 3).

A `Place` is a granted grid. Tables carry `township_code`, `village_code` and `grid`; a place at township or village level, or
without children, narrows by equality on the matching column, any other by a range on the code. Never by OR with EXISTS.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.apps import apps
from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

from gridgov.common import worktime
from gridgov.common.prepared import Prepared, Statement
from grids.enums import Kind, Verb

if TYPE_CHECKING:
    from gridgov.common.models import User
    from grids.models import Calendar, Grid, GridGrant, WorkingTime


Kept = TypeVar("Kept")


class Place(NamedTuple):
    """A granted grid; `leaf` says that nothing lies below it."""

    code: str
    kind: str
    leaf: bool

    def covers(self, code: str) -> bool:
        return code.startswith(self.code)


def next_code(code: str) -> str:
    """The first code after the subtree of `code`: the number plus one ("320371101201" -> "320371101202")."""
    return str(int(code) + 1).zfill(len(code))


def condition(place: Place, *, grid: str = "grid", prefix: str = "") -> Q:
    """One indexed condition for one place. `grid` names the column with the full code (`code` on Grid itself)."""
    if place.kind == Kind.TOWNSHIP:
        return Q(**{f"{prefix}township_code": place.code})
    if place.kind == Kind.VILLAGE:
        return Q(**{f"{prefix}village_code": place.code})
    if place.leaf:
        return Q(**{f"{prefix}{grid}": place.code})
    return Q(**{f"{prefix}{grid}__gte": place.code, f"{prefix}{grid}__lt": next_code(place.code)})


def any_of(places: Iterable[Place], **options: Any) -> Q:
    """All places at once, for a look at single objects by key; lists use one arm per place instead."""
    found = Q(pk__in=[])
    for place in places:
        found |= condition(place, **options)
    return found


def fold(places: Iterable[Place]) -> list[Place]:
    """Without those that another one covers, in order of code."""
    kept: list[Place] = []
    for place in sorted(set(places)):
        if not any(other.covers(place.code) for other in kept):
            kept.append(place)
    return kept


class GrantQuerySet(models.QuerySet["GridGrant"]):
    def places(self, user: User) -> dict[str, list[Place]]:
        """Verb -> places, for every verb, in one query. Empty for anonymous and disabled users."""
        found: dict[str, list[Place]] = {verb: [] for verb in Verb.values}
        if not getattr(user, "is_active", False) or user.pk is None:
            return found
        with connection.cursor() as cursor:
            cursor.execute(GRANTS_OF_USER.on(connection), [user.pk])
            for verb, code, kind, leaf in cursor.fetchall():
                if verb in found:
                    found[verb].append(Place(code, kind, bool(leaf)))
        return {verb: fold(places) for verb, places in found.items()}


# Asked once by every request, so it is not built anew each time: the query builder took longer than the database.
GRANTS_OF_USER = Statement(
    """SELECT permission.codename, granted.content_object_id, grid.kind,
           NOT EXISTS (SELECT 1 FROM grids_grid child
                       WHERE child.parent_id = granted.content_object_id AND child.ended_on IS NULL)
    FROM grids_gridgrant granted
    JOIN auth_permission permission ON permission.id = granted.permission_id
    JOIN grids_grid grid ON grid.code = granted.content_object_id
    WHERE granted.user_id = %s
"""
)


class GridQuerySet(models.QuerySet["Grid"]):
    def active(self, on: date | None = None) -> GridQuerySet:
        """Not ended; with `on`, not ended on that day."""
        return (
            self.filter(ended_on=None) if on is None else self.filter(Q(ended_on=None) | Q(ended_on__gt=on))
        )

    def visible_to(self, user: User, verb: str = Verb.SEE) -> GridQuerySet:
        """Grids in the subtree of what the user may see; with `verb`, of what the user may do."""
        return self.filter(any_of(places_of(user)[verb], grid="code"))

    def named_by(self, user: User) -> GridQuerySet:
        """Grids a person may name when reporting: all of the townships in which the person may report."""
        towns = {place.code[:9] for place in places_of(user)[Verb.REPORT]}
        return self.active().filter(township_code__in=towns)

    def within(self, code: str) -> GridQuerySet:
        """The subtree of a grid, itself included."""
        return self.filter(code__gte=code, code__lt=next_code(code))

    def kind(self, *kinds: str) -> GridQuerySet:
        return self.filter(kind__in=kinds)

    def for_list(self) -> GridQuerySet:
        return self.order_by("code")

    def cut_down(self, places: Iterable[Place], code: str) -> list[Place]:
        """The places as far as they lie in the subtree of `code`; the grid itself where one of them covers it."""
        kept = list(places)
        if not any(place.covers(code) for place in kept):
            return [place for place in kept if place.code.startswith(code)]
        return self.as_places([code])

    def as_places(self, codes: Iterable[str]) -> list[Place]:
        """These grids as places that somebody holds something on."""
        children = self.model._default_manager.filter(parent=OuterRef("pk"), ended_on=None)
        rows = self.filter(pk__in=list(codes)).annotate(leaf=~Exists(children))
        return [Place(*row) for row in rows.values_list("code", "kind", "leaf")]


OFFICE, URGENT = "office", "urgent"


class Reckoned(NamedTuple):
    """Working time to count with, and the key under which it stays what it is."""

    key: str
    calendar: worktime.Calendar


class CalendarQuerySet(models.QuerySet["Calendar"]):
    def of(self, township_code: str, which: str = OFFICE) -> worktime.Calendar:
        """A township's working time, for counting: one query, and one more when it changed. Raises DoesNotExist."""
        return self.keyed(township_code, which).calendar

    def keyed(self, township_code: str, which: str = OFFICE) -> Reckoned:
        """The same with its key, for a clock that begins now."""
        rows = CALENDAR_OF(township_code)
        if not rows:
            raise self.model.DoesNotExist(township_code)
        key = getattr(rows[0], f"{which}_key")
        return Reckoned(key, apps.get_model("grids", "WorkingTime")._default_manager.under(key))


class WorkingTimeQuerySet(models.QuerySet["WorkingTime"]):
    def under(self, key: str) -> worktime.Calendar:
        """What a clock was reckoned with; asked once per process."""
        if key not in _calendars:
            _calendars[key] = counting(self.get(pk=key).content)
        return _calendars[key]

    def of_clock(self, key: str, township_code: str) -> worktime.Calendar:
        """The same; without a key, for clocks older than keys, the township's working time now."""
        if key:
            return self.under(key)
        return apps.get_model("grids", "Calendar")._default_manager.of(township_code)

    def kept(self, content: Mapping[str, Any]) -> str:
        """The key of this content, which is stored under it from now on. Raises ValueError where nobody would ever work."""
        counting(content)
        plain = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = hashlib.sha256(plain.encode()).hexdigest()[:16]
        self.get_or_create(key=key, defaults={"content": content})
        return key


CALENDAR_OF: Prepared[Calendar] = Prepared(
    lambda township: apps.get_model("grids", "Calendar")._default_manager.filter(pk=township)
)
_calendars: dict[str, worktime.Calendar] = {}  # by key; what a key means never changes


def forget_calendars() -> None:
    """For a caller that put another database in the place of this one."""
    _calendars.clear()


def counting(content: Mapping[str, Any]) -> worktime.Calendar:
    """Stored working time as the value that worktime counts with. Raises ValueError where no working time would ever come."""
    days = {date.fromisoformat(day): found for day, found in content["days"].items()}
    return worktime.Calendar(
        frames=tuple(
            (time.fromisoformat(begin), time.fromisoformat(end)) for begin, end in content["frames"]
        ),
        weekdays=frozenset(content["weekdays"]),
        days={day: working for day, (working, _name) in days.items()},
        names={day: name for day, (_working, name) in days.items()},
        official_years=frozenset(content["years"]),
        follows_holidays=content["holidays"],
    )


def contents(row: Calendar) -> dict[str, dict[str, Any]]:
    """What both calendars of a township are now; two queries."""
    office = {
        "frames": row.frames,
        "weekdays": row.weekdays,
        "holidays": True,
        "days": {day.day.isoformat(): [day.working, day.name] for day in row.days.order_by("day")},
        "years": sorted(row.years.values_list("year", flat=True)),
    }
    urgent = {
        "frames": row.urgent_frames,
        "weekdays": list(range(7)),
        "holidays": False,
        "days": {},
        "years": [],
    }
    return {OFFICE: office, URGENT: urgent}


def lineage(code: str) -> Sequence[str]:
    """The codes from the township down to the grid itself: 9, 12, 15, 18 ... digits."""
    return [code[:length] for length in range(9, len(code) + 1, 3)]


def places_of(user: Any) -> dict[str, list[Place]]:
    """The user's places by verb; asked once per user object, that is once per request."""
    grants = apps.get_model("grids", "GridGrant")._default_manager.all()  # models import this module
    return remembered(user, "places", lambda: grants.places(user))


def managed_townships(user: Any) -> list[str]:
    """Townships whose own level the user manages: whole ones, not a village of them."""
    return [place.code for place in places_of(user)[Verb.MANAGE] if place.kind == Kind.TOWNSHIP]


def remembered(user: Any, name: str, ask: Callable[[], Kept]) -> Kept:
    """Keeps an answer on the user object: what one may is asked once per request, not once per question."""
    kept: dict[str, Any] = vars(user).setdefault("_remembered", {})
    if name not in kept:
        kept[name] = ask()
    answer: Kept = kept[name]
    return answer


def forget(user: Any) -> None:
    """Drops what was remembered, for a caller that goes on with the same object after rights changed."""
    vars(user).pop("_remembered", None)


def holds(user: Any, verb: str, code: str, *, exactly: bool = False) -> bool:
    """Whether the user has the permission on this grid; `exactly`: granted there, not inherited from above."""
    places = places_of(user)[verb]
    return any(place.code == code if exactly else place.covers(code) for place in places)
