"""Small files of every kind that is taken, made from nothing."""

import struct
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()


def picture(kind: str, **options) -> bytes:
    target = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(target, kind, **options)
    return target.getvalue()


def jpeg(**options) -> bytes:
    return picture("JPEG", **options)


def heic(**options) -> bytes:
    return picture("HEIF", **options)


def pdf() -> bytes:
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def docx() -> bytes:
    return _office("word/document.xml", "<document/>")


def xlsx() -> bytes:
    return _office("xl/workbook.xml", "<workbook/>")


def _office(part: str, text: str) -> bytes:
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, text)
    return target.getvalue()


def film(*tracks: bytes, brand: bytes = b"mp42") -> bytes:
    """An ISO container with a track of each kind; without pictures and sound in it."""
    handlers = [box(b"hdlr", bytes(8) + kind + bytes(13)) for kind in tracks or (b"vide",)]
    moov = box(
        b"moov", box(b"mvhd", bytes(20)) + b"".join(box(b"trak", box(b"mdia", one)) for one in handlers)
    )
    return box(b"ftyp", brand + bytes(4) + brand) + moov + box(b"mdat", bytes(40))


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def amr() -> bytes:
    return b"#!AMR\n" + bytes(64)
