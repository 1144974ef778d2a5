"""One action on several matters, each by itself; and taking such a batch back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict, DomainError, IdempotencyConflict, Invalid, NotVisible
from incidents.actions.performing import perform
from incidents.actions.result import Outcome
from incidents.models import Incident, Transition

if TYPE_CHECKING:
    from gridgov.common.models import User

MOST_TOGETHER = 200
Take = Callable[[Incident, UUID], Outcome]  # one matter, under this `client_uuid`


@dataclass(frozen=True)
class Line:
    """What became of one matter. `incident` None: there is none of this id that one sees."""

    pk: UUID
    incident: Incident | None
    problem: DomainError | None = None
    replayed: bool = False


def act_together(
    *, user: User, incidents: Sequence[UUID], batch: UUID, body_hash: str, take: Take
) -> list[Line]:
    """`take`s each matter in the order given, in a transaction of its own: one that is refused does not hold back the others.
    The steps must carry `batch` and `body_hash`; the same batch again does only what is missing.

    Raises Invalid (none, or too many), IdempotencyConflict (the batch came before with other content).
    """
    asked = list(dict.fromkeys(incidents))
    if not 1 <= len(asked) <= MOST_TOGETHER:
        text = _("Choose from 1 to %(most)s matters.") % {"most": MOST_TOGETHER}
        raise Invalid(text, code="invalid_selection", errors={"incidents": [text]})
    if _steps(user, batch).exclude(body_hash=body_hash).exists():
        raise IdempotencyConflict(_("This client_uuid was already used for something else."))
    seen = _seen(user, asked)
    return [_line(pk, seen.get(pk), batch, take) for pk in asked]


def undo_together(*, user: User, batch: UUID, call: UUID, body_hash: str = "") -> list[Line]:
    """Takes back every step of the batch whose receiver has not acted, the last one first; the others are told why not.

    Raises NotVisible where this person has taken no such batch.
    """
    steps = list(_steps(user, batch).exclude(action="undo").order_by("-entered_at", "-pk"))
    if not steps:
        raise NotVisible(_("There is no such thing here, or it is not yours to see."))
    seen = _seen(user, [step.incident_id for step in steps])
    undone = set(
        Transition.objects.filter(incident__in=seen, undoes__isnull=False)
        .exclude(batch=call)
        .values_list("incident", "undoes")
    )

    def take_back(step: Transition) -> Take:
        def take(incident: Incident, client_uuid: UUID) -> Outcome:
            if (incident.pk, step.seq) in undone:
                raise Conflict(_("It has been taken back already."), code="undone_already")
            return perform(
                user=user, incident=incident, action="undo", version=step.seq, batch=call,
                client_uuid=client_uuid, body_hash=body_hash,
            )  # fmt: skip

        return take

    return [_line(step.incident_id, seen.get(step.incident_id), call, take_back(step)) for step in steps]


def _steps(user: User, batch: UUID) -> QuerySet[Transition]:
    return Transition.objects.filter(batch=batch, user=user)


def _seen(user: User, keys: Iterable[UUID]) -> dict[UUID, Incident]:
    return {row.pk: row for row in Incident.objects.visible_to(user).for_list().filter(pk__in=list(keys))}


def _line(pk: UUID, incident: Incident | None, call: UUID, take: Take) -> Line:
    if incident is None:
        absent = NotVisible(_("There is no such thing here, or it is not yours to see."))
        return Line(pk, None, absent)
    try:
        outcome = take(incident, uuid5(call, str(pk)))
    except DomainError as error:
        return Line(pk, incident, error)
    return Line(pk, outcome.incident, replayed=outcome.replayed)
