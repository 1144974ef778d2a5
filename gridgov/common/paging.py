"""Keyset pages: a place in the order (time, id) instead of an offset, so page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common.errors import Invalid

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True)
class Key:
    """After (or, `backwards`, before) the row with this time and id, newest first."""

    at: datetime
    id: UUID | int
    backwards: bool = False

    def condition(self, at: str = "reported_at", pk: str = "id") -> Q:
        """The leading bound is there for the index; the second part settles rows of the same instant."""
        if self.backwards:
            return Q(**{f"{at}__gte": self.at}) & (Q(**{f"{at}__gt": self.at}) | Q(**{f"{pk}__gt": self.id}))
        return Q(**{f"{at}__lte": self.at}) & (Q(**{f"{at}__lt": self.at}) | Q(**{f"{pk}__lt": self.id}))

    def encode(self) -> str:
        text = f"{'b' if self.backwards else 'a'}|{self.at.isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Key:
        """Raises Invalid for anything that `encode` did not write."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            way, at, pk = raw.split("|")
            moment = datetime.fromisoformat(at)
            if way not in "ab" or moment.tzinfo is None:
                raise ValueError(raw)
            return cls(moment, int(pk) if pk.isdigit() and len(pk) < 19 else UUID(pk), way == "b")
        except (ValueError, binascii.Error, UnicodeDecodeError) as error:
            raise Invalid(
                _("This page address is not valid; start again from the first page."), code="bad_cursor"
            ) from error


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next: Key | None
    previous: Key | None


def order(*, backwards: bool, at: str = "reported_at", pk: str = "id") -> tuple[str, str]:
    return (at, pk) if backwards else (f"-{at}", f"-{pk}")


def page_of(
    rows: Sequence[Any], key: Key | None, size: int, at: str = "reported_at", pk: str = "pk"
) -> Page[Any]:
    """Cuts `size` rows out of up to `size + 1`, already in the order of the way asked, and says what lies around."""
    backwards = key is not None and key.backwards
    more = len(rows) > size
    kept = list(rows[:size])
    if backwards:
        kept.reverse()
    if not kept:
        return Page([], None, None)
    first, last = kept[0], kept[-1]
    has_next = more if not backwards else True
    has_previous = more if backwards else key is not None
    return Page(
        kept,
        Key(getattr(last, at), getattr(last, pk)) if has_next else None,
        Key(getattr(first, at), getattr(first, pk), backwards=True) if has_previous else None,
    )
