"""Mediations of a dispute over REST, through the same actions as the pages."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common.api.fields import Moment, Writing
from gridgov.common.api.repeat import answer, body_hash
from gridgov.common.api.schema import REPLAYED_HEADER, repeatable
from gridgov.common.api.views import View, one
from gridgov.common.errors import Conflict
from incidents.actions import correct_mediation, record_mediation
from incidents.actions.mediation import Said, must_mediate
from incidents.actions.result import replay_of
from incidents.api.serializers import PersonSerializer
from incidents.enums import MediationOutcome
from incidents.models import Mediation
from incidents.permissions.seeing import seen


class MediationInput(Writing):
    held_at = Moment()
    place = serializers.CharField(max_length=120)
    mediator = serializers.CharField(max_length=80)
    record = serializers.CharField(max_length=8000)
    outcome = serializers.ChoiceField(choices=MediationOutcome.choices)
    terms = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    performance = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    performance_due = serializers.DateField(required=False, allow_null=True, default=None)
    told_other_ways = serializers.BooleanField(default=False)


class MediationCorrection(MediationInput):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class MediationSerializer(serializers.Serializer[Mediation]):
    id = serializers.UUIDField()
    number = serializers.CharField()
    version = serializers.IntegerField()
    held_at = serializers.DateTimeField()
    place = serializers.CharField()
    mediator = serializers.CharField()
    record = serializers.CharField()
    outcome = serializers.ChoiceField(choices=MediationOutcome.choices)
    terms = serializers.CharField()
    performance = serializers.CharField()
    performance_due = serializers.DateField(allow_null=True)
    told_other_ways = serializers.BooleanField()
    entered_by = PersonSerializer()
    entered_at = serializers.DateTimeField()


class MediationsSerializer(serializers.Serializer[Any]):
    results = MediationSerializer(many=True)


class MediationList(View):
    problems = ("403",)

    @extend_schema(operation_id="mediations", responses=MediationsSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The mediations of a dispute, the first one first, for whoever works on it."""
        incident = seen(request.user, pk)
        must_mediate(request.user, incident)
        rows = incident.mediations.select_related("entered_by").order_by("held_at", "id")
        return Response(MediationsSerializer({"results": rows}).data)

    @extend_schema(
        operation_id="record_mediation",
        request=MediationInput,
        responses=repeatable(MediationSerializer),
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Enters one mediation under the next number of the year."""
        incident, given = seen(request.user, pk), self.taken(MediationInput)
        call = given.pop("client_uuid")
        content = body_hash(given, pk, "mediation")
        before = replay_of(Mediation, "user", request.user, call, content)
        row = before or record_mediation(
            user=request.user, incident=incident, client_uuid=call, body_hash=content, **given
        )
        return answer(MediationSerializer(row).data, replayed=before is not None)


class MediationDetail(View):
    @extend_schema(
        operation_id="correct_mediation",
        request=MediationCorrection,
        responses={200: MediationSerializer},
        parameters=[REPLAYED_HEADER],
    )
    def post(self, request: Request, pk: UUID, mediation: UUID) -> Response:
        """Puts it right; the number and what stood before are kept."""
        incident, given = seen(request.user, pk), self.taken(MediationCorrection)
        given.pop("client_uuid")
        row = one(incident.mediations.select_related("entered_by", "incident__category"), pk=mediation)
        version = given.pop("version")
        replayed = False
        try:
            row = correct_mediation(user=request.user, mediation=row, version=version, **given)
        except Conflict:
            row.refresh_from_db()
            replayed = row.version == version + 1 and all(
                getattr(row, name) == given[name] for name in Said.__annotations__
            )
            if not replayed:
                raise
        return answer(MediationSerializer(row).data, replayed=replayed, created=200)
