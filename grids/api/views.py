"""Grids a person sees, and those of the townships where the person may report."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common import clock
from gridgov.common.api.pages import listing, page_of
from gridgov.common.api.views import View, one
from gridgov.common.models import User
from grids.api.serializers import GridQuery, GridSerializer
from grids.models import Grid, Tier
from grids.querysets import GridQuerySet

PAGE_SIZE = 200


def known_to(user: User) -> GridQuerySet:
    """What one sees, and what one may name in a report."""
    return Grid.objects.visible_to(user) | Grid.objects.named_by(user)


class GridList(View):
    @extend_schema(operation_id="grids", parameters=[GridQuery], responses=page_of(GridSerializer))
    def get(self, request: Request) -> Response:
        """In the order of the code."""
        asked = self.asked(GridQuery)
        as_of = clock.now()
        rows = known_to(request.user)
        if "kind" in asked:
            rows = rows.kind(asked["kind"])
        if "parent" in asked:
            rows = rows.filter(parent=asked["parent"])
        found, following, before = _page(rows, asked.get("cursor", ""))
        return listing(request, _shown(found), following=following, before=before, as_of=as_of)


class GridDetail(View):
    @extend_schema(operation_id="grid", responses=GridSerializer)
    def get(self, request: Request, code: str) -> Response:
        return Response(_shown([one(known_to(request.user), code=code)])[0])


def _page(rows: GridQuerySet, cursor: str) -> tuple[list[Grid], str | None, str | None]:
    """A page and the cursors around it: "a" or "b" (after, before) and a code."""
    way, code = cursor[:1], cursor[1:]
    if way == "b":
        found = list(rows.filter(code__lt=code).order_by("-code")[: PAGE_SIZE + 1])
        more = len(found) > PAGE_SIZE
        found = found[:PAGE_SIZE][::-1]
        after, before = bool(found), more
    else:
        found = list((rows.filter(code__gt=code) if code else rows).order_by("code")[: PAGE_SIZE + 1])
        after, before = len(found) > PAGE_SIZE, bool(code and found)
        found = found[:PAGE_SIZE]
    return found, f"a{found[-1].code}" if after else None, f"b{found[0].code}" if before else None


def _shown(grids: Iterable[Grid]) -> list[Any]:
    """With the plan's words beside the kind (R2); the tiers of all townships on the page in one query."""
    rows = list(grids)
    tiers = Tier.objects.filter(township__in={grid.township_code for grid in rows})
    words = {(tier.township_id, tier.depth): tier for tier in tiers}
    for grid in rows:
        grid.tier = words.get((grid.township_code, grid.depth))  # type: ignore[attr-defined]
    return list(GridSerializer(rows, many=True).data)
