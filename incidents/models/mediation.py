"""What was said and agreed when a dispute was mediated."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from gridgov.common import clock
from gridgov.common.ids import uuid7
from gridgov.common.models import Repeatable
from incidents.enums import MediationOutcome
from incidents.models.incident import Incident
from members.models import Member


class Mediation(Repeatable):
    """One mediation of one dispute. The agreement, where there is one, is printed from it. What a correction replaced stays in
    `replaced`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="mediations", db_index=False)
    number = models.CharField(_("number"), max_length=20)  # 2026-0001, per township and year
    version = models.PositiveIntegerField(default=1)
    held_at = models.DateTimeField(_("held at"))
    place = models.CharField(_("place"), max_length=120)
    mediator = models.CharField(_("mediators"), max_length=80)
    record = models.TextField(_("record"), max_length=8000)
    outcome = models.CharField(_("outcome"), max_length=10, choices=MediationOutcome)
    terms = models.TextField(_("terms of the agreement"), max_length=4000, blank=True)
    performance = models.CharField(_("way of performance"), max_length=200, blank=True)
    performance_due = models.DateField(_("to be performed by"), null=True, blank=True)
    told_other_ways = models.BooleanField(_("told of the other ways"), default=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    entered_by = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)
    entered_at = models.DateTimeField(default=clock.now)
    township_code = models.CharField(max_length=9)

    replaced = HistoricalRecords(related_name="replaced_by")

    class Meta:
        verbose_name = _("mediation")
        verbose_name_plural = _("mediations")
        default_permissions = ()
        ordering = ("incident", "held_at", "id")
        constraints = [
            models.UniqueConstraint(fields=["user", "client_uuid"], name="mediation_sent_once"),
            models.UniqueConstraint(fields=["township_code", "number"], name="mediation_number_once"),
            models.CheckConstraint(
                condition=~Q(outcome=MediationOutcome.WRITTEN)
                | ~Q(terms="") & Q(performance_due__isnull=False),
                name="mediation_written_terms",
            ),
            models.CheckConstraint(
                condition=~Q(outcome=MediationOutcome.FAILED) | Q(told_other_ways=True),
                name="mediation_failed_told",
            ),
        ]
        indexes = [models.Index(fields=["incident", "held_at", "id"], name="mediation_incident")]

    def __str__(self) -> str:
        return self.number


class MediationSeries(models.Model):
    """The last number given per township and year."""

    township_code = models.CharField(max_length=9)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["township_code", "year"], name="mediation_series_once")
        ]

    def __str__(self) -> str:
        return f"{self.township_code} {self.year} {self.last}"
