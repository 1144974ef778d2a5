"""Orders from above: how a list names its columns is kept, and what a later list changes is taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.api.repeat import body_hash
from gridgov.common.enums import AuditKind, Channel
from gridgov.common.errors import Forbidden, Invalid
from grids.enums import Kind, Verb
from grids.querysets import places_of
from incidents.actions.case import Case
from incidents.models import Incident, OrderMapping
from incidents.models.incident import ORDER_SAID
from incidents.workflow import ORDER_CHANGED
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User
    from grids.models import Grid

NEEDED = ("external_no", "description")


@transaction.atomic
def save_mapping(
    *, user: User, township: Grid, name: str, columns: Sequence[Mapping[str, str]], usual: Mapping[str, str]
) -> OrderMapping:
    """Keeps how a list names its columns, under a name; saved again under the same name it is replaced. Raises Forbidden, Invalid."""
    _coordinates(user, str(township.pk))
    keys = [one["key"] for one in columns if one["key"]]
    errors: dict[str, list[str]] = {}
    if not name.strip():
        errors["name"] = [_("Give it a name.")]
    missing = [key for key in NEEDED if key not in keys]
    if missing:
        errors["columns"] = [
            _("Say which column is the superior body's number, and which says what happened.")
        ]
    if len(keys) != len(set(keys)):
        errors["columns"] = [_("Two columns are said to be the same.")]
    if errors:
        raise Invalid(_("Something is missing or not right."), code="invalid_arguments", errors=errors)
    mapping = OrderMapping.objects.select_for_update().filter(township=township, name=name.strip()).first()
    mapping = mapping or OrderMapping(township=township, name=name.strip(), version=0)
    mapping.columns = [{"header": one["header"], "key": one["key"]} for one in columns]
    mapping.usual = {key: value for key, value in usual.items() if value}
    mapping.version += 1
    mapping.changed_at = clock.now()
    mapping.save()
    audit.record(
        AuditKind.SETTINGS, user=user, subject=f"order mapping {mapping.name}", township_code=str(township.pk)
    )
    return mapping


@transaction.atomic
def drop_mapping(*, user: User, mapping: OrderMapping) -> None:
    """The matters that came by it stay. Raises Forbidden."""
    _coordinates(user, str(mapping.township_id))
    subject = f"order mapping {mapping.name} dropped"
    audit.record(AuditKind.SETTINGS, user=user, subject=subject, township_code=str(mapping.township_id))
    mapping.delete()


def said_in(*, title: str, description: str, external_due: datetime | None) -> str:
    """One figure of what a list says about an order."""
    return body_hash([title.strip(), description.strip(), external_due])[:32]


def changes_of(
    incident: Incident, *, title: str, description: str, external_due: datetime | None
) -> dict[str, list[Any]]:
    """What a later list says differently: name -> [before, after]. What it leaves empty stays as it is, and so does
    everything where it says just what the list before said."""
    said = said_in(title=title, description=description, external_due=external_due)
    if incident.extra.get(ORDER_SAID) == said:
        return {}
    new = {"title": title.strip(), "description": description.strip(), "external_due": external_due}
    return {
        name: [getattr(incident, name), value]
        for name, value in new.items()
        if value and value != getattr(incident, name)
    }


def change_order(
    *,
    user: User,
    incident: Incident,
    title: str = "",
    description: str = "",
    external_due: datetime | None = None,
) -> Incident:
    """Takes over what the superior body changed; a row of history says what stood before. Its deadline counts as soon as it is
    the earliest one. Nothing changed: nothing is written. Raises Forbidden, Conflict."""
    _coordinates(user, incident.township_code)
    changed = changes_of(incident, title=title, description=description, external_due=external_due)
    if not changed:
        return incident
    with transaction.atomic():
        case = Case(incident, user=user, actor=standing_of(user).member, action=ORDER_CHANGED)
        said = said_in(title=title, description=description, external_due=external_due)
        case.set(**{name: after for name, (_before, after) in changed.items()})
        case.set(extra=incident.extra | {ORDER_SAID: said})
        if "external_due" in changed and incident.is_open:
            _move_deadline(case)
        shown = {name: [_plain(value) for value in pair] for name, pair in changed.items()}
        case.save(channel=Channel.PAPER, data={"changed": shown})
    return incident


def _move_deadline(case: Case) -> None:
    """The earliest still counts. Who was told of the lateness stays told; where it is late no longer, it may become so again."""
    stage = case.current_stage()
    case.set_due(stage.due_at)
    case.settle_lateness(stage)


def _plain(value: Any) -> str:
    return clock.local(value).strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value or "")


def _coordinates(user: User, township_code: str) -> None:
    places = places_of(user)[Verb.COORDINATE]
    if standing_of(user).member is None or not any(
        place.kind == Kind.TOWNSHIP and place.code == township_code for place in places
    ):
        raise Forbidden(_("Orders from above are entered by whoever co-ordinates the township."))
