"""Choices of the members room."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RoleCode(models.TextChoices):
    """Roles that every township begins with; what each may do is data (`members.Role.permissions`)."""

    WORKER = "worker", _("grid worker")
    HEAD = "head", _("group head")
    VOLUNTEER = "volunteer", _("information volunteer")
    VILLAGE_HEAD = "village_head", _("village head")
    CONTACT_LEADER = "contact_leader", _("contact leader")
    CLERK = "clerk", _("township clerk")
    LEADER = "leader", _("township leader")
    OFFICER = "officer", _("department officer")
    ASSESSOR = "assessor", _("assessor")
    AUDITOR = "auditor", _("auditor")


class LeaveKind(models.TextChoices):
    LEAVE = "leave", _("leave")
    BUSINESS = "business", _("away on business")
    TRAINING = "training", _("training")
    OTHER = "other", _("other")


class DutyKind(models.TextChoices):
    PATROL = "patrol", _("patrol")
    VISIT = "visit", _("visit")
    MEETING = "meeting", _("meeting")
    OTHER = "other", _("other")


class Per(models.TextChoices):
    """The span a duty counts in. Empty: the plan gives no number, so nothing falls due."""

    DAY = "day", _("day")
    WEEK = "week", _("week")
    MONTH = "month", _("month")
    QUARTER = "quarter", _("quarter")
    YEAR = "year", _("year")


class MessageKind(models.TextChoices):
    ARRIVED = "arrived", _("new for you")
    OVERDUE = "overdue", _("late")
    NEWS = "news", _("news")
    WARNING = "warning", _("warning")
