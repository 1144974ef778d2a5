"""The duty roster from a workbook: all errors at once, in the user's own row numbers."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from gridgov.common.xlsx import Row, read_table
from grids.imports import day_of
from members.actions import LONGEST_ROSTER, NewShift
from members.models import Member, Shift

# Headers of the file that is exchanged: the same in every language.
COLUMNS = {
    "日期": "day",
    "值班日期": "day",
    "带班领导": "leader",
    "带班": "leader",
    "值班员": "officer",
    "值班人员": "officer",
    "副班": "second",
    "值班电话": "phone",
    "电话": "phone",
}
HEADERS = ("日期", "带班领导", "值班员", "副班", "值班电话")
LONGEST_PHONE = Shift._meta.get_field("phone").max_length or 0


@dataclass(frozen=True)
class RosterFile:
    """What a file asks for. `replaced`: how many of its days stand in the roster already. `errors`: texts by row number;
    with any, nothing of the file is taken."""

    shifts: list[NewShift]
    replaced: int
    errors: dict[int, list[str]]


def read_roster(file: BinaryIO, *, township_code: str) -> RosterFile:
    """The rows of the file, one for each day; a day without any name is left as it is. Raises BadWorkbook."""
    rows = read_table(
        file,
        columns=COLUMNS,
        required=("day", "leader", "officer"),
        codes=("phone",),
        max_rows=LONGEST_ROSTER,
    )
    reader = _Reader(township_code)
    filled = [row for row in rows if any(row.values.get(key) for key in ("leader", "officer", "second"))]
    shifts = [shift for shift in map(reader.read, filled) if shift is not None]
    days = [shift.day for shift in shifts]
    there = Shift.objects.filter(township=township_code, day__in=days).count()
    return RosterFile(shifts, there, reader.errors)


class _Reader:
    """Turns rows into shifts, with the people of the township looked up once."""

    def __init__(self, township_code: str) -> None:
        self.errors: dict[int, list[str]] = {}
        self.rows_of: dict[object, int] = {}  # day -> the row that has it
        self.people: dict[str, list[Member]] = defaultdict(list)
        for member in Member.objects.filter(township_code=township_code).active().order_by("pk"):
            self.people[_squeezed(member.name)].append(member)
            if member.phone:  # of several with one name: the name and the end of the telephone number
                self.people[_squeezed(member.name + member.phone[-4:])].append(member)
                self.people[_squeezed(member.name + member.phone)].append(member)

    def read(self, row: Row) -> NewShift | None:
        said, faults = row.values, list[str]()
        day = day_of(said.get("day", ""))
        if day is None:
            faults.append(_("The day is not a date like 2027-01-01."))
        elif day in self.rows_of:
            faults.append(_("This day stands already in row %(row)d.") % {"row": self.rows_of[day]})
        else:
            self.rows_of[day] = row.number
        leader = self._person(said.get("leader", ""), _("leading on duty"), faults, needed=True)
        officer = self._person(said.get("officer", ""), _("on duty"), faults, needed=True)
        second = self._person(said.get("second", ""), _("second on duty"), faults)
        if second is not None and second == officer:
            faults.append(_("This person is on duty already."))
        phone = said.get("phone", "")
        if len(phone) > LONGEST_PHONE:
            faults.append(_("The telephone number is too long."))
        if faults:
            self.errors[row.number] = faults
        if faults or day is None or leader is None or officer is None:
            return None
        return NewShift(day, leader, officer, second, phone)

    def _person(self, said: str, what: str, faults: list[str], *, needed: bool = False) -> Member | None:
        found = self.people.get(_squeezed(said), []) if said else []
        if len(found) == 1:
            return found[0]
        values = {"what": what, "name": said}
        if found:
            faults.append(
                _(
                    "%(what)s: several people are called %(name)s; write the end of the telephone number after it."
                )
                % values
            )
        elif said:
            faults.append(_("%(what)s: nobody called %(name)s works in this township.") % values)
        elif needed:
            faults.append(_("%(what)s: the name is missing.") % values)
        return None


def _squeezed(text: str) -> str:
    """Without spaces and brackets, and in one width of characters: 张三（8001） is 张三8001."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c not in "()")
