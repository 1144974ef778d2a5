"""What the API says about matters."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gridgov.common import clock
from gridgov.common.api.fields import Coordinate
from gridgov.common.api.schema import ProblemSerializer, RuleSerializer
from gridgov.common.api.views import ready
from gridgov.common.enums import Channel, FileKind
from gridgov.common.prepared import Prepared
from gridgov.common.worktime import Unit, is_late
from grids.api.serializers import GridRefSerializer
from incidents.enums import AssistKind, CategoryKind, Grade, PartySide, Source, Status
from incidents.models import AssistTask, Incident, Party, Requester, Transition, Upload
from incidents.permissions.steps import current_step, step_rule
from incidents.receipts import photos_of
from incidents.steps import REPORT


class NamedSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class LimitSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    unit = serializers.ChoiceField(choices=[(unit.value, unit.value) for unit in Unit])


class StepSerializer(serializers.Serializer[Any]):
    """A step that the procedure asks for beyond the plain way: when, and by which rule."""

    name = serializers.CharField()
    when = serializers.CharField()
    rule = RuleSerializer(allow_null=True)


class CategorySerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=CategoryKind.choices)
    township = serializers.CharField()
    limits = serializers.DictField(
        child=LimitSerializer(), help_text=_("By level; a level without one has no limit.")
    )
    requires = StepSerializer(many=True)
    must_report = serializers.BooleanField()
    rule = RuleSerializer(allow_null=True)


class ResponsibleSerializer(serializers.Serializer[Any]):
    """The unit that answers for it, and its person. Exactly one of `grid` and `department`."""

    grid = serializers.CharField(source="responsible_grid_id", allow_null=True)
    department = serializers.IntegerField(source="responsible_department_id", allow_null=True)
    name = serializers.CharField(source="unit.name", allow_null=True, default=None)
    member = PersonSerializer(source="responsible_member", allow_null=True)


class IncidentSerializer(serializers.Serializer[Incident]):
    """A matter as lists show it."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    client_uuid = serializers.UUIDField()
    title = serializers.CharField(source="heading")
    status = serializers.ChoiceField(choices=Status.choices)
    status_label = serializers.CharField(source="get_status_display")
    category = NamedSerializer()
    grid = GridRefSerializer()
    responsible = ResponsibleSerializer(source="*")
    important = serializers.BooleanField()
    reported_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    late = serializers.SerializerMethodField()
    version = serializers.IntegerField()

    def get_late(self, incident: Incident) -> bool:
        return incident.is_open and is_late(incident.due_at, clock.now())


def in_brief(incident: Incident) -> dict[str, Any]:
    """What IncidentSerializer says, built directly: on a page of 50 the machinery of fields took longer than the database.

    A test holds the two together.
    """
    unit, member = incident.unit, incident.responsible_member
    return {
        "id": str(incident.pk),
        "number": incident.number,
        "client_uuid": str(incident.client_uuid),
        "title": incident.heading,
        "status": str(incident.status),
        "status_label": incident.get_status_display(),
        "category": {"code": incident.category.code, "name": incident.category.name},
        "grid": {"code": incident.grid.code, "name": incident.grid.name},
        "responsible": {
            "grid": incident.responsible_grid_id,
            "department": incident.responsible_department_id,
            "name": unit.name if unit else None,
            "member": {"id": str(member.pk), "name": member.name} if member else None,
        },
        "important": incident.important,
        "reported_at": clock.local(incident.reported_at).isoformat(),
        "due_at": clock.local(incident.due_at).isoformat() if incident.due_at else None,
        "late": incident.is_open and is_late(incident.due_at, clock.now()),
        "version": incident.version,
    }


class UploadSerializer(serializers.Serializer[Upload]):
    id = serializers.UUIDField()
    client_uuid = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    name = serializers.CharField(help_text=_("The sender's name of it, cleaned; empty for photos."))
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    step = serializers.IntegerField(
        source="history_seq", allow_null=True, help_text=_("The step it came with; null: with the report.")
    )
    paper = serializers.CharField(help_text=_("The paper of a step that it is, by its title; else empty."))
    url = serializers.SerializerMethodField()

    def get_url(self, upload: Upload) -> str:
        return reverse("api:upload-file", args=[upload.pk])


