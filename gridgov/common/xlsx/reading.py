"""Lists that come in: xlsx behind the guard, or csv; and the same file back with what is wrong with it."""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO, StringIO
from typing import Any, BinaryIO

import openpyxl
import xlsxwriter
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from gridgov.common.xlsx.errors import BadWorkbook
from gridgov.common.xlsx.guard import (
    LIMITS,
    Limits,
    Measured,
    damage_named,
    damaged,
    measured,
    read_limited,
    too_many_cells,
)
from gridgov.common.xlsx.text import CELL_CHARACTERS, clean_text

ERROR_HEADER = "错误原因"  # a name in the file that is exchanged (contract.md), the same in every language
HEADER_WITHIN = 10
FORMATTED_CELLS = 150_000  # 5 s and 150 MB in openpyxl
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and .xlsx with a password


@dataclass(frozen=True, slots=True)
class Row:
    """`number` is the one the user sees in Excel. `values` has every key of the columns found, "" where empty."""

    number: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Header:
    number: int
    keys: dict[int, str]  # column index -> key
    titles: list[str]


def read_table(
    file: BinaryIO,
    *,
    columns: Mapping[str, str],
    required: Collection[str] = (),
    max_rows: int = 10_000,
    codes: Collection[str] = (),
    limits: Limits = LIMITS,
) -> list[Row]:
    """The rows under the header, which is looked for in the first ten rows. Blank rows are left out, and remarks: rows
    that are one merged cell over all columns, such as the closing line of a list we wrote.

    `columns` maps headers, with their aliases, to keys; `required` and `codes` are keys. Codes lose inner spaces and
    full-width forms. Of a workbook the first visible sheet counts. Raises BadWorkbook.
    """
    source = _opened(file, limits=limits)
    lines = enumerate(source.rows, start=1)
    header = _find_header(lines, columns=columns, required=required)
    remarks = source.merged_over(header.keys)
    rows: list[Row] = []
    for number, line in lines:
        values = _values(line, header, codes)
        if number in remarks or not any(values.values()):
            continue
        if len(rows) >= max_rows:
            too_many_cells()
        rows.append(Row(number, values))
    return rows


def read_headers(file: BinaryIO, *, limits: Limits = LIMITS) -> list[str]:
    """The headers of somebody else's list, left to right: the fullest of its first ten rows. Raises BadWorkbook."""
    source = _opened(file, limits=limits)
    fullest: list[str] = []
    for number, line in enumerate(source.rows, start=1):
        titles = [as_text(value) for value in line]
        if sum(map(bool, titles)) > sum(map(bool, fullest)):
            fullest = titles
        if number >= HEADER_WITHIN:
            break
    headers = [title for title in fullest if title]
    if len(headers) < 2:
        raise BadWorkbook(_("No header row was found in the first ten rows."), code="no_header")
    return headers


def write_errors(
    source_file: BinaryIO,
    target: BinaryIO,
    errors: Mapping[int, Sequence[Any]],
    *,
    columns: Mapping[str, str],
    limits: Limits = LIMITS,
) -> None:
    """Writes the user's own workbook with a column 错误原因 to `target`. A csv, or a list too long for the parser
    that keeps formats, comes back as a workbook of plain texts with the same row numbers.

    `errors` has the texts by row number as read_table gives it. A column of that name from an earlier round is reused.
    """
    texts = {
        number: clean_text("；".join(str(text).rstrip("。") for text in row))
        for number, row in errors.items()
    }
    source = _opened(source_file, limits=limits)
    lines = [[as_text(value) for value in line] for line in source.rows]
    header = _find_header(iter(enumerate(lines, start=1)), columns=columns, required=())
    known = ERROR_HEADER in header.titles
    column = header.titles.index(ERROR_HEADER) if known else max(map(_width, lines))
    notes = _Notes(header=header.number, column=column, texts=texts)
    if source.workbook is None or source.workbook.cells > FORMATTED_CELLS:
        _write_texts(target, lines, notes)
    else:
        _write_into(target, source.data, source.sheet, notes, last=len(lines))


@dataclass(frozen=True, slots=True)
class _Notes:
    """What goes into the column (index from 0) under the header (row from 1)."""

    header: int
    column: int
    texts: dict[int, str]


@dataclass(slots=True)
class _Source:
    """A csv has no workbook behind its rows."""

    rows: Iterator[Sequence[Any]]
    data: bytes
    workbook: Measured | None = None
    sheet: str = ""
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()  # ((top, left), (bottom, right)) from 0

    def merged_over(self, columns: Collection[int]) -> set[int]:
        """Numbers of the rows that are one cell over all these columns."""
        return {
            top + 1
            for (top, left), (bottom, right) in self.merged
            if top == bottom and left < right and left <= min(columns) and right >= max(columns)
        }


def _opened(file: BinaryIO, *, limits: Limits) -> _Source:
    """By content, not by name."""
    data = read_limited(file, limits=limits)
    if data.startswith(_OLD_EXCEL):
        detail = _("Old Excel files (.xls) and files with a password cannot be read. Save it as .xlsx.")
        raise BadWorkbook(detail, code="old_or_protected")
    if not data.startswith(b"PK"):
        return _Source(_csv_rows(data, limits), data)
    workbook = measured(data, limits=limits)
    with damage_named():
        book = CalamineWorkbook.from_filelike(workbook.archive)
        name = next(
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
        )
        sheet = book.get_sheet_by_name(name)
        merged = sheet.merged_cell_ranges or ()
    return _Source(_sheet_rows(sheet), data, workbook, name, merged)


