"""Urgent matters: whoever is on duty is called while nobody takes it; reports by telephone are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import DATABASE_TROUBLE, put_aside
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from gridgov.common.models import SetAside
from grids.models import Township
from incidents.actions.case import Case, part_of
from incidents.actions.result import Outcome, replay_of
from incidents.enums import PartRole, Status
from incidents.models import Incident, Part, Stage, Transition, UrgentCall
from incidents.permissions import may_record_call
from incidents.workflow import CALLED, PHONE_REPORT
from members.actions import tell
from members.enums import MessageKind, RoleCode
from members.models import Appointment, Member, Shift
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

CALL = gettext_noop("Urgent, nobody has taken it yet: %(number)s %(heading)s")
WORK = "urgent-calls"
NO_LONGER = timedelta(days=2)  # what lay longer has gone up long ago


def call_next() -> int:
    """Calls the next one on the roster for each urgent matter that lies unaccepted too long; returns how many were called.

    After every `call_after` minutes one more, in the order of the roster, each once per stage; then going up takes over.
    """
    now, called = clock.now(), 0
    aside = list(SetAside.objects.filter(work=WORK, retry_at__gt=now).values_list("key", flat=True))
    for town, minutes in Township.objects.order_by("pk").values_list("pk", "call_after"):
        wait = timedelta(minutes=minutes)
        rows = Incident.objects.filter(
            township_code=town,
            important=True,
            status=Status.REPORTED,
            reported_at__gt=now - NO_LONGER,
        ).exclude(pk__in=aside)
        found = list(
            rows.select_related("category", "procedure", "responsible_member").order_by("reported_at")[:500]
        )
        begun = _begun(found)
        for row in found:
            due = int((now - begun[row.pk]) / wait)
            if due > 0:
                called += _call(row, due)
    return called


def _begun(rows: Iterable[Incident]) -> dict[UUID, datetime]:
    """When the unit that has it now got it."""
    stage = {row.pk: row.stage for row in rows}
    found = Stage.objects.filter(incident__in=list(stage)).values_list("incident", "number", "started_at")
    return {incident: at for incident, number, at in found if number == stage[incident]}


def _call(row: Incident, due: int) -> int:
    """Everybody up to position `due` who was not called yet."""
    callees = _callees(row)[:due]
    known = set(
        UrgentCall.objects.filter(incident=row, stage_number=row.stage).values_list("position", flat=True)
    )
    count = 0
    for position, member in enumerate(callees, start=1):
        if position in known:
            continue
        try:
            with transaction.atomic():
                _call_one(row, position, member)
        except (Conflict, IntegrityError):  # somebody was first, or took it meanwhile
            return count
        except DATABASE_TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with this matter, the others go on
            put_aside(WORK, row.pk, error)
            return count
        count += 1
    return count


def _callees(row: Incident) -> list[Member]:
    """The roster of now; without one, who answers for the township, then its leader. Whoever has it already is not called."""
    shift = Shift.objects.at(row.township_code, clock.now())
    if shift is not None:
        people = shift.callees
    else:
        held = Appointment.objects.responsible(grid=row.township_code)
        leader = (
            Appointment.objects.current()
            .able()
            .filter(post__grid=row.township_code, post__role__code=RoleCode.LEADER)
            .select_related("member")
            .order_by("-is_main", "-since", "-id")
            .first()
        )
        people = [one.member for one in (held, leader) if one is not None]
    return [member for member in people if member.pk != row.responsible_member_id]


def _call_one(row: Incident, position: int, member: Member) -> None:
    UrgentCall.objects.create(incident=row, stage_number=row.stage, position=position, member=member)
    case = Case(row, user=None, actor=None, action=CALLED)
    case.save(data={"position": position, "called": member.name})
    part = part_of(row, PartRole.HELPER, member_id=member.pk)  # sight, wherever that person works otherwise
    Part.objects.bulk_create([part], ignore_conflicts=True)
    tell(
        members=[member],
        text=CALL,
        params={"number": row.number, "heading": row.heading},
        key=f"{row.pk}:{row.stage}:{CALLED}:{position}",
        link=f"/incidents/{row.pk}/",
        kind=MessageKind.WARNING,
        urgent=True,
        everywhere=True,
    )


def record_call(
    *,
    user: User,
    incident: Incident,
    whom: str,
    answered: bool,
    happened_at: datetime | None = None,
    note: str = "",
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> Outcome:
    """A report by telephone (电话报告): who called whom, when, and whether anybody answered. Changes no state.

    Raises, in this order: a replay, Forbidden, Conflict (ended, lost race), Invalid.
    """
    try:
        with transaction.atomic():
            _check(user, incident, whom, happened_at)
            case = Case(incident, user=user, actor=standing_of(user).member, action=PHONE_REPORT)
            case.save(
                client_uuid=client_uuid,
                body_hash=body_hash,
                note=note.strip(),
                channel=Channel.PHONE,
                happened_at=happened_at,
                data={"called": whom.strip(), "answered": answered},
            )
    except (DomainError, IntegrityError) as error:
        if replay_of(Transition, "user", user, client_uuid, body_hash) is not None:
            return Outcome(Incident.objects.for_list().get(pk=incident.pk), replayed=True)
        if isinstance(error, DomainError):
            raise
        raise Conflict(_("Somebody else was first; look at it again."), code="lost_race") from error
    return Outcome(incident)


def _check(user: User, incident: Incident, whom: str, happened_at: datetime | None) -> None:
    if not may_record_call(user, incident):
        raise Forbidden(_("This is for whoever works on the matter."))
    if not incident.is_open:
        raise Conflict(_("This matter has ended."), code="wrong_state")
    errors = {}
    if not whom.strip():
        errors["whom"] = [_("Say who was called.")]
    if happened_at is not None and happened_at > clock.now():
        errors["happened_at"] = [_("This lies in the future.")]
    if errors:
        raise Invalid(_("Something is missing or not right."), code="invalid_arguments", errors=errors)
