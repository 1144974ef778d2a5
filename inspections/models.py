"""What was done in the field: patrols and their findings."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.ids import uuid7
from gridgov.common.models import Repeatable
from grids.models import Grid
from incidents.models import Incident
from inspections.querysets import PatrolQuerySet
from members.models import Duty, Member


class Patrol(Repeatable):
    """A walk through a grid (R84), by `member`; `entered_by` where somebody else typed it (代录). `day` is the day in Asia/Shanghai on which it began; duties are counted by it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    grid = models.ForeignKey(Grid, models.PROTECT, related_name="+", db_index=False, verbose_name=_("grid"))
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="+", verbose_name=_("member"), db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    entered_by = models.ForeignKey(
        Member, models.PROTECT, null=True, related_name="+", verbose_name=_("entered by"), db_index=False
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel, default=Channel.SYSTEM)
    duty = models.ForeignKey(Duty, models.PROTECT, null=True, related_name="+", db_index=False)
    started_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"))
    day = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    note = models.TextField(_("note"), max_length=2000, blank=True)

    objects = PatrolQuerySet.as_manager()

    class Meta:
        verbose_name = _("patrol")
        verbose_name_plural = _("patrols")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "client_uuid"], name="patrol_sent_once"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("started_at")), name="patrol_ends_after_begin"
            ),
        ]
        indexes = [
            models.Index(fields=["township_code", "-started_at", "-id"], name="patrol_town"),
            models.Index(fields=["village_code", "-started_at", "-id"], name="patrol_village"),
            models.Index(fields=["grid", "-started_at", "-id"], name="patrol_grid"),
            models.Index(fields=["member", "-started_at", "-id"], name="patrol_member"),
            models.Index(fields=["township_code", "day", "grid"], name="patrol_done"),
        ]

    def __str__(self) -> str:
        return f"{self.grid} {self.day}"


class Finding(models.Model):
    """Something found on a patrol; it may have become an incident."""

    patrol = models.ForeignKey(Patrol, models.CASCADE, related_name="findings")
    text = models.CharField(_("finding"), max_length=500)
    incident = models.OneToOneField(Incident, models.PROTECT, null=True, related_name="finding")

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")

    def __str__(self) -> str:
        return self.text
