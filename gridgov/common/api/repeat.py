"""Things sent twice: what "the same content" is, and how the second answer looks."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rest_framework.response import Response

REPLAYED = "Idempotent-Replayed"


def body_hash(content: Any, *about: Any) -> str:
    """SHA-256 over the validated input in one canonical form, and what it is about (the incident, the action)."""
    text = json.dumps(
        [*about, content],
        default=_plain,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case Decimal():
            return str(value.normalize())
        case UUID() | date():
            return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def answer(body: Any, *, replayed: bool, created: int = 201) -> Response:
    """`created` for something new; 200 with a header for a repeat."""
    if replayed:
        return Response(body, status=200, headers={REPLAYED: "true"})
    return Response(body, status=created)
