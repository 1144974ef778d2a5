"""One matter during one action: gathers what changes and writes it in a fixed order, guarded by (status, version)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, Invalid
from gridgov.common.prepared import Prepared
from gridgov.common.worktime import due_at
from gridgov.common.writing import insert, update
from grids.models import Grid
from incidents.actions.clocks import Clocks
from incidents.actions.traces import plain
from incidents.actions.webhooks import tell_outside
from incidents.enums import PartRole, Status
from incidents.models import AssistTask, Incident, Part, Supervision, Transition
from incidents.models.incident import REPEATED
from incidents.models.time import limit_of
from incidents.workflow import KEEPS_REFUSAL, is_open
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment, Department, Member
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

Given = Mapping[str, Any]  # the arguments of an action
MoveFunction = Callable[["Case", Given], dict[str, Any] | None]

# What a matter is found by: after a change of it the search index has to look again.
SEARCHED_BY = {
    "grid_id",
    "title",
    "description",
    "address",
    "external_no",
    "responsible_member_id",
    "handler_member_id",
}
LEADS = Prepared(lambda incident: Part.objects.filter(incident=incident, role=PartRole.LEAD))
ARRIVED = gettext_noop("%(number)s has come to you: %(heading)s")


class Notice(NamedTuple):
    """Who hears what, as which kind of message."""

    members: list[Member | None]
    text: str
    kind: str
    params: Mapping[str, str]


class Case(Clocks):
    """Collects the changes of one action on `incident`; `save` writes them or raises Conflict and writes nothing."""

    def __init__(
        self,
        incident: Incident,
        *,
        user: User | None,
        actor: Member | None,
        action: str,
        person: Any = None,
    ) -> None:
        """`user` is the login that typed, `actor` who acted, `person` whoever's rights count: `user`, or somebody for
        whom it is entered."""
        super().__init__(incident)
        self.user, self.actor, self.action = user, actor, action
        self.person: Any = person or user
        self.entered_by = standing_of(user).member if user and self.person is not user else None
        self.seen = (incident.status, incident.version)
        self.from_unit = (incident.responsible_grid_id, incident.responsible_department_id)
        self.level = "department" if incident.responsible_department_id else _kind_at(incident)
        self.fields: set[str] = set()  # columns
        self.moved = False
        self.news = ""  # what the responsible member hears; without it: that the matter has come
        self.notices: list[Notice] = []  # who else hears what
        self.others: list[Case] = []  # other matters that this action writes in, each with its own step
        self.new: list[Model] = []
        self.changed: list[tuple[Model, list[str]]] = []
        self.removed: list[Model] = []
        self.undoes: int | None = None

    # --- what changes -------------------------------------------------------------------------------------------
    def set(self, **values: Any) -> None:
        for name, value in values.items():
            column = Incident._meta.get_field(name).attname  # type: ignore[union-attr]
            self.traces.field(column, getattr(self.incident, column))
            setattr(self.incident, name, value)
            self.fields.add(column)

    def state(self, status: Status | str, reason: str = "") -> None:
        """The new state; the whole matter's clock stops when it ends and goes on when it is opened again."""
        before = self.incident.status
        self.set(status=status, is_open=is_open(status))
        self.move_total(before, status, reason)
        if self.incident.refused_at is not None and status not in KEEPS_REFUSAL:
            self.set(refused_at=None)
        if not is_open(status):
            self._take_off_lists()
        elif self.incident.is_assisted:
            self._tasks_stand_or_run(before, status)

    def _take_off_lists(self) -> None:
        """What has ended is on no list of what is to be done."""
        if self.incident.is_listed:
            self.set(is_listed=False, listed_until=None)
        if self.incident.is_supervised:
            self.settle_supervisions()
        if self.incident.is_assisted:
            for task in AssistTask.objects.filter(incident=self.incident, done_at=None):
                self.end_task(task, is_released=True)
            self.set(is_assisted=False)

    def _tasks_stand_or_run(self, before: str, after: str) -> None:
        """The clocks of assisting units stand still while the matter is suspended."""
        if (before == Status.SUSPENDED) == (after == Status.SUSPENDED):
            return
        for task in AssistTask.objects.filter(incident=self.incident, done_at=None):
            if after == Status.SUSPENDED:
                pauses = [*task.pauses, [self.now.isoformat(), None]]
                self.alter(task, pauses=pauses, tell_at=None)
            else:
                running = self._running_again(task)
                self.alter(task, **running, **self._told_next(task, running.get("due_at")))

    def _told_next(self, task: AssistTask, due: datetime | None) -> dict[str, Any]:
        """A late task was told already: the level told has its time anew."""
        if not task.is_late:
            return {"tell_at": due}
        own = limit_of(task.limit_n, task.limit_unit)
        limit = self.incident.procedure.spec.card_limit or own or self.failed_limit()
        if limit is None:
            return {"tell_at": None}
        tell_at = due_at(self.now, limit, self.reckoned.calendar)
        return {"tell_at": tell_at, "card_since": self.now, "card_key": self.reckoned.key}

    def _running_again(self, task: AssistTask) -> dict[str, Any]:
        if not task.is_paused:
            return {}
        pauses = [*task.pauses[:-1], [task.pauses[-1][0], self.now.isoformat()]]
        return {"pauses": pauses, "due_at": task.derived(pauses)}

    def end_task(self, task: AssistTask, **values: Any) -> None:
        """Done or released; a lateness stays."""
        self.alter(task, done_at=self.now, tell_at=None, **self._running_again(task), **values)

    def settle_supervisions(self, **reply: Any) -> None:
        """Replied to, or ended without a reply."""
        for row in Supervision.objects.filter(incident=self.incident, settled_at=None):
            self.alter(row, settled_at=self.now, **reply)
        self.set(is_supervised=False)

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

    def alter(self, row: Model, **values: Any) -> None:
        """Changes another row of this matter when the case is written."""
        self.traces.row(row, *values)
        for name, value in values.items():
            setattr(row, name, value)
        self.changed.append((row, list(values)))

    def make(self, row: Model) -> Model:
        """Adds a row when the case is written; one with a `history_seq` names this step."""
        self.new.append(row)
        return row

    def remove(self, row: Model) -> None:
        """Takes a row away again that an undone step had made."""
        self.removed.append(row)

    def announce(
        self, members: Iterable[Member | None], text: str, kind: str = MessageKind.NEWS, **params: str
    ) -> None:
        """Tells people when the change is written; `text` is a msgid with number and heading, and with `params`."""
        self.notices.append(Notice(list(members), text, kind, params))

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
        batch: uuid.UUID | None = None,
    ) -> Transition:
        incident, (status, version) = self.incident, self.seen
        if self.fields & SEARCHED_BY:
            self.set(search_stale=True)
        values = {name: getattr(incident, name) for name in sorted(self.fields)}
        read = {"id": incident.pk, "status": status, "version": version}
        if update(Incident, read, {**values, "version": version + 1}) != 1:
            raise Conflict(_("Somebody else was first; look at it again."), code="lost_race")
        incident.version = version + 1
        self.write_clocks(incident.version)
        self._write_rows()
        self._write_parts()
        self._write_messages()
        for other in self.others:
            row = other.save(note=note, data={"number": incident.number, "action": self.action})
            self.traces.others.append([str(other.incident.pk), row.seq])
        row = Transition(
            incident=incident,
            seq=incident.version,
            action=self.action,
            from_status=status,
            to_status=incident.status,
            user=self.user,
            actor=self.actor,
            entered_by=self.entered_by,
            in_place_of_id=standing_of(self.person).stands_in_at(*self.from_unit) if self.person else None,
            channel=channel,
            happened_at=happened_at or self.now,
            entered_at=self.now,
            note=note,
            data=dict(data or {}),
            changed=self.traces.as_json(),
            undoes=self.undoes,
            batch=batch,
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
        insert([row])
        tell_outside([row])
        return row

    def _write_rows(self) -> None:
        for row in self.new:
            if hasattr(row, "history_seq"):
                row.history_seq = self.incident.version
            insert([row])
            self.traces.new(row)
        for row, names in self.changed:
            row.save(update_fields=names)
        for row in self.removed:
            row.delete()

    def _write_parts(self) -> None:
        """Parts repeat what lists filter by; the lead part follows the responsible unit and the place."""
        incident = self.incident
        if self.undoes is None and (self.moved or "grid_id" in self.fields):
            self._write_lead()
        before = self.traces.fields
        now = {name: getattr(incident, name) for name in (*REPEATED, "category_id") if name in before}
        changed = {name: value for name, value in now.items() if before[name] != plain(value)}
        if changed:
            update(Part, {"incident": incident.pk}, changed)

    def _write_lead(self) -> None:
        lead = lead_part(self.incident)
        known = LEADS(self.incident.pk)
        holder = (lead.member_id, lead.department_id) if lead else None
        for part in known:
            mine = (part.member_id, part.department_id) == holder
            if mine == (part.until is None):
                continue
            self.traces.row(part, "since", "until")
            part.since, part.until = (self.now, None) if mine else (part.since, self.now)
            part.save(update_fields=["since", "until"])
        if lead is not None and holder not in {(part.member_id, part.department_id) for part in known}:
            insert([lead])
            self.traces.new(lead)

    def _write_messages(self) -> None:
        if (self.moved or self.news) and self.incident.is_open:
            self._tell([self.incident.responsible_member], self.news or ARRIVED, MessageKind.ARRIVED)
        for notice in self.notices:
            self._tell(*notice)

    def _tell(
        self, members: list[Member | None], text: str, kind: str, params: Mapping[str, str] | None = None
    ) -> None:
        """A message in this transaction; never to the one who acts."""
        receivers = [member for member in members if member is not None and member != self.actor]
        if receivers:
            tell(
                members=receivers,
                text=text,
                params={"number": self.incident.number, "heading": self.incident.heading, **(params or {})},
                key=message_key(self.incident, self.incident.version, self.action),
                link=f"/incidents/{self.incident.pk}/",
                kind=kind,
                urgent=self.incident.important,
            )
            self.traces.told += [str(member.pk) for member in receivers]


def message_key(incident: Incident, seq: int, action: str) -> str:
    """Of everything that one step tells: a person hears of it once."""
    return f"{incident.pk}:{seq}:{action}"


def lead_part(incident: Incident) -> Part | None:
    """Sight for a responsible unit whose place does not give it: a department, or a grid off the matter's own line."""
    if incident.responsible_department_id is not None:
        return part_of(incident, PartRole.LEAD, department_id=incident.responsible_department_id)
    if not str(incident.grid_id).startswith(str(incident.responsible_grid_id)):
        return part_of(incident, PartRole.LEAD, member_id=incident.responsible_member_id)
    return None


def part_of(incident: Incident, role: PartRole, **whose: Any) -> Part:
    """A part with what it repeats of the matter; `whose`: `member_id` or `department_id`."""
    repeated = {name: getattr(incident, name) for name in REPEATED}
    return Part(
        incident=incident,
        role=role,
        township_code=incident.township_code,
        category_id=incident.category_id,
        reported_at=incident.reported_at,
        **repeated,
        **whose,
    )


def _kind_at(incident: Incident) -> str:
    return incident.responsible_grid.kind if incident.responsible_grid else ""
