"""What comes of itself besides going up: a pause that is over, a reply that is late. Asked each minute, done once."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.errors import Conflict
from incidents.actions.case import Case
from incidents.actions.moves.waiting import resume
from incidents.models import Incident, Supervision
from members.actions import tell
from members.enums import MessageKind

RESUMED = gettext_noop("%(number)s: the pause is over, the clock goes on: %(heading)s")
REPLY_LATE = gettext_noop("%(number)s: the reply to the supervision is late: %(heading)s")
AT_ONCE = 500


def resume_due(*, batch: int = AT_ONCE) -> int:
    """Suspended matters whose pause is over go on where they were; returns how many."""
    over = Incident.objects.filter(suspended_until__lte=clock.now()).order_by("suspended_until")
    rows = over.select_related("procedure", "responsible_grid", "responsible_member")[:batch]
    return sum(_resumed(row) for row in rows)


def _resumed(row: Incident) -> bool:
    case = Case(row, user=None, actor=None, action="resume")
    resume(case, {})
    case.announce([row.responsible_member], RESUMED, MessageKind.ARRIVED)
    try:
        with transaction.atomic():
            case.save()
    except Conflict:  # somebody was first
        return False
    return True


def remind_replies(*, batch: int = AT_ONCE) -> int:
    """Tells both sides of a supervision that the reply is late; returns how many are."""
    now = clock.now()
    with transaction.atomic():
        late = Supervision.objects.filter(settled_at=None, reminded_at=None, reply_due__lt=now)
        rows = list(
            late.select_related("given_by", "incident__responsible_member").order_by("reply_due")[:batch]
        )
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
        Supervision.objects.filter(pk__in=[row.pk for row in rows]).update(reminded_at=now)
    return len(rows)
