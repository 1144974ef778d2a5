"""Stages, their ledger, and who was told that one is late."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gridgov.common.worktime import Calendar, Entry, Kind, Limit, Unit, derive
from gridgov.common.worktime import Due as Derived
from grids.models import Grid, WorkingTime
from incidents.enums import OnOverdue, Purpose
from incidents.models.incident import Incident
from members.models import Department, Member

TOTAL_NUMBER = 0  # of the stage that is the clock of the whole matter
# Of a level that is told, where neither the procedure nor the stage that is late has a limit: what was missed was a date or the
# deadline of the whole matter or of a superior body, and the chain still has to end with the township's leader.
LAST_RESORT = Limit(1, Unit.WORKING_DAYS)


ENTRY_COLUMNS = (
    "kind", "at", "limit_n", "limit_unit", "until", "reason", "history_seq", "voids", "year", "due_before", "due_after",
)  # fmt: skip


@lru_cache(1000)
def limit_of(n: int | None, unit: str) -> Limit | None:
    return Limit(n, Unit(unit)) if n else None


def entry_of(row: Sequence[Any]) -> Entry:
    """A row of the ledger from its ENTRY_COLUMNS."""
    kind, at, limit_n, limit_unit, *others = row
    return Entry(Kind(kind), at, limit_of(limit_n, limit_unit), *others)


class Stage(models.Model):
    """One run of a stage clock: a unit and its time (rules.md). Number 0 is the clock of the whole matter."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="stages", db_index=False)
    number = models.PositiveSmallIntegerField()
    purpose = models.CharField(max_length=10, choices=Purpose)
    grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)  # of the unit that holds the stage
    started_at = models.DateTimeField()
    limit_n = models.PositiveIntegerField(null=True)  # the limit it began with; none: no deadline (R74)
    limit_unit = models.CharField(max_length=15, blank=True)
    until = models.DateTimeField(null=True)  # or the deadline that a person set
    due_at = models.DateTimeField(null=True)
    calendar_key = models.CharField(max_length=16, blank=True)  # the WorkingTime that it is reckoned with
    ended_at = models.DateTimeField(null=True)
    is_void = models.BooleanField(default=False)  # the step that began it was undone: it counts nowhere

    class Meta:
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        constraints = [models.UniqueConstraint(fields=["incident", "number"], name="stage_once")]
        indexes = [
            models.Index(
                fields=["township_code", "ended_at"], condition=Q(purpose="handle"), name="stage_figures"
            ),
            models.Index(
                fields=["township_code", "due_at"],
                condition=Q(purpose="handle", ended_at__isnull=True, due_at__isnull=False),
                name="stage_open_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.purpose}"

    @property
    def unit(self) -> Grid | Department | None:
        return self.grid or self.department

    @property
    def start_entry(self) -> Entry:
        """The first row of the ledger is the stage itself."""
        return Entry(Kind.START, self.started_at, limit_of(self.limit_n, self.limit_unit), self.until)

    @property
    def calendar(self) -> Calendar:
        """The working time that it began with; a later edit does not move it."""
        return WorkingTime.objects.of_clock(self.calendar_key, self.township_code)

    def derived(self, calendar: Calendar | None = None) -> Derived:
        """The due time and its explanation, from the ledger."""
        return self.derived_from(self.ledger.all(), calendar)

    def derived_from(self, rows: Iterable["ClockEvent"], calendar: Calendar | None = None) -> Derived:
        """The same for rows at hand, some of them perhaps not written yet. `calendar`: what if it were another one."""
        return derive([self.start_entry, *(row.entry for row in rows)], calendar or self.calendar)


class ClockEvent(models.Model):
    """A later row of the ledger: pause, resume, extend, stop, void, year. Append-only: the due time follows from these rows, the calendar and nothing else."""

    stage = models.ForeignKey(Stage, models.CASCADE, related_name="ledger")
    kind = models.CharField(max_length=6, choices=[(kind.value, kind.value) for kind in Kind])
    at = models.DateTimeField()
    limit_n = models.PositiveIntegerField(null=True)
    limit_unit = models.CharField(max_length=15, blank=True)
    until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    history_seq = models.PositiveIntegerField()
    voids = models.PositiveIntegerField(null=True)  # the step whose rows it takes back (undo)
    year = models.PositiveSmallIntegerField(null=True)  # whose official holidays came in, and the deadline
    due_before = models.DateTimeField(null=True)
    due_after = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("clock event")
        verbose_name_plural = _("clock events")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"

    @property
    def entry(self) -> Entry:
        return entry_of([getattr(self, column) for column in ENTRY_COLUMNS])

    @property
    def step(self) -> int:
        return self.history_seq


class Escalation(models.Model):
    """One row per incident, stage and level told: the sweep's proof that going up happens exactly once."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="escalations", db_index=False)
    stage_number = models.PositiveSmallIntegerField()
    level = models.CharField(_("level told"), max_length=10)
    told_grid = models.ForeignKey(Grid, models.PROTECT, related_name="+", db_index=False)
    told_member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", db_index=False)
    mode = models.CharField(max_length=10, choices=OnOverdue)
    is_red = models.BooleanField(default=False)
    due_at = models.DateTimeField()  # what was missed
    told_at = models.DateTimeField()
    card_due_at = models.DateTimeField(null=True)  # until when the level told should have acted
    card_since = models.DateTimeField(null=True)  # from when that was reckoned
    calendar_key = models.CharField(max_length=16, blank=True)  # and the WorkingTime with which
    settled_at = models.DateTimeField(null=True)  # the stage moved on
    township_code = models.CharField(max_length=9)
    village_code = models.CharField(max_length=12, blank=True)
    late_grid = models.ForeignKey(Grid, models.PROTECT, null=True, related_name="+", db_index=False)
    late_department = models.ForeignKey(
        Department, models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        constraints = [
            models.UniqueConstraint(fields=["incident", "stage_number", "level"], name="escalation_once"),
        ]
        indexes = [
            models.Index(fields=["told_grid", "-told_at"], name="escalation_told"),
            models.Index(fields=["township_code", "-told_at"], name="escalation_township"),
            models.Index(
                fields=["told_grid", "told_at"],
                condition=Q(is_red=True, settled_at__isnull=True),
                name="escalation_red",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.stage_number} {self.level}"
