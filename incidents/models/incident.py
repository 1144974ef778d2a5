"""The incident, who has part in it, and its files."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.ids import uuid7
from gridgov.common.models import Attachment, Repeatable
from grids.models import Grid
from incidents.enums import PartRole, Source, Status
from incidents.models.catalogue import Category, Procedure
from incidents.querysets import IncidentQuerySet, PartQuerySet, UploadQuerySet
from members.models import Department, Member


class Listed(models.Model):
    """What every reading list filters and sorts by. A `Part` repeats it, so that its lists need no join."""

    category = models.ForeignKey(Category, models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.REPORTED)
    is_open = models.BooleanField(default=True, editable=False)
    is_late = models.BooleanField(
        default=False, editable=False
    )  # set by the sweep, within a minute of the deadline
    # what a level above has marked: on the rectification list, a reply to a supervision owed, to be answered for
    is_listed = models.BooleanField(_("on the rectification list"), default=False, editable=False)
    is_supervised = models.BooleanField(_("under supervision"), default=False, editable=False)
    is_accountable = models.BooleanField(_("marked for accountability"), default=False, editable=False)
    reported_at = models.DateTimeField(_("reported at"), default=clock.now)  # arrival at the server

    class Meta:
        abstract = True


MARKS = ("is_listed", "is_supervised", "is_accountable")
REPEATED = ("status", "is_open", "is_late", *MARKS)  # on each part too, and kept equal by every action

# What gridgov itself keeps in `extra`: how a matter may develop, and the figure of what a superior body's last list said,
# so that corrections made here outlive the next one. A client's own fields have other names.
TREND_FORECAST, ORDER_SAID = "trend_forecast", "order_said"
MEDIA_URL = "media_url"  # of a report over Open311: where the public shows a picture of it


def list_indexes(unit: str, name: str, key: str) -> list[models.Index]:
    """The list of a unit and each filter that lists offer, all ending in the sort key."""
    tail = ("-reported_at", f"-{key}")
    return [
        models.Index(fields=[unit, *tail], name=f"{name}_all"),
        models.Index(fields=[unit, "status", *tail], name=f"{name}_status"),
        models.Index(fields=[unit, "category", *tail], name=f"{name}_category"),
        models.Index(fields=[unit, *tail], condition=Q(is_open=True), name=f"{name}_open"),
        models.Index(fields=[unit, *tail], condition=Q(is_late=True), name=f"{name}_late"),
        *(
            models.Index(fields=[unit, *tail], condition=Q(**{mark: True}), name=f"{name}_{mark[3:9]}")
            for mark in MARKS
        ),
    ]


class Incident(Listed, Repeatable):
    """A matter. Changed only by `actions.py`; `version` counts its history rows and guards every change."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(_("number"), max_length=20)
    version = models.PositiveIntegerField(default=1)

    grid = models.ForeignKey(Grid, models.PROTECT, related_name="+", db_index=False, verbose_name=_("grid"))
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)
    procedure = models.ForeignKey(Procedure, models.PROTECT, related_name="+", db_index=False)

    title = models.CharField(_("title"), max_length=80, blank=True)
    description = models.TextField(_("description"), max_length=4000)
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.BELOW)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.SYSTEM)
    address = models.CharField(_("address"), max_length=120, blank=True)
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)  # WGS-84
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    accuracy_m = models.PositiveIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField(_("happened at"), null=True, blank=True)
    photos_expected = models.PositiveSmallIntegerField(default=0)
    external_no = models.CharField(_("number of the superior body"), max_length=40, blank=True)
    external_due = models.DateTimeField(_("deadline of the superior body"), null=True, blank=True)
    extra = models.JSONField(default=dict, blank=True)
    important = models.BooleanField(_("important"), default=False)

    reporter = models.ForeignKey(
        Member, models.PROTECT, related_name="+", verbose_name=_("reporter"), db_index=False
    )
    reporter_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    first_asked = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)

    responsible_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    responsible_department = models.ForeignKey(
        Department, models.PROTECT, null=True, related_name="+", db_index=False
    )
    responsible_member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+")
    acceptor_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    dispatcher_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    handler_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    handler_department = models.ForeignKey(
        Department, models.PROTECT, null=True, related_name="+", db_index=False
    )
    handler_member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)

    is_assisted = models.BooleanField(default=False)  # an assisting task is open
    stage = models.PositiveSmallIntegerField(default=1)  # number of the running stage
    last_stage = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(
        _("due"), null=True
    )  # the effective deadline: the earliest of stage, total, external
    escalate_at = models.DateTimeField(
        null=True
    )  # when the next level is to be told; the sweep asks only for this
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="merged", db_index=False
    )  # the main matter, while merged
    approved_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)  # while the unit it was dispatched to waits for the ruling
    extension_asked_at = models.DateTimeField(null=True)  # while a request waits for its decision
    suspended_until = models.DateTimeField(null=True)  # when the clock goes on by itself
    listed_until = models.DateTimeField(null=True)
    rework_count = models.PositiveSmallIntegerField(default=0)
    fed_back_at = models.DateTimeField(null=True)
    visited_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    search_stale = models.BooleanField(
        default=True, editable=False
    )  # the search index does not know it as it is

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["reporter_user", "client_uuid"], name="incident_sent_once"),
            models.UniqueConstraint(fields=["township_code", "number"], name="incident_number_once"),
            models.UniqueConstraint(
                fields=["township_code", "external_no", "source"],
                condition=~Q(external_no="") & ~Q(status=Status.VOID),
                name="incident_external_once",
            ),
            models.CheckConstraint(
                condition=Q(is_open=False)
                | Q(responsible_grid__isnull=False, responsible_department__isnull=True)
                | Q(responsible_grid__isnull=True, responsible_department__isnull=False),
                name="incident_one_responsible_unit",
            ),
            models.CheckConstraint(
                condition=Q(is_open=False) | Q(responsible_member__isnull=False),
                name="incident_responsible_member",
            ),
        ]
        indexes = [
            *list_indexes("township_code", "inc_town", "id"),
            *list_indexes("village_code", "inc_village", "id"),
            *list_indexes("grid", "inc_grid", "id"),
            models.Index(
                fields=["responsible_grid", "-reported_at", "-id"],
                condition=Q(is_open=True, responsible_grid__isnull=False),
                name="inc_waits_grid",
            ),
            models.Index(
                fields=["responsible_department", "-reported_at", "-id"],
                condition=Q(is_open=True, responsible_department__isnull=False),
                name="inc_waits_department",
            ),
            models.Index(
                fields=["township_code", "external_no"], condition=~Q(external_no=""), name="inc_external"
            ),
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="inc_merged_into"
            ),
            models.Index(
                fields=["suspended_until"],
                condition=Q(suspended_until__isnull=False),
                name="inc_suspended_until",
            ),
            models.Index(
                fields=["township_code", "reported_at"],
                condition=Q(is_open=True, due_at__isnull=True),
                name="inc_still",
            ),
            models.Index(fields=["escalate_at"], condition=Q(escalate_at__isnull=False), name="inc_escalate"),
            models.Index(
                fields=["township_code", "reported_at", "id"],
                condition=Q(search_stale=True),
                name="inc_search_stale",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.heading}"

    @property
    def heading(self) -> str:
        """The title, or the beginning of the description where nobody gave one."""
        return self.title or (self.description[:30] + ("…" if len(self.description) > 30 else ""))

    @property
    def unit(self) -> Grid | Department | None:
        """The responsible unit."""
        return self.responsible_grid or self.responsible_department

    @property
    def is_sent(self) -> bool:
        """Whether the responsible unit has it by a dispatch."""
        return self.dispatcher_grid_id is not None and self.dispatcher_grid_id != self.responsible_grid_id

    @property
    def unit_code(self) -> str:
        """The place of the responsible unit: its grid's code, for a department its township's."""
        return str(self.responsible_grid_id or self.township_code)


