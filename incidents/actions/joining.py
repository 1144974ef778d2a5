"""Joining instead of reporting: somebody found the same thing and adds to the matter that is already there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from grids.enums import Verb
from grids.querysets import places_of
from incidents.actions.case import Case
from incidents.actions.files import take_files
from incidents.actions.result import Outcome, replay_of
from incidents.enums import PartRole
from incidents.models import Incident, Part, Transition
from incidents.models.incident import REPEATED
from incidents.workflow import JOIN
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

JOINED = gettext_noop("Somebody else found the same: %(number)s, %(heading)s")


def join(
    *,
    user: User,
    incident: Incident,
    note: str,
    files: Sequence[UUID] = (),
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> Outcome:
    """Adds what one found to an open matter that one sees; from then on one has part in it.

    Raises, in this order: a replay, Forbidden, Conflict (it has ended, lost race), Invalid.
    """
    try:
        with transaction.atomic():
            _check(user, incident, note)
            case = Case(incident, user=user, actor=standing_of(user).member, action=JOIN)
            case.announce([incident.responsible_member], JOINED)
            row = case.save(client_uuid=client_uuid, body_hash=body_hash, note=note.strip())
            _take_part(case)
            if files:
                take_files(user=user, incident=incident, client_uuids=files, seq=row.seq)
    except (DomainError, IntegrityError) as error:
        if replay_of(Transition, "user", user, client_uuid, body_hash) is not None:
            return Outcome(Incident.objects.for_list().get(pk=incident.pk), replayed=True)
        if isinstance(error, DomainError):
            raise
        raise Conflict(_("Somebody else was first; look at it again."), code="lost_race") from error
    return Outcome(incident)


def _check(user: User, incident: Incident, note: str) -> None:
    may = any(place.code[:9] == incident.township_code for place in places_of(user)[Verb.REPORT])
    if standing_of(user).member is None or not may:
        raise Forbidden(_("You may not report in this township."))
    if not incident.is_open:
        raise Conflict(
            _("This matter has ended. Report anew, or ask for it to be reopened."), code="wrong_state"
        )
    if not note.strip():
        text = _("Say what happened.")
        raise Invalid(text, code="invalid_arguments", errors={"note": [text]})


def _take_part(case: Case) -> None:
    """Sight of the matter from now on, where there was no part in it before."""
    incident, member = case.incident, case.actor
    if Part.objects.filter(incident=incident, member=member).exists():
        return
    part = Part(
        incident=incident,
        member=member,
        role=PartRole.HELPER,
        since=case.now,
        township_code=incident.township_code,
        category_id=incident.category_id,
        reported_at=incident.reported_at,
        **{name: getattr(incident, name) for name in REPEATED},
    )
    Part.objects.bulk_create([part], ignore_conflicts=True)
