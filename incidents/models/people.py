"""Who asked and who quarrels: people of one matter and of nothing else. There is no register of persons."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.ids import uuid7
from gridgov.common.masking import HIDDEN, mask_name, mask_phone
from gridgov.common.models import Repeatable
from incidents.enums import PartySide
from incidents.models.incident import Incident
from members.models import Member


class Requester(models.Model):
    """Who asked. Masked outside the case at hand; who wants to stay unnamed is masked inside it too."""

    incident = models.OneToOneField(Incident, models.CASCADE, primary_key=True, related_name="requester")
    name = models.CharField(_("name"), max_length=40, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    wants_feedback = models.BooleanField(_("wants an answer"), default=True)
    channel = models.CharField(_("asked"), max_length=10, choices=Channel, blank=True)
    is_anonymous = models.BooleanField(_("wants to stay unnamed"), default=False)

    def __str__(self) -> str:
        return str(self.incident_id)

    def shown(self, *, in_full: bool, revealed: bool = False) -> dict[str, Any]:
        """As somebody may read it who works on the matter (`in_full`) or gave a reason (`revealed`), or masked."""
        masked = not (revealed or (in_full and not self.is_anonymous))
        return {
            "name": mask_name(self.name) if masked else self.name,
            "phone": mask_phone(self.phone) if masked else self.phone,
            "wants_feedback": self.wants_feedback,
            "channel": self.channel,
            "channel_label": self.get_channel_display() if self.channel else "",
            "anonymous": self.is_anonymous,
            "masked": masked,
        }


class Party(Repeatable):
    """A party (当事人) of one dispute, seen and found only where one works on the matter."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="parties", db_index=False)
    side = models.CharField(_("side"), max_length=12, choices=PartySide, default=PartySide.APPLICANT)
    name = models.CharField(_("name"), max_length=40)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    address = models.CharField(_("address"), max_length=120, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("party")
        verbose_name_plural = _("parties")
        default_permissions = ()
        ordering = ("incident", "id")
        indexes = [models.Index(fields=["incident", "id"], name="party_incident")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client_uuid"],
                condition=models.Q(user__isnull=False),
                name="party_sent_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.side}"

    def shown(self, *, in_full: bool) -> dict[str, Any]:
        return {
            "id": str(self.pk),
            "side": self.side,
            "side_label": self.get_side_display(),
            "name": self.name if in_full else mask_name(self.name),
            "phone": self.phone if in_full else mask_phone(self.phone),
            "address": self.address if in_full or not self.address else HIDDEN,
            "masked": not in_full,
        }


class Reveal(Repeatable):
    """Somebody looked behind the mask, and why. Never changed; the audit trail holds the same row once more."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="reveals", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(_("reason"), max_length=200)
    at = models.DateTimeField(_("at"), default=clock.now)

    class Meta:
        verbose_name = _("reveal")
        verbose_name_plural = _("reveals")
        default_permissions = ()
        ordering = ("incident", "-at")
        indexes = [models.Index(fields=["incident", "-at"], name="reveal_incident")]
        constraints = [models.UniqueConstraint(fields=["user", "client_uuid"], name="reveal_sent_once")]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.member} {self.at}"


def people_of(incident: Incident) -> list[tuple[str, str]]:
    """Name and phone of requester and parties, as far as a matter is found by them: who stays unnamed is not."""
    asked: Requester | None = getattr(incident, "requester", None)
    own = [(asked.name, asked.phone)] if asked is not None and not asked.is_anonymous else []
    return own + [(party.name, party.phone) for party in incident.parties.all()]
