"""Yellow before red: whoever answers for a matter hears one working day before its deadline, once per deadline."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.models import Heartbeat
from gridgov.common.worktime import Limit, Unit, due_at
from grids.models import Calendar
from incidents.due import local_minute
from incidents.models import Incident
from members.actions import tell
from members.enums import MessageKind

YELLOW = "yellow"
BEFORE = Limit(1, Unit.WORKING_DAYS)
SOON = gettext_noop("Due soon (%(due)s): %(number)s %(heading)s")


def warn_soon(*, batch: int = 500) -> int:
    """Tells of deadlines that lie within a working day from now and did not at the last run; returns how many.

    How far it came stands per township in the heartbeat, so a run costs what became yellow since, not what is open. A matter
    that has less than a working day in all begins yellow and is not told of.
    """
    told, reached = 0, _reached()
    for calendar in Calendar.objects.order_by("pk"):
        town = str(calendar.pk)
        until = due_at(clock.now(), BEFORE, Calendar.objects.of(town))
        since = reached.get(town, clock.now())
        if since < until:
            told += _tell(town, since, until, batch)
            _keep(town, until)
    return told


def _tell(town: str, since: datetime, until: datetime, batch: int) -> int:
    """In the order of deadlines, each batch in its own transaction. What is interrupted is told again under the same keys."""
    rows = Incident.objects.filter(
        township_code=town, is_late=False, escalate_at__gt=since, escalate_at__lte=until
    )
    rows = rows.select_related("category", "responsible_member").order_by("escalate_at", "pk")
    after, total = Q(), 0
    while True:
        found = list(rows.filter(after)[:batch])
        with transaction.atomic():
            for row in found:
                tell(
                    members=[row.responsible_member],
                    text=SOON,
                    params={"number": row.number, "heading": row.heading, "due": local_minute(row.due_at)},
                    key=f"{row.pk}:{row.stage}:{YELLOW}:{row.escalate_at:%Y%m%d%H%M}",
                    link=f"/incidents/{row.pk}/",
                    kind=MessageKind.WARNING,
                    urgent=row.important,
                )
        total += len(found)
        if len(found) < batch:
            return total
        last = found[-1]
        after = Q(escalate_at__gt=last.escalate_at) | Q(escalate_at=last.escalate_at, pk__gt=last.pk)


def _reached() -> dict[str, datetime]:
    row = Heartbeat.objects.filter(name=YELLOW).first()
    return {town: datetime.fromisoformat(at) for town, at in row.detail.items()} if row else {}


def _keep(town: str, at: datetime) -> None:
    known = {code: moment.isoformat() for code, moment in _reached().items()}
    Heartbeat.objects.update_or_create(
        name=YELLOW, defaults={"at": clock.now(), "detail": {**known, town: at.isoformat()}}
    )
