"""Time left, in words, for templates/components/time_left.html."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gridgov.common import clock
from gridgov.common.worktime import is_late
from incidents.enums import Status
from incidents.models import Incident

register = template.Library()


@register.filter
def time_left(incident: Incident) -> dict[str, Any]:
    """How long until the effective deadline, by the clock on the wall. Due today is "soon"."""
    due, now = incident.due_at, clock.now()
    if not incident.is_open:
        return {"tone": "none", "words": "–", "due_at": None}
    if incident.status == Status.SUSPENDED:
        return {"tone": "paused", "words": _("clock paused"), "due_at": due}
    if due is None:
        return {"tone": "none", "words": _("no deadline"), "due_at": None}
    if is_late(due, now):
        return {"tone": "late", "words": late_by(now - due), "due_at": due}
    tone = "soon" if _ends_today(due) else "fine"
    return {"tone": tone, "words": left(due - now), "due_at": due}


@register.filter
def field_name(name: str) -> str:
    """A column of the matter as people call it."""
    return str(Incident._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


@register.filter
def shown_value(value: Any) -> str:
    return f"{clock.local(value):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value or "")


def _ends_today(due: datetime) -> bool:
    return due <= clock.start_of(clock.today() + timedelta(days=1))


def left(span: timedelta) -> str:
    """Whole days, else hours, else minutes; rounded down, so that nobody relies on time that is not there."""
    days, hours, minutes = _parts(span)
    if days:
        return ngettext("%(n)s day left", "%(n)s days left", days) % {"n": days}
    if hours:
        return ngettext("%(n)s hour left", "%(n)s hours left", hours) % {"n": hours}
    return ngettext("%(n)s minute left", "%(n)s minutes left", minutes) % {"n": minutes}


def late_by(span: timedelta) -> str:
    days, hours, minutes = _parts(span)
    if days:
        return ngettext("late by %(n)s day", "late by %(n)s days", days) % {"n": days}
    if hours:
        return ngettext("late by %(n)s hour", "late by %(n)s hours", hours) % {"n": hours}
    return ngettext("late by %(n)s minute", "late by %(n)s minutes", minutes) % {"n": minutes}


def times_of(incident: Incident) -> dict[str, str]:
    """How long the report took, and how long it has been worked on; shown, not judged (R145)."""
    found = {}
    if incident.occurred_at is not None:
        found["reporting"] = lasting(incident.reported_at - incident.occurred_at)
    if incident.is_open or incident.closed_at is not None:
        found["handling"] = lasting((incident.closed_at or clock.now()) - incident.reported_at)
    return found


def lasting(span: timedelta) -> str:
    """Days and hours, else minutes."""
    days, hours, minutes = _parts(span)
    if days:
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    if hours:
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}


def _parts(span: timedelta) -> tuple[int, int, int]:
    minutes = int(span.total_seconds() // 60)
    return minutes // 1440, minutes // 60, max(minutes, 1)
