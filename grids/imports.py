"""Grids and a year's holidays from a workbook: all errors at once, in the user's own row numbers."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO

from django.utils.translation import gettext as _

from gridgov.common.xlsx import Row, read_table
from grids.actions import NewGrid, SpecialDay, problems
from grids.enums import Use
from grids.models import Grid, Township

# Headers and words of the file that is exchanged: the same in every language.
COLUMNS = {"编码": "code", "名称": "name", "上级编码": "parent", "类型": "use"}
USES = {
    "": Use.RESIDENTIAL,
    "居民": Use.RESIDENTIAL,
    "企业": Use.ENTERPRISE,
    "学校": Use.SCHOOL,
    "单位": Use.INSTITUTION,
    "机关事业单位": Use.INSTITUTION,
    "市场": Use.MARKET,
    "园区": Use.PARK,
    "大院": Use.COMPOUND,
}


@dataclass(frozen=True)
class GridFile:
    """What a file asks for. `errors`: texts by row number; with any, nothing of the file is taken."""

    township_code: str
    new: list[NewGrid]
    unchanged: int
    errors: dict[int, list[str]]


def read_grids(file: BinaryIO, *, township_code: str = "") -> GridFile:
    """The rows of the file against the tree. Rows that stand in gridgov exactly so are unchanged. Raises BadWorkbook.

    `township_code`: the only township whose rows are taken; without it, the one of most rows.
    """
    rows = read_table(
        file, columns=COLUMNS, required=("code", "name", "parent", "use"), codes=("code", "parent", "use")
    )
    asked = {
        row.number: NewGrid(row.values["code"], row.values["name"], USES.get(row.values["use"], ""))
        for row in rows
    }
    township_code = township_code or _township_of(asked.values())
    there = {grid.code: grid for grid in Grid.objects.filter(pk__in=[new.code for new in asked.values()])}
    same = {number for number, new in asked.items() if _stands_so(there.get(new.code), new)}
    new = [grid for number, grid in asked.items() if number not in same]
    against = problems(grids=new, township_code=township_code) if township_code else {}
    errors: dict[int, list[str]] = {}
    for row in rows:
        texts = _row_problems(row)
        if row.number not in same and asked[row.number].code in against:
            texts.append(against[asked[row.number].code])
        if not township_code:
            texts.append(_("The township is not set up yet."))
        if texts:
            errors[row.number] = texts
    return GridFile(township_code, new, len(same), errors)


def _township_of(grids: Iterable[NewGrid]) -> str:
    """The township of most rows, if it is set up; rows of another one are then errors of their own."""
    towns = Counter(new.code[:9] for new in grids)
    known = set(Township.objects.filter(pk__in=list(towns)).values_list("pk", flat=True))
    return next((code for code, _count in towns.most_common() if code in known), "")


def _stands_so(grid: Grid | None, new: NewGrid) -> bool:
    return grid is not None and not grid.ended_on and (grid.name, grid.use) == (new.name, new.use)


def _row_problems(row: Row) -> list[str]:
    """What the columns say against each other."""
    found = []
    code, parent, use = row.values["code"], row.values["parent"], row.values["use"]
    if use not in USES:
        known = "、".join(word for word in USES if word)
        found.append(_("Unknown type %(type)s; known are: %(known)s.") % {"type": use, "known": known})
    if parent and parent != NewGrid(code, "").parent:
        found.append(_("The code does not extend the code of the grid above by three digits."))
    return found


# --- A year's holidays: a file with these headers, or lines "2027-02-05~2027-02-11 放假 春节" -------------------------

DAY_COLUMNS = {
    "日期": "day", "开始日期": "day", "起": "day", "结束日期": "last", "止": "last", "类型": "kind", "安排": "kind",
    "名称": "name", "节日": "name",
}  # fmt: skip
WORKING = {"放假": False, "休": False, "休息": False, "上班": True, "调休上班": True, "班": True}
LONGEST_SPAN, LONGEST_DAY_NAME = 15, 40
_LINE = re.compile(r"(\S+?)(?:\s*[~～至—]\s*(\S+?))?[\s,，]+(\S+?)(?:[\s,，]+(.+))?")


@dataclass(frozen=True)
class YearTable:
    """`errors`: texts by row number (of the file, or of the lines); with any, nothing is taken."""

    days: list[SpecialDay]
    errors: dict[int, list[str]]

    @property
    def lines(self) -> str:
        """The same as lines to read and to change: days on end of one kind and name together."""
        spans: list[list[SpecialDay]] = []
        for it in sorted(self.days, key=lambda it: it.day):
            before = spans[-1][-1] if spans else None
            joined = before and it.day - before.day == timedelta(days=1)
            if before and joined and (before.working, before.name) == (it.working, it.name):
                spans[-1].append(it)
            else:
                spans.append([it])
        return "\n".join(
            f"{span[0].day}{f'~{span[-1].day}' if len(span) > 1 else ''} "
            f"{'上班' if span[0].working else '放假'} {span[0].name}".rstrip()
            for span in spans
        )


def read_year(file: BinaryIO) -> YearTable:
    """Raises BadWorkbook."""
    rows = read_table(file, columns=DAY_COLUMNS, required=("day", "kind"), max_rows=400)
    return _table(
        (
            row.number,
            row.values["day"],
            row.values.get("last", ""),
            row.values["kind"],
            row.values.get("name", ""),
        )
        for row in rows
    )


def read_lines(text: str) -> YearTable:
    """Lines as a person types them; blank ones are left out."""
    found: list[tuple[int, str, str, str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            parts = _LINE.fullmatch(line.strip())
            begin, end, kind, name = parts.groups(default="") if parts else (line.strip(), "", "", "")
            found.append((number, begin, end, kind, name))
    return _table(found)


def _table(rows: Iterable[tuple[int, str, str, str, str]]) -> YearTable:
    days: list[SpecialDay] = []
    errors: dict[int, list[str]] = {}
    for number, begin, end, kind, name in rows:
        first, last = day_of(begin), day_of(end or begin)
        texts = []
        if first is None or last is None:
            texts.append(
                _("This is no day: %(day)s. Write 2027-01-01.") % {"day": begin if first is None else end}
            )
        elif not 0 <= (last - first).days < LONGEST_SPAN:
            texts.append(_("The last day comes before the first, or far behind it."))
        if kind not in WORKING:
            texts.append(_("Write 放假 or 上班, not “%(kind)s”.") % {"kind": kind})
        if len(name) > LONGEST_DAY_NAME:
            texts.append(
                _("The name is too long (at most %(most)d characters).") % {"most": LONGEST_DAY_NAME}
            )
        if texts or first is None or last is None:
            errors[number] = texts
            continue
        count = (last - first).days + 1
        days += [SpecialDay(first + timedelta(days=n), WORKING[kind], name.strip()) for n in range(count)]
    return YearTable(days, errors)


def day_of(text: str) -> date | None:
    """2027-01-01, 2027/1/1, 2027.1.1 or 2027年1月1日; None for anything else."""
    parts = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00(?::00)?)?", text.strip())
    try:
        return date(*map(int, parts.groups())) if parts else None
    except ValueError:
        return None
