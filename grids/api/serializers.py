"""What the API says about grids and their working time's rules."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from gridgov.common.api.fields import Strict
from grids.enums import Kind, Use
from grids.models import Grid

CODE = r"^[0-9]{9,30}$"


class GridQuery(Strict):
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    parent = serializers.RegexField(
        CODE, required=False, help_text=_("Only the grids directly below this one.")
    )
    cursor = serializers.RegexField(r"^[ab][0-9]{9,30}$", required=False)


class TierSerializer(serializers.Serializer[Any]):
    """The plan's own words for this kind of grid."""

    label = serializers.CharField()
    name = serializers.CharField()
    head_title = serializers.CharField()


class GridSerializer(serializers.Serializer[Grid]):
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    tier = TierSerializer(allow_null=True)
    use = serializers.ChoiceField(choices=Use.choices)
    parent = serializers.CharField(source="parent_id", allow_null=True)
    started_on = serializers.DateField()
    ended_on = serializers.DateField(allow_null=True)


class GridRefSerializer(serializers.Serializer[Grid]):
    """A grid where another thing names it."""

    code = serializers.CharField()
    name = serializers.CharField()
