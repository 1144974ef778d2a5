"""The two forms of one answer. A list of things in JSON is in XML an element with one child per thing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from django.http import HttpResponse

from gridgov.common import clock
from gridgov.common.xlsx import clean_text

TYPES = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
# What the things of a list are called in XML.
CHILDREN = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
    "notes": "note",
    "endpoints": "endpoint",
    "formats": "format",
}


def answer(root: str, body: Any, form: str, status: int = 200) -> HttpResponse:
    """`root` is the outermost element; JSON has none."""
    text = as_json(body) if form == "json" else as_xml(root, body)
    return HttpResponse(text, content_type=TYPES[form], status=status)


def as_json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, default=_plain).encode()


def as_xml(root: str, body: Any) -> bytes:
    element = Element(root)
    _fill(element, root, body)
    declared: bytes = tostring(element, encoding="utf-8", xml_declaration=True)
    return declared


def _fill(element: Element, name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _fill(SubElement(element, key), key, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        child = CHILDREN[name]
        for inner in value:
            _fill(SubElement(element, child), child, inner)
    elif value is not None:
        element.text = "true" if value is True else "false" if value is False else clean_text(_plain(value))


def _plain(value: Any) -> str:
    """Times with their offset (W3C note); everything else as text."""
    return clock.local(value).isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


# Digits that could be a phone or an identity number, with what people put between them; and addresses of mail.
_NUMBERS = re.compile(r"(?:\+?\d[\d\s\-()（）]{5,}[\dXx])")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def masked(text: str) -> str:
    """A text that anybody may read: without numbers and addresses that lead to a person."""
    return _NUMBERS.sub("****", _MAIL.sub("****", text))
