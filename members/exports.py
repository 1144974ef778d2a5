"""The duty roster as a workbook: to be filled in, and sent back."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO

from gridgov.common import clock
from gridgov.common.xlsx import write_plain
from members.imports import HEADERS
from members.models import Shift

AHEAD = 31  # days


def write_roster(file: BinaryIO, *, township_code: str) -> int:
    """A row for each of the coming 31 days, with whoever is entered for it; the columns that `read_roster` takes."""
    days = [clock.today() + timedelta(days=n) for n in range(AHEAD)]
    shifts = Shift.objects.filter(township=township_code, day__in=days)
    known = {shift.day: shift for shift in shifts.select_related("leader", "officer", "second")}
    rows = []
    for day in days:
        shift = known.get(day)
        people = [shift.leader, shift.officer, shift.second] if shift else [None] * 3
        names = [f"{one.name}（{one.phone[-4:]}）" if one and one.phone else str(one or "") for one in people]
        rows.append((day.isoformat(), *names, shift.phone if shift else ""))
    return write_plain(file, headers=list(HEADERS), rows=rows)
