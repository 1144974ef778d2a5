"""What comes in: bodies that can be stored on both databases, of a bounded size."""

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from gridgov.common.errors import DomainError, Invalid

FORM_OVERHEAD = 64 * 1024  # boundaries and the other fields of a form with one file


class TooLarge(DomainError):
    """The body is larger than the call takes."""

    status = 413
    code = "too_large"


class JSONBody(JSONParser):
    """JSON without what databases refuse: NUL, halves of characters, numbers that are none."""

    def parse(self, stream: BinaryIO, media_type: str | None = None, parser_context: Any = None) -> Any:
        refuse_beyond(parser_context, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        try:
            data = super().parse(stream, media_type, parser_context)
            faults = dict(unstorable(data))
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        if faults:
            raise Invalid(_("The text contains characters or numbers that cannot be stored."), errors=faults)
        return data


class FormBody(MultiPartParser):
    """A form with a file. The whole must not be larger than a file may be."""

    def parse(self, stream: BinaryIO, media_type: str | None = None, parser_context: Any = None) -> Any:
        refuse_beyond(parser_context, settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD)
        return super().parse(stream, media_type, parser_context)


def refuse_beyond(parser_context: Any, most: int) -> None:
    """Looks at the announced length; the server reads no more than that."""
    announced = parser_context["request"].META.get("CONTENT_LENGTH") or 0
    if int(announced) > most:
        raise TooLarge(_("The request is larger than %(megabytes)d MB.") % {"megabytes": most >> 20})


def unstorable(data: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """The places in a parsed body that hold what cannot be stored."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from unstorable(key, path)
            yield from unstorable(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from unstorable(value, f"{path}[{index}]")
    elif isinstance(data, str):
        if "\0" in data or any("\ud800" <= character <= "\udfff" for character in data):
            yield _printable(path), [_("This text contains characters that cannot be stored.")]
    elif isinstance(data, float) and not math.isfinite(data):
        yield _printable(path), [_("This is not a number.")]


def _printable(path: str) -> str:
    return path.encode("utf-8", "replace").decode().replace("\0", "")
