"""Workbooks that go out: long lists row by row, and the sheet with live totals. Both print on A4.

Every text is written as a string cell and stays one when edited; a formula comes only from a Formula. The same input
gives the same bytes: the date of creation is the sheet's own.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import xlsxwriter
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from xlsxwriter.utility import xl_col_to_name

from gridgov.common import clock
from gridgov.common.xlsx.errors import Unwritable
from gridgov.common.xlsx.tables import (
    LAST_EXACT_INTEGER,
    Cell,
    Column,
    Formula,
    HeaderGroup,
    Kind,
    Meta,
    Table,
    TableRow,
    Value,
    is_number,
)
from gridgov.common.xlsx.text import CELL_CHARACTERS, clean_text, display_width

LAST_ROW = 1_048_575  # Excel's, counted from 0
LANDSCAPE_FROM = 90  # letters that fit across an upright A4 page
A4 = 9

_FORMATS = {
    Kind.TEXT: "@",
    Kind.INTEGER: "0",
    Kind.NUMBER: "0.00",
    Kind.PERCENT: "0.0%",
    Kind.DATE: "yyyy-mm-dd",
    Kind.DATETIME: "yyyy-mm-dd hh:mm",
    Kind.MONEY: "#,##0.00",
}
_TITLE = {"bold": True, "font_size": 16, "align": "center", "valign": "vcenter"}
_HEADER = {
    "bold": True,
    "border": 1,
    "align": "center",
    "valign": "vcenter",
    "text_wrap": True,
    "bg_color": "#EEF1F3",
}
_PLAIN = {"valign": "vcenter", "text_wrap": True}
_RIGHT = {"valign": "vcenter", "align": "right"}


def write_list(
    file: BinaryIO,
    *,
    title: Any,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Value]],
    meta: Meta,
    sheet_name: Any = "",
) -> int:
    """Writes a list of any length with flat memory and returns its number of rows. Raises Unwritable."""
    with _workbook(file, title=title, meta=meta, streaming=True) as book:
        page = _Page.new(book, columns=columns, name=sheet_name or title)
        page.head(title, meta)
        for index, column in enumerate(columns):
            page.header(2, index, column)
        page.print_setup(title=title, unit=meta.unit, header_rows=(2, 2), frozen_columns=1)
        row = 2
        for row, values in enumerate(rows, start=3):
            page.line(row, values)
        page.sheet.autofilter(2, 0, row, len(columns) - 1)
        count = row - 2
        closing = (_("Rows: %(count)s") % {"count": count}, meta.data_as_of, meta.maker)
        page.across(row + 1, "    ".join(closing))
    return count


def write_plain(file: BinaryIO, *, headers: Sequence[Any], rows: Iterable[Sequence[Any]]) -> int:
    """A list as another system takes it: headers in the first row, texts below, nothing else. Returns its number of rows."""
    count = 0
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        look = book.add_format({"num_format": "@", "quote_prefix": True})
        sheet.set_column(0, max(0, len(headers) - 1), 20, look)
        for index, header in enumerate(headers):
            sheet.write_string(
                0, index, clean_text(header)[:CELL_CHARACTERS], book.add_format({"bold": True})
            )
        for count, row in enumerate(rows, start=1):
            for index, value in enumerate(row):
                sheet.write_string(count, index, clean_text(value)[:CELL_CHARACTERS], look)
    return count


def write_sheet(file: BinaryIO, *, table: Table) -> None:
    """Writes a table with grouped headers, live totals, definitions, fingerprint and places to sign. Raises Unwritable."""
    with _workbook(file, title=table.title, meta=table.meta, streaming=False) as book:
        page = _Page.new(book, columns=table.columns, name=table.sheet_name or table.title)
        page.head(table.title, table.meta)
        _write_headers(page, table.groups)
        page.print_setup(
            title=table.title, unit=table.meta.unit, header_rows=(2, 3), frozen_columns=table.frozen_columns
        )
        _write_rows(page, table.rows)
        _write_foot(page, table, start=4 + len(table.rows) + 1)


def _write_headers(page: "_Page", groups: Sequence[HeaderGroup]) -> None:
    start = 0
    for group in groups:
        if group.title:
            page.merge((2, start, 2, start + group.span - 1), group.title, _HEADER)
        for index, column in enumerate(group.columns, start=start):
            if group.title:
                page.header(3, index, column)
            else:
                page.merge((2, index, 3, index), column.title, _HEADER)
                page.note(2, index, column)
        start += group.span


def _write_rows(page: "_Page", rows: Sequence[TableRow]) -> None:
    body = [number for number, row in enumerate(rows, start=4) if not row.total]
    for number, row in enumerate(rows, start=4):
        places = {"row": number + 1, "first": min(body, default=-1) + 1, "last": max(body, default=-1) + 1}
        contents = [_resolved(cell, places, len(page.columns)) if body else cell.value for cell in row.cells]
        page.line(number, contents, bold=row.total)


def _resolved(cell: Cell, places: dict[str, int], width: int) -> Any:
    """Formulas get their addresses; everything else stays."""
    if not isinstance(cell.content, Formula):
        return cell.content
    letters = {f"c{index}": xl_col_to_name(index) for index in range(width)}
    return _Addressed("=" + cell.content.expression.format(**places, **letters), cell.content.value)


@dataclass(frozen=True, slots=True)
class _Addressed:
    expression: str
    value: Value


def _write_foot(page: "_Page", table: Table, *, start: int) -> None:
    row = start
    lines = [f"{term}：{meaning}" for term, meaning in table.definitions]
    if lines:
        lines.insert(0, _("Definitions"))
    if table.fingerprint:
        lines.append(_("Fingerprint (SHA-256): %(hash)s") % {"hash": table.fingerprint})
    for row, line in enumerate(lines, start=start):
        page.across(row, line)
    signers = "".join(f"          {signer}：____________" for signer in table.signatures)
    page.across(row + 2 if lines else start, table.meta.maker + signers)


@contextmanager
def _workbook(file: BinaryIO, *, title: Any, meta: Meta, streaming: bool) -> Iterator[Any]:
    """A failed one leaves neither temporary files nor half a workbook in `file`."""
    with TemporaryDirectory(prefix="gridgov-xlsx-") as folder:
        options = {"constant_memory": True, "tmpdir": folder} if streaming else {"in_memory": True}
        book = xlsxwriter.Workbook(file, options)
        created = clock.local(meta.made_at).replace(tzinfo=None)
        author = clean_text(meta.made_by)
        book.set_properties({"title": clean_text(title), "author": author, "created": created})
        try:
            yield book
        except BaseException:
            for sheet in book.worksheets():
                sheet._opt_close()  # noqa: SLF001 - the only way to let go of its temporary file
            raise
        book.close()


@dataclass(slots=True)
class _Page:
    """One worksheet with its formats; knows how each kind of value is written."""

    book: Any
    sheet: Any
    columns: Sequence[Column]
    formats: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @classmethod
    def new(cls, book: Any, *, columns: Sequence[Column], name: Any) -> "_Page":
        page = cls(book, book.add_worksheet(_sheet_name(name)), columns)
        for index, column in enumerate(columns):
            # The format of cells still empty: a code typed under a text column stays text.
            page.sheet.set_column(
                index, index, column.usual_width, page._format({"num_format": _FORMATS[column.kind]})
            )
        page.sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{LAST_ROW + 1}"})
        return page

    def print_setup(
        self, *, title: Any, unit: Any, header_rows: tuple[int, int], frozen_columns: int
    ) -> None:
        sheet = self.sheet
        sheet.set_paper(A4)
        if sum(column.usual_width for column in self.columns) > LANDSCAPE_FROM:
            sheet.set_landscape()
        sheet.set_margins(left=0.79, right=0.79, top=0.79, bottom=0.79)  # inches: 20 mm
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(*header_rows)
        sheet.freeze_panes(header_rows[1] + 1, frozen_columns)
        origin = clean_text(f"{unit}  {title}").replace("\n", " ")[:80].replace("&", "&&")
        pages = _("Page %(page)s of %(pages)s") % {"page": "&P", "pages": "&N"}
        sheet.set_footer(f"&L{origin}&R{pages}")

    def head(self, title: Any, meta: Meta) -> None:
        self.sheet.set_row(0, 30)
        last = len(self.columns) - 1
        self.merge((0, 0, 0, last), title, _TITLE)
        if last < 2:
            self.merge((1, 0, 1, last), f"{meta.heading}    {meta.data_as_of}", _PLAIN)
        else:
            middle = last // 2
            self.merge((1, 0, 1, middle), meta.heading, {"valign": "vcenter"})
            self.merge((1, middle + 1, 1, last), meta.data_as_of, _RIGHT)

    def header(self, row: int, index: int, column: Column) -> None:
        self._text(row, index, column.title, self._format(_HEADER))
        self.note(row, index, column)

    def note(self, row: int, index: int, column: Column) -> None:
        if column.note:
            self.sheet.write_comment(row, index, clean_text(column.note))

    def line(self, row: int, values: Sequence[Any], *, bold: bool = False) -> None:
        if row >= LAST_ROW:
            raise Unwritable(gettext_lazy("Excel cannot hold that many rows."), code="too_many_rows")
        for index, (column, value) in enumerate(zip(self.columns, values, strict=True)):
            self._value(row, index, value, column.kind, bold=bold)

    def across(self, row: int, text: str) -> None:
        """One text over the whole width, as high as it needs: Excel does not adjust merged cells by itself."""
        width = sum(column.usual_width for column in self.columns)
        height = sum(max(1, math.ceil(display_width(line) / width)) for line in text.split("\n"))
        self.sheet.set_row(row, 16 * height)
        self.merge((row, 0, row, len(self.columns) - 1), text, _PLAIN)

    def merge(self, area: tuple[int, int, int, int], text: Any, look: dict[str, Any]) -> None:
        """`area` is top, left, bottom, right. Excel does not merge a single cell."""
        top, left, bottom, right = area
        if (top, left) != (bottom, right):
            self.sheet.merge_range(top, left, bottom, right, "", self._format(look))
        self._text(top, left, text, self._format(look))

    def _value(self, row: int, index: int, value: Any, kind: Kind, *, bold: bool) -> None:
        if isinstance(value, _Addressed):
            self._formula(row, index, value, self._cell(kind, bold=bold))
        elif value is None or value == "":
            self.sheet.write_blank(row, index, None, self._cell(kind, bold=bold))
        elif is_number(value) and kind is not Kind.TEXT and abs(value) < LAST_EXACT_INTEGER:
            self.sheet.write_number(row, index, float(value), self._cell(kind, bold=bold))
        elif isinstance(value, date):
            usual = Kind.DATETIME if isinstance(value, datetime) else Kind.DATE
            look = self._cell(kind if kind in (Kind.DATE, Kind.DATETIME) else usual, bold=bold)
            self.sheet.write_datetime(row, index, _naive(value), look)
        else:
            text = (
                (_("yes") if value else _("no")) if isinstance(value, bool) else _as_text(value, row, index)
            )
            self._text(row, index, text, self._cell(Kind.TEXT, bold=bold))

    def _formula(self, row: int, index: int, content: _Addressed, look: Any) -> None:
        value = content.value
        computed = float(value) if isinstance(value, int | float | Decimal) else clean_text(value or "")
        self.sheet.write_formula(row, index, content.expression, look, computed)

    def _text(self, row: int, index: int, value: Any, look: Any) -> None:
        text = clean_text(value)
        if len(text) > CELL_CHARACTERS // 2 and len(text.encode("utf-16-le")) // 2 > CELL_CHARACTERS:
            place = f"{xl_col_to_name(index)}{row + 1}"
            detail = gettext_lazy(
                "The text for cell {place} is longer than Excel can hold (32,767 characters)."
            )
            raise Unwritable(format_lazy(detail, place=place), code="cell_too_long")
        self.sheet.write_string(row, index, text, look)

    def _cell(self, kind: Kind, *, bold: bool) -> Any:
        known = self.formats.get((kind, bold))
        if known is not None:
            return known
        look: dict[str, Any] = {"border": 1, "valign": "vcenter", "bold": bold}
        if kind is Kind.TEXT:
            # The prefix keeps "=1+1" a text when somebody edits the cell; "@" would show ##### for long texts.
            look |= {"text_wrap": True, "quote_prefix": True}
        else:
            look["num_format"] = _FORMATS[kind]
        self.formats[kind, bold] = self._format(look)
        return self.formats[kind, bold]

    def _format(self, look: dict[str, Any]) -> Any:
        key = tuple(sorted(look.items()))
        if key not in self.formats:
            self.formats[key] = self.book.add_format(look)
        return self.formats[key]


def _as_text(value: Any, row: int, index: int) -> str:
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        place = f"{xl_col_to_name(index)}{row + 1}"
        detail = format_lazy(gettext_lazy("The number for cell {place} is not finite."), place=place)
        raise Unwritable(detail, code="number_not_finite")
    return str(value)


def _naive(value: date) -> date:
    """Excel knows no time zones: what people here read."""
    if isinstance(value, datetime) and value.tzinfo:
        return clock.local(value).replace(tzinfo=None)
    return value


def _sheet_name(name: Any) -> str:
    """What Excel accepts: at most 31 characters, none of []:*?/\\, no apostrophe at the ends."""
    allowed = "".join(" " if character in "[]:*?/\\\n\t" else character for character in clean_text(name))
    return allowed[:31].strip(" '") or "Sheet1"
