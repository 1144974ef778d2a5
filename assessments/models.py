"""Schemes, assessed periods and scores."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from assessments.enums import AssessmentStatus, IndicatorCode
from assessments.querysets import AssessmentQuerySet, ScoreQuerySet
from gridgov.common.ids import uuid7
from grids.models import Grid


class Scheme(models.Model):
    """What a township assesses its villages by: indicators and weights, as data. A change is a new version."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="schemes")
    code = models.CharField(max_length=30)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(_("name"), max_length=60)
    items = models.JSONField(_("indicators and weights"))  # [{"indicator": "on_time", "weight": 50}, …]
    from_plan = models.BooleanField(_("named in the plan"), default=False)
    is_current = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("scheme")
        verbose_name_plural = _("schemes")
        constraints = [
            models.UniqueConstraint(fields=["township", "code", "version"], name="scheme_version_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def weights(self) -> dict[str, Decimal]:
        """Indicator -> weight, in the order of the sheet."""
        return {item["indicator"]: Decimal(str(item["weight"])) for item in self.items}


class Assessment(models.Model):
    """One period of a township under a scheme. Frozen it never changes; a correction is a new version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    township = models.ForeignKey(Grid, models.PROTECT, related_name="assessments")
    scheme = models.ForeignKey(Scheme, models.PROTECT, related_name="assessments")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"))  # the last day
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(
        _("status"), max_length=10, choices=AssessmentStatus, default=AssessmentStatus.DRAFT
    )
    data_at = models.DateTimeField(_("data as of"))
    computed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)
    hash = models.CharField(_("hash"), max_length=64, blank=True)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assessment")
        verbose_name_plural = _("assessments")
        constraints = [
            models.UniqueConstraint(fields=["scheme", "starts_on", "version"], name="assessment_once"),
            models.CheckConstraint(
                condition=Q(status="draft") | ~Q(hash=""), name="assessment_published_has_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.starts_on:%Y-%m}"


class Score(models.Model):
    """One indicator of one village: the figures and what they are worth. `score` None: too few cases, no rate."""

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="scores")
    grid = models.ForeignKey(Grid, models.PROTECT, related_name="+")
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12)
    indicator = models.CharField(max_length=15, choices=IndicatorCode)
    numerator = models.DecimalField(max_digits=12, decimal_places=2)
    denominator = models.DecimalField(max_digits=12, decimal_places=2)
    rate = models.DecimalField(max_digits=8, decimal_places=4, null=True)
    score = models.DecimalField(max_digits=6, decimal_places=2, null=True)  # 0 to 100
    weight = models.DecimalField(max_digits=6, decimal_places=2)  # after sharing out what had too few cases
    points = models.DecimalField(max_digits=6, decimal_places=2)  # score × weight / 100

    objects = ScoreQuerySet.as_manager()

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [
            models.UniqueConstraint(fields=["assessment", "grid", "indicator"], name="score_once"),
        ]

    def __str__(self) -> str:
        return f"{self.grid} {self.indicator} {self.score}"
