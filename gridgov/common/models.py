"""Tables of the kernel: login, audit trail, outbox, heartbeats; and the base of everything that may be sent twice."""

import uuid
from pathlib import PurePath
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from gridgov.common.enums import AuditKind, FileKind
from gridgov.common.files import NAME_LENGTH, SUFFIXES
from gridgov.common.ids import uuid7


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **extra: Any) -> "User":
        """A login. Without a password the account exists but nobody can log in with it."""
        user = self.model(username=self.model.normalize_username(username), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(username, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """A login and nothing else; who the person is stands in `members.Member`."""

    username = models.CharField(
        _("user name"), max_length=64, unique=True, validators=[UnicodeUsernameValidator()]
    )
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_staff = models.BooleanField(_("may enter the admin pages"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    must_change_password = models.BooleanField(_("must choose a password of their own"), default=False)
    date_joined = models.DateTimeField(_("created"), default=clock.now, editable=False)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def get_short_name(self) -> str:
        return self.username

    def get_full_name(self) -> str:
        return self.username


class Repeatable(models.Model):
    """A row that a client may send twice: the same `client_uuid` and content is the same row (contract.md)."""

    client_uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    body_hash = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        abstract = True


class AuditEvent(models.Model):
    """The audit trail beside the typed history: logins, reveals, exports, settings. Never edited or deleted."""

    at = models.DateTimeField(_("at"), default=clock.now, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=AuditKind)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("user"))
    username = models.CharField(_("user name"), max_length=150, blank=True)
    township_code = models.CharField(max_length=9, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    ip_address = models.GenericIPAddressField(_("address"), null=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_at"),
            models.Index(fields=["township_code", "-at", "-id"], name="audit_township_at"),
        ]

    def __str__(self) -> str:
        return f"{clock.local(self.at):%Y-%m-%d %H:%M} {self.get_kind_display()} {self.username}"


class OutboxMessage(models.Model):
    """What must leave the process, written in the transaction that decided it; the relay alone sends it.

    `key` is the receiver's idempotency key: notices arrive at least once.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(_("key"), max_length=200, unique=True)
    topic = models.CharField(_("topic"), max_length=50)
    payload = models.JSONField(default=dict)
    township_code = models.CharField(_("township"), max_length=9, blank=True)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(_("sent"), null=True)
    dead_at = models.DateTimeField(_("given up"), null=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(sent_at__isnull=True, dead_at__isnull=True),
                name="outbox_waiting",
            ),
            models.Index(fields=["sent_at"], condition=models.Q(sent_at__isnull=False), name="outbox_sent"),
            models.Index(fields=["township_code", "topic", "-created_at", "-id"], name="outbox_log"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"


class Heartbeat(models.Model):
    """When a recurring piece of work last ended, for /readyz."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    at = models.DateTimeField(_("at"))
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("recurring work")
        verbose_name_plural = _("recurring work")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"


class SetAside(models.Model):
    """A row that a recurring piece of work could not do. The others go on; this one is tried again later."""

    work = models.CharField(_("work"), max_length=40)
    key = models.CharField(_("key"), max_length=64)
    error = models.CharField(_("last error"), max_length=100)  # the kind only
    times = models.PositiveIntegerField(_("attempts"), default=1)
    first_at = models.DateTimeField(_("since"), default=clock.now)
    last_at = models.DateTimeField(_("last attempt"), default=clock.now)
    retry_at = models.DateTimeField(_("next attempt"))

    class Meta:
        verbose_name = _("row put aside")
        verbose_name_plural = _("rows put aside")
        constraints = [models.UniqueConstraint(fields=["work", "key"], name="set_aside_once")]

    def __str__(self) -> str:
        return f"{self.work} {self.key}"


def upload_path(instance: "Attachment", filename: str) -> str:
    """Two folders of the id, then the id: a name from a client never reaches the disk."""
    name = instance.pk.hex
    return str(
        PurePath("uploads", name[-2:], name[-4:-2], name + SUFFIXES.get(instance.content_type, ".bin"))
    )


class Attachment(Repeatable):
    """Base of uploaded files. `sha256` is of what the client sent; a photo is stored as a new encoding of it.

    `name`: the client's own, cleaned, of everything but photos; it never reaches the disk.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    uploader = models.ForeignKey(User, models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=20, choices=FileKind, default=FileKind.PHOTO)
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    file = models.FileField(upload_to=upload_path)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.pk}"
