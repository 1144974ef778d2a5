"""A matter arrives."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from gridgov.common.writing import insert
from grids.enums import Verb
from grids.models import Calendar, Grid
from grids.querysets import places_of
from incidents.actions.beginning import (
    first_unit,
    helper_codes,
    leaders_told,
    missing_of_report,
    step_of_report,
    stood_at,
)
from incidents.actions.case import ARRIVED, lead_part
from incidents.actions.files import collect_waiting, turn_of_report
from incidents.actions.moves.naming import BESIDE
from incidents.actions.numbers import next_number
from incidents.actions.people import party_rows
from incidents.actions.performing import perform
from incidents.actions.result import Outcome, entry_errors, replay_of
from incidents.actions.webhooks import tell_outside
from incidents.enums import PartRole, Purpose, Source, Status
from incidents.models import Category, Incident, Part, Party, Requester, Stage, Transition
from incidents.models.incident import MEDIA_URL, ORDER_SAID, TREND_FORECAST
from incidents.models.time import TOTAL_NUMBER
from incidents.permissions.steps import holders_of, step_of, step_rule
from incidents.steps import REPORT, level_of, owed_beside
from incidents.workflow import TRANSITIONS, ProcedureSpec
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment, Member
from members.permissions import acting
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


def report(
    *,
    user: User,
    grid: Grid,
    category: Category,
    description: str,
    title: str = "",
    occurred_at: datetime | None = None,
    source: str = Source.BELOW,
    channel: str = Channel.SYSTEM,
    on_behalf_of: Member | None = None,
    happened_at: datetime | None = None,
    requester: Mapping[str, Any] | None = None,
    parties: Sequence[Mapping[str, Any]] = (),
    latitude: Decimal | None = None,
    longitude: Decimal | None = None,
    accuracy_m: int | None = None,
    address: str = "",
    photos_expected: int = 0,
    escalate: bool = False,
    external_no: str = "",
    external_due: datetime | None = None,
    extra: Mapping[str, Any] | None = None,
    trend_forecast: str = "",
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> Outcome:
    """A report from `user` about something in `grid` (any grid of a township in which the user may report).

    `on_behalf_of`: who really reported it, at `happened_at`; that person must be one who may report, and `user` one who
    may enter for them. It starts at the grid named; where the procedure says so, at the township (must-report matters;
    the village is told and stays in sight) or where the reporter works. `escalate`: at once one level up, for whoever may do so there. Sent again with the same
    `client_uuid` and hash it answers what stands. Raises Forbidden, Invalid, IdempotencyConflict.
    """
    incident = Incident(
        client_uuid=client_uuid or uuid.uuid4(),
        body_hash=body_hash,
        grid=grid,
        township_code=grid.township_code,
        village_code=grid.village_code,
        category=category,
        procedure=category.procedure,
        title=title.strip(),
        description=description.strip(),
        occurred_at=occurred_at,
        source=source,
        channel=channel,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        address=address.strip(),
        photos_expected=photos_expected,
        external_no=external_no,
        external_due=external_due,
        extra=dict(extra or {}),
        reported_at=clock.now(),
        reporter_user=user,
    )
    vars(incident)["has_requester"] = bool(requester)
    if trend_forecast.strip():
        incident.extra[TREND_FORECAST] = trend_forecast.strip()
    try:
        with transaction.atomic():
            person = acting(user, on_behalf_of)
            _receive(incident, user, person, happened_at)
            if requester:
                Requester.objects.create(incident=incident, **requester)
            if parties:
                Party.objects.bulk_create(party_rows(incident, parties, user))
            if escalate:
                _pass_up(incident, user, person, on_behalf_of=on_behalf_of, channel=channel)
    except (DomainError, IntegrityError):
        found = replay_of(Incident, "reporter_user", user, client_uuid, body_hash)
        if found is None:
            _refuse_twin(incident)
            raise
        return Outcome(Incident.objects.for_list().get(pk=found.pk), replayed=True)
    return Outcome(incident)


def _pass_up(incident: Incident, user: User, person: Any, **entry: Any) -> None:
    """At once to the level above; first taken in, where the procedure passes on only what was."""
    step = step_of(person, incident, TRANSITIONS["escalate"])
    if step is not None and "escalate" in step.then and "accept" in step.by:
        perform(user=user, incident=incident, action="accept", **entry)
    reason = _("Passed up with the report.")
    perform(user=user, incident=incident, action="escalate", reason=reason, **entry)


def _receive(incident: Incident, user: User, person: Any, happened_at: datetime | None) -> None:
    for_other = person is not user
    reporter = _reporter(
        person, standing_of(person).member if for_other else getattr(user, "member", None), incident.grid
    )
    _check(incident, reporter if for_other else None, happened_at)
    _refuse_twin(incident)
    spec = incident.procedure.spec
    stood = stood_at(incident, person)
    unit_code = first_unit(incident, stood)
    helping = helper_codes(incident, unit_code)
    holders = Appointment.objects.responsible_for_all([unit_code, *helping])
    holder = holders.get(unit_code)
    if holder is None:
        raise Invalid(
            _("Nobody answers for %(unit)s yet.") % {"unit": incident.grid}, code="nobody_responsible"
        )
    incident.reporter = reporter
    incident.important = spec.important or incident.category.must_report
    incident.responsible_grid = (
        incident.grid if unit_code == incident.grid_id else Grid.objects.get(pk=unit_code)
    )
    incident.responsible_member = incident.first_asked = holder.member
    stages = _stages(incident, spec)
    incident.due_at = min((s.due_at for s in stages if s.due_at), default=None)
    if incident.external_due is not None:
        incident.due_at = min(filter(None, (incident.due_at, incident.external_due)))
    incident.escalate_at = incident.due_at
    incident.number = next_number(
        incident.township_code, incident.reported_at, turn=turn_of_report(user, incident.client_uuid)
    )
    insert([incident])
    insert(stages)
    leaders = leaders_told(incident)
    step = step_of_report(incident, stood)
    data = step | ({"told": [str(held.post) for held in leaders]} if leaders else {})
    _first_row(incident, user, happened_at, standing_of(user).member if for_other else None, data)
    helpers = list(dict.fromkeys(holders[code].member for code in helping if code in holders))
    owing = {one: holders_of(incident, one) for one in owed_beside(spec.steps, set(step.values()))}
    _parts(incident, reporter, list(dict.fromkeys(chain(helpers, *owing.values()))))
    collect_waiting(user=user, incident=incident)
    leading = [held.member for held in leaders]
    _tell(incident, reporter, [incident.responsible_member, *helpers, *leading], ARRIVED)
    for one, members in owing.items():
        _tell(incident, reporter, members, BESIDE, step=one.name)


def _refuse_twin(incident: Incident) -> None:
    """A superior body's number is one matter of the township, per source; a later list changes that one."""
    if not incident.external_no:
        return
    same = Incident.objects.filter(
        township_code=incident.township_code, external_no=incident.external_no, source=incident.source
    )
    twin = same.exclude(pk=incident.pk).exclude(status=Status.VOID).first()
    if twin is not None:
        text = _("This number of the superior body stands already as %(number)s.") % {"number": twin.number}
        raise Conflict(text, code="known_external_no", errors={"external_no": [text]})


