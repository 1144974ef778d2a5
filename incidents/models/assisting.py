"""Assisting units (协办) and those that were whistled for (吹哨报到): each with its own task and clock."""

from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.ids import uuid7
from gridgov.common.worktime import Due, Entry, Kind, derive
from grids.models import Grid, WorkingTime
from incidents.enums import AssistKind, Status
from incidents.models.incident import Incident
from incidents.models.time import limit_of
from incidents.querysets import AssistTaskQuerySet
from members.models import Department, Member


class AssistTask(models.Model):
    """What one unit beside the lead is asked to do in a matter. Its clock is its own: it does not stop with the lead's, but stands
    still while the matter is suspended.

    Open until `done_at`: by a result, by reporting in, or `is_released` without either. Lateness stays with the unit.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="assist_tasks", db_index=False)
    history_seq = models.PositiveIntegerField()
    kind = models.CharField(_("kind"), max_length=10, choices=AssistKind)
    grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="+", db_index=False)  # who answers for it
    asked_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    asked_at = models.DateTimeField()
    note = models.TextField(_("note"), blank=True)
    limit_n = models.PositiveIntegerField(null=True)
    limit_unit = models.CharField(max_length=15, blank=True)
    until = models.DateTimeField(null=True)  # or the deadline that a person set
    calendar_key = models.CharField(max_length=16, blank=True)  # the WorkingTime that it is reckoned with
    pauses = models.JSONField(default=list)  # [[from, to], …]; the last `to` is None while it stands still
    due_at = models.DateTimeField(_("due"), null=True)  # follows from limit, pauses and calendar
    tell_at = models.DateTimeField(
        null=True
    )  # when the next level is to be told; the sweep asks only for this
    card_since = models.DateTimeField(null=True)  # late: from when the time of the level told was reckoned
    card_key = models.CharField(max_length=16, blank=True)  # and the WorkingTime with which
    is_late = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    result = models.TextField(_("result"), blank=True)
    is_released = models.BooleanField(default=False)
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)

    objects = AssistTaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("assisting task")
        verbose_name_plural = _("assisting tasks")
        ordering = ("asked_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(grid__isnull=False, department__isnull=True)
                | Q(grid__isnull=True, department__isnull=False),
                name="assist_one_unit",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind", "grid"],
                condition=Q(done_at__isnull=True, grid__isnull=False),
                name="assist_grid_once",
            ),
            models.UniqueConstraint(
                fields=["incident", "kind", "department"],
                condition=Q(done_at__isnull=True, department__isnull=False),
                name="assist_department_once",
            ),
        ]
        indexes = [
            models.Index(fields=["incident"], name="assist_incident"),
            models.Index(fields=["grid", "due_at"], condition=Q(done_at__isnull=True), name="assist_grid"),
            models.Index(
                fields=["department", "due_at"], condition=Q(done_at__isnull=True), name="assist_department"
            ),
            models.Index(fields=["tell_at"], condition=Q(tell_at__isnull=False), name="assist_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.unit}"

    @property
    def unit(self) -> Grid | Department:
        return self.grid or self.department  # type: ignore[return-value]

    @property
    def is_open(self) -> bool:
        return self.done_at is None

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None

    @property
    def status(self) -> str:
        """For the words of the time left."""
        return Status.SUSPENDED if self.is_paused else ""

    def derived(self, pauses: Sequence[Sequence[str | None]]) -> datetime | None:
        """When it is due with these pauses."""
        return self.reckoned(pauses).at

    def reckoned(self, pauses: Sequence[Sequence[str | None]]) -> Due:
        """The same with what the reckoning leaned on."""
        rows = [Entry(Kind.START, self.asked_at, limit_of(self.limit_n, self.limit_unit), self.until)]
        for start, end in pauses:
            rows.append(Entry(Kind.PAUSE, datetime.fromisoformat(str(start))))
            if end is not None:
                rows.append(Entry(Kind.RESUME, datetime.fromisoformat(end)))
        return derive(rows, WorkingTime.objects.of_clock(self.calendar_key, self.township_code))


class AssistTold(models.Model):
    """One row per task and level told that it is late: exactly once."""

    task = models.ForeignKey(AssistTask, models.CASCADE, related_name="told", db_index=False)
    level = models.CharField(_("level told"), max_length=10)
    told_grid = models.ForeignKey(Grid, models.PROTECT, related_name="+", db_index=False)
    told_member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    told_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "level"], name="assist_told_once")]

    def __str__(self) -> str:
        return f"{self.task_id} {self.level}"