class RequesterSerializer(serializers.Serializer[Requester]):
    """Who asked. Masked for those who do not work on the matter."""

    name = serializers.CharField()
    phone = serializers.CharField()
    wants_feedback = serializers.BooleanField()
    channel = serializers.ChoiceField(choices=Channel.choices, allow_blank=True)
    anonymous = serializers.BooleanField()
    masked = serializers.BooleanField()


class PartySerializer(serializers.Serializer[Party]):
    """A party of a dispute. Masked for those who do not work on the matter."""

    id = serializers.UUIDField()
    side = serializers.ChoiceField(choices=PartySide.choices)
    side_label = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField()
    address = serializers.CharField()
    masked = serializers.BooleanField()


class PeopleSerializer(serializers.Serializer[Any]):
    """Who asked and who quarrels."""

    requester = RequesterSerializer(allow_null=True)
    parties = PartySerializer(many=True)


class AnswerSerializer(serializers.Serializer[Any]):
    """The requester's answer."""

    grade = serializers.ChoiceField(choices=Grade.choices)
    grade_label = serializers.CharField(source="get_grade_display")
    solved = serializers.BooleanField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    comment = serializers.CharField()
    answered_at = serializers.DateTimeField()


class PhotosSerializer(serializers.Serializer[Any]):
    """Those of the report itself: how many it announced, how many have come, how many are still to come."""

    expected = serializers.IntegerField()
    arrived = serializers.IntegerField()
    missing = serializers.IntegerField()


class BatchItemSerializer(serializers.Serializer[Any]):
    """What became of one report of a batch: `body` where it stands, else `problem`."""

    index = serializers.IntegerField(help_text=_("Its place in the list, from 0."))
    client_uuid = serializers.CharField(allow_null=True)
    status = serializers.IntegerField(help_text=_("As a call of its own would have answered."))
    body = IncidentSerializer(required=False)
    problem = ProblemSerializer(required=False)


class BulkLineSerializer(serializers.Serializer[Any]):
    """What became of one matter: `body` as it is now, else `problem`."""

    id = serializers.UUIDField()
    status = serializers.IntegerField(help_text=_("As a call of its own would have answered."))
    body = IncidentSerializer(required=False)
    problem = ProblemSerializer(required=False)


class BulkSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField(help_text=_("By this it is taken back, within 10 minutes."))
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BulkLineSerializer(many=True)


class ReceiptSerializer(serializers.Serializer[Any]):
    client_uuid = serializers.UUIDField()
    id = serializers.UUIDField()
    number = serializers.CharField()
    title = serializers.CharField()
    received_at = serializers.DateTimeField()
    photos = PhotosSerializer()


class ReceiptsSerializer(serializers.Serializer[Any]):
    """Whether a day's reports are all there, with their photos."""

    day = serializers.DateField()
    received = serializers.IntegerField(help_text=_("Reports of the day."))
    photos = PhotosSerializer()
    waiting_uploads = serializers.IntegerField(help_text=_("Own files whose report has not arrived."))
    complete = serializers.BooleanField(help_text=_("Nothing that was announced is missing."))
    results = ReceiptSerializer(many=True)
    as_of = serializers.DateTimeField()


TASKS_OF: Prepared[AssistTask] = Prepared(
    lambda incident: AssistTask.objects.filter(incident=incident).select_related(
        "grid", "department", "member"
    )
)


class AssistTaskSerializer(serializers.Serializer[AssistTask]):
    """A unit beside the lead: what it was asked, and how far it is."""

    kind = serializers.ChoiceField(choices=AssistKind.choices)
    grid = serializers.CharField(source="grid_id", allow_null=True)
    department = serializers.IntegerField(source="department_id", allow_null=True)
    name = serializers.CharField(source="unit.name")
    member = PersonSerializer()
    asked_at = serializers.DateTimeField()
    note = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    late = serializers.SerializerMethodField()
    done_at = serializers.DateTimeField(allow_null=True)
    released = serializers.BooleanField(source="is_released")
    result = serializers.CharField()

    def get_late(self, task: AssistTask) -> bool:
        return is_late(task.due_at, task.done_at or clock.now())


class AllowedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()
    requires = serializers.ListField(child=serializers.CharField(), help_text=_("Obligatory arguments."))
    arguments = serializers.ListField(child=serializers.CharField(), help_text=_("All arguments it takes."))
    rules = serializers.DictField(
        child=RuleSerializer(), help_text=_("By argument: the rule that asks for it.")
    )
    paper = serializers.CharField(
        help_text=_("The title of what `papers` hands in; empty where none is asked.")
    )


class TurnSerializer(serializers.Serializer[Any]):
    """The step whose turn it is by the matter's procedure."""

    code = serializers.CharField()
    name = serializers.CharField()
    level = serializers.CharField()
    actor = serializers.CharField()
    rule = RuleSerializer(allow_null=True)


class ProcedureRefSerializer(serializers.Serializer[Any]):
    """The version that the matter began with."""

    code = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()


class DetailSerializer(IncidentSerializer):
    """A matter with everything that one needs to work on it. `context`: user-dependent parts, made by the view."""

    # All requests share one serializer, so nothing is kept in it: the context comes with the matter.
    description = serializers.CharField()
    source = serializers.ChoiceField(choices=Source.choices)
    channel = serializers.ChoiceField(choices=Channel.choices)
    address = serializers.CharField()
    latitude = Coordinate(allow_null=True)
    longitude = Coordinate(allow_null=True)
    accuracy_m = serializers.IntegerField(allow_null=True)
    occurred_at = serializers.DateTimeField(allow_null=True)
    external_no = serializers.CharField()
    external_due = serializers.DateTimeField(allow_null=True)
    extra = serializers.DictField()
    reporter = PersonSerializer()
    rework_count = serializers.IntegerField()
    merged_into = serializers.UUIDField(source="merged_into_id", allow_null=True)
    is_listed = serializers.BooleanField()
    listed_until = serializers.DateTimeField(allow_null=True)
    is_supervised = serializers.BooleanField()
    is_accountable = serializers.BooleanField()
    approved_at = serializers.DateTimeField(allow_null=True)
    refused_at = serializers.DateTimeField(allow_null=True)
    extension_asked_at = serializers.DateTimeField(allow_null=True)
    suspended_until = serializers.DateTimeField(allow_null=True)
    fed_back_at = serializers.DateTimeField(allow_null=True)
    visited_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    requester = serializers.SerializerMethodField()
    parties = serializers.SerializerMethodField()
    uploads = serializers.SerializerMethodField()
    photos = serializers.SerializerMethodField()
    assisting = serializers.SerializerMethodField()
    step = serializers.SerializerMethodField()
    procedure = ProcedureRefSerializer()
    allowed_actions = serializers.SerializerMethodField()

    @extend_schema_field(TurnSerializer(allow_null=True))
    def get_step(self, incident: Any) -> dict[str, Any] | None:
        """Whose turn it is by the procedure."""
        step = current_step(incident)
        if step is None:
            return None
        return {
            "code": step.code,
            "name": step.name,
            "level": step.level,
            "actor": step.actor,
            "rule": step_rule(incident, step),
        }

    @extend_schema_field(RequesterSerializer(allow_null=True))
    def get_requester(self, incident: Any) -> dict[str, Any] | None:
        asked: Requester | None = getattr(incident, "requester", None)
        if asked is None:
            return None
        return dict(
            ready(RequesterSerializer).to_representation(asked.shown(in_full=incident.context["sees_people"]))
        )

    @extend_schema_field(PartySerializer(many=True))
    def get_parties(self, incident: Any) -> list[dict[str, Any]]:
        return [party.shown(in_full=incident.context["sees_people"]) for party in incident.context["parties"]]

    @extend_schema_field(UploadSerializer(many=True))
    def get_uploads(self, incident: Any) -> Any:
        return [ready(UploadSerializer).to_representation(upload) for upload in incident.context["uploads"]]

    @extend_schema_field(PhotosSerializer)
    def get_photos(self, incident: Any) -> dict[str, int]:
        with_report = sum(
            upload.history_seq is None and upload.kind == FileKind.PHOTO
            for upload in incident.context["uploads"]
        )
        return photos_of(incident.photos_expected, with_report)

    @extend_schema_field(AssistTaskSerializer(many=True))
    def get_assisting(self, incident: Incident) -> Any:
        return [ready(AssistTaskSerializer).to_representation(task) for task in TASKS_OF(incident.pk)]

    @extend_schema_field(AllowedSerializer(many=True))
    def get_allowed_actions(self, incident: Any) -> Any:
        return [ready(AllowedSerializer).to_representation(one) for one in incident.context["allowed"]]


