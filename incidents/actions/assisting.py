"""Assisting tasks in the course of time: what is late is told level by level, and whoever answers for a unit has its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import in_batches
from grids.querysets import next_code
from incidents.actions.case import part_of
from incidents.actions.sweeping import Cards, People, telling
from incidents.actions.webhooks import tell_outside
from incidents.enums import PartRole
from incidents.models import AssistTask, AssistTold, Incident, Part, Transition
from incidents.models.time import limit_of
from incidents.workflow import ASSIST_OVERDUE, Rung, department_rungs, rungs
from members.actions import post
from members.enums import MessageKind
from members.models import Appointment, InboxMessage

LATE_ASSIST = gettext_noop("Late assisting: %(number)s %(heading)s (%(unit)s)")


def sweep_assisting(*, batch: int = 200, now: datetime | None = None) -> int:
    """Tells the next level of every assisting task that is late at `now`; returns how many rows were written."""
    at = now or clock.now()

    def take(which: Q, most: int) -> list[AssistTask]:
        late = AssistTask.objects.filter(which, tell_at__lt=at, done_at=None).order_by("tell_at")
        if connection.features.has_select_for_update_skip_locked:
            late = late.select_for_update(skip_locked=True, of=("self", "incident"))
        rows = list(late.select_related("incident", "grid", "department")[:most])
        matters: dict[Any, Incident] = {}
        for row in rows:  # one object for each matter, however many of its tasks are late
            row.incident = matters.setdefault(row.incident_id, row.incident)
        return rows

    return in_batches("sweep-assisting", take=take, act=lambda rows: _tell_next(rows, at), batch=batch)


def _tell_next(tasks: Sequence[AssistTask], at: datetime) -> int:
    told: dict[Any, set[str]] = {task.pk: set() for task in tasks}
    for key, level in AssistTold.objects.filter(task__in=list(told)).values_list("task", "level"):
        told[key].add(level)
    steps = {task.pk: _next_rung(task, told[task.pk]) for task in tasks}
    people = People(rung for rung in steps.values() if rung is not None)
    cards = Cards(at, [task.incident for task in tasks])
    rows, steps_written = [], list[Transition]()
    messages: dict[bool, list[InboxMessage]] = {True: [], False: []}  # of important matters, and of others
    for task in tasks:
        rung = steps[task.pk]
        task.is_late, task.tell_at = True, None
        if rung is None:
            continue
        holder = people.holder(rung)
        card = None if rung.is_red else cards.card(task.incident, limit_of(task.limit_n, task.limit_unit))
        task.tell_at = card.due if card else None
        task.card_since, task.card_key = (at, card.calendar_key) if card else (None, "")
        rows.append(
            AssistTold(task=task, level=rung.level, told_grid_id=rung.code, told_member=holder, told_at=at)
        )
        steps_written.append(_step(task, rung, at))
        receivers = {task.member_id, *([holder.pk] if holder else [])}
        messages[task.incident.important] += [_message(task, member, rung, at) for member in receivers]
    AssistTold.objects.bulk_create(rows)
    Transition.objects.bulk_create(steps_written)
    tell_outside(steps_written)
    versions = {row.incident_id: row.seq for row in steps_written}
    for incident, version in versions.items():
        Incident.objects.filter(pk=incident).update(version=version)
    for urgent, told_now in messages.items():
        post(told_now, urgent=urgent)
    AssistTask.objects.bulk_update(tasks, ["is_late", "tell_at", "card_since", "card_key"])
    return len(rows)


def _next_rung(task: AssistTask, told: set[str]) -> Rung | None:
    chain = department_rungs(task.township_code) if task.department_id else rungs(str(task.grid_id))
    return next((rung for rung in chain if rung.level not in told), None)


def _step(task: AssistTask, rung: Rung, at: datetime) -> Transition:
    """A row of the matter's history; several tasks of one matter share its object, and so count on."""
    row = task.incident
    row.version += 1
    return telling(row, ASSIST_OVERDUE, seq=row.version, rung=rung, at=at, data={"unit": [str(task.unit)]})


def _message(task: AssistTask, member: Any, rung: Rung, at: datetime) -> InboxMessage:
    incident = task.incident
    return InboxMessage(
        member_id=member,
        text=LATE_ASSIST,
        params={"number": incident.number, "heading": incident.heading, "unit": str(task.unit)},
        key=f"{task.pk}:late:{rung.level}",
        link=f"/incidents/{incident.pk}/",
        kind=MessageKind.OVERDUE,
        created_at=at,
    )


@transaction.atomic
def follow_assisting(*, codes: Iterable[str] | None = None, departments: Iterable[int] | None = None) -> int:
    """Open assisting tasks go to whoever answers for their unit today, with sight of the matter."""
    tasks = AssistTask.objects.open()
    if codes is not None or departments is not None:
        below = Q(department__in=list(departments or ()))
        for code in codes or ():
            below |= Q(grid__gte=code, grid__lt=next_code(code))
            below |= Q(department__isnull=False, township_code=code)
        tasks = tasks.filter(below)
    changed = 0
    for grid, department, town in (
        tasks.order_by().values_list("grid", "department", "township_code").distinct()
    ):
        held = Appointment.objects.responsible(grid=grid or town, department=department)
        if held is None:
            continue
        mine = tasks.filter(grid=grid, department=department, township_code=town)
        moved = list(mine.exclude(member=held.member_id).select_related("incident"))
        AssistTask.objects.filter(pk__in=[task.pk for task in moved]).update(member=held.member_id)
        if grid:
            _pass_parts(moved, held)
        changed += len(moved)
    return changed


def _pass_parts(tasks: list[AssistTask], held: Appointment) -> None:
    """A grid sees another place's matter through the member who answers for it."""
    now = clock.now()
    for task in tasks:
        old = Part.objects.filter(
            incident=task.incident_id, role=PartRole.ASSISTING, member=task.member_id, until=None
        )
        if old.update(until=now):
            Part.objects.bulk_create(
                [part_of(task.incident, PartRole.ASSISTING, member_id=held.member_id)],
                update_conflicts=True,
                unique_fields=["incident", "member", "role"],
                update_fields=["until", "since"],
            )