class Part(Listed):
    """Somebody's part in one incident: sight of it and nothing around it. Sight stays after it ends, acting does not."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="parts")
    member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="parts", db_index=False)
    department = models.ForeignKey(
        Department, models.PROTECT, null=True, related_name="parts", db_index=False
    )
    role = models.CharField(max_length=12, choices=PartRole)
    since = models.DateTimeField(default=clock.now)
    until = models.DateTimeField(null=True)
    township_code = models.CharField(max_length=9)
    in_search = models.BooleanField(default=False, editable=False)  # the search index knows of this sight

    objects = PartQuerySet.as_manager()

    class Meta:
        verbose_name = _("part")
        verbose_name_plural = _("parts")
        constraints = [
            models.CheckConstraint(
                condition=Q(member__isnull=False, department__isnull=True)
                | Q(member__isnull=True, department__isnull=False),
                name="part_of_one",
            ),
            models.UniqueConstraint(fields=["incident", "member", "role"], name="part_member_once"),
            models.UniqueConstraint(fields=["incident", "department", "role"], name="part_department_once"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="part_ends_after"
            ),
        ]
        indexes = [
            *list_indexes("member", "part_member", "incident"),
            *list_indexes("department", "part_dept", "incident"),
            models.Index(fields=["id"], condition=Q(in_search=False), name="part_not_in_search"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.member or self.department}"


class NumberSeries(models.Model):
    """The last number given per township and day of arrival (Asia/Shanghai)."""

    township_code = models.CharField(max_length=9)
    day = models.DateField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["township_code", "day"], name="number_series_once")]

    def __str__(self) -> str:
        return f"{self.township_code} {self.day} {self.last}"


class Upload(Attachment):
    """A file of an incident. It may arrive before its report: then `incident` is empty until the report comes."""

    incident = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="uploads")
    incident_client_uuid = models.UUIDField(null=True)
    history_seq = models.PositiveIntegerField(null=True)  # the action it came with, if not the report
    paper = models.CharField(max_length=40, blank=True)  # what the step had asked for: 村两委书面意见

    objects = UploadQuerySet.as_manager()

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [models.UniqueConstraint(fields=["uploader", "client_uuid"], name="upload_sent_once")]
        indexes = [
            models.Index(
                fields=["uploader", "incident_client_uuid"],
                condition=Q(incident__isnull=True),
                name="upload_waiting",
            )
        ]
