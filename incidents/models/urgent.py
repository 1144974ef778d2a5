"""Who was called because an urgent matter lay unanswered."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from incidents.models.incident import Incident
from members.models import Member


class UrgentCall(models.Model):
    """One person on the duty roster, called once for one stage of a matter that nobody had taken."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="urgent_calls", db_index=False)
    stage_number = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()  # on the roster, from 1
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)
    called_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("urgent call")
        verbose_name_plural = _("urgent calls")
        constraints = [
            models.UniqueConstraint(fields=["incident", "stage_number", "position"], name="urgent_call_once")
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.position}"
