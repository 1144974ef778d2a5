"""Answers that several rooms give alike: a workbook to keep, what is wrong with the rows of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

from django.http import HttpResponse

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(target: BytesIO, name: str) -> HttpResponse:
    response = HttpResponse(target.getvalue(), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def lines(errors: Mapping[int, Sequence[str]]) -> list[tuple[int, str]]:
    """(row number, everything that is wrong with it in one sentence), in the order of the file."""
    return [
        (number, "；".join(text.rstrip("。") for text in texts)) for number, texts in sorted(errors.items())
    ]
