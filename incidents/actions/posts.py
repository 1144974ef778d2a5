"""Responsibility follows the posts: when who answers for a unit changes, its open matters change hands with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from grids.models import Succession
from grids.querysets import next_code
from incidents.actions.case import Case
from incidents.actions.webhooks import tell_outside
from incidents.enums import PartRole
from incidents.models import Incident, Part, Stage, Transition
from incidents.models.incident import REPEATED
from incidents.workflow import REASSIGNED, SUCCEEDED
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment

TAKEN_OVER = gettext_noop("You now answer for %(count)s open matters of %(unit)s")


@transaction.atomic
def follow_posts(*, codes: Iterable[str] | None = None, departments: Iterable[int] | None = None) -> int:
    """Points open matters at whoever answers for their unit today; returns how many changed hands.

    `codes`: grids whose posts changed (units below them may have leaned on these); neither argument: everything,
    for appointments that began or ended by date. Each matter gets a history row.
    """
    open_ones = Incident.objects.open()
    if codes is not None or departments is not None:
        below = Q(responsible_department__in=list(departments or ()))
        for code in codes or ():
            below |= Q(responsible_grid__gte=code, responsible_grid__lt=next_code(code))
            below |= Q(responsible_department__isnull=False, township_code=code)
        open_ones = open_ones.filter(below)
    changed = 0
    units = (
        open_ones.order_by()
        .values_list("responsible_grid", "responsible_department", "township_code")
        .distinct()
    )
    grids = [grid for grid, _department, _town in units if grid]
    holders = Appointment.objects.responsible_for_all(grids)
    for grid, department, township in units:
        if grid:
            held = holders.get(grid)
        else:
            held = Appointment.objects.responsible(grid=township, department=department)
        if held is None:  # a township's duty post cannot be vacant; check_loop reports what is left
            continue
        mine = open_ones.filter(
            responsible_grid=grid, responsible_department=department, township_code=township
        )
        changed += _pass_on(mine.exclude(responsible_member=held.member_id), held)
    return changed


def _pass_on(incidents: Any, held: Appointment) -> int:
    now = clock.now()
    rows = list(
        incidents.select_for_update(of=("self",)).order_by("reported_at", "id")
    )  # nobody acts in between
    if not rows:
        return 0
    steps = [
        Transition(
            incident=row,
            seq=row.version + 1,
            action=REASSIGNED,
            from_status=row.status,
            to_status=row.status,
            happened_at=now,
            entered_at=now,
            stage=row.stage,
            from_grid_id=row.responsible_grid_id,
            from_department_id=row.responsible_department_id,
            to_grid_id=row.responsible_grid_id,
            to_department_id=row.responsible_department_id,
            responsible_id=held.member_id,
            township_code=row.township_code,
            data={"from_member": str(row.responsible_member_id)},
        )
        for row in rows
    ]
    Transition.objects.bulk_create(steps)
    tell_outside(steps)
    ids = [row.pk for row in rows]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        Incident.objects.filter(pk__in=some).update(
            responsible_member=held.member_id, version=F("version") + 1, search_stale=True
        )
    _pass_lead_parts(rows, held, now)
    unit = rows[0].unit
    tell(
        members=[held.member],
        text=TAKEN_OVER,
        params={"count": str(len(rows)), "unit": str(unit)},
        key=f"{REASSIGNED}:{held.pk}:{ids[0]}:{now.isoformat()}",
        link="/incidents/?mine=1",
        kind=MessageKind.ARRIVED,
    )
    return len(rows)


def _pass_lead_parts(rows: list[Incident], held: Appointment, now: Any) -> None:
    """A lead who saw the matter by part only: the part ends, the successor gets one."""
    leads = Part.objects.filter(
        incident__in=[row.pk for row in rows], role=PartRole.LEAD, member__isnull=False, until=None
    )
    affected = set(leads.values_list("incident_id", flat=True))
    leads.update(until=now)
    Part.objects.bulk_create(
        [
            Part(
                incident=row,
                member_id=held.member_id,
                role=PartRole.LEAD,
                since=now,
                township_code=row.township_code,
                category_id=row.category_id,
                reported_at=row.reported_at,
                **{name: getattr(row, name) for name in REPEATED},
            )
            for row in rows
            if row.pk in affected
        ],
        update_conflicts=True,
        unique_fields=["incident", "member", "role"],
        update_fields=["until", "since"],
    )


@transaction.atomic
def follow_succession(*, succession: Succession) -> list[Incident]:
    """Open matters of a grid that ended go on at its successor, on the same clock; history keeps the old code."""
    old, new = succession.old, succession.new
    columns = ("grid", "responsible_grid", "acceptor_grid", "dispatcher_grid", "handler_grid")
    at_old = Q()
    for column in columns:
        at_old |= Q(**{column: old})
    town = Incident.objects.open().filter(township_code=old.township_code)
    town = town.select_for_update(of=("self",))
    rows = list(
        town.filter(at_old).select_related("procedure", "responsible_grid").order_by("reported_at", "id")
    )
    for row in rows:
        case = Case(row, user=None, actor=None, action=SUCCEEDED)
        for column in columns:
            if getattr(row, f"{column}_id") == old.pk:
                case.set(**{column: new})
        case.set(village_code=row.grid.village_code)
        if row.responsible_grid_id == new.pk:
            case.assign(new)
            Stage.objects.filter(incident=row, number=row.stage).update(
                grid=new, member=row.responsible_member, village_code=new.village_code
            )
        case.save(data={"old": old.pk, "new": new.pk})
    return rows
