"""The gate before any parser: what does a workbook unfold to?

Every part is unpacked in bounded steps and read once as a stream of XML events; only the parts that were measured go on
to calamine, in a new, plain archive. So a lying archive directory, a part under an unusual name or XML behind other bytes
cannot show it something else than what was measured. (openpyxl may have the file itself: it unpacks and reads with the
same two libraries as this gate.) Found in the wild: 4.6 kB with one cell at XFD200000, 296 kB that
become 890 MB, a merged range over the whole sheet, one long text used by every cell.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from gridgov.common.xlsx.errors import BadWorkbook

_CHUNK = 1 << 16
_RATIO_MATTERS_FROM = 1 << 20  # small parts may repeat themselves as they like
_DEPTH = 100  # elements inside one another; a worksheet needs about eight
# By content, in the encodings that expat guesses: a part's name says nothing.
_XML = re.compile(rb"\xff\xfe|\xfe\xff|\x00<|(?:\xef\xbb\xbf)?\s*<")
_WORKBOOK = "xl/workbook.xml"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, or numbers of things. `cells` is the rectangle around all values, `texts` what all cells say together."""

    file: int = 10 << 20
    parts: int = 1_000
    unpacked: int = 64 << 20
    ratio: int = 200
    columns: int = 256
    rows: int = 100_000
    cells: int = 1_000_000
    merged: int = 200_000
    texts: int = 64 << 20


LIMITS = Limits()


def read_limited(file: BinaryIO, *, limits: Limits = LIMITS) -> bytes:
    """The whole file from its beginning, unless it is too large."""
    file.seek(0)
    data = file.read(limits.file + 1)
    if len(data) > limits.file:
        detail = _("The file is larger than {megabytes} MB.")
        raise BadWorkbook(format_lazy(detail, megabytes=limits.file >> 20), code="file_too_large")
    return data


@dataclass(frozen=True, slots=True)
class Measured:
    """`archive` has the XML of the workbook, its pictures are empty. `cells` counts all cells, also those that are only
    formatted: what a parser that keeps formats must hold.
    """

    archive: BytesIO
    cells: int


def measured(data: bytes, *, limits: Limits = LIMITS) -> Measured:
    """The workbook as a new archive of parts that were measured. Raises BadWorkbook."""
    with damage_named(), zipfile.ZipFile(BytesIO(data)) as archive:
        return _repacked(archive, limits)


@contextmanager
def damage_named() -> Iterator[None]:
    """Whatever a parser trips over within the block is a damaged workbook."""
    try:
        yield
    except BadWorkbook:
        raise
    except Exception as error:
        raise damaged() from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # a panic of the Rust parser is no Exception
            raise
        raise damaged() from panic


def damaged() -> BadWorkbook:
    return BadWorkbook(_("The workbook is damaged and cannot be read."), code="damaged")


def _repacked(archive: zipfile.ZipFile, limits: Limits) -> Measured:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    names = {entry.filename.lower() for entry in entries}
    if len(entries) > limits.parts or len(names) != len(entries):
        raise damaged()
    if _WORKBOOK not in names:
        raise BadWorkbook(_("This is not an Excel workbook (.xlsx)."), code="not_a_workbook")
    unfolding = _Unfolding(limits)
    target = BytesIO()
    left = limits.unpacked
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for entry in entries:
            part = _unpacked(archive, entry, left=left, limits=limits)
            left -= len(part)
            readable = _XML.match(part) is not None
            if readable:
                _Part(unfolding).read(part)
            copy.writestr(entry.filename, part if readable else b"")
    unfolding.check_texts()
    target.seek(0)
    return Measured(target, unfolding.cells)


def parts_within(archive: zipfile.ZipFile, *, limits: Limits) -> None:
    """Unpacks an office file once, a piece at a time, and keeps nothing. Raises BadWorkbook, and what zipfile raises."""
    entries = archive.infolist()
    if len(entries) > limits.parts:
        raise damaged()
    left = limits.unpacked
    for entry in entries:
        left -= sum(len(piece) for piece in _bounded(archive, entry, left=left, limits=limits))


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, left: int, limits: Limits) -> bytes:
    return b"".join(_bounded(archive, entry, left=left, limits=limits))


def _bounded(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, left: int, limits: Limits
) -> Iterator[bytes]:
    """The pieces of one part, until it becomes too much."""
    if entry.flag_bits & 0x1:
        raise damaged()
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise damaged()
    size = 0
    for piece in _pieces(archive, entry):
        size += len(piece)
        unlikely = size > _RATIO_MATTERS_FROM and size > limits.ratio * max(entry.compress_size, 1)
        if size > left or unlikely:
            raise BadWorkbook(
                _("The workbook is too large when unpacked. Split the list."), code="unpacks_too_large"
            )
        yield piece


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


