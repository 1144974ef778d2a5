"""One matter during one action: gathers what changes and writes it in a fixed order, guarded by (status, version)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, Invalid
from gridgov.common.worktime import Calendar as WorkCalendar
from gridgov.common.worktime import Kind as LedgerKind
from gridgov.common.worktime import due_at, is_late
from grids.models import Calendar, Grid
from incidents.enums import PartRole, Purpose, Status
from incidents.models import ClockEvent, Escalation, Incident, Part, Stage, Transition
from incidents.models.time import TOTAL_NUMBER
from incidents.workflow import is_open
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment, Department, Member

if TYPE_CHECKING:
    from gridgov.common.models import User

Given = Mapping[str, Any]  # the arguments of an action
MoveFunction = Callable[["Case", Given], dict[str, Any] | None]

# What a matter is found by: after a change of it the search index has to look again.
SEARCHED_BY = {
    "grid",
    "title",
    "description",
    "address",
    "external_no",
    "responsible_member",
    "handler_member",
}
ARRIVED = gettext_noop("%(number)s has come to you: %(heading)s")


class Case:
    """Collects the changes of one action on `incident`; `save` writes them or raises Conflict and writes nothing."""

    def __init__(self, incident: Incident, *, user: User | None, actor: Member | None, action: str) -> None:
        self.incident, self.user, self.actor, self.action = incident, user, actor, action
        self.now = clock.now()
        self.seen = (incident.status, incident.version)
        self.from_unit = (incident.responsible_grid_id, incident.responsible_department_id)
        self.level = "department" if incident.responsible_department_id else _kind_at(incident)
        self.fields: set[str] = set()
        self.moved = False
        self.news = ""  # what the responsible member hears; without it: that the matter has come
        self.notices: list[tuple[list[Member | None], str, str]] = []  # who else hears what, as which kind
        self.was_late = incident.is_late
        self.ended: list[int] = []
        self.begun: list[Stage] = []
        self.resumed: list[Stage] = []

    # --- what changes -------------------------------------------------------------------------------------------
    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.incident, name, value)
            self.fields.add(name)

    def state(self, status: Status) -> None:
        """The new state; the whole matter's clock stops when it ends and goes on when it is opened again."""
        was_open = self.incident.is_open
        self.set(status=status, is_open=is_open(status))
        if was_open and not self.incident.is_open:
            self.ended.append(TOTAL_NUMBER)
        elif self.incident.is_open and not was_open and self.total is not None:
            self._resume(self.total)

    def assign(self, unit: Grid | Department) -> None:
        """Makes a unit responsible, and the member who answers for it."""
        grid, department = (unit, None) if isinstance(unit, Grid) else (None, unit)
        holder = Appointment.objects.responsible(
            grid=grid.code if grid else self.incident.township_code,
            department=department.pk if department else None,
        )
        if holder is None:
            raise Invalid(_("Nobody answers for %(unit)s yet.") % {"unit": unit}, code="nobody_responsible")
        self.moved = self.from_unit != (grid and grid.pk, department and department.pk)
        self.set(responsible_grid=grid, responsible_department=department, responsible_member=holder.member)

    def announce(self, members: Iterable[Member | None], text: str, kind: str = MessageKind.NEWS) -> None:
        """Tells people when the change is written; `text` is a msgid with number and heading."""
        self.notices.append((list(members), text, kind))

    # --- time ---------------------------------------------------------------------------------------------------
    @cached_property
    def calendar(self) -> WorkCalendar:
        return Calendar.objects.of(self.incident.township_code)

    def begin_stage(self, purpose: Purpose, until: datetime | None = None) -> None:
        """Ends the running stage and starts the clock of the unit that is responsible now."""
        incident = self.incident
        self.end_stage()
        grid = incident.responsible_grid
        kind = grid.kind if grid else "department"
        limit = None if until else incident.procedure.spec.limit_for(purpose, kind)
        stage = Stage(
            incident=incident,
            number=incident.last_stage + 1,
            purpose=purpose,
            grid=grid,
            department=incident.responsible_department,
            member=incident.responsible_member,
            township_code=incident.township_code,
            village_code=grid.village_code if grid else "",
            started_at=self.now,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
            until=until,
        )
        if limit:
            stage.due_at = stage.derived_from([], self.calendar).at
        elif until:
            stage.due_at = until
        self.begun.append(stage)
        self.set(stage=stage.number, last_stage=stage.number)
        self.set_due(stage.due_at)

    def end_stage(self) -> None:
        """Stops the running clock; the whole matter's own clock runs until it ends."""
        if self.incident.stage:
            self.ended.append(self.incident.stage)
        self.set(escalate_at=None, is_late=False)

    def resume_stage(self, stage: Stage) -> None:
        """A result sent back: the handler's clock goes on with the time already used."""
        self.end_stage()
        self._resume(stage)
        self.set(stage=stage.number)
        self.set_due(stage.due_at)
        told = Escalation.objects.filter(incident=self.incident, stage_number=stage.number)
        last = told.order_by("-told_at").first()
        if last is not None and is_late(self.incident.due_at, self.now):
            self.set(is_late=True, escalate_at=self._card_again(last))

    def _resume(self, stage: Stage) -> None:
        row = ClockEvent(stage=stage, kind=LedgerKind.RESUME, at=self.now)
        stage.due_at = stage.derived_from([*stage.ledger.all(), row], self.calendar).at
        stage.ended_at = None
        self.resumed.append(stage)

    def _card_again(self, told: Escalation) -> datetime | None:
        """Levels told stay told. The next one waits for the card given, or for a new one if that ran out meanwhile."""
        limit = self.incident.procedure.spec.card_limit
        if told.card_due_at is None or limit is None or told.card_due_at > self.now:
            return told.card_due_at
        return due_at(self.now, limit, self.calendar)

    def set_due(self, stage_due: datetime | None) -> None:
        """The effective deadline is the earliest of stage, whole matter and superior body."""
        total_due = self.total.due_at if self.total else None
        candidates = [stage_due, total_due, self.incident.external_due]
        due = min((moment for moment in candidates if moment is not None), default=None)
        self.set(due_at=due, escalate_at=due)

    @cached_property
    def total(self) -> Stage | None:
        """The clock of the whole matter, where the procedure limits it."""
        if "total" not in self.incident.procedure.spec.limits:
            return None
        return Stage.objects.filter(incident=self.incident, number=TOTAL_NUMBER).first()

    # --- writing ------------------------------------------------------------------------------------------------
    def save(
        self,
        *,
        client_uuid: uuid.UUID | None = None,
        body_hash: str = "",
        note: str = "",
        channel: str = Channel.SYSTEM,
        happened_at: datetime | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Transition:
        incident, (status, version) = self.incident, self.seen
        if self.fields & SEARCHED_BY:
            self.set(search_stale=True)
        values = {name: getattr(incident, name) for name in self.fields}
        changed = Incident.objects.filter(pk=incident.pk, status=status, version=version).update(
            **values, version=version + 1
        )
        if changed != 1:
            raise Conflict(_("Somebody else was first; look at it again."), code="lost_race")
        incident.version = version + 1
        row = Transition.objects.create(
            incident=incident,
            seq=incident.version,
            action=self.action,
            from_status=status,
            to_status=incident.status,
            user=self.user,
            actor=self.actor,
            channel=channel,
            happened_at=happened_at or self.now,
            entered_at=self.now,
            note=note,
            data=dict(data or {}),
            stage=incident.stage,
            level=self.level,
            from_grid_id=self.from_unit[0],
            from_department_id=self.from_unit[1],
            to_grid_id=incident.responsible_grid_id,
            to_department_id=incident.responsible_department_id,
            responsible_id=incident.responsible_member_id,
            township_code=incident.township_code,
            client_uuid=client_uuid or uuid.uuid4(),
            body_hash=body_hash,
        )
        self._write_stages(row.seq)
        self._write_parts()
        if (self.moved or self.news) and incident.is_open:
            self._tell([incident.responsible_member], self.news or ARRIVED, MessageKind.ARRIVED)
        for members, text, kind in self.notices:
            self._tell(members, text, kind)
        return row

    def _write_stages(self, seq: int) -> None:
        incident = self.incident
        if self.ended:
            running = list(Stage.objects.filter(incident=incident, number__in=self.ended, ended_at=None))
            Stage.objects.filter(pk__in=[stage.pk for stage in running]).update(ended_at=self.now)
            ClockEvent.objects.bulk_create(
                ClockEvent(stage=stage, kind=LedgerKind.STOP, at=self.now, history_seq=seq)
                for stage in running
            )
            if self.was_late:
                Escalation.objects.filter(
                    incident=incident, stage_number__in=self.ended, settled_at=None
                ).update(settled_at=self.now)
        Stage.objects.bulk_create(self.begun)
        for stage in self.resumed:
            stage.save(update_fields=["due_at", "ended_at"])
            ClockEvent.objects.create(stage=stage, kind=LedgerKind.RESUME, at=self.now, history_seq=seq)
            if incident.is_late:  # its cards are on the table again
                Escalation.objects.filter(incident=incident, stage_number=stage.number).update(
                    settled_at=None
                )

    def _write_parts(self) -> None:
        """Parts repeat what lists filter by; the lead part follows the responsible unit."""
        incident = self.incident
        if self.moved:
            Part.objects.filter(incident=incident, role=PartRole.LEAD, until=None).update(until=self.now)
            lead = lead_part(incident)
            if lead is not None:
                unique = ["incident", "department" if lead.department_id else "member", "role"]
                Part.objects.bulk_create(
                    [lead], update_conflicts=True, unique_fields=unique, update_fields=["until", "since"]
                )
        if self.fields & {"status", "is_open", "is_late"}:
            Part.objects.filter(incident=incident).filter(
                ~Q(status=incident.status) | ~Q(is_open=incident.is_open) | ~Q(is_late=incident.is_late)
            ).update(status=incident.status, is_open=incident.is_open, is_late=incident.is_late)

    def _tell(self, members: list[Member | None], text: str, kind: str) -> None:
        """A message in this transaction; never to the one who acts."""
        receivers = [member for member in members if member is not None and member != self.actor]
        if receivers:
            tell(
                members=receivers,
                text=text,
                params={"number": self.incident.number, "heading": self.incident.heading},
                key=f"{self.incident.pk}:{self.incident.version}:{self.action}",
                link=f"/incidents/{self.incident.pk}/",
                kind=kind,
            )


def lead_part(incident: Incident) -> Part | None:
    """Sight for a responsible unit whose place does not give it: a department, or a grid off the matter's own line."""
    shared = {
        "incident": incident,
        "role": PartRole.LEAD,
        "township_code": incident.township_code,
        "category_id": incident.category_id,
        "status": incident.status,
        "is_open": incident.is_open,
        "is_late": incident.is_late,
        "reported_at": incident.reported_at,
    }
    if incident.responsible_department_id is not None:
        return Part(department_id=incident.responsible_department_id, **shared)
    if not str(incident.grid_id).startswith(str(incident.responsible_grid_id)):
        return Part(member_id=incident.responsible_member_id, **shared)
    return None


def _kind_at(incident: Incident) -> str:
    return incident.responsible_grid.kind if incident.responsible_grid else ""
