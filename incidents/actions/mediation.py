"""A dispute is mediated: each mediation is entered by whoever works on the matter, and corrected without losing what stood."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Conflict, Forbidden, Invalid
from incidents.actions.numbers import next_mediation_number
from incidents.actions.result import replay_of
from incidents.enums import MediationOutcome
from incidents.models import Incident, Mediation
from incidents.permissions import may_mediate
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User
    from members.models import Member


class Said(TypedDict):
    """What is entered about one mediation. Days and times in Asia/Shanghai."""

    held_at: datetime
    place: str
    mediator: str
    record: str
    outcome: str
    terms: str
    performance: str
    performance_due: date | None
    told_other_ways: bool


def record_mediation(
    *, user: User, incident: Incident, client_uuid: UUID, body_hash: str = "", **said: Unpack[Said]
) -> Mediation:
    """Enters one mediation under the next number of the township's year. Sent again it answers what stands.

    Raises Forbidden, Invalid, IdempotencyConflict.
    """
    found = replay_of(Mediation, "user", user, client_uuid, body_hash)
    if found is not None:
        return found
    member = must_mediate(user, incident)
    _check(said)
    now = clock.now()
    try:
        with transaction.atomic():
            return Mediation.objects.create(
                incident=incident,
                number=next_mediation_number(incident.township_code, now),
                township_code=incident.township_code,
                user=user,
                entered_by=member,
                entered_at=now,
                client_uuid=client_uuid,
                body_hash=body_hash,
                **said,
            )
    except IntegrityError:
        found = replay_of(Mediation, "user", user, client_uuid, body_hash)
        if found is None:
            raise
        return found


def correct_mediation(*, user: User, mediation: Mediation, version: int, **said: Unpack[Said]) -> Mediation:
    """Puts it right; number and what stood before are kept. Raises Forbidden, Conflict (somebody was first), Invalid."""
    member = must_mediate(user, mediation.incident)
    if mediation.version != version:
        raise Conflict(_("It has changed since you read it; look at it again."), code="stale_version")
    _check(said)
    with transaction.atomic():
        mine = Mediation.objects.filter(pk=mediation.pk, version=version)
        if mine.update(version=version + 1) != 1:
            raise Conflict(_("Somebody else was first; look at it again."), code="lost_race")
        mediation.version = version + 1
        mediation.entered_by, mediation.entered_at = member, clock.now()
        for name, value in said.items():
            setattr(mediation, name, value)
        mediation.save()
    return mediation


def must_mediate(user: User, incident: Incident) -> Member:
    """Who enters and reads it. Raises Forbidden."""
    member = standing_of(user).member
    if member is None or not may_mediate(user, incident):
        raise Forbidden(_("A mediation is entered by whoever works on the dispute."))
    return member


def _check(said: Said) -> None:
    errors: dict[str, list[str]] = {}
    needed = {
        "place": _("Say where it was."),
        "mediator": _("Name the mediators."),
        "record": _("Say what was said."),
    }
    for name, text in needed.items():
        if not str(said[name]).strip():  # type: ignore[literal-required]
            errors[name] = [text]
    if said["held_at"] > clock.now():
        errors["held_at"] = [_("This lies in the future.")]
    if said["outcome"] not in MediationOutcome.values:
        errors["outcome"] = [_("Unknown.")]
    agreed = said["outcome"] in (MediationOutcome.WRITTEN, MediationOutcome.ORAL)
    if agreed and not said["terms"].strip():
        errors["terms"] = [_("An agreement has terms.")]
    if said["outcome"] == MediationOutcome.WRITTEN and said["performance_due"] is None:
        errors["performance_due"] = [_("A written agreement says until when it is performed.")]
    if said["outcome"] == MediationOutcome.FAILED and not said["told_other_ways"]:
        errors["told_other_ways"] = [
            _("Without agreement the parties are told of the other ways open to them.")
        ]
    if errors:
        raise Invalid(_("Something is missing or not right."), code="invalid_arguments", errors=errors)
