"""The people of one matter: parties of a dispute, a look behind the mask, an answer that a clerk takes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind, Channel
from gridgov.common.errors import Conflict, DomainError, Invalid
from gridgov.common.ids import uuid7
from incidents.actions.case import Case
from incidents.actions.result import replay_of
from incidents.actions.voice import take_answer
from incidents.enums import CategoryKind, PartySide
from incidents.models import FeedbackRequest, Incident, Party, Reveal
from incidents.permissions import may_answer_for_requester, may_name_parties, may_reveal
from incidents.workflow import PARTIES
from members.models import Member
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

Made = TypeVar("Made", bound=Model)
MOST_PARTIES = 20


def party_rows(incident: Incident, given: Sequence[Mapping[str, Any]], user: User) -> list[Party]:
    """The parties that come with a report. Raises Invalid."""
    if given and incident.category.kind != CategoryKind.DISPUTE:
        text = _("Parties are named only in a dispute.")
        raise Invalid(text, code="no_dispute", errors={"parties": [text]})
    if len(given) > MOST_PARTIES:
        text = _("At most %(most)s parties.") % {"most": MOST_PARTIES}
        raise Invalid(text, code="too_many_parties", errors={"parties": [text]})
    ids = sorted(
        uuid7() for _ in given
    )  # of one moment they come in no order; parties stay as they were named
    return [
        Party(pk=pk, incident=incident, user=user, **_clean(party))
        for pk, party in zip(ids, given, strict=True)
    ]


def add_party(
    *,
    user: User,
    incident: Incident,
    name: str,
    side: str = PartySide.APPLICANT,
    phone: str = "",
    address: str = "",
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> tuple[Party, bool]:
    """Names a party; the second value says whether it was a repeat. Raises Forbidden, Conflict, Invalid."""

    def write(call: UUID) -> Party:
        (row,) = party_rows(
            incident, [{"name": name, "side": side, "phone": phone, "address": address}], user
        )
        if not row.name:
            raise Invalid(_("A party has a name."), errors={"name": [_("A party has a name.")]})
        if Party.objects.filter(incident=incident).count() >= MOST_PARTIES:
            raise Conflict(_("At most %(most)s parties.") % {"most": MOST_PARTIES}, code="too_many_parties")
        row.client_uuid, row.body_hash = call, body_hash
        row.save(force_insert=True)
        _noted(user, incident, {"added": row.side})
        return row

    return _once(Party, ("user", user, client_uuid, body_hash), may_name_parties(user, incident), write)


def remove_party(*, user: User, incident: Incident, party: UUID) -> None:
    """Strikes a party that was named by mistake. Raises Forbidden."""
    refused = may_name_parties(user, incident)
    if refused is not None:
        raise refused
    with transaction.atomic():
        row = Party.objects.filter(pk=party, incident=incident).first()
        if row is not None:
            row.delete()
            _noted(user, incident, {"removed": row.side})


def _noted(user: User, incident: Incident, data: Mapping[str, str]) -> None:
    """A step of the history without any name, and the search index looks again."""
    case = Case(incident, user=user, actor=standing_of(user).member, action=PARTIES)
    case.set(search_stale=True)
    case.save(data=data)


def _member(user: User) -> Member:
    member = standing_of(user).member
    assert member is not None  # whoever may do it has a post
    return member


def _clean(party: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).strip() for name, value in party.items()}


def reveal(
    *, user: User, incident: Incident, reason: str, client_uuid: UUID | None = None, body_hash: str = ""
) -> tuple[Reveal, bool]:
    """Shows names and phones in full, for a reason that stays: on the matter and in the audit trail.

    Raises Forbidden, Invalid, IdempotencyConflict."""

    def write(call: UUID) -> Reveal:
        if not reason.strip():
            text = _("Say what you need it for.")
            raise Invalid(text, code="invalid_arguments", errors={"reason": [text]})
        row = Reveal.objects.create(
            incident=incident,
            user=user,
            member=_member(user),
            reason=reason.strip()[:200],
            at=clock.now(),
            client_uuid=call,
            body_hash=body_hash,
        )
        audit.record(
            AuditKind.REVEAL,
            user=user,
            subject=incident.number,
            township_code=incident.township_code,
            reason=row.reason,
            grid=str(incident.grid_id),
            incident=str(incident.pk),
        )
        return row

    return _once(Reveal, ("user", user, client_uuid, body_hash), may_reveal(user, incident), write)


def record_answer(
    *,
    user: User,
    incident: Incident,
    grade: int,
    solved: bool,
    channel: str,
    comment: str = "",
    client_uuid: UUID | None = None,
    body_hash: str = "",
) -> tuple[FeedbackRequest, bool]:
    """The requester's answer, said on the phone or in person and taken down by somebody who did not handle the matter.

    One answer per request, whichever way it comes. Raises Forbidden, Conflict, IdempotencyConflict."""

    def write(call: UUID) -> FeedbackRequest:
        if channel == Channel.SYSTEM:
            text = _("Say whether it was said by phone, in person or otherwise.")
            raise Invalid(text, code="invalid_arguments", errors={"channel": [text]})
        asked = FeedbackRequest.objects.filter(incident=incident).order_by("-created_at", "-pk").first()
        if asked is None:
            raise Conflict(_("The requester has not been told the result yet."), code="not_asked")
        return take_answer(
            asked,
            grade=grade,
            solved=solved,
            comment=comment,
            channel=channel,
            entered_by=user,
            client_uuid=call,
            body_hash=body_hash,
        )

    refused = may_answer_for_requester(user, incident)
    return _once(FeedbackRequest, ("entered_by", user, client_uuid, body_hash), refused, write)


def _once(
    model: type[Made],
    sent: tuple[str, User, UUID | None, str],
    refused: DomainError | None,
    write: Callable[[UUID], Made],
) -> tuple[Made, bool]:
    """In the order of rules.md: a repeat, not yours, then the rest; two at once are one. `sent`: whose column, who, call, hash."""
    owner, user, client_uuid, body_hash = sent
    before = replay_of(model, owner, user, client_uuid, body_hash)
    if before is not None:
        return before, True
    if refused is not None:
        raise refused
    try:
        with transaction.atomic():
            return write(client_uuid or uuid4()), False
    except (IntegrityError, Conflict):
        before = replay_of(model, owner, user, client_uuid, body_hash)
        if before is None:
            raise
        return before, True
