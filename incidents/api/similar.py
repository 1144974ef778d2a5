"""Is it there already? Asked before a report is made."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common.api.fields import Coordinate, Strict
from gridgov.common.api.views import View
from grids.api.serializers import CODE
from incidents.api.inputs import named_grid
from incidents.api.serializers import IncidentSerializer, in_brief
from incidents.search.similar import REPEATED_WITHIN, alike


class SimilarQuery(Strict):
    grid = serializers.RegexField(CODE)
    category = serializers.CharField(max_length=40, required=False)
    text = serializers.CharField(max_length=4000, required=False)
    latitude = Coordinate(min_value=-90, max_value=90, required=False)
    longitude = Coordinate(min_value=-180, max_value=180, required=False)


class NearSerializer(serializers.Serializer[Any]):
    incident = IncidentSerializer()
    shared = serializers.FloatField(help_text=gettext_lazy("Which part of the words asked it has, 0 to 1."))
    metres = serializers.IntegerField(allow_null=True, help_text=gettext_lazy("Where both have a point."))
    age_seconds = serializers.IntegerField()
    photo = serializers.CharField(allow_null=True)


class SimilarSerializer(serializers.Serializer[Any]):
    results = NearSerializer(many=True)
    repeated = serializers.IntegerField(
        help_text=gettext_lazy(
            "Of the same category in the same grid in the last days, as far as one sees them."
        )
    )
    days = serializers.IntegerField()
    has_cause = serializers.BooleanField(help_text=gettext_lazy("So often that the cause may need treating."))


class IncidentSimilar(View):
    problems = ("403",)

    @extend_schema(operation_id="similar", parameters=[SimilarQuery], responses=SimilarSerializer)
    def get(self, request: Request) -> Response:
        """Open and recently closed matters near in place, time and words; an open one can be joined instead."""
        asked = self.asked(SimilarQuery)
        latitude, longitude = asked.get("latitude"), asked.get("longitude")
        found = alike(
            request.user,
            grid=named_grid(request.user, asked["grid"]),
            category=asked.get("category", ""),
            text=asked.get("text", ""),
            point=None if latitude is None or longitude is None else (latitude, longitude),
        )
        return Response(
            {
                "results": [
                    {
                        "incident": in_brief(near.incident),
                        "shared": round(near.shared, 2),
                        "metres": near.metres,
                        "age_seconds": int(near.age.total_seconds()),
                        "photo": reverse("api:upload-file", args=[near.photo]) if near.photo else None,
                    }
                    for near in found.near
                ],
                "repeated": found.repeated,
                "days": REPEATED_WITHIN.days,
                "has_cause": found.has_cause,
            }
        )
