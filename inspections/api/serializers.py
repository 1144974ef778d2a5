"""Patrols and duties: what the API takes and says."""

import re
from calendar import monthrange
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from gridgov.common.api.fields import YEARS, Cursor, Moment, Strict, Uuid, Writing
from gridgov.common.enums import Channel
from grids.api.serializers import CODE, GridRefSerializer
from incidents.api.inputs import MatterInput
from incidents.api.serializers import PersonSerializer
from inspections.models import Finding, Patrol
from members.enums import DutyKind


class FindingInput(MatterInput):
    text = serializers.CharField(max_length=500)
    category = serializers.CharField(
        max_length=40, required=False, help_text=gettext_lazy("With it the finding becomes a matter.")
    )
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class PatrolInput(Writing):
    on_behalf_of = Uuid(
        required=False,
        allow_null=True,
        help_text=gettext_lazy("The member who really went; then `channel` too."),
    )
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    grid = serializers.RegexField(CODE)
    started_at = Moment()
    ended_at = Moment()
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    findings = serializers.ListField(child=FindingInput(), required=False, max_length=20)


class PatrolQuery(Strict):
    grid = serializers.RegexField(CODE, required=False, help_text=gettext_lazy("This grid and all below it."))
    cursor = Cursor(required=False)


class FindingSerializer(serializers.Serializer[Finding]):
    text = serializers.CharField()
    incident = serializers.UUIDField(source="incident_id", allow_null=True)


class PatrolSerializer(serializers.Serializer[Patrol]):
    id = serializers.UUIDField()
    client_uuid = serializers.UUIDField()
    grid = GridRefSerializer()
    member = PersonSerializer()
    entered_by = PersonSerializer(allow_null=True)
    channel = serializers.ChoiceField(choices=Channel.choices)
    day = serializers.DateField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    note = serializers.CharField()
    findings = FindingSerializer(many=True)


class Span(serializers.CharField):
    """A month or a day, as (first day, last day)."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        found = re.fullmatch(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", text)
        try:
            if found is None or int(found[1]) not in YEARS:
                raise ValueError(text)
            first = date(int(found[1]), int(found[2]), int(found[3] or 1))
        except ValueError as error:
            raise serializers.ValidationError(_("Give a month (2026-11) or a day (2026-11-23).")) from error
        return (first, first if found[3] else first.replace(day=monthrange(first.year, first.month)[1]))


class DutyQuery(Strict):
    period = Span(
        required=False, help_text=gettext_lazy("A month (2026-11) or a day (2026-11-23); default today.")
    )


class DutySerializer(serializers.Serializer[Any]):
    """A daily duty of one grid over a period. What is not done on its day is missing: a day cannot be done late."""

    kind = serializers.ChoiceField(choices=DutyKind.choices)
    grid = GridRefSerializer()
    due = serializers.IntegerField()
    done = serializers.IntegerField()
    late = serializers.IntegerField()
    missing = serializers.IntegerField()
    missing_days = serializers.ListField(child=serializers.DateField())


class DutiesSerializer(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField()
    results = DutySerializer(many=True)
