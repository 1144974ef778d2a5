"""The requester's answer."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.models import Repeatable
from incidents.enums import Grade
from incidents.models.incident import Incident

VALID_FOR = timedelta(days=30)


def new_token() -> str:
    return secrets.token_urlsafe(16)


def expiry() -> datetime:
    return clock.now() + VALID_FOR


class FeedbackRequest(Repeatable):
    """A link for one answer, made at feed_back, shown as QR on the slip, valid for 30 days. An answer by phone or in
    person is entered by a clerk (`entered_by`)."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="feedback")
    token = models.CharField(max_length=32, unique=True, default=new_token)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(default=expiry)
    answered_at = models.DateTimeField(null=True)
    grade = models.PositiveSmallIntegerField(
        _("grade"), choices=Grade, null=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    solved = models.BooleanField(_("solved"), null=True)
    comment = models.CharField(_("comment"), max_length=500, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.SYSTEM)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(
                fields=["entered_by", "client_uuid"],
                condition=models.Q(entered_by__isnull=False),
                name="feedback_sent_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["township_code", "answered_at"],
                condition=models.Q(answered_at__isnull=False),
                name="feedback_figures",
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.grade or ''}"
