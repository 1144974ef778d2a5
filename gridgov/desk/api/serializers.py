"""Logging in, who one is, what waits."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from gridgov.common.api.fields import Strict
from grids.api.serializers import GridRefSerializer
from incidents.api.serializers import IncidentSerializer, PersonSerializer


class CredentialsSerializer(Strict):
    username = serializers.CharField(max_length=64)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class EmptySerializer(Strict):
    """No body is needed."""


class RoleSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class DepartmentRefSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class AppointmentSerializer(serializers.Serializer[Any]):
    grid = GridRefSerializer(source="post.grid", allow_null=True)
    department = DepartmentRefSerializer(source="post.department", allow_null=True)
    role = RoleSerializer(source="post.role")
    title = serializers.CharField(source="post.title")
    is_main = serializers.BooleanField(help_text=_("Otherwise deputy."))
    stands_in_for = PersonSerializer(
        source="leave.member", allow_null=True, default=None, help_text=_("Who is on leave meanwhile.")
    )
    since = serializers.DateField()
    until = serializers.DateField(allow_null=True)


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    township = serializers.CharField(source="township_code")


class CountersSerializer(serializers.Serializer[Any]):
    late = serializers.IntegerField()
    due_today = serializers.IntegerField()
    open = serializers.IntegerField(help_text=_("All that wait, the late ones and today's included."))
    assisting = serializers.IntegerField(
        help_text=_("Beside these: where one's units assist or were called.")
    )


class InboxCountersSerializer(CountersSerializer):
    unread = serializers.IntegerField(help_text=_("Messages not yet read."))


class TelephoneSerializer(serializers.Serializer[Any]):
    number = serializers.CharField()
    label = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    member = MemberSerializer(allow_null=True)
    appointments = AppointmentSerializer(many=True)
    counters = InboxCountersSerializer()
    emergency = TelephoneSerializer(
        many=True, help_text=_("To be kept on the phone: police, fire, ambulance, and who is on duty now.")
    )


class WindowSerializer(serializers.Serializer[Any]):
    """When it reached the unit and until when it must be done there; null: no deadline."""

    until = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": serializers.DateTimeField(source="since"),
            **super().get_fields(),
        }  # a word of the language


class TaskSerializer(serializers.Serializer[Any]):
    incident = IncidentSerializer()
    window = WindowSerializer()


class BesideSerializer(serializers.Serializer[Any]):
    incident = IncidentSerializer()
    step = serializers.CharField(source="step.name", help_text=_("What has to be done there."))
    by = serializers.ListField(
        child=serializers.CharField(), source="step.by", help_text=_("The actions by which it is done.")
    )


class TasksSerializer(serializers.Serializer[Any]):
    """What waits for the units one serves on. Each list holds the first 50, the most urgent first."""

    counters = CountersSerializer()
    late = TaskSerializer(many=True)
    due_today = TaskSerializer(many=True)
    open = TaskSerializer(many=True)
    assisting = TaskSerializer(
        many=True, help_text=_("Where one's units assist or were called, with the window of that task.")
    )
    beside = BesideSerializer(
        many=True,
        help_text=_("What one owes beside matters for which others answer: to arrive, to follow up."),
    )
    as_of = serializers.DateTimeField()
