"""The people of a matter over REST: parties, a look behind the mask, an answer taken down; and joining a matter."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common.api.repeat import answer, body_hash
from gridgov.common.api.schema import REPLAYED_HEADER, repeatable
from gridgov.common.api.views import View
from incidents.actions import add_party, join, record_answer, record_call, remove_party, reveal
from incidents.api.inputs import AnswerInput, CallInput, JoinInput, PartyInput, RemovalInput, RevealInput
from incidents.api.serializers import (
    AnswerSerializer,
    DetailSerializer,
    PartySerializer,
    PeopleSerializer,
)
from incidents.api.views import detail
from incidents.models import Incident
from incidents.permissions.seeing import seen


class _Writing(View):
    """Takes the shape, with a hash of what came and about which matter."""

    def given(self, shape: Any, pk: UUID, about: str) -> dict[str, Any]:
        given = self.taken(shape)
        return given | {"body_hash": body_hash({**given, "client_uuid": None}, pk, about)}


class PartyList(_Writing):
    @extend_schema(
        operation_id="add_party",
        request=PartyInput,
        responses=repeatable(PartySerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Names a party of a dispute."""
        incident = seen(request.user, pk)
        party, replayed = add_party(
            user=request.user, incident=incident, **self.given(PartyInput, pk, "party")
        )
        return answer(party.shown(in_full=True), replayed=replayed)


class PartyRemoval(_Writing):
    @extend_schema(operation_id="remove_party", request=RemovalInput, responses=PeopleSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Strikes a party that was named by mistake; a second time changes nothing. Answers with who is left."""
        incident = seen(request.user, pk)
        remove_party(user=request.user, incident=incident, party=self.taken(RemovalInput)["party"])
        return Response(_people(incident, in_full=True))


class IncidentReveal(_Writing):
    @extend_schema(
        operation_id="reveal",
        request=RevealInput,
        responses=repeatable(PeopleSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Names and phones in full, for a reason that stays on the matter and in the audit trail."""
        incident = seen(request.user, pk)
        _row, replayed = reveal(user=request.user, incident=incident, **self.given(RevealInput, pk, "reveal"))
        return answer(_people(incident, in_full=True, revealed=True), replayed=replayed)


def _people(incident: Incident, **how: bool) -> Any:
    asked = getattr(incident, "requester", None)
    parties = [party.shown(in_full=how["in_full"]) for party in incident.parties.all()]
    return PeopleSerializer({"requester": asked and asked.shown(**how), "parties": parties}).data


class IncidentAnswer(_Writing):
    @extend_schema(
        operation_id="record_answer",
        request=AnswerInput,
        responses=repeatable(AnswerSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """The requester's one answer, said by phone or in person; never taken down by who handled the matter."""
        incident = seen(request.user, pk)
        asked, replayed = record_answer(
            user=request.user, incident=incident, **self.given(AnswerInput, pk, "answer")
        )
        return answer(AnswerSerializer(asked).data, replayed=replayed)


class IncidentJoin(_Writing):
    @extend_schema(
        operation_id="join",
        request=JoinInput,
        responses=repeatable(DetailSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Adds what one found to an open matter instead of reporting it again."""
        outcome = join(
            user=request.user, incident=seen(request.user, pk), **self.given(JoinInput, pk, "join")
        )
        return answer(detail(request.user, outcome.incident), replayed=outcome.replayed)


class IncidentCalls(_Writing):
    @extend_schema(
        operation_id="record_call",
        request=CallInput,
        responses=repeatable(DetailSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Notes a report by telephone; who called is whoever is logged in."""
        outcome = record_call(
            user=request.user, incident=seen(request.user, pk), **self.given(CallInput, pk, "call")
        )
        return answer(detail(request.user, outcome.incident), replayed=outcome.replayed)
