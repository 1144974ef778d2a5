"""The duty roster (值班表): who leads and who sits at the telephone, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Invalid
from grids.models import Township
from members.models import Member, Shift

LONGEST = 62  # days entered at once
LONGEST_ROSTER = 400  # of a file
BEGINS = time(8, 30)


class NewShift(NamedTuple):
    """The people of one day."""

    day: date
    leader: Member
    officer: Member
    second: Member | None = None
    phone: str = ""


@transaction.atomic
def enter_shifts(
    *,
    township_code: str,
    first: date,
    last: date,
    leader: Member,
    officer: Member,
    second: Member | None = None,
    phone: str = "",
    begins: time = BEGINS,
) -> int:
    """The same people on each day from `first` to `last`; what stood there for these days is replaced. Returns the days.

    A shift lasts until the next day's at the same clock time. Raises Invalid.
    """
    days = (last - first).days + 1
    if not 1 <= days <= LONGEST:
        text = _("From the first to the last day, at most %(most)d days.") % {"most": LONGEST}
        raise Invalid(text, errors={"last": [text]})
    people = {"leader": leader, "officer": officer, "second": second}
    errors = {
        name: [_("This person does not work in this township.")]
        for name, member in people.items()
        if member is not None and member.township_code != township_code
    }
    if second is not None and second == officer:
        errors["second"] = [_("This person is on duty already.")]
    if errors:
        raise Invalid(next(iter(errors.values()))[0], errors=errors)
    phone = phone.strip()
    shifts = [NewShift(first + timedelta(days=n), leader, officer, second, phone) for n in range(days)]
    return enter_roster(township_code=township_code, shifts=shifts, begins=begins)


@transaction.atomic
def enter_roster(*, township_code: str, shifts: Sequence[NewShift], begins: time = BEGINS) -> int:
    """Each day with its own people; what stood there for these days is replaced. Returns the days."""
    Shift.objects.filter(township=township_code, day__in=[shift.day for shift in shifts]).delete()
    rows = []
    for shift in shifts:
        starts = datetime.combine(shift.day, begins, clock.SHANGHAI)
        ends = starts + timedelta(days=1)
        rows.append(Shift(township_id=township_code, starts_at=starts, ends_at=ends, **shift._asdict()))
    Shift.objects.bulk_create(rows)
    return len(rows)


def change_duty(*, township_code: str, phone: str, call_after: int) -> None:
    """The duty telephone of the township, and after how many minutes an urgent matter nobody took calls the next one."""
    Township.objects.filter(pk=township_code).update(duty_phone=phone.strip(), call_after=call_after)
