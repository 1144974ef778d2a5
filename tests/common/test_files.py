"""Files beside photos: known by their content, within bounds, never trusted by their name."""

import random
import struct
import zipfile
from io import BytesIO

import pytest

from gridgov.common.errors import DomainError
from gridgov.common.files import AMR, DOCX, M4A, MP4, PDF, PHOTO, XLSX, BadFile, clean_name, file_type
from tests.factories.files import amr, docx, film, heic, jpeg, pdf, xlsx


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (jpeg(), PHOTO),
        (heic(), PHOTO),
        (pdf(), PDF),
        (docx(), DOCX),
        (xlsx(), XLSX),
        (film(b"vide", b"soun"), MP4),
        (film(b"soun"), M4A),
        (film(b"soun", brand=b"isom"), M4A),
        (amr(), AMR),
    ],
)
def test_file_is_known_by_its_content(data, expected):
    assert file_type(BytesIO(data)) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ\x90\x00 program",
        b"<html><script>alert(1)</script>",
        b"<svg onload=alert(1)>",
        b"GIF89a",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old Word",
        b"#!/bin/sh\nrm -rf /",
        b"Rar!\x1a\x07\x00",
    ],
)
def test_other_content_is_refused(data):
    with pytest.raises(BadFile) as refusal:
        file_type(BytesIO(data))
    assert refusal.value.code == "unknown_file_type"


def archive(**parts) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in parts.items():
            packed.writestr(name.replace("__", "/"), data)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (archive(notes="plain zip"), "unknown_file_type"),
        (archive(word__document="x", **{"word__document.xml": "x", "word__vbaProject.bin": "x"}), "has_macros"),
        (archive(**{"word__document.xml": b"0" * (40 << 20)}), "file_too_large"),
        (archive(**{f"word__p{number}.xml": "x" for number in range(5_001)}, **{"word__document.xml": "x"}), "damaged_file"),
        (docx()[:-30], "damaged_file"),
        (film()[:-8], "damaged_file"),
        (film(b"text"), "damaged_file"),
    ],
)  # fmt: skip
def test_bombs_macros_and_torn_files_are_refused(data, code):
    with pytest.raises(BadFile) as refusal:
        file_type(BytesIO(data))
    assert refusal.value.code == code


def test_size_is_limited_by_kind(settings):
    settings.UPLOAD_LIMITS = settings.UPLOAD_LIMITS | {"document": 100, "audio": 10_000}
    with pytest.raises(BadFile) as refusal:
        file_type(BytesIO(pdf() + b" " * 100))
    assert refusal.value.code == "file_too_large"
    assert file_type(BytesIO(amr() + b" " * 100)) == AMR


@pytest.mark.parametrize(
    ("given", "suffix", "expected"),
    [
        ("会议纪要.docx", ".docx", "会议纪要.docx"),
        ("../../etc/passwd.pdf", ".pdf", "passwd.pdf"),
        ("C:\\桌面\\清单.xlsx", ".xlsx", "清单.xlsx"),
        ("发票.pdf.exe", ".pdf", "发票.pdf.pdf"),
        ("evil\u202efdp.exe", ".pdf", "evilfdp.pdf"),
        ("a\r\nSet-Cookie: x.pdf", ".pdf", "a Set-Cookie_ x.pdf"),
        ("", ".amr", "file.amr"),
        ("...", ".amr", "file.amr"),
        ("长" * 300 + ".pdf", ".pdf", "长" * 96 + ".pdf"),
    ],
)
def test_name_is_cleaned_and_ends_as_the_content_does(given, suffix, expected):
    assert clean_name(given, suffix) == expected


def test_mutated_files_are_taken_or_refused_and_nothing_else():
    dice = random.Random(8)
    sources = [docx(), xlsx(), film(b"vide", b"soun"), film(b"soun"), pdf(), amr(), heic()]
    for turn in range(200):
        data = bytearray(dice.choice(sources))
        for _again in range(dice.randint(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if turn % 3 == 0:
            del data[dice.randrange(len(data)) :]
        if turn % 5 == 0:
            at = dice.randrange(max(1, len(data) - 8))
            data[at : at + 4] = struct.pack(">I", dice.choice([0, 1, 7, 2**31, 2**32 - 1]))
        try:
            file_type(BytesIO(bytes(data)))
        except DomainError:
            continue
