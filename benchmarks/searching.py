"""What a search of two characters costs: common words, rare ones, and words that are nowhere, for whoever asks."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from incidents.actions import index_waiting
from incidents.models import Incident, SearchBlock
from incidents.models.search import BLOCK


def place(index: int, size: int) -> str:
    """The exact place of the n-th matter: the same words at every size, the rare ones ever rarer."""
    if index % max(size // 10, 1) == 7:
        return "石磨坊"
    if index % 100 == 1:
        return "鱼塘边"
    return "大槐树下" if index % 5 == 0 else ""


def index_all() -> dict[str, Any]:
    """Brings the index up to date, a block at a time."""
    start = time.monotonic()
    while index_waiting(most=BLOCK):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {
        "seconds": time.monotonic() - start,
        "matters": Incident.objects.filter(search_stale=False).count(),
        "rows": SearchBlock.objects.count(),
    }
