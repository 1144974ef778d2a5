"""Grids from a workbook: all errors at once, in the user's own row numbers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _

from gridgov.common.xlsx import Row, read_table
from grids.actions import NewGrid, problems
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


def read_grids(file: BinaryIO) -> GridFile:
    """The rows of the file against the tree. Rows that stand in gridgov exactly so are unchanged. Raises BadWorkbook."""
    rows = read_table(
        file, columns=COLUMNS, required=("code", "name", "parent", "use"), codes=("code", "parent", "use")
    )
    asked = {
        row.number: NewGrid(row.values["code"], row.values["name"], USES.get(row.values["use"], ""))
        for row in rows
    }
    township_code = _township_of(asked.values())
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
