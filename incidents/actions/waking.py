"""What comes of itself besides going up: a pause that is over, a reply that is late. Asked each minute, done once."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.batches import DATABASE_TROUBLE, in_batches, put_aside
from gridgov.common.errors import Conflict
from gridgov.common.models import SetAside
from incidents.actions.case import Case
from incidents.actions.moves.waiting import resume
from incidents.models import Incident, Supervision
from members.actions import tell
from members.enums import MessageKind

RESUMED = gettext_noop("%(number)s: the pause is over, the clock goes on: %(heading)s")
REPLY_LATE = gettext_noop("%(number)s: the reply to the supervision is late: %(heading)s")
AT_ONCE = 500
RESUMING = "resume"


def resume_due(*, batch: int = AT_ONCE) -> int:
    """Suspended matters whose pause is over go on where they were; returns how many."""
    now = clock.now()
    waiting = SetAside.objects.filter(work=RESUMING, retry_at__gt=now).values_list("key", flat=True)
    over = Incident.objects.filter(suspended_until__lte=now).order_by("suspended_until")
    if aside := list(waiting):
        over = over.exclude(pk__in=aside)
    rows = over.select_related("procedure", "responsible_grid", "responsible_member")[:batch]
    return sum(_resumed(row) for row in rows)


def _resumed(row: Incident) -> bool:
    try:
        with transaction.atomic():
            case = Case(row, user=None, actor=None, action="resume")
            resume(case, {})
            case.announce([row.responsible_member], RESUMED, MessageKind.ARRIVED)
            case.save()
    except Conflict:  # somebody was first
        return False
    except DATABASE_TROUBLE:
        raise
    except Exception as error:  # noqa: BLE001  whatever is wrong with this matter, the others go on
        put_aside(RESUMING, row.pk, error)
        return False
    return True


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