class _Unfolding:
    """What all parts together would become in a parser's memory."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cells = 0
        self.merged = 0
        self.shared_lengths: dict[int, int] = {}
        self.shared_uses: Counter[int] = Counter()
        self.shared_formulas = 0
        self.longest_formula = 0

    def add_range(self, reference: str) -> None:
        corners = [_position(corner) for corner in reference.replace("$", "").split(":")]
        (top, left), (bottom, right) = corners[0], corners[-1]
        self.merged += (abs(bottom - top) + 1) * (abs(right - left) + 1)
        if self.merged > self.limits.merged:
            too_many_cells()

    def check_texts(self) -> None:
        texts = sum(uses * self.shared_lengths.get(index, 0) for index, uses in self.shared_uses.items())
        if texts + self.shared_formulas * self.longest_formula > self.limits.texts:
            raise BadWorkbook(
                _("The workbook is too large when unpacked. Split the list."), code="unpacks_too_large"
            )


class _Part:
    """Reads one XML part as events, keeping only places and lengths. Parsers go by local names; so does this."""

    def __init__(self, unfolding: _Unfolding) -> None:
        self.all = unfolding
        self.depth = self.row = self.column = self.shared = 0
        self.first_row = self.first_column = 1 << 62
        self.last_row = self.last_column = 0
        self.cell_type = ""
        self.inside = ""
        self.length = 0
        self.digits = ""

    def read(self, part: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            # In one call: older versions of expat read a long token again with each chunk.
            parser.Parse(part, True)  # noqa: FBT003 - expat's own form
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise damaged() from error

    def _refuse(self, *_declaration: Any) -> NoReturn:
        raise damaged()  # no workbook has a DOCTYPE; entities are for bombs

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise damaged()
        local = name.rpartition(":")[2]
        if local == "c":
            self._cell(attributes)
        elif local == "row":
            self.row = _number(attributes["r"]) if "r" in attributes else self.row + 1
            if not self.row:
                raise damaged()  # rows count from 1
            self.column = 0
        elif local in ("v", "is", "f") and self.row:
            self._value(local, attributes)
        elif local == "si":
            self.length = 0
        elif local == "t":
            self.inside = "t"
        elif local in ("mergeCell", "hyperlink", "comment") and "ref" in attributes:
            self.all.add_range(attributes["ref"])

    def _cell(self, attributes: dict[str, str]) -> None:
        self.all.cells += 1
        if self.all.cells > self.all.limits.cells:
            too_many_cells()
        if "r" in attributes:
            self.row, self.column = _position(attributes["r"])
        else:
            self.column += 1
        self.cell_type = attributes.get("t", "")

    def _value(self, local: str, attributes: dict[str, str]) -> None:
        """Only cells that hold something stretch the sheet; a formatted empty column does not."""
        limits = self.all.limits
        self.inside = local
        self.length = 0
        self.digits = ""
        self.first_row, self.last_row = min(self.first_row, self.row), max(self.last_row, self.row)
        self.first_column = min(self.first_column, self.column)
        self.last_column = max(self.last_column, self.column)
        if self.last_column > limits.columns:
            detail = _("The sheet is wider than {columns} columns.")
            raise BadWorkbook(format_lazy(detail, columns=limits.columns), code="too_many_columns")
        height = self.last_row - self.first_row + 1
        if self.last_row > limits.rows or height * (self.last_column - self.first_column + 1) > limits.cells:
            too_many_cells()
        if local == "f" and attributes.get("t") == "shared":
            self.all.shared_formulas += 1

    def _characters(self, text: str) -> None:
        if self.inside in ("t", "f"):
            self.length += len(text)
        elif self.inside == "v" and self.cell_type == "s":
            self.digits += text

    def _end(self, name: str) -> None:
        self.depth -= 1
        local = name.rpartition(":")[2]
        if local == "si":
            self.all.shared_lengths[self.shared] = max(
                self.length, self.all.shared_lengths.get(self.shared, 0)
            )
            self.shared += 1
        elif local == "v" and self.digits:
            self.all.shared_uses[_number(self.digits.strip())] += 1
        elif local == "f":
            self.all.longest_formula = max(self.all.longest_formula, self.length)
        if local == self.inside:
            self.inside = self.digits = ""


def too_many_cells() -> NoReturn:
    raise BadWorkbook(_("The sheet has more rows than can be imported at once."), code="too_many_rows")


_POSITION = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")


def _position(reference: str) -> tuple[int, int]:
    """Row and column of "B12", both counted from 1."""
    match = _POSITION.fullmatch(reference)
    if match is None:
        raise damaged()
    column = 0
    for letter in match[1].upper():
        column = column * 26 + ord(letter) - 64
    if not int(match[2]):
        raise damaged()  # rows count from 1
    return int(match[2]), column


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 7):
        raise damaged()
    return int(digits)
