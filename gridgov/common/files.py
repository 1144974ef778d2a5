"""Files that come in beside photos: known by their content, kept as they came, given out as downloads only."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from gridgov.common.enums import FileKind
from gridgov.common.errors import Invalid
from gridgov.common.xlsx import BadWorkbook, Limits, clean_text
from gridgov.common.xlsx.guard import parts_within

NAME_LENGTH = 100
_HEAD = 1 << 12
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ARCHIVE_LIMITS = Limits(parts=5_000, unpacked=256 << 20)
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_BOXES = 2_000  # a short film has a few dozen


class BadFile(Invalid):
    """A file that is not taken. Codes: file_too_large, unknown_file_type, damaged_file, has_macros, wrong_kind."""

    code = "bad_file"


@dataclass(frozen=True, slots=True)
class FileType:
    kind: FileKind
    content_type: str
    suffix: str


PHOTO = FileType(FileKind.PHOTO, "image/jpeg", ".jpg")  # whatever came: photos are encoded anew
PDF = FileType(FileKind.DOCUMENT, "application/pdf", ".pdf")
DOCX = FileType(FileKind.DOCUMENT, f"{_OFFICE}wordprocessingml.document", ".docx")
XLSX = FileType(FileKind.DOCUMENT, f"{_OFFICE}spreadsheetml.sheet", ".xlsx")
MP4 = FileType(FileKind.VIDEO, "video/mp4", ".mp4")
M4A = FileType(FileKind.AUDIO, "audio/mp4", ".m4a")
AMR = FileType(FileKind.AUDIO, "audio/amr", ".amr")
SUFFIXES = {kind.content_type: kind.suffix for kind in (PHOTO, PDF, DOCX, XLSX, MP4, M4A, AMR)}


def file_type(file: BinaryIO) -> FileType:
    """What the bytes are, whatever the name says; of the size that its kind may have. Raises BadFile."""
    file.seek(0)
    found = _by_signature(file, file.read(_HEAD))
    file.seek(0, 2)
    _check_size(found.kind, file.tell())
    if found in (DOCX, XLSX):
        _check_archive(file)
    file.seek(0)
    return found


def _check_size(kind: FileKind, size: int) -> None:
    most = settings.UPLOAD_LIMITS[kind]
    if size > most:
        detail = format_lazy(
            _("Too large: {kind}, at most {megabytes} MB."), kind=kind.label, megabytes=most >> 20
        )
        raise BadFile(detail, code="file_too_large")


def _by_signature(file: BinaryIO, head: bytes) -> FileType:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4], head[8:12]) == (
        b"RIFF",
        b"WEBP",
    ):
        return PHOTO
    if head[4:8] == b"ftyp":
        return PHOTO if head[8:12] in _HEIF_BRANDS else _film(file)
    if head.startswith(b"%PDF-"):
        return PDF
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return AMR
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    raise BadFile(
        _(
            "This kind of file is not taken. Taken are photos, PDF, Word (.docx), Excel (.xlsx), mp4, m4a and amr."
        ),
        code="unknown_file_type",
    )


def _film(file: BinaryIO) -> FileType:
    """A film has a picture track, a recording only sound; the name of the container says neither."""
    tracks = set(_handlers(file))
    if b"vide" in tracks:
        return MP4
    if b"soun" in tracks:
        return M4A
    raise _damaged()


def _handlers(file: BinaryIO) -> Iterator[bytes]:
    """The kinds of the tracks of an ISO container: moov > trak > mdia > hdlr."""
    file.seek(0, 2)
    waiting, seen = [(0, file.tell(), b"")], 0
    while waiting:
        at, end, inside = waiting.pop()
        while at + 8 <= end:
            seen += 1
            if seen > _BOXES:
                raise _damaged()
            file.seek(at)
            header = file.read(16)
            size, name, start = int.from_bytes(header[:4], "big"), header[4:8], at + 8
            if size == 1:
                size, start = int.from_bytes(header[8:16], "big"), at + 16
            elif size == 0:
                size = end - at
            if size < start - at or at + size > end:
                raise _damaged()
            if (inside, name) in {(b"", b"moov"), (b"moov", b"trak"), (b"trak", b"mdia")}:
                waiting.append((start, at + size, name))
            elif (inside, name) == (b"mdia", b"hdlr"):
                file.seek(start + 8)
                yield file.read(4)
            at += size


def _office(file: BinaryIO) -> FileType:
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.lower() for name in archive.namelist()}
    except Exception as error:  # zipfile raises whatever it trips over
        raise _damaged() from error
    if any(name.endswith("vbaproject.bin") for name in names):
        raise BadFile(
            _("Files with macros are not taken. Save it as .docx or .xlsx without macros."), code="has_macros"
        )
    if "word/document.xml" in names:
        return DOCX
    if "xl/workbook.xml" in names:
        return XLSX
    raise BadFile(
        _("Archives are not taken. Send the files one by one: Word as .docx, Excel as .xlsx."),
        code="unknown_file_type",
    )


def _check_archive(file: BinaryIO) -> None:
    """Unpacked once within bounds, so that nobody who opens it meets a bomb."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts_within(archive, limits=_ARCHIVE_LIMITS)
    except BadWorkbook as error:
        if error.code == "unpacks_too_large":
            raise BadFile(_("The file is too large when unpacked."), code="file_too_large") from error
        raise _damaged() from error
    except Exception as error:
        raise _damaged() from error


def _damaged() -> BadFile:
    return BadFile(_("The file is damaged or incomplete. Send it again."), code="damaged_file")


def clean_name(name: str, suffix: str) -> str:
    """The name as people may see and save it: no path, no control or reversing signs, and the suffix of what it is."""
    text = re.split(r"[/\\]", clean_text(name).replace("\n", " "))[-1]
    stem = re.sub(r'[<>:"|?*]', "_", text.rpartition(".")[0] or text).strip(" .")
    return (stem[: NAME_LENGTH - len(suffix)] or "file") + suffix
