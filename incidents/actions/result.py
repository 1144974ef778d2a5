"""What an action answers, how a repeated call is recognised, and what must be said of something entered later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import IdempotencyConflict
from incidents.models import Incident

if TYPE_CHECKING:
    from gridgov.common.models import User

Kind = TypeVar("Kind", bound=Model)


class Outcome(NamedTuple):
    """The matter as it stands now; `replayed`: this very call was carried out before and changed nothing now."""

    incident: Incident
    replayed: bool = False


def replay_of(
    model: type[Kind], owner: str, user: User, client_uuid: UUID | None, body_hash: str
) -> Kind | None:
    """The row that an earlier sending of the same call made. Raises IdempotencyConflict if its content differed."""
    if client_uuid is None:
        return None
    found = model._default_manager.filter(**{owner: user.pk, "client_uuid": client_uuid}).first()
    if found is not None and found.body_hash != body_hash:  # type: ignore[attr-defined]
        raise IdempotencyConflict(_("This client_uuid was already used for something else."))
    return found


def entry_errors(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with `on_behalf_of, channel, happened_at`: somebody else's act says how it reached us, and nothing
    happens in the future."""
    errors = {}
    happened = given.get("happened_at")
    if happened is not None and happened > clock.now():
        errors["happened_at"] = [_("This lies in the future.")]
    if given.get("on_behalf_of") is not None and given.get("channel") in (None, "", Channel.SYSTEM):
        errors["channel"] = [_("Say how it reached you: by phone, by WeChat, in person or on paper.")]
    return errors