def _sheet_rows(sheet: CalamineSheet) -> Iterator[Sequence[Any]]:
    with damage_named():
        yield from sheet.iter_rows()


def _csv_rows(data: bytes, limits: Limits) -> Iterator[list[str]]:
    text = _decoded(data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        for number, line in enumerate(csv.reader(StringIO(text, newline=""), delimiter=delimiter), start=1):
            if number > limits.rows:
                too_many_cells()
            if len(line) > limits.columns:
                raise BadWorkbook(_("A row has too many columns."), code="too_many_columns")
            yield line
    except csv.Error as error:
        raise damaged() from error


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise BadWorkbook(_("This is neither an Excel workbook (.xlsx) nor a csv file."), code="not_a_workbook")


def _find_header(
    lines: Iterator[tuple[int, Sequence[Any]]], *, columns: Mapping[str, str], required: Collection[str]
) -> _Header:
    """Consumes `lines` up to the header: the first row that has all required columns."""
    wanted = {_title(header): key for header, key in columns.items()}
    nearest: set[str] = set()
    for number, line in lines:
        titles = [_title(as_text(value)) for value in line]
        keys = {index: wanted[title] for index, title in enumerate(titles) if title in wanted}
        found = set(keys.values())
        if found and found.issuperset(required):
            if len(found) < len(keys):
                twice = sorted({title for title in titles if titles.count(title) > 1 and title in wanted})
                detail = _("A column appears twice: {columns}")
                raise BadWorkbook(format_lazy(detail, columns="、".join(twice)), code="duplicate_columns")
            return _Header(number, keys, titles)
        nearest = max(nearest, found, key=len)
        if number >= HEADER_WITHIN:
            break
    raise _no_header(nearest, columns=columns, required=required)


def _no_header(nearest: set[str], *, columns: Mapping[str, str], required: Collection[str]) -> BadWorkbook:
    missing = [key for key in (required or dict.fromkeys(columns.values())) if key not in nearest]
    names = "、".join(next(header for header, key in columns.items() if key == wanted) for wanted in missing)
    if not nearest:
        detail = _("No header row was found in the first ten rows. Expected columns: {columns}")
        return BadWorkbook(format_lazy(detail, columns=names), code="no_header")
    return BadWorkbook(
        format_lazy(_("Columns are missing: {columns}"), columns=names), code="missing_columns"
    )


def _title(text: str) -> str:
    """Headers are compared without spaces, full-width forms, case and the star that marks a required column."""
    return re.sub(r"[\s*]", "", unicodedata.normalize("NFKC", text)).casefold()


def _values(line: Sequence[Any], header: _Header, codes: Collection[str]) -> dict[str, str]:
    values = {}
    for index, key in header.keys.items():
        text = as_text(line[index]) if index < len(line) else ""
        values[key] = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)) if key in codes else text
    return values


def as_text(value: Any) -> str:
    """A cell as its user reads it: 320371101.0 is "320371101", dates are ISO, spaces at the ends are gone.

    A number of more than 15 digits has already lost its last ones in Excel: it comes as "3.20371E+17", so that a check
    for digits refuses it instead of taking a wrong code.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.5E}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    return clean_text(value).strip()


def _width(line: Sequence[str]) -> int:
    return max((index for index, text in enumerate(line, start=1) if text), default=0)


def _write_into(target: BinaryIO, data: bytes, name: str, notes: _Notes, *, last: int) -> None:
    """Fills the column in the user's own formatting."""
    column = notes.column + 1
    result = BytesIO()
    with damage_named():
        book = openpyxl.load_workbook(BytesIO(data))
        sheet = book[name]
        for number in range(notes.header + 1, last + 1):
            _note(sheet.cell(number, column), notes.texts.get(number, ""))
        heading = sheet.cell(notes.header, column)
        heading.value = ERROR_HEADER
        heading.font = Font(bold=True, color="C00000")
        sheet.column_dimensions[get_column_letter(column)].width = 40
        book.save(result)
    target.write(result.getvalue())


def _note(cell: Any, text: str) -> None:
    cell.value = text[:CELL_CHARACTERS] or None
    if text:
        cell.data_type = "s"  # openpyxl would take "=" at the beginning for a formula
        cell.font = Font(color="C00000")
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _write_texts(target: BinaryIO, lines: list[list[str]], notes: _Notes) -> None:
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        plain = book.add_format({"num_format": "@", "quote_prefix": True})
        red = book.add_format({"font_color": "#C00000", "text_wrap": True})
        sheet.set_column(notes.column, notes.column, 40)
        for number, line in enumerate(lines):
            for index, text in enumerate(line):
                if text and index != notes.column:
                    sheet.write_string(number, index, text[:CELL_CHARACTERS], plain)
        for number, text in {notes.header: ERROR_HEADER, **notes.texts}.items():
            sheet.write_string(number - 1, notes.column, text[:CELL_CHARACTERS], red)
