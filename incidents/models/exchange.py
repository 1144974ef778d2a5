"""Who outside is told what happens, and who outside may report: webhooks, keys of the Open311 address."""

import secrets
from base64 import urlsafe_b64encode

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.errors import DomainError
from gridgov.common.models import OutboxMessage
from gridgov.common.outgoing import well_formed
from grids.models import Grid
from incidents.models.incident import Incident
from incidents.querysets import PublicRequestQuerySet, ServiceKeyQuerySet, WebhookTargetQuerySet


def new_salt() -> str:
    return secrets.token_urlsafe(32)


class WebhookTarget(models.Model):
    """An address that hears of what happens in a township, signed with its secret. `events`: empty means all.

    The secret itself is kept nowhere: it follows from `salt` and the installation's SECRET_KEY.
    """

    township = models.ForeignKey(
        Grid,
        models.CASCADE,
        related_name="webhooks",
        limit_choices_to={"kind": "township"},
        verbose_name=_("township"),
    )
    name = models.CharField(_("name"), max_length=60)
    url = models.URLField(_("address"), max_length=500)
    salt = models.CharField(max_length=64, default=new_salt, editable=False)
    events = models.JSONField(_("events"), default=list, blank=True)
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    objects = WebhookTargetQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("township", "name")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["township", "name"], name="webhook_named_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        digest = salted_hmac(
            "gridgov.webhook", f"{self.township_id}:{self.salt}", algorithm="sha256"
        ).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def clean(self) -> None:
        try:
            well_formed(self.url)
        except DomainError as error:
            raise ValidationError({"url": str(error.detail)}) from error


class Delivery(OutboxMessage):
    """The outgoing messages of a township, as its office may look at them."""

    class Meta:
        proxy = True
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ()


class ServiceKey(models.Model):
    """A key with which another system may report to a township. Only its hash is kept."""

    township = models.ForeignKey(
        Grid,
        models.CASCADE,
        related_name="service_keys",
        limit_choices_to={"kind": "township"},
        verbose_name=_("township"),
    )
    name = models.CharField(_("name"), max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=8, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects = ServiceKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("Open311 key")
        verbose_name_plural = _("Open311 keys")
        ordering = ("township", "-created_at")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class PublicRequest(models.Model):
    """A matter that the public may follow under its number: it came through the Open311 address.

    `call` is what the sender's system calls it, so that the same report sent twice is one.
    """

    incident = models.OneToOneField(Incident, models.CASCADE, primary_key=True, related_name="public")
    key = models.ForeignKey(ServiceKey, models.PROTECT, related_name="requests")
    call = models.UUIDField()
    township_code = models.CharField(max_length=9)
    requested_at = models.DateTimeField()

    objects = PublicRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("public matter")
        verbose_name_plural = _("public matters")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["key", "call"], name="public_request_once")]
        indexes = [
            models.Index(fields=["township_code", "-requested_at", "-incident"], name="public_request_list")
        ]

    def __str__(self) -> str:
        return str(self.incident_id)
