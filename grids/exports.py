"""The tree of a township as a workbook: to look at, and to be sent back with further rows."""

from __future__ import annotations

from typing import BinaryIO

from gridgov.common.xlsx import write_plain
from grids.enums import Kind
from grids.imports import COLUMNS, USES
from grids.models import Grid

_WORDS: dict[str, str] = {use: word for word, use in USES.items() if word}


def write_tree(file: BinaryIO, *, township_code: str) -> int:
    """All active grids below the township with the columns that `grids.imports.read_grids` takes; how many there are."""
    grids = Grid.objects.active().filter(township_code=township_code).exclude(kind=Kind.TOWNSHIP)
    rows = grids.order_by("code").values_list("code", "name", "parent_id", "use")
    return write_plain(file, headers=list(COLUMNS), rows=((*row, _WORDS.get(use, "")) for *row, use in rows))
