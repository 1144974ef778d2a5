"""What has arrived of a day's own reports: for the phone that sent them and for the desk of whoever carries it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count

from gridgov.common import clock
from gridgov.common.enums import FileKind
from incidents.enums import PartRole
from incidents.models import Incident, Part, Upload
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

MOST = 500


def photos_of(expected: int, arrived: int) -> dict[str, int]:
    return {"expected": expected, "arrived": arrived, "missing": max(0, expected - arrived)}


def receipts_of(user: User, day: date) -> dict[str, Any]:
    """Four queries, however many reports there are. More than 500 of one day: the newest."""
    as_of = clock.now()
    rows = _reported(user, day)
    arrived = dict(
        Upload.objects.filter(incident__in=[row.pk for row in rows], history_seq=None, kind=FileKind.PHOTO)
        .order_by()
        .values_list("incident")
        .annotate(Count("pk"))
    )
    results: list[dict[str, Any]] = [
        {
            "client_uuid": row.client_uuid,
            "id": row.pk,
            "number": row.number,
            "title": row.heading,
            "received_at": row.reported_at,
            "photos": photos_of(row.photos_expected, arrived.get(row.pk, 0)),
        }
        for row in rows
    ]
    waiting = (
        Upload.objects.filter(uploader=user.pk, incident=None).exclude(incident_client_uuid=None).count()
    )
    totals: dict[str, int] = {
        name: sum(one["photos"][name] for one in results) for name in ("expected", "arrived", "missing")
    }
    return {
        "day": day,
        "received": len(results),
        "photos": totals,
        "waiting_uploads": waiting,
        "complete": not totals["missing"] and not waiting,
        "results": results,
        "as_of": as_of,
    }


def _reported(user: User, day: date) -> list[Incident]:
    """Those that this login sent; the part of the reporter leads to them by an index of its own."""
    member = standing_of(user).member
    if member is None:
        return []
    begin, end = clock.start_of(day), clock.start_of(day + timedelta(days=1))
    parts = Part.objects.filter(
        member=member, role=PartRole.REPORTER, reported_at__gte=begin, reported_at__lt=end
    ).order_by("-reported_at", "-incident")
    ids = list(parts.values_list("incident", flat=True)[:MOST])
    return list(Incident.objects.filter(pk__in=ids, reporter_user=user.pk).order_by("-reported_at", "-id"))
