"""The tree, its grants, a township's settings, calendar and its copy of the plan's rules."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from guardian.models import UserObjectPermissionBase

from gridgov.common import clock
from grids.enums import CodeSource, Kind, Use, Verb
from grids.querysets import CalendarQuerySet, GrantQuerySet, GridQuerySet, WorkingTimeQuerySet, lineage

models.CharField.register_lookup(Length)

TOWNSHIP_DIGITS, VILLAGE_DIGITS, GROUP_DIGITS, STEP = 9, 12, 15, 3


class Grid(models.Model):
    """A grid. Its code extends its parent's and is never changed: the code is the path (architecture, decision 1)."""

    code = models.CharField(_("code"), max_length=30, primary_key=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name = models.CharField(_("name"), max_length=60)
    use = models.CharField(_("use"), max_length=15, choices=Use, default=Use.RESIDENTIAL)
    code_source = models.CharField(
        _("source of the code"), max_length=5, choices=CodeSource, default=CodeSource.NBS
    )
    township_code = models.CharField(max_length=9, editable=False)
    village_code = models.CharField(max_length=12, blank=True, editable=False)
    depth = models.PositiveSmallIntegerField(editable=False)
    started_on = models.DateField(_("since"), default=clock.today)
    ended_on = models.DateField(_("ended on"), null=True, blank=True)

    objects = GridQuerySet.as_manager()

    class Meta:
        verbose_name = _("grid")
        verbose_name_plural = _("grids")
        default_permissions = ()
        permissions = [*Verb.choices]
        ordering = ("code",)
        indexes = [
            models.Index(fields=["township_code", "kind", "code"], name="grid_township_kind"),
            models.Index(fields=["village_code", "code"], name="grid_village"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[0-9]+$"), name="grid_code_digits"),
            models.CheckConstraint(
                condition=Q(kind=Kind.TOWNSHIP, code__length=9, parent__isnull=True)
                | Q(kind=Kind.VILLAGE, code__length=12, parent__isnull=False)
                | Q(kind=Kind.GROUP, code__length__in=[15, 18, 21, 24, 27, 30], parent__isnull=False),
                name="grid_code_length_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | Q(code__startswith=F("parent_id")),
                name="grid_code_extends_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.derive()
        super().save(*args, **kwargs)

    def derive(self) -> "Grid":
        """Fills what follows from the code. Bulk writers call it themselves."""
        self.township_code = self.code[:TOWNSHIP_DIGITS]
        self.village_code = self.code[:VILLAGE_DIGITS] if len(self.code) >= VILLAGE_DIGITS else ""
        self.depth = (len(self.code) - TOWNSHIP_DIGITS) // STEP
        return self

    def clean(self) -> None:
        if self.parent_id and not self.code.startswith(self.parent_id):
            raise ValidationError({"code": _("The code must begin with the code of the grid above.")})

    @property
    def lineage(self) -> list[str]:
        """Codes from the township down to this grid."""
        return list(lineage(self.code))


class GridGrant(UserObjectPermissionBase):
    """guardian's direct foreign-key table: this user holds this permission on this grid and all below it."""

    content_object = models.ForeignKey(Grid, models.CASCADE, related_name="grants")

    objects = GrantQuerySet.as_manager()  # type: ignore[assignment, misc]  # in place of guardian's own

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = _("grant")
        verbose_name_plural = _("grants")


class Succession(models.Model):
    """Which grid took over from which: move, split, merge, a late official code. The old grid ends, history stays with it."""

    old = models.ForeignKey(Grid, models.PROTECT, related_name="successors")
    new = models.ForeignKey(Grid, models.PROTECT, related_name="predecessors")
    on = models.DateField(_("on"))
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        verbose_name = _("succession")
        verbose_name_plural = _("successions")
        constraints = [
            models.UniqueConstraint(fields=["old", "new"], name="succession_once"),
            models.CheckConstraint(condition=~Q(old=F("new")), name="succession_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.old_id} → {self.new_id}"


def around_the_clock() -> list[list[str]]:
    return [["00:00", "00:00"]]


class WorkingTime(models.Model):
    """A calendar as it once was: what a clock was reckoned with stays, whatever is edited later. The key is a hash of the content."""

    key = models.CharField(max_length=16, primary_key=True)
    content = (
        models.JSONField()
    )  # frames, weekdays, days {"2026-10-01": [false, "国庆节"]}, years; what `counting` reads

    objects = WorkingTimeQuerySet.as_manager()

    class Meta:
        verbose_name = _("working time")
        verbose_name_plural = _("working times")

    def __str__(self) -> str:
        return self.key


class Calendar(models.Model):
    """Working time of a township. Frames are [["08:30", "12:00"], …] in Asia/Shanghai wall time.

    Two calendars: the office's, and that of urgent matters, which runs on every day of the week through all holidays.
    """

    township = models.OneToOneField(Grid, models.CASCADE, primary_key=True, related_name="calendar")
    frames = models.JSONField(_("frames"))
    weekdays = models.JSONField(_("working days of the week"))  # 0 = Monday
    urgent_frames = models.JSONField(_("frames of urgent matters"), default=around_the_clock)
    version = models.PositiveIntegerField(default=1)
    office_key = models.CharField(max_length=16, blank=True, editable=False)  # the WorkingTime of each now
    urgent_key = models.CharField(max_length=16, blank=True, editable=False)

    objects = CalendarQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")

    def __str__(self) -> str:
        return str(self.township_id)


class CalendarDay(models.Model):
    """A day that differs from its weekday: a holiday (not working) or a make-up day (working)."""

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="days", verbose_name=_("calendar"))
    day = models.DateField(pgettext_lazy("date", "day"))
    working = models.BooleanField(_("working"))
    name = models.CharField(_("name"), max_length=40)
    source = models.CharField(_("source"), max_length=80, blank=True)
    table_year = models.PositiveSmallIntegerField(
        null=True, editable=False
    )  # the official table it came with

    class Meta:
        verbose_name = _("special day")
        verbose_name_plural = _("special days")
        ordering = ("day",)
        constraints = [models.UniqueConstraint(fields=["calendar", "day"], name="calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class CalendarYear(models.Model):
    """A year whose official table is in. Others go by weekdays for now, and every explanation says so."""

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="years")
    year = models.PositiveSmallIntegerField(_("year"))
    source = models.CharField(_("source"), max_length=80, blank=True)
    imported_at = models.DateTimeField(_("imported at"), default=clock.now)
    followed_at = models.DateTimeField(
        null=True
    )  # the open clocks that leaned on the year were reckoned again

    class Meta:
        verbose_name = _("official year")
        verbose_name_plural = _("official years")
        constraints = [models.UniqueConstraint(fields=["calendar", "year"], name="calendar_year_once")]

    def __str__(self) -> str:
        return str(self.year)


class Township(models.Model):
    """Settings of a township, and which plan it runs."""

    grid = models.OneToOneField(Grid, models.CASCADE, primary_key=True, related_name="township")
    office_name = models.CharField(_("name of the grid office"), max_length=40, blank=True)
    plan_number = models.PositiveSmallIntegerField(_("plan"), null=True)
    plan_title = models.CharField(_("title of the plan"), max_length=100, blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    # what the plan said of each row when it was loaded last: {"category dispute": {"name": "矛盾纠纷", …}}
    loaded_plan = models.JSONField(default=dict, editable=False)
    expected = models.JSONField(_("expected counts by kind"), default=dict)  # {"village": 22, "group": 143}
    is_demo = models.BooleanField(default=False)
    policies = models.JSONField(_("policy switches"), default=dict)
    duty_phone = models.CharField(_("duty telephone"), max_length=30, blank=True)
    # minutes after which an urgent matter that nobody took calls the next one on the duty roster
    call_after = models.PositiveSmallIntegerField(_("call the next one after (minutes)"), default=15)

    class Meta:
        verbose_name = _("township")
        verbose_name_plural = _("townships")

    def __str__(self) -> str:
        return str(self.grid)


class Tier(models.Model):
    """The plan's own words for a kind of grid at a depth: 二级网格, 行政村, 村支部书记."""

    township = models.ForeignKey(Township, models.CASCADE, related_name="tiers")
    kind = models.CharField(max_length=10, choices=Kind)
    depth = models.PositiveSmallIntegerField()
    label = models.CharField(_("tier"), max_length=30)
    name = models.CharField(_("name"), max_length=30)
    head_title = models.CharField(_("title of the head"), max_length=40)
    expected_count = models.PositiveIntegerField(null=True)
    count_note = models.CharField(
        max_length=60, blank=True
    )  # what the plan says of the count: three of them pilots
    rule = models.CharField(max_length=20, blank=True)
    posts = models.JSONField(
        default=list, blank=True
    )  # of each grid there: [{"title", "role", "responsible"}]

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        constraints = [models.UniqueConstraint(fields=["township", "depth"], name="tier_once")]

    def __str__(self) -> str:
        return self.label


class Rule(models.Model):
    """A rule of the township's copy of the plan: the clause that stands behind what gridgov asks for."""

    township = models.ForeignKey(Township, models.CASCADE, related_name="rules")
    rule_id = models.CharField(max_length=20)
    clause = models.CharField(_("clause"), max_length=60)
    text = models.CharField(_("text"), max_length=300)
    changed_here = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        constraints = [models.UniqueConstraint(fields=["township", "rule_id"], name="rule_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.clause}"