class UnitSerializer(serializers.Serializer[Any]):
    grid = serializers.CharField(allow_null=True)
    department = serializers.IntegerField(allow_null=True)


class TransitionSerializer(serializers.Serializer[Transition]):
    """A step of the history."""

    seq = serializers.IntegerField()
    action = serializers.CharField()
    label = serializers.CharField()
    from_status = serializers.CharField()
    to_status = serializers.ChoiceField(choices=Status.choices)
    actor = PersonSerializer(allow_null=True)
    entered_by = PersonSerializer(allow_null=True, help_text=_("Who typed it, where that was somebody else."))
    in_place_of = PersonSerializer(allow_null=True, help_text=_("Who was on leave."))
    channel = serializers.ChoiceField(choices=Channel.choices)
    happened_at = serializers.DateTimeField()
    entered_at = serializers.DateTimeField()
    note = serializers.CharField()
    stage = serializers.IntegerField()
    level = serializers.CharField()
    from_unit = serializers.SerializerMethodField()
    to_unit = serializers.SerializerMethodField()
    responsible = PersonSerializer(allow_null=True)
    step = serializers.SerializerMethodField()
    told_at_once = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_told_at_once(self, row: Transition) -> list[str]:
        """The posts that the plan has told of a report at once, as it names them; also once it turned out to be such a
        matter."""
        return list(row.data.get("told", ())) if row.action in (REPORT, "correct") else []

    @extend_schema_field(NamedSerializer(allow_null=True))
    def get_step(self, row: Any) -> dict[str, str] | None:
        """The step of the procedure that this was."""
        code = row.data.get("step")
        named = {step.code: step.name for step in row.incident.procedure.spec.steps}
        return {"code": code, "name": named.get(code, code)} if code else None

    @extend_schema_field(UnitSerializer)
    def get_from_unit(self, row: Transition) -> dict[str, Any]:
        return {"grid": row.from_grid_id, "department": row.from_department_id}

    @extend_schema_field(UnitSerializer)
    def get_to_unit(self, row: Transition) -> dict[str, Any]:
        return {"grid": row.to_grid_id, "department": row.to_department_id}


class HistorySerializer(serializers.Serializer[Any]):
    results = TransitionSerializer(many=True)


class ClockSerializer(serializers.Serializer[Any]):
    """One clock: a stage, the whole matter (number 0), or a superior body's deadline (no number)."""

    number = serializers.IntegerField(allow_null=True)
    purpose = serializers.CharField()
    unit = serializers.CharField()
    limit = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    running = serializers.BooleanField()
    lines = serializers.ListField(child=serializers.CharField())


class DueSerializer(serializers.Serializer[Any]):
    """Why it is due when it is due."""

    due_at = serializers.DateTimeField(allow_null=True)
    running = serializers.BooleanField()
    source = serializers.CharField(help_text=_("stage, total, external or none"))
    lines = serializers.ListField(
        child=serializers.CharField(), help_text=_("The deciding clock, explained.")
    )
    clocks = ClockSerializer(many=True)
