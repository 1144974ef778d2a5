"""What the API says about assessments."""

from typing import Any

from rest_framework import serializers

from assessments.enums import AssessmentStatus, IndicatorCode
from assessments.models import Assessment, Score
from grids.api.serializers import GridRefSerializer


class SchemeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    version = serializers.IntegerField()
    name = serializers.CharField()
    from_plan = serializers.BooleanField()


class AssessmentSerializer(serializers.Serializer[Assessment]):
    id = serializers.UUIDField()
    township = GridRefSerializer()
    scheme = SchemeSerializer()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(choices=AssessmentStatus.choices)
    data_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)
    frozen_at = serializers.DateTimeField(allow_null=True)
    hash = serializers.CharField()


class ScoreSerializer(serializers.Serializer[Score]):
    """One indicator of one village. `rate` and `score` null: too few cases; its weight is shared by the others."""

    id = serializers.IntegerField()
    grid = GridRefSerializer()
    indicator = serializers.ChoiceField(choices=IndicatorCode.choices)
    numerator = serializers.DecimalField(max_digits=12, decimal_places=2)
    denominator = serializers.DecimalField(max_digits=12, decimal_places=2)
    rate = serializers.DecimalField(max_digits=8, decimal_places=4, allow_null=True)
    score = serializers.DecimalField(max_digits=6, decimal_places=2, allow_null=True)
    weight = serializers.DecimalField(max_digits=6, decimal_places=2)
    points = serializers.DecimalField(max_digits=6, decimal_places=2)


class ScoresSerializer(serializers.Serializer[Any]):
    assessment = AssessmentSerializer()
    results = ScoreSerializer(many=True)
