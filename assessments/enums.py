"""Choices of the assessments room."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AssessmentStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    FROZEN = "frozen", _("frozen")


class IndicatorCode(models.TextChoices):
    """The first declared indicators (rules.md)."""

    ON_TIME = "on_time", _("on-time close")
    REWORK = "rework", _("rework")
    SATISFACTION = "satisfaction", _("satisfaction")
    PATROL = "patrol", _("patrol completion")
    ASSISTING = "assisting", _("assisting on time")
