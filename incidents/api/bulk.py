"""One action on several matters over REST, and taking such a batch back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common.api.problems import problem_of
from gridgov.common.api.repeat import body_hash
from gridgov.common.api.views import View
from incidents.actions import Outcome, act_together, undo_together
from incidents.actions.bulk import Line
from incidents.api.inputs import BulkInput, BulkUndoInput
from incidents.api.serializers import BulkSerializer, in_brief
from incidents.api.views import carry_out
from incidents.models import Incident


class IncidentBulk(View):
    @extend_schema(operation_id="act_together", request=BulkInput, responses=BulkSerializer)
    def post(self, request: Request) -> Response:
        """One action on up to 200 matters, each by itself: one that is refused says why and does not hold back the others.
        Sending the same call again does only what is missing."""
        user, given = request.user, self.taken(BulkInput)
        batch, content = given.pop("client_uuid"), body_hash(given, "bulk")
        action, incidents = given.pop("action"), given.pop("incidents")

        def take(incident: Incident, call: UUID) -> Outcome:
            named = {"client_uuid": call, "content": content, "batch": batch}
            return carry_out(user, incident, action, given, **named)

        lines = act_together(user=user, incidents=incidents, batch=batch, body_hash=content, take=take)
        return Response(_answer(request, batch, lines))


class BulkUndo(View):
    @extend_schema(operation_id="undo_together", request=BulkUndoInput, responses=BulkSerializer)
    def post(self, request: Request, batch: UUID) -> Response:
        """Takes back every step of one's own batch of the last 10 minutes whose receiver has not acted; the others are named."""
        call = self.taken(BulkUndoInput)["client_uuid"]
        content = body_hash({}, batch, "undo")
        lines = undo_together(user=request.user, batch=batch, call=call, body_hash=content)
        return Response(_answer(request, batch, lines))


def _answer(request: Request, batch: UUID, lines: Sequence[Line]) -> dict[str, Any]:
    refused = sum(line.problem is not None for line in lines)
    return {
        "batch": str(batch),
        "done": len(lines) - refused,
        "refused": refused,
        "results": [_line(request, line) for line in lines],
    }


def _line(request: Request, line: Line) -> dict[str, Any]:
    if line.problem is not None:
        body = problem_of(line.problem, request._request)  # noqa: SLF001
        return {"id": str(line.pk), "status": body["status"], "problem": body}
    assert line.incident is not None
    return {"id": str(line.pk), "status": 200, "body": in_brief(line.incident)}
