"""Excel in and out: the mechanics. Titles, columns and rows come from the rooms' exports.py and imports.py."""

from gridgov.common.xlsx.errors import BadWorkbook, Unwritable
from gridgov.common.xlsx.guard import LIMITS, Limits
from gridgov.common.xlsx.reading import Row, read_headers, read_table, write_errors
from gridgov.common.xlsx.tables import (
    Cell,
    Column,
    Formula,
    HeaderGroup,
    Kind,
    Meta,
    Table,
    TableRow,
    ratio_of,
    shown,
    sum_in_row,
    total_of,
)
from gridgov.common.xlsx.template import Blank, write_template
from gridgov.common.xlsx.text import clean_text
from gridgov.common.xlsx.writing import write_list, write_plain, write_sheet

__all__ = [
    "LIMITS",
    "BadWorkbook",
    "Blank",
    "Cell",
    "Column",
    "Formula",
    "HeaderGroup",
    "Kind",
    "Limits",
    "Meta",
    "Row",
    "Table",
    "TableRow",
    "Unwritable",
    "clean_text",
    "ratio_of",
    "read_headers",
    "read_table",
    "shown",
    "sum_in_row",
    "total_of",
    "write_errors",
    "write_list",
    "write_plain",
    "write_sheet",
    "write_template",
]
