"""What is owed between levels: a reply to a supervision, a decision on an extension."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.worktime import Limit
from grids.models import Grid
from incidents.enums import Card
from incidents.models.incident import Incident
from incidents.models.time import limit_of
from members.models import Department, Member


class Supervision(models.Model):
    """A level above urges, and the unit owes a reply. Open until it has replied or the matter has ended."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="supervisions")
    history_seq = models.PositiveIntegerField()
    card = models.CharField(_("level"), max_length=6, choices=Card)
    note = models.TextField(_("note"), blank=True)
    given_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    given_at = models.DateTimeField()
    grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+", db_index=False)
    reply_due = models.DateTimeField(_("reply due"), null=True)
    reminded_at = models.DateTimeField(null=True)  # that the reply is late was told
    reply = models.TextField(_("reply"), blank=True)
    replied_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    settled_at = models.DateTimeField(null=True)  # replied, or the matter ended without a reply
    township_code = models.CharField(max_length=9)

    class Meta:
        verbose_name = _("supervision")
        verbose_name_plural = _("supervisions")
        ordering = ("id",)
        indexes = [
            models.Index(
                fields=["reply_due"],
                condition=Q(settled_at__isnull=True, reminded_at__isnull=True, reply_due__isnull=False),
                name="supervision_reply_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.card}"

    @property
    def unit(self) -> Grid | Department | None:
        """Who owes the reply."""
        return self.grid or self.department


class ExtensionRequest(models.Model):
    """More time asked for by the unit that has the stage. Decided, or lapsed when the stage ended before."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="extensions", db_index=False)
    history_seq = models.PositiveIntegerField()
    stage_number = models.PositiveSmallIntegerField()
    asked_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    asked_at = models.DateTimeField()
    limit_n = models.PositiveIntegerField(null=True)
    limit_unit = models.CharField(max_length=15, blank=True)
    until = models.DateTimeField(null=True)
    reason = models.TextField(_("reason"))
    settled_at = models.DateTimeField(null=True)
    granted = models.BooleanField(null=True)  # None: still open, or lapsed

    class Meta:
        verbose_name = _("extension request")
        verbose_name_plural = _("extension requests")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["incident"], condition=Q(settled_at__isnull=True), name="extension_one_open"
            ),
            models.UniqueConstraint(fields=["incident", "history_seq"], name="extension_once"),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.limit_n or self.until}"

    @property
    def limit(self) -> Limit | None:
        return limit_of(self.limit_n, self.limit_unit)
