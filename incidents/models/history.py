"""The typed history: one row per transition. Indicators are queries on these rows; they are never changed."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.models import Repeatable
from grids.models import Grid
from incidents.enums import Status
from incidents.models.incident import Incident
from incidents.querysets import TransitionQuerySet
from members.models import Department, Member


class Transition(Repeatable):
    """Who did what when, `in_place_of` whom (a leave), entered by whom (代录): `seq` runs without gaps from 1 (the report) and equals the incident's version after it."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="history", db_index=False)
    seq = models.PositiveIntegerField()
    action = models.CharField(_("action"), max_length=30)
    from_status = models.CharField(max_length=12, choices=Status, blank=True)
    to_status = models.CharField(max_length=12, choices=Status)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    actor = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    entered_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    in_place_of = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.SYSTEM)
    happened_at = models.DateTimeField(_("happened at"), default=clock.now)
    entered_at = models.DateTimeField(_("entered at"), default=clock.now)
    note = models.TextField(_("note"), blank=True)
    data = models.JSONField(default=dict)
    changed = models.JSONField(default=dict)  # what stood before, for undo (incidents/actions/traces.py)
    undoes = models.PositiveIntegerField(null=True)  # the step that this one took back
    batch = models.UUIDField(null=True)  # the steps of one bulk action
    stage = models.PositiveSmallIntegerField(default=1)
    level = models.CharField(max_length=10, blank=True)  # kind of the unit that acted, or `department`
    from_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    from_department = models.ForeignKey(
        Department, models.PROTECT, null=True, related_name="+", db_index=False
    )
    to_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    to_department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+", db_index=False)
    responsible = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    township_code = models.CharField(max_length=9)

    objects = TransitionQuerySet.as_manager()

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("history")
        ordering = ("incident", "seq")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["incident", "seq"], name="history_gapless"),
            models.UniqueConstraint(
                fields=["user", "client_uuid"],
                condition=models.Q(user__isnull=False),
                name="history_sent_once",
            ),
            models.UniqueConstraint(
                fields=["incident", "undoes"],
                condition=models.Q(undoes__isnull=False),
                name="history_undone_once",
            ),
        ]
        indexes = [
            models.Index(fields=["township_code", "action", "happened_at"], name="history_figures"),
            models.Index(fields=["township_code", "entered_at"], name="history_news"),
            models.Index(
                fields=["batch", "user"], condition=models.Q(batch__isnull=False), name="history_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.label}"

    @property
    def label(self) -> str:
        """What was done, as a verb of the timeline, in the words of the matter's procedure."""
        return self.incident.procedure.spec.said_of(self.action)


class CopiedNotice(Repeatable):
    """Somebody copied the short text about a matter, to send it to whoever answers for it: no move, so no version."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="copied_notices")
    action = models.CharField(_("action"), max_length=30)  # what the text says: dispatch, remind or supervise
    at = models.DateTimeField(_("at"), default=clock.now)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)
    to_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    to_department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+", db_index=False)
    to_member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.WECHAT)

    class Meta:
        verbose_name = _("copied notice")
        verbose_name_plural = _("copied notices")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "client_uuid"], name="copied_notice_sent_once")
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.action}"
