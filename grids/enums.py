"""Choices of the grids room."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Kind(models.TextChoices):
    """What a grid is. Tier numbers and titles are labels of the plan, this is the truth."""

    TOWNSHIP = "township", _("township")
    VILLAGE = "village", _("village")
    GROUP = "group", _("group")


class Use(models.TextChoices):
    """What lies in a grid (R12): special grids never hold residential addresses."""

    RESIDENTIAL = "residential", _("residential")
    ENTERPRISE = "enterprise", _("enterprise")
    SCHOOL = "school", _("school")
    INSTITUTION = "institution", _("institution")
    MARKET = "market", _("market")
    PARK = "park", _("park")
    COMPOUND = "compound", _("compound")


class CodeSource(models.TextChoices):
    NBS = "nbs", _("National Bureau of Statistics")
    LOCAL = "local", _("given out locally")


class Verb(models.TextChoices):
    """The neutral permissions on a grid, valid for its subtree (rules.md). A role is a subset, as data."""

    SEE = "see", _("see cases and people's work")
    REPORT = "report", _("report")
    HANDLE = "handle", _("handle what one's unit answers for")
    COORDINATE = "coordinate", _("dispatch and rule")
    SUPERVISE = "supervise", _("look, urge, approve")
    INSPECT = "inspect", _("check in the field")
    SCORE = "score", pgettext_lazy("permission", "score")
    MANAGE = "manage", _("manage people, grids, papers")
    REVEAL = "reveal", _("reveal masked contacts")
    AUDIT = "audit", _("read the audit trail")
