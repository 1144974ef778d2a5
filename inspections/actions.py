"""The only place that writes patrols."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import DomainError, Forbidden, Invalid
from gridgov.common.writing import insert
from grids.models import Grid
from incidents.actions import report
from incidents.actions.result import entry_errors, replay_of
from incidents.enums import Source
from inspections.models import Finding, Patrol
from inspections.permissions import can_patrol
from inspections.querysets import patrol_duty
from members.models import Member
from members.permissions import acting
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

LONGEST = timedelta(hours=24)
OLDEST = timedelta(days=7)  # as long as a phone may keep what it could not send
CLOCK_SKEW = timedelta(minutes=2)  # a phone's clock may be a little ahead of the server's
MOST_FINDINGS = 20
LONGEST_TEXT = 500


class Outcome(NamedTuple):
    """`replayed`: this very patrol had arrived before, nothing was written now."""

    patrol: Patrol
    replayed: bool = False


def record_patrol(
    *,
    user: User,
    grid: Grid,
    started_at: datetime,
    ended_at: datetime,
    note: str = "",
    findings: Sequence[Mapping[str, Any]] = (),
    on_behalf_of: Member | None = None,
    channel: str = Channel.SYSTEM,
    client_uuid: uuid.UUID | None = None,
    body_hash: str = "",
) -> Outcome:
    """A patrol with what was found, all or nothing.

    A finding is `{"text": …}`; with a `category` (an instance) it becomes an incident, and whatever else it holds are
    arguments of `incidents.actions.report`. `on_behalf_of`: who really went; `user` must be one who may enter for them,
    and it counts for that person, the findings too. Raises Forbidden, Invalid, IdempotencyConflict.
    """
    try:
        with transaction.atomic():
            person = acting(user, on_behalf_of)
            patrol = _record(
                user=user,
                person=person,
                channel=channel,
                grid=grid,
                started_at=started_at,
                ended_at=ended_at,
                note=note,
                client_uuid=client_uuid or uuid.uuid4(),
                body_hash=body_hash,
            )
            _write_findings(patrol, user, findings)
            return Outcome(patrol)
    except (IntegrityError, DomainError):
        # A repeat is answered before rights and times are looked at: both may have changed since it arrived.
        before = replay_of(Patrol, "user", user, client_uuid, body_hash)
        if before is None:
            raise
        return Outcome(before, replayed=True)


def _record(
    *,
    user: User,
    person: Any,
    channel: str,
    grid: Grid,
    started_at: datetime,
    ended_at: datetime,
    **values: Any,
) -> Patrol:
    member, for_other = standing_of(person).member, person is not user
    if member is None or not can_patrol(person, grid):
        raise Forbidden(_("A patrol is entered for the own grid or one below it."), code="not_own_grid")
    errors = entry_errors({"on_behalf_of": member if for_other else None, "channel": channel})
    if errors:
        raise Invalid(errors["channel"][0], code="invalid_arguments", errors=errors)
    _check_times(started_at, ended_at)
    day = clock.local(started_at).date()
    if grid.ended_on is not None and grid.ended_on <= day:
        raise Invalid(
            _("This grid has ended."), code="grid_ended", errors={"grid": [_("This grid has ended.")]}
        )
    patrol = Patrol(
        grid=grid,
        township_code=grid.township_code,
        village_code=grid.village_code,
        member=member,
        user=user,
        entered_by=standing_of(user).member if for_other else None,
        channel=channel,
        duty=patrol_duty(grid, day),
        started_at=started_at,
        ended_at=ended_at,
        day=day,
        **values,
    )
    insert([patrol])
    return patrol


def _check_times(started_at: datetime, ended_at: datetime) -> None:
    now = clock.now()
    for name, wrong, text in (
        ("ended_at", ended_at < started_at, _("A patrol cannot end before it began.")),
        ("ended_at", ended_at > now + CLOCK_SKEW, _("A patrol cannot end in the future.")),
        ("ended_at", ended_at - started_at > LONGEST, _("A patrol cannot last longer than 24 hours.")),
        (
            "started_at",
            started_at < now - OLDEST,
            _("A patrol can be entered for seven days after it began."),
        ),
    ):
        if wrong:
            raise Invalid(text, code="patrol_time", errors={name: [text]})


def _write_findings(patrol: Patrol, user: User, findings: Sequence[Mapping[str, Any]]) -> None:
    if len(findings) > MOST_FINDINGS:
        text = _("A patrol holds at most %(most)s findings.") % {"most": MOST_FINDINGS}
        raise Invalid(text, code="too_many_findings", errors={"findings": [text]})
    rows = [_finding(patrol, user, place, finding) for place, finding in enumerate(findings, start=1)]
    Finding.objects.bulk_create(rows)


def _finding(patrol: Patrol, user: User, place: int, finding: Mapping[str, Any]) -> Finding:
    text = str(finding.get("text", "")).strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        wrong = _("Say what was found, in at most %(most)s characters.") % {"most": LONGEST_TEXT}
        raise Invalid(wrong, code="finding_text", errors={"findings": [wrong]})
    details = {name: value for name, value in finding.items() if name not in ("text", "category")}
    incident = None
    if finding.get("category") is not None:
        incident = report(
            user=user,
            grid=details.pop("grid", patrol.grid),
            category=finding["category"],
            description=details.pop("description", "") or text,
            occurred_at=details.pop("occurred_at", None) or patrol.started_at,
            source=Source.PATROL,
            on_behalf_of=patrol.member if patrol.entered_by_id else None,
            channel=patrol.channel,
            client_uuid=uuid.uuid5(patrol.client_uuid, f"finding {place}"),
            body_hash=patrol.body_hash,
            **details,
        ).incident
    return Finding(patrol=patrol, text=text, incident=incident)