def _reporter(person: Any, member: Member | None, grid: Grid) -> Member:
    may = any(place.code[:9] == grid.township_code for place in places_of(person)[Verb.REPORT])
    if member is None or not member.is_active or not may:
        raise Forbidden(_("You may not report in this township."))
    return member


def _check(incident: Incident, on_behalf_of: Member | None, happened_at: datetime | None) -> None:
    errors = entry_errors(
        {"on_behalf_of": on_behalf_of, "channel": incident.channel, "happened_at": happened_at}
    )
    if incident.grid.ended_on is not None:
        errors["grid"] = [_("This grid has ended.")]
    if incident.category.township_id != incident.township_code or not incident.category.is_active:
        errors["category"] = [_("This category is not in use here.")]
    if not incident.description:
        errors["description"] = [_("Say what happened.")]
    if incident.category.must_report and set(incident.extra) - {TREND_FORECAST, ORDER_SAID, MEDIA_URL}:
        errors["extra"] = [_("A report of this category takes what happened, and no fields beside.")]
    if incident.occurred_at is not None and incident.occurred_at > (happened_at or incident.reported_at):
        errors["occurred_at"] = [_("This lies in the future.")]
    rule = None
    for name, step in missing_of_report(incident):
        errors[name] = [_("This is needed for “%(action)s”.") % {"action": step.name}]
        rule = rule or step_rule(incident, step)
    if errors:
        raise Invalid(
            _("Something is missing or not right."), code="invalid_arguments", errors=errors, rule=rule
        )


