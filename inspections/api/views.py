"""Patrols over REST, and what was done against the duties."""

from typing import Any

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common import clock
from gridgov.common.api.pages import listing, page_of
from gridgov.common.api.repeat import answer, body_hash
from gridgov.common.api.schema import REPLAYED_HEADER, repeatable
from gridgov.common.api.views import View
from gridgov.common.errors import DomainError
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions.result import replay_of
from incidents.api.inputs import named_category, named_grid, named_member, unknown
from inspections.actions import Outcome, record_patrol
from inspections.api.serializers import (
    DutiesSerializer,
    DutyQuery,
    PatrolInput,
    PatrolQuery,
    PatrolSerializer,
)
from inspections.models import Patrol
from inspections.querysets import GridDuty, duty_figures
from members.enums import DutyKind


class PatrolList(View):
    @extend_schema(operation_id="patrols", parameters=[PatrolQuery], responses=page_of(PatrolSerializer))
    def get(self, request: Request) -> Response:
        """Patrols one sees and one's own, newest first."""
        asked = self.asked(PatrolQuery)
        as_of = clock.now()
        page = Patrol.objects.page_for(request.user, asked.get("grid", ""), asked.get("cursor"))
        prefetch_related_objects(page.rows, "findings")
        return listing(
            request,
            PatrolSerializer(page.rows, many=True).data,
            following=page.next.encode() if page.next else None,
            before=page.previous.encode() if page.previous else None,
            as_of=as_of,
        )

    @extend_schema(
        operation_id="record_patrol",
        request=PatrolInput,
        responses=repeatable(PatrolSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request) -> Response:
        """A patrol with what was found. A finding with a category becomes a matter; all or nothing."""
        outcome = _record(request.user, self.taken(PatrolInput))
        return answer(PatrolSerializer(outcome.patrol).data, replayed=outcome.replayed)


def _record(user: User, given: dict[str, Any]) -> Outcome:
    client_uuid, content = given.pop("client_uuid"), body_hash(given, "patrol")
    try:
        grid = named_grid(user, given.pop("grid"))
        if given.get("on_behalf_of"):
            given["on_behalf_of"] = named_member(user, given["on_behalf_of"])
        findings = [_named(grid, place, found) for place, found in enumerate(given.pop("findings", []))]
    except DomainError:  # a repeat is answered even where its grid or a category has ended since
        before = replay_of(Patrol, "user", user, client_uuid, content)
        if before is None:
            raise
        return Outcome(before, replayed=True)
    return record_patrol(
        user=user, grid=grid, findings=findings, client_uuid=client_uuid, body_hash=content, **given
    )


def _named(grid: Grid, place: int, found: dict[str, Any]) -> dict[str, Any]:
    """A finding with its category as the thing it names."""
    if "category" not in found:
        return found
    try:
        return {**found, "category": named_category(grid.township_code, found["category"])}
    except DomainError as error:
        raise unknown(error.code, f"findings[{place}].category", str(error.detail)) from error


class DutyList(View):
    @extend_schema(operation_id="duties", parameters=[DutyQuery], responses=DutiesSerializer)
    def get(self, request: Request) -> Response:
        """Due, done and missing per grid that one sees."""
        today = clock.today()
        first, last = self.asked(DutyQuery).get("period", (today, today))
        figures = duty_figures(places_of(request.user)[Verb.SEE], first, last)
        body = {"first": first, "last": last, "results": [_shown(figure) for figure in figures]}
        return Response(DutiesSerializer(body).data)


def _shown(figure: GridDuty) -> dict[str, Any]:
    return {
        "kind": DutyKind.PATROL,
        "grid": figure.grid,
        "due": figure.due,
        "done": len(figure.done),
        "late": 0,
        "missing": len(figure.missing),
        "missing_days": figure.missing,
    }
