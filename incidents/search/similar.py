"""Is it there already? Matters near in place, time and words, among those one sees; and what comes again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Subquery

from gridgov.common import clock
from gridgov.common.enums import FileKind
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import Place, any_of, condition, places_of
from incidents.enums import Status
from incidents.models import Incident, Part, Upload
from incidents.querysets import RELATED
from incidents.search.words import RUN, grams, is_chinese, plain
from members.querysets import standing_of

Point = tuple[Decimal, Decimal]  # latitude and longitude, WGS-84
REPEATS, REPEATED_WITHIN = 3, timedelta(days=60)
CLOSED_WITHIN = timedelta(days=30)
NEAREST, LOOKED_AT = 5, 200
NEAR, QUITE_NEAR = 150, 500  # metres
SHARED = 0.25  # of the words typed
NO_REPEAT = (Status.REJECTED, Status.WITHDRAWN, Status.MERGED, Status.VOID)


@dataclass(frozen=True)
class Near:
    """`shared`: which part of the words typed it has, 0 to 1; `metres` where both have a point."""

    incident: Incident
    shared: float
    metres: int | None
    photo: UUID | None

    @property
    def age(self) -> timedelta:
        return clock.now() - self.incident.reported_at


@dataclass(frozen=True)
class Likeness:
    """`repeated`: how many of the same category came in the same grid lately, as far as one sees them."""

    near: list[Near]
    repeated: int

    @property
    def has_cause(self) -> bool:
        return self.repeated >= REPEATS


def alike(
    user: Any, *, grid: Grid, category: str = "", text: str = "", point: Point | None = None
) -> Likeness:
    """What is like a report that is about to be made. Two queries, whatever there is."""
    rows = _around(user, grid)
    asked = _pairs(text)
    found = [_compared(row, asked, point) for row in rows if _counts(row)]
    likely = [near for near in found if _is_like(near, grid, category, asked)]
    likely.sort(key=lambda near: (-_score(near, grid, category), -near.incident.reported_at.timestamp()))
    since = clock.now() - REPEATED_WITHIN
    repeated = sum(
        row.grid_id == grid.pk
        and row.category.code == category
        and row.reported_at >= since
        and row.status not in NO_REPEAT
        for row in rows
    )
    return Likeness(likely[:NEAREST], repeated)


def _around(user: Any, grid: Grid) -> list[Incident]:
    """The latest open ones and the latest of all in the same village, within what one sees, and one's own reports."""
    since = clock.now() - REPEATED_WITHIN
    area = Place(
        grid.village_code or grid.township_code,
        Kind.VILLAGE if grid.village_code else Kind.TOWNSHIP,
        leaf=False,
    )
    places = places_of(user)[Verb.SEE]
    if any(place.covers(area.code) for place in places):
        places = [area]
    arms = []
    for place in places:
        if area.covers(place.code):
            inside = Incident.objects.order_by("-reported_at", "-id").filter(condition(place))
            arms += [inside.filter(is_open=True), inside.filter(reported_at__gte=since)]
    own = standing_of(user).member
    tops = [Incident.objects.order_by().filter(pk__in=arm[:LOOKED_AT].values("pk")) for arm in arms]
    if own is not None:
        parts = Part.objects.filter(member=own, reported_at__gte=since).order_by("-reported_at", "-incident")
        tops.append(Incident.objects.order_by().filter(pk__in=parts[:LOOKED_AT].values("incident")))
    if not tops:
        return []
    ids = list(tops[0].union(*tops[1:]).values_list("pk", flat=True))
    first = Upload.objects.filter(incident=OuterRef("pk"), kind=FileKind.PHOTO).order_by("created_at", "id")
    rows = Incident.objects.visible_to(user).filter(pk__in=ids, township_code=grid.township_code)
    if grid.village_code:
        rows = rows.filter(village_code=grid.village_code)
    return list(rows.select_related(*RELATED).annotate(photo=Subquery(first.values("pk")[:1])))


def _counts(row: Incident) -> bool:
    """Open, or closed not long ago."""
    closed = row.closed_at is not None and row.closed_at >= clock.now() - CLOSED_WITHIN
    return row.is_open or (closed and row.status == Status.CLOSED)


def _compared(row: Incident, asked: set[str], point: Point | None) -> Near:
    shared = 0.0
    if asked:
        shared = len(asked & _pairs(f"{row.title}\n{row.description}\n{row.address}\n{row.grid.name}")) / len(
            asked
        )
    metres = None
    if point is not None and row.latitude is not None and row.longitude is not None:
        metres = round(distance(point, (row.latitude, row.longitude)))
    return Near(row, shared, metres, row.photo)  # type: ignore[attr-defined]


def _pairs(text: str) -> set[str]:
    """What makes a text a text: pairs of Chinese characters, and other words whole."""
    short = {run for run in RUN.findall(plain(text)) if not is_chinese(run)}
    return short | {gram for gram in grams(text) if len(gram) == 2 and is_chinese(gram)}


def _is_like(near: Near, grid: Grid, category: str, asked: set[str]) -> bool:
    same = near.incident.category.code == category
    if near.metres is not None and near.metres <= NEAR and same:
        return True
    if not asked:
        return same and near.incident.grid_id == grid.pk
    return near.shared >= SHARED * (1 if same else 2)


def _score(near: Near, grid: Grid, category: str) -> float:
    metres = near.metres
    nearness = 0 if metres is None else 2 if metres <= NEAR else 1 if metres <= QUITE_NEAR else 0
    row = near.incident
    return (
        3 * near.shared
        + nearness
        + (row.category.code == category)
        + (row.grid_id == grid.pk)
        + row.is_open / 2
    )


def distance(one: Point, other: Point) -> float:
    """Metres on the globe."""
    (lat1, lon1), (lat2, lon2) = ((radians(float(lat)), radians(float(lon))) for lat, lon in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(half))


# --- again and again ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """The same kind of matter in the same grid, again and again: treat the cause (未诉先办)."""

    grid_code: str
    grid: str
    category_code: str
    category: str
    count: int


def root_causes(places: Sequence[Place], most: int = 5) -> list[Cause]:
    """The most frequent of the last sixty days in the places; one query."""
    since = clock.now() - REPEATED_WITHIN
    rows = Incident.objects.filter(any_of(places), reported_at__gte=since).exclude(status__in=NO_REPEAT)
    counted = (
        rows.order_by()
        .values("grid", "category", name=F("grid__name"), code=F("category__code"), kind=F("category__name"))
        .annotate(n=Count("pk"))
        .filter(n__gte=REPEATS)
        .order_by("-n", "grid", "category")[:most]
    )
    return [Cause(row["grid"], row["name"], row["code"], row["kind"], row["n"]) for row in counted]
