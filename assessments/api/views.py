"""Assessments over REST: the months, their scores, the sheet."""

from uuid import UUID

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from assessments.api.serializers import AssessmentSerializer, ScoresSerializer
from assessments.exports import CONTENT_TYPE, export
from assessments.models import Assessment, Score
from gridgov.common import clock
from gridgov.common.api.pages import listing, page_of
from gridgov.common.api.views import AnyFormat, View, one
from gridgov.common.models import User

MOST = 200


class AssessmentList(View):
    @extend_schema(operation_id="assessments", responses=page_of(AssessmentSerializer))
    def get(self, request: Request) -> Response:
        """The latest 200, newest month first."""
        as_of = clock.now()
        rows = Assessment.objects.visible_to(request.user).for_list()[:MOST]
        results = AssessmentSerializer(rows, many=True).data
        return listing(request, results, following=None, before=None, as_of=as_of)


def _seen(user: User, pk: UUID) -> Assessment:
    return one(
        Assessment.objects.visible_to(user).select_related("township", "scheme", "computed_by__member"), pk=pk
    )


class ScoreList(View):
    @extend_schema(operation_id="scores", responses=ScoresSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The scores one may see: a village its own, the township all."""
        assessment = _seen(request.user, pk)
        scores = Score.objects.visible_to(request.user).filter(assessment=assessment).select_related("grid")
        body = {"assessment": assessment, "results": scores.order_by("village_code", "indicator")}
        return Response(ScoresSerializer(body).data)


class Sheet(View):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="sheet", responses={(200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.BINARY)}
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """The month's sheet as a workbook. That it was taken stands in the audit trail."""
        name, data = export(user=request.user, assessment=_seen(request.user, pk), request=request)
        response = HttpResponse(data, content_type=CONTENT_TYPE)
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
        return response
