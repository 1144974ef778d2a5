"""People, their posts and dated appointments, departments, duties and the inbox."""

from datetime import date, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from gridgov.common import clock
from gridgov.common.ids import uuid7
from grids.enums import Kind, Verb
from grids.models import Grid
from members.enums import DutyKind, LeaveKind, MessageKind, Per
from members.querysets import (
    AppointmentQuerySet,
    DepartmentQuerySet,
    InboxQuerySet,
    LeaveQuerySet,
    MemberQuerySet,
    NoticeChannelQuerySet,
    PostQuerySet,
    ShiftQuerySet,
)


class Department(models.Model):
    """A department (站所) of a township. Not on the tree: its officers see by part."""

    township = models.ForeignKey(Grid, models.PROTECT, related_name="departments")
    township_code = models.CharField(max_length=9, editable=False)
    name = models.CharField(_("name"), max_length=40)
    aliases = models.JSONField(_("also called"), default=list, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    from_plan = models.BooleanField(_("named in the plan"), default=True)
    is_active = models.BooleanField(_("active"), default=True)

    objects = DepartmentQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        ordering = ("township_code", "id")
        constraints = [models.UniqueConstraint(fields=["township", "name"], name="department_name_once")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.township_code = self.township_id
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class Member(models.Model):
    """A person who works in the grids. Not every member has a login; a login without a member has no case rights."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="member",
        verbose_name=_("login"),
    )
    name = models.CharField(_("name"), max_length=40)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    township_code = models.CharField(max_length=9, db_index=True)
    residence = models.ForeignKey(
        Grid, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("lives in")
    )
    is_active = models.BooleanField(_("active"), default=True)

    objects = MemberQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """A role is a subset of the neutral permissions, as data; editing it re-syncs the grants."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="roles", verbose_name=_("township"))
    code = models.CharField(_("code"), max_length=20)
    name = models.CharField(_("name"), max_length=40)
    permissions = models.JSONField(_("permissions"), default=list)
    is_staff = models.BooleanField(_("works in the admin pages"), default=False)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [models.UniqueConstraint(fields=["township", "code"], name="role_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def verbs(self) -> list[str]:
        return [verb for verb in Verb.values if verb in self.permissions]


class Post(models.Model):
    """A post at a grid or in a department: role and the plan's own title. A post may be vacant."""

    grid = models.ForeignKey(
        Grid, models.PROTECT, null=True, blank=True, related_name="posts", verbose_name=_("grid")
    )
    department = models.ForeignKey(
        Department, models.PROTECT, null=True, blank=True, related_name="posts", verbose_name=_("department")
    )
    township_code = models.CharField(max_length=9, editable=False)
    village_code = models.CharField(max_length=12, blank=True, editable=False)
    role = models.ForeignKey(Role, models.PROTECT, related_name="posts", verbose_name=_("role"))
    title = models.CharField(pgettext_lazy("post", "title"), max_length=40)
    is_responsible = models.BooleanField(
        _("answers for the unit"),
        default=False,
        help_text=_("Matters that arrive at the unit arrive at this post. At the township: the duty post."),
    )

    objects = PostQuerySet.as_manager()

    class Meta:
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        constraints = [
            models.CheckConstraint(
                condition=Q(grid__isnull=False, department__isnull=True)
                | Q(grid__isnull=True, department__isnull=False),
                name="post_at_one_unit",
            ),
            models.UniqueConstraint(
                fields=["grid"], condition=Q(is_responsible=True), name="post_responsible_grid"
            ),
            models.UniqueConstraint(
                fields=["department"], condition=Q(is_responsible=True), name="post_responsible_department"
            ),
        ]
        indexes = [models.Index(fields=["township_code", "village_code"], name="post_place")]

    def __str__(self) -> str:
        return f"{self.grid or self.department} {self.title}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.derive()
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def called(self) -> str:
        """The unit and the title, once where the title begins with the unit."""
        unit = str(self.grid or self.department)
        return str(self.title) if self.title.startswith(unit) else f"{unit}{self.title}"

    def derive(self) -> "Post":
        unit = self.grid if self.grid_id else None
        self.township_code = unit.township_code if unit else self.department.township_code  # type: ignore[union-attr]
        self.village_code = unit.village_code if unit else ""
        return self


class Leave(models.Model):
    """A member is away from `since` until the day before `until`; the deputy stands in for all posts meanwhile.

    Without a deputy the posts' own deputies (B岗) answer, else the level above. An empty span: called off before it began.
    """

    member = models.ForeignKey(Member, models.PROTECT, related_name="leaves", verbose_name=_("member"))
    deputy = models.ForeignKey(
        Member,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("stand-in"),
        help_text=_("Empty: the post's own deputy answers meanwhile, else the level above."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=LeaveKind, default=LeaveKind.LEAVE)
    since = models.DateField(_("first day"), default=clock.today)
    until = models.DateField(_("back on"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    township_code = models.CharField(max_length=9, editable=False)
    entered_by = models.ForeignKey(
        Member, models.PROTECT, null=True, related_name="+", verbose_name=_("entered by")
    )
    entered_at = models.DateTimeField(_("entered at"), default=clock.now)

    objects = LeaveQuerySet.as_manager()

    class Meta:
        verbose_name = _("leave")
        verbose_name_plural = _("leaves")
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="leave_ends_after_begin"),
            models.CheckConstraint(
                condition=Q(deputy__isnull=True) | ~Q(deputy=F("member")), name="leave_other_deputy"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "since", "until"], name="leave_member"),
            models.Index(fields=["township_code", "-since", "-id"], name="leave_township"),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.since:%Y-%m-%d}"

    @property
    def last_day(self) -> date:
        return self.until - timedelta(days=1)


class Appointment(models.Model):
    """A member in a post from `since` until the day before `until`. Grants permissions while in force.

    `leave`: in somebody's place, for as long as that person is away.
    """

    member = models.ForeignKey(Member, models.PROTECT, related_name="appointments", verbose_name=_("member"))
    post = models.ForeignKey(Post, models.PROTECT, related_name="appointments", verbose_name=_("post"))
    since = models.DateField(_("since"), default=clock.today)
    until = models.DateField(_("until"), null=True, blank=True)
    is_main = models.BooleanField(_("main holder"), default=True, help_text=_("Otherwise deputy."))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    leave = models.ForeignKey(
        Leave, models.PROTECT, null=True, editable=False, related_name="stand_ins", verbose_name=_("leave")
    )

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
                name="appointment_ends_after_begin",
            ),
            models.UniqueConstraint(
                fields=["post"], condition=Q(is_main=True, until__isnull=True), name="appointment_one_main"
            ),
        ]
        indexes = [models.Index(fields=["member", "since"], name="appointment_member")]

    def __str__(self) -> str:
        return f"{self.member} {self.post}"


class Shift(models.Model):
    """A day of the duty roster (值班表): who leads, who answers the telephone, from the morning to the next one."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="shifts", verbose_name=_("township"))
    day = models.DateField(pgettext_lazy("date", "day"))
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    leader = models.ForeignKey(Member, models.PROTECT, related_name="+", verbose_name=_("leading on duty"))
    officer = models.ForeignKey(Member, models.PROTECT, related_name="+", verbose_name=_("on duty"))
    second = models.ForeignKey(
        Member, models.PROTECT, null=True, related_name="+", verbose_name=_("second on duty")
    )
    phone = models.CharField(_("phone"), max_length=30, blank=True)  # of this shift; empty: the township's

    objects = ShiftQuerySet.as_manager()

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        ordering = ("township", "day")
        constraints = [
            models.UniqueConstraint(fields=["township", "day"], name="shift_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="shift_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.officer}"

    @property
    def callees(self) -> list[Member]:
        """Whom an urgent matter calls, in order."""
        people = [self.officer, *([self.second] if self.second else []), self.leader]
        return list({member.pk: member for member in people}.values())


class Duty(models.Model):
    """What the plan asks of a role, how often. Without a number nothing falls due."""

    township = models.ForeignKey(Grid, models.CASCADE, related_name="duties")
    rule_id = models.CharField(max_length=20)
    name = models.CharField(_("name"), max_length=40)
    kind = models.CharField(_("kind"), max_length=10, choices=DutyKind)
    grid_kind = models.CharField(_("per grid of kind"), max_length=10, choices=Kind)
    role_code = models.CharField(max_length=20)
    times = models.PositiveSmallIntegerField(_("times"), null=True, blank=True)
    per = models.CharField(_("per"), max_length=10, choices=Per, blank=True)
    since = models.DateField(_("since"), default=clock.today)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("duty")
        verbose_name_plural = _("duties")
        constraints = [models.UniqueConstraint(fields=["township", "rule_id"], name="duty_once")]

    def __str__(self) -> str:
        return self.name


class InboxMessage(models.Model):
    """A message to one member, written in the transaction of what it tells. `key` keeps it from being told twice."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=10, choices=MessageKind, default=MessageKind.NEWS)
    text = models.CharField(max_length=200)  # a msgid; read in the reader's language
    params = models.JSONField(default=dict)
    link = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)  # what it told of was undone

    objects = InboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [models.UniqueConstraint(fields=["member", "key"], name="inbox_once")]
        indexes = [
            models.Index(fields=["member", "-created_at", "-id"], name="inbox_list"),
            models.Index(fields=["member"], condition=Q(read_at__isnull=True), name="inbox_unread"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return gettext(self.text) % self.params


class NoticeChannel(models.Model):
    """Where else a message goes: a member's own channel, or a group of the township (member empty).

    The address is a secret in itself (robots take whatever comes with it), so no page shows it in full.
    """

    township = models.ForeignKey(
        Grid,
        models.CASCADE,
        related_name="notice_channels",
        limit_choices_to={"kind": "township"},
        verbose_name=_("township"),
    )
    member = models.ForeignKey(
        Member,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notice_channels",
        verbose_name=_("only for"),
    )
    name = models.CharField(_("name"), max_length=60)
    url = models.CharField(_("address"), max_length=500)
    kinds = models.JSONField(_("kinds of messages"), default=list, blank=True)
    waits = models.BooleanField(
        _("waits for working time"),
        default=True,
        help_text=_("Messages about urgent matters go out at once all the same."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    objects = NoticeChannelQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice channel")
        verbose_name_plural = _("notice channels")
        ordering = ("township", "name")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
