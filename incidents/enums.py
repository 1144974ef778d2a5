"""Choices of the incidents room."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Status(models.TextChoices):
    """The states of contract.md. Office words differ per plan; these are the default labels."""

    REPORTED = "reported", _("Reported")
    ACCEPTED = "accepted", _("Accepted")
    DISPATCHED = "dispatched", _("Dispatched")
    IN_PROGRESS = "in_progress", _("In progress")
    RESOLVED = "resolved", _("Result submitted")
    VERIFIED = "verified", _("Verified")
    SUSPENDED = "suspended", _("Suspended")
    REFERRED = "referred", _("Referred to superior")
    CLOSED = "closed", _("Closed")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    MERGED = "merged", _("Merged")
    VOID = "void", _("Void")


OPEN_STATUSES = (
    Status.REPORTED,
    Status.ACCEPTED,
    Status.DISPATCHED,
    Status.IN_PROGRESS,
    Status.RESOLVED,
    Status.VERIFIED,
    Status.SUSPENDED,
    Status.REFERRED,
)


class Source(models.TextChoices):
    """Where a matter came from (R45)."""

    PATROL = "patrol", _("found on patrol")
    BELOW = "below", _("reported from below")
    ABOVE = "above", _("assigned from above")
    RESIDENT = "resident", _("asked by a resident")


class CategoryKind(models.TextChoices):
    REQUEST = "request", _("request")
    DISPUTE = "dispute", _("dispute")
    HAZARD = "hazard", _("hazard")
    EMERGENCY = "emergency", _("emergency")
    ENVIRONMENT = "environment", _("environment")


class PartRole(models.TextChoices):
    """Why somebody sees this one matter beside those whose place it is."""

    REPORTER = "reporter", _("reporter")
    FIRST_ASKED = "first_asked", _("first person asked")
    LEAD = "lead", _("lead")
    ASSISTING = "assisting", _("assisting")
    HELPER = "helper", _("helper")
    CASE_LEADER = "case_leader", _("case leader")
    PERSON = "person", _("responsible person")


class PartySide(models.TextChoices):
    """On which side of a dispute a party stands."""

    APPLICANT = "applicant", _("applicant")
    RESPONDENT = "respondent", _("respondent")
    OTHER = "other", _("other person concerned")


class Purpose(models.TextChoices):
    """What a stage is for."""

    HANDLE = "handle", _("handling")
    VERIFY = "verify", _("verification")
    FOLLOW_UP = "follow_up", _("feedback and return visit")
    RULING = "ruling", _("ruling on a refusal")
    REFERRAL = "referral", _("reply of the superior body")
    TOTAL = "total", _("the whole matter")


class AssistKind(models.TextChoices):
    """Why a unit beside the lead has a task."""

    ASSIST = "assist", _("assists")
    WHISTLE = "whistle", _("called to report in")


class OnOverdue(models.TextChoices):
    SUPERVISE = "supervise", _("supervise: responsibility stays")
    RAISE = "raise", _("raise: responsibility moves when the level above accepts")


class Level(models.TextChoices):
    """Who is told that a stage is late; the last is the red card on the township leader's list."""

    GROUP = "group", _("group above")
    VILLAGE = "village", _("village")
    TOWNSHIP = "township", _("township")
    LEADER = "leader", _("township leader")


class Card(models.TextChoices):
    """How serious a supervision is; both oblige the unit to reply."""

    YELLOW = "yellow", _("yellow card")
    RED = "red", _("red card")


class Grade(models.IntegerChoices):
    """The national five grades of satisfaction."""

    VERY_SATISFIED = 1, _("very satisfied")
    SATISFIED = 2, _("satisfied")
    BASICALLY_SATISFIED = 3, _("basically satisfied")
    DISSATISFIED = 4, _("dissatisfied")
    VERY_DISSATISFIED = 5, _("very dissatisfied")


class MediationOutcome(models.TextChoices):
    """How one mediation of a dispute ended."""

    CONTINUED = "continued", _("to be continued")
    WRITTEN = "written", _("written agreement")
    ORAL = "oral", _("oral agreement")
    FAILED = "failed", _("no agreement")
    WITHDRAWN = "withdrawn", pgettext_lazy("mediation", "withdrawn")