def _stages(incident: Incident, spec: ProcedureSpec) -> list[Stage]:
    """The first stage, and the clock of the whole matter where the procedure limits it."""
    grid = incident.responsible_grid
    assert grid is not None
    wanted = [(1, Purpose.HANDLE, spec.limit_for(Purpose.HANDLE, level_of(grid.code)))]
    total = spec.limit_for(Purpose.TOTAL, level_of(grid.code))
    if total is not None:
        wanted.append((TOTAL_NUMBER, Purpose.TOTAL, total))
    limited = any(limit for *_x, limit in wanted)
    reckoned = Calendar.objects.keyed(incident.township_code, spec.calendar) if limited else None
    stages = []
    for number, purpose, limit in wanted:
        stage = Stage(
            incident=incident,
            number=number,
            purpose=purpose,
            grid=grid,
            member=incident.responsible_member,
            township_code=incident.township_code,
            village_code=grid.village_code,
            started_at=incident.reported_at,
            limit_n=limit.n if limit else None,
            limit_unit=limit.unit if limit else "",
        )
        if limit is not None and reckoned is not None:
            stage.calendar_key = reckoned.key
            stage.due_at = stage.derived_from([], reckoned.calendar).at
        stages.append(stage)
    return stages


def _first_row(
    incident: Incident,
    user: User,
    happened_at: datetime | None,
    entered_by: Member | None,
    data: dict[str, Any],
) -> None:
    row = Transition(
        incident=incident,
        seq=1,
        action=REPORT,
        to_status=Status.REPORTED,
        user=user,
        actor=incident.reporter,
        entered_by=entered_by,
        channel=incident.channel,
        happened_at=happened_at or incident.reported_at,
        entered_at=incident.reported_at,
        stage=1,
        level=incident.grid.kind,
        to_grid_id=incident.responsible_grid_id,
        responsible=incident.responsible_member,
        township_code=incident.township_code,
        data=data,
    )
    insert([row])
    tell_outside([row])


def _parts(incident: Incident, reporter: Member, helpers: list[Member]) -> None:
    roles = [(PartRole.REPORTER, reporter), (PartRole.FIRST_ASKED, incident.first_asked)]
    roles += [(PartRole.HELPER, helper) for helper in helpers]
    rows = [
        Part(
            incident=incident,
            member=member,
            role=role,
            township_code=incident.township_code,
            category_id=incident.category_id,
            reported_at=incident.reported_at,
        )
        for role, member in roles
    ]
    lead = lead_part(incident)
    insert([*rows, *([lead] if lead else [])])


def _tell(
    incident: Incident, reporter: Member, members: Iterable[Member | None], text: str, **params: str
) -> None:
    """Each hears once of a report, whatever makes it theirs."""
    receivers = [member for member in members if member is not None and member != reporter]
    if receivers:
        tell(
            members=receivers,
            text=text,
            params={"number": incident.number, "heading": incident.heading, **params},
            key=f"{incident.pk}:1:{REPORT}",
            link=f"/incidents/{incident.pk}/",
            kind=MessageKind.ARRIVED,
            urgent=incident.important,
        )
