"""A sheet as plain data. The workbook (writing.py) and the page's template read the same cells.

A template walks `table.groups`, `table.columns` and `table.lines`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cached_property

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.xlsx.text import clean_text

Text = str | Promise
Value = str | Promise | int | float | Decimal | date | datetime | None


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    PERCENT = "percent"  # values are fractions: 0.9 is shown as 90.0%
    DATE = "date"
    DATETIME = "datetime"  # aware values are shown in Asia/Shanghai
    MONEY = "money"


LAST_EXACT_INTEGER = 10**15  # Excel keeps 15 digits; what is larger is written as text
_DECIMALS = {Kind.INTEGER: 0, Kind.NUMBER: 2, Kind.PERCENT: 1, Kind.MONEY: 2}
_WIDTHS = {Kind.TEXT: 16, Kind.DATE: 12, Kind.DATETIME: 17, Kind.MONEY: 14}


@dataclass(frozen=True, slots=True)
class Column:
    title: Text
    kind: Kind = Kind.TEXT
    width: float = 0  # in Latin letters; 0 = usual for the kind
    note: Text = ""  # stands behind the header as a comment

    @property
    def usual_width(self) -> float:
        return self.width or _WIDTHS.get(self.kind, 10)


@dataclass(frozen=True, slots=True)
class HeaderGroup:
    """Columns under a common header. Without a title their own headers fill both header rows."""

    columns: Sequence[Column]
    title: Text = ""

    @property
    def span(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Meta:
    """What every sheet says of itself: whose, of which period, made by whom and when, and of which moment its data are."""

    unit: Text
    period: Text
    made_by: Text
    made_at: datetime
    data_time: datetime

    @property
    def heading(self) -> str:
        return "    ".join(
            part
            for part in (
                _("Unit: %(unit)s") % {"unit": self.unit} if self.unit else "",
                _("Period: %(period)s") % {"period": self.period} if self.period else "",
            )
            if part
        )

    @property
    def data_as_of(self) -> str:
        return _("Data as of %(time)s") % {"time": shown(self.data_time, Kind.DATETIME)}

    @property
    def maker(self) -> str:
        made_at = shown(self.made_at, Kind.DATETIME)
        return _("Prepared by: %(name)s  %(time)s") % {"name": self.made_by, "time": made_at}


# Nothing that reaches outside the sheet (!, [, ', |, DDE) and only functions that every viewer computes.
_FUNCTIONS = {"SUM", "IF", "ROUND", "AVERAGE", "COUNT", "MIN", "MAX", "IFERROR", "SUMPRODUCT"}
_FORMULA = re.compile(r'(?:[A-Z]+\(|\{(?:row|first|last|c\d+)\}|""|[\d.,:+\-*/()<>= ])+')


@dataclass(frozen=True, slots=True)
class Formula:
    """A live formula with its computed value, which is what phones and pages show.

    The expression names places, not addresses: `{row}` its own row, `{first}` and `{last}` the rows that are no totals,
    `{c0}` `{c1}` … the columns. It comes from code, never from data.
    """

    expression: str
    value: Value

    def __post_init__(self) -> None:
        functions = set(re.findall(r"[A-Z]+(?=\()", self.expression))
        if not _FORMULA.fullmatch(self.expression) or functions - _FUNCTIONS:
            raise ValueError(f"not an allowed formula: {self.expression}")


def total_of(column: int, value: Value) -> Formula:
    """The sum of a column over all rows that are no totals."""
    return Formula(f"SUM({{c{column}}}{{first}}:{{c{column}}}{{last}})", value)


def ratio_of(numerator: int, denominator: int, value: Value) -> Formula:
    """One column of the same row divided by another; empty where the denominator is 0."""
    above, below = f"{{c{numerator}}}{{row}}", f"{{c{denominator}}}{{row}}"
    return Formula(f'IF({below}=0,"",{above}/{below})', value)


def sum_in_row(columns: Iterable[int], value: Value) -> Formula:
    """The sum of some columns of the same row; texts among them count nothing."""
    return Formula(f"SUM({','.join(f'{{c{column}}}{{row}}' for column in columns)})", value)


@dataclass(frozen=True, slots=True)
class Cell:
    """`link` leads on the page to the records behind the figure; the workbook does not carry it."""

    content: Value | Formula
    link: str = ""

    @property
    def value(self) -> Value:
        return self.content.value if isinstance(self.content, Formula) else self.content


@dataclass(frozen=True, slots=True)
class TableRow:
    cells: Sequence[Cell]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell as the page prints it."""

    text: str
    numeric: bool
    link: str


@dataclass(frozen=True, slots=True)
class Line:
    cells: Sequence[Shown]
    total: bool


@dataclass(frozen=True)
class Table:
    title: Text
    meta: Meta
    groups: Sequence[HeaderGroup]
    rows: Sequence[TableRow]
    definitions: Sequence[tuple[Text, Text]] = ()  # term, what it means
    signatures: Sequence[Text] = ()  # who signs, beside the maker
    fingerprint: str = ""  # hash of the frozen figures
    sheet_name: Text = ""
    frozen_columns: int = 1

    @cached_property
    def columns(self) -> list[Column]:
        return [column for group in self.groups for column in group.columns]

    @cached_property
    def lines(self) -> list[Line]:
        return [
            Line(
                cells=[
                    Shown(shown(cell.value, column.kind), is_number(cell.value), cell.link)
                    for column, cell in zip(self.columns, row.cells, strict=True)
                ],
                total=row.total,
            )
            for row in self.rows
        ]


def is_number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def shown(value: Value, kind: Kind) -> str:
    """The value as the page shows it, with the same rounding as Excel (half up)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        local = clock.local(value) if value.tzinfo else value
        return f"{local:%Y-%m-%d}" if kind is Kind.DATE else f"{local:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if is_number(value) and kind in _DECIMALS:
        return _rounded(Decimal(str(value)), kind)
    return clean_text(value)


def _rounded(value: Decimal, kind: Kind) -> str:
    if not value.is_finite() or abs(value) >= LAST_EXACT_INTEGER:
        return str(value)
    scaled = value * 100 if kind is Kind.PERCENT else value
    rounded = scaled.quantize(Decimal(1).scaleb(-_DECIMALS[kind]), ROUND_HALF_UP)
    return f"{rounded:,f}" if kind is Kind.MONEY else f"{rounded:f}" + ("%" if kind is Kind.PERCENT else "")
