"""A machine whose clock went back writes nothing: times would contradict each other. An administrator looks and confirms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.briefly import Briefly
from gridgov.common.errors import DomainError
from gridgov.common.models import Heartbeat

MAY_DIFFER = timedelta(minutes=2)  # between machines
CONFIRMED = "clock-confirmed"
# Each room that writes rows with times names the moment of its newest one (AppConfig.ready).
NEWEST: list[Callable[[], datetime | None]] = []


class ClockBehind(DomainError):
    status = 503
    code = "clock_behind"


@dataclass(frozen=True)
class _Known:
    beat: datetime | None  # the newest sign of recurring work
    row: datetime | None  # the newest row of the rooms
    confirmed: str  # of which row an administrator said that it lies in the future wrongly

    @property
    def newest(self) -> datetime | None:
        row = None if self.row is None or self.row.isoformat() == self.confirmed else self.row
        return max((at for at in (self.beat, row) if at is not None), default=None)


def _ask() -> _Known:
    beats = Heartbeat.objects.exclude(name=CONFIRMED).aggregate(newest=Max("at"))["newest"]
    rows = [at for source in NEWEST if (at := source()) is not None]
    confirmed = Heartbeat.objects.filter(name=CONFIRMED).first()
    return _Known(beats, max(rows, default=None), confirmed.detail.get("row", "") if confirmed else "")


_known = Briefly(_ask)


def written_later() -> datetime | None:
    """The newest moment that was written, where this machine's clock is behind it; else None. Half a minute old at most."""
    newest = _known().newest
    return newest if newest is not None and newest > clock.now() + MAY_DIFFER else None


def check() -> None:
    """Raises ClockBehind."""
    if written_later() is not None:
        raise ClockBehind(sentence())


def sentence() -> str:
    return _(
        "The system time is earlier than what is already recorded; nothing is written until an administrator confirms it."
    )


def confirm(*, by: str) -> datetime | None:
    """The time of now is right: what was written ahead of it holds up nothing any more. Returns what that was."""
    found, now = _ask(), clock.now()
    Heartbeat.objects.exclude(name=CONFIRMED).filter(at__gt=now).update(at=now)
    row = found.row.isoformat() if found.row is not None and found.row > now else ""
    Heartbeat.objects.update_or_create(name=CONFIRMED, defaults={"at": now, "detail": {"by": by, "row": row}})
    _known.forget()
    return found.newest
