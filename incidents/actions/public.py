"""Reports from outside: keys of other systems, and what they report at the township's desk."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Invalid
from grids.models import Grid
from incidents.actions.reporting import report
from incidents.enums import Source
from incidents.models import Category
from incidents.models.exchange import PublicRequest, ServiceKey
from members.models import Appointment

_CALLS = UUID("0b4f3d5e-7d0c-4d39-8a8e-3f2a5c8f9a41")


def hashed(key: str) -> str:
    """Keys are long and random, so a plain hash is enough; it is what the table is asked for."""
    return hashlib.sha256(key.encode()).hexdigest()


def issue_key(*, key: ServiceKey) -> str:
    """Makes the key of a row and keeps its hash; the text is the caller's to show, once."""
    text = secrets.token_urlsafe(24)
    key.digest, key.hint = hashed(text), text[:6]
    key.save(force_insert=True)
    return text


def revoke_key(*, keys: Any) -> int:
    """Ends keys; what they reported stays. Returns how many were still valid."""
    count: int = keys.filter(revoked_at=None).update(revoked_at=clock.now())
    return count


def call_of(key: ServiceKey, said: str) -> UUID:
    """One name for what a sender calls one report: its own key for it, or its content and day."""
    return uuid5(_CALLS, f"{key.pk}:{said}")


def report_public(
    *, key: ServiceKey, call: UUID, category: Category, grid: Grid, description: str, **given: Any
) -> PublicRequest:
    """A resident's report through another system, entered at the township's desk by whoever holds the duty post.

    The same `call` is the same report: the first answer again. Raises Invalid, Forbidden.
    """
    before = PublicRequest.objects.filter(key=key, call=call).first()
    if before is not None:
        return before
    held = Appointment.objects.responsible(grid=key.township_id)
    if held is None or held.member.user is None:
        text = _("Nobody answers for %(unit)s yet.") % {"unit": key.township}
        raise Invalid(text, code="nobody_responsible")
    user = held.member.user
    user.member = held.member
    requester: Mapping[str, Any] | None = given.pop("requester", None)
    try:
        with transaction.atomic():
            incident = report(
                user=user,
                grid=grid,
                category=category,
                description=description,
                source=Source.RESIDENT,
                channel=Channel.SYSTEM,
                requester=requester,
                client_uuid=call,
                **given,
            ).incident
            return PublicRequest.objects.create(
                incident=incident,
                key=key,
                call=call,
                township_code=incident.township_code,
                requested_at=incident.reported_at,
            )
    except IntegrityError:  # the same call at the same moment
        return PublicRequest.objects.get(key=key, call=call)
