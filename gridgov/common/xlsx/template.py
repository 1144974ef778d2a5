"""Workbooks to be filled in: a sheet with headers, notes and lists to choose from, and a sheet that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import xlsxwriter
from django.utils.translation import gettext as _
from xlsxwriter.utility import xl_col_to_name

from gridgov.common.xlsx.tables import Text
from gridgov.common.xlsx.text import clean_text, display_width

READY_ROWS = 1000  # rows that offer the lists
LIST_CHARACTERS = 255  # Excel's limit for a list that stands in the rule itself


@dataclass(frozen=True, slots=True)
class Blank:
    """A column to be filled in. `choices`: offered, not enforced, because names may be typed in other ways."""

    title: str
    note: Text = ""
    required: bool = False
    choices: Sequence[str] = ()
    width: float = 16


def write_template(
    file: BinaryIO,
    *,
    title: Text,
    columns: Sequence[Blank],
    instructions: Sequence[Text],
) -> None:
    """The first sheet is what comes back; the second says how, the third holds long lists. All cells are text."""
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        text = book.add_format({"num_format": "@"})
        head = {"bold": True, "border": 1, "align": "center", "valign": "vcenter", "text_wrap": True}
        plain, needed = book.add_format(head), book.add_format({**head, "font_color": "#C00000"})
        sheet = book.add_worksheet(_name(title))
        explained = book.add_worksheet(_("Instructions"))
        lists = _Lists(book)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, column.width, text)
            mark = "*" if column.required else ""
            sheet.write_string(0, index, column.title + mark, needed if column.required else plain)
            if column.choices:
                rule = {
                    "validate": "list",
                    "source": lists.source(column),
                    "error_type": "information",
                    "ignore_blank": True,
                }
                sheet.data_validation(1, index, READY_ROWS, index, rule)
        sheet.freeze_panes(1, 0)
        _explain(explained, book, columns, instructions)


def _explain(sheet: Any, book: Any, columns: Sequence[Blank], instructions: Sequence[Text]) -> None:
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    bold = book.add_format({"bold": True, "valign": "top"})
    width = 76
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, width)
    row = 0
    for number, line in enumerate(instructions, start=1):
        sheet.write_number(row, 0, number, bold)
        _line(sheet, row, str(line), wrap, width)
        row += 1
    row += 1
    for column in columns:
        sheet.write_string(row, 0, column.title + ("*" if column.required else ""), bold)
        _line(sheet, row, clean_text(column.note), wrap, width)
        row += 1


def _line(sheet: Any, row: int, text: str, look: Any, width: int) -> None:
    sheet.set_row(row, 16 * max(1, -(-display_width(text) // width)))
    sheet.write_string(row, 1, text, look)


class _Lists:
    """Lists that are too long for the rule itself stand on a sheet of their own."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.sheet: Any = None
        self.used = 0

    def source(self, column: Blank) -> Any:
        if len(",".join(column.choices)) <= LIST_CHARACTERS and not any("," in it for it in column.choices):
            return list(column.choices)
        if self.sheet is None:
            self.sheet = self.book.add_worksheet(_name(_("Lists")))
        index, self.used = self.used, self.used + 1
        self.sheet.set_column(index, index, 24)
        self.sheet.write_string(0, index, column.title)
        for row, choice in enumerate(column.choices, start=1):
            self.sheet.write_string(row, index, clean_text(choice))
        letter = xl_col_to_name(index)
        return f"='{_name(_('Lists'))}'!${letter}$2:${letter}${len(column.choices) + 1}"


def _name(title: Text) -> str:
    return clean_text(title)[:31]
