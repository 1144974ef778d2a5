"""Yellow before red: whoever answers for a matter hears one working day before its deadline, once per deadline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.models import Heartbeat
from gridgov.common.worktime import Limit, Unit, due_at
from grids.models import Calendar, WorkingTime
from incidents.due import local_minute
from incidents.models import Incident
from members.actions import post
from members.enums import MessageKind
from members.models import InboxMessage

YELLOW = "yellow"
BEFORE = Limit(1, Unit.WORKING_DAYS)
SOON = gettext_noop("Due soon (%(due)s): %(number)s %(heading)s")


def warn_soon(*, batch: int = 500) -> int:
    """Tells of deadlines that lie within a working day from now and did not at the last run; returns how many.

    How far it came stands per township in the heartbeat, so a run costs what became yellow since, not what is open, and
    townships that stand alike are asked together. A matter that has less than a working day in all begins yellow and is not
    told of.
    """
    now, reached = clock.now(), _reached()
    windows: dict[tuple[datetime, datetime], list[str]] = defaultdict(list)
    for town, until in _working_day_ahead(now).items():
        since = reached.get(town, now)
        if since < until:
            windows[since, until].append(town)
    told = sum(_tell(towns, since, until, batch) for (since, until), towns in sorted(windows.items()))
    if windows:
        _keep({town: until for (_since, until), towns in windows.items() for town in towns})
    return told


def _working_day_ahead(now: datetime) -> dict[str, datetime]:
    """Township -> the end of a working day that begins now; reckoned once for each working time."""
    known: dict[str, datetime] = {}
    found = {}
    for town, key in Calendar.objects.order_by("pk").values_list("pk", "office_key"):
        if key not in known:
            known[key] = due_at(now, BEFORE, WorkingTime.objects.under(key))
        found[str(town)] = known[key]
    return found


def _tell(towns: list[str], since: datetime, until: datetime, batch: int) -> int:
    """In the order of deadlines, each batch in its own transaction. What is interrupted is told again under the same keys."""
    rows = Incident.objects.filter(
        township_code__in=towns, is_late=False, escalate_at__gt=since, escalate_at__lte=until
    )
    rows = rows.select_related("category", "responsible_member").order_by("escalate_at", "pk")
    after, total = Q(), 0
    while True:
        found = list(rows.filter(after)[:batch])
        with transaction.atomic():
            post([_message(row) for row in found if not row.important])
            post([_message(row) for row in found if row.important], urgent=True)
        total += len(found)
        if len(found) < batch:
            return total
        last = found[-1]
        after = Q(escalate_at__gt=last.escalate_at) | Q(escalate_at=last.escalate_at, pk__gt=last.pk)


def _message(row: Incident) -> InboxMessage:
    return InboxMessage(
        member=row.responsible_member,
        text=SOON,
        params={"number": row.number, "heading": row.heading, "due": local_minute(row.due_at)},
        key=f"{row.pk}:{row.stage}:{YELLOW}:{row.escalate_at:%Y%m%d%H%M}",
        link=f"/incidents/{row.pk}/",
        kind=MessageKind.WARNING,
    )


def _reached() -> dict[str, datetime]:
    row = Heartbeat.objects.filter(name=YELLOW).first()
    return {town: datetime.fromisoformat(at) for town, at in row.detail.items()} if row else {}


@transaction.atomic
def _keep(reached: Mapping[str, datetime]) -> None:
    """How far this run came. The row is held, and a place that another run has carried further stays there."""
    Heartbeat.objects.get_or_create(name=YELLOW, defaults={"at": clock.now()})
    row = Heartbeat.objects.select_for_update().get(name=YELLOW)
    for town, at in reached.items():
        known = row.detail.get(town)
        if known is None or datetime.fromisoformat(known) < at:
            row.detail[town] = at.isoformat()
    row.at = clock.now()
    row.save(update_fields=["at", "detail"])
