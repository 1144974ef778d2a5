"""Choices of the kernel."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditKind(models.TextChoices):
    LOGIN = "login", _("Login")
    LOGIN_FAILED = "login_failed", _("Failed login")
    LOGOUT = "logout", _("Logout")
    REVEAL = "reveal", _("Reveal of masked data")
    EXPORT = "export", _("Export")
    SETTINGS = "settings", _("Settings")
    PEOPLE = "people", _("People and posts")
    PLAN = "plan", _("Plan")


class Channel(models.TextChoices):
    """Through which channel something was said or done."""

    SYSTEM = "system", _("in gridgov")
    PHONE = "phone", _("by phone")
    WECHAT = "wechat", _("by WeChat")
    IN_PERSON = "in_person", _("in person")
    PAPER = "paper", _("on paper")


class FileKind(models.TextChoices):
    """What an uploaded file is, by its content."""

    PHOTO = "photo", _("photo")
    DOCUMENT = "document", _("document")
    VIDEO = "video", _("video")
    AUDIO = "audio", _("recording")
