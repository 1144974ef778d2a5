"""What waits for a person: one definition for the desk, the inbox badge and the API."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery

from gridgov.common import clock
from gridgov.common.models import User
from incidents.beside import waiting_beside
from incidents.models import AssistTask, Incident, Stage
from incidents.querysets import RELATED, IncidentQuerySet
from members.querysets import standing_of

MOST = 50


def bounds() -> tuple[datetime, datetime]:
    """Now and the end of today (24:00, Asia/Shanghai)."""
    return clock.now(), clock.start_of(clock.today() + timedelta(days=1))


def counters(user: User) -> dict[str, int]:
    """Late, due today, and all that wait for the units that answer; where they assist beside that. Two queries."""
    now, end = bounds()
    counted: dict[str, int] = (
        Incident.objects.waiting_for(user)
        .order_by()
        .aggregate(
            late=Count("pk", filter=Q(due_at__lt=now)),
            due_today=Count("pk", filter=Q(due_at__gte=now, due_at__lte=end)),
            open=Count("pk"),
        )
    )
    leads = Incident.objects.waiting_for(user).filter(pk=OuterRef("incident"))
    tasks = AssistTask.objects.open().of(standing_of(user)).filter(~Exists(leads))
    beside: dict[str, int] = tasks.order_by().aggregate(
        assisting=Count("incident", distinct=True),
        assisting_late=Count("incident", distinct=True, filter=Q(is_late=True)),
    )
    return counted | beside


def waiting(user: User, most: int = MOST) -> dict[str, list[Any]]:
    """The most urgent of each, with the time window of the unit's own stage; what is owed beside others' matters. At most
    eight queries."""
    now, end = bounds()
    rows = _with_window(Incident.objects.waiting_for(user))
    return {
        "late": _tasks(rows.filter(due_at__lt=now), most),
        "due_today": _tasks(rows.filter(due_at__gte=now, due_at__lte=end), most),
        "open": _tasks(rows.filter(Q(due_at=None) | Q(due_at__gt=end)), most),
        "assisting": _assisting(user, most),
        "beside": waiting_beside(user, most),
    }


def _assisting(user: User, most: int) -> list[dict[str, Any]]:
    """The open assisting tasks of one's units, each with the window of its own clock."""
    related = ("incident", *(f"incident__{name}" for name in RELATED))
    tasks = AssistTask.objects.open().of(standing_of(user)).for_list().select_related(*related)[:most]
    return [
        {"incident": task.incident, "window": {"since": task.asked_at, "until": task.due_at}}
        for task in tasks
    ]


def _with_window(rows: IncidentQuerySet) -> IncidentQuerySet:
    stages = Stage.objects.filter(incident=OuterRef("pk"), number=OuterRef("stage"))
    return rows.for_list().annotate(since=Subquery(stages.values("started_at")[:1]))


def _tasks(rows: IncidentQuerySet, most: int) -> list[dict[str, Any]]:
    urgent = rows.order_by(F("due_at").asc(nulls_last=True), "reported_at", "id")[:most]
    return [
        {"incident": row, "window": {"since": row.since or row.reported_at, "until": row.due_at}}  # type: ignore[attr-defined]
        for row in urgent
    ]
