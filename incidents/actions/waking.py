"""What comes of itself besides going up: a pause that is over, a reply that is late. Asked each minute, done once."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import in_batches
from incidents.actions.case import Case
from incidents.actions.moves.waiting import resume
from incidents.enums import Status
from incidents.models import Incident, Supervision
from members.actions import tell
from members.enums import MessageKind

RESUMED = gettext_noop("%(number)s: the pause is over, the clock goes on: %(heading)s")
REPLY_LATE = gettext_noop("%(number)s: the reply to the supervision is late: %(heading)s")
AT_ONCE = 100


def resume_due(*, batch: int = AT_ONCE) -> int:
    """Suspended matters whose pause is over go on where they were; returns how many."""
    now = clock.now()

    def take(which: Q, most: int) -> list[Incident]:
        # What was merged or made void meanwhile keeps the end of its pause: taken out again, it stands still until then.
        over = Incident.objects.filter(which, status=Status.SUSPENDED, suspended_until__lte=now)
        over = over.order_by("suspended_until")
        if connection.features.has_select_for_update_skip_locked:
            over = over.select_for_update(skip_locked=True, of=("self",))
        return list(over.select_related("procedure", "responsible_grid", "responsible_member")[:most])

    def act(rows: Sequence[Incident]) -> int:
        for row in rows:
            case = Case(row, user=None, actor=None, action="resume")
            resume(case, {})
            case.announce([row.responsible_member], RESUMED, MessageKind.ARRIVED)
            case.save()
        return len(rows)

    return in_batches("resume", take=take, act=act, batch=batch)


def remind_replies(*, batch: int = AT_ONCE) -> int:
    """Tells both sides of a supervision that the reply is late; returns how many are."""
    now = clock.now()

    def take(which: Q, most: int) -> list[Supervision]:
        late = Supervision.objects.filter(which, settled_at=None, reminded_at=None, reply_due__lt=now)
        return list(
            late.select_related("given_by", "incident__responsible_member").order_by("reply_due")[:most]
        )

    def act(rows: Sequence[Supervision]) -> int:
        for row in rows:
            incident = row.incident
            tell(
                members=[row.given_by, incident.responsible_member],
                text=REPLY_LATE,
                params={"number": incident.number, "heading": incident.heading},
                key=f"{incident.pk}:supervision:{row.pk}",
                link=f"/incidents/{incident.pk}/",
                kind=MessageKind.OVERDUE,
            )
        return Supervision.objects.filter(pk__in=[row.pk for row in rows]).update(reminded_at=now)

    return in_batches("remind-replies", take=take, act=act, batch=batch)
