"""What a search of two characters costs: common words, rare ones, and words that are nowhere, for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from benchmarks import world
from incidents.actions import index_waiting
from incidents.models import Incident, Part, SearchBlock, SearchEntry
from incidents.models.search import BLOCK

BLOCKS = world.PATTERN // BLOCK


def index_all() -> dict[str, Any]:
    """Indexes the pattern as the workers would, a block at a time; its copies have the same words, so their blocks are the
    pattern's, further down. (Only the digits of their numbers are not in it, and nobody here asks for those.)"""
    start = time.monotonic()
    copies = -(-Incident.objects.count() // world.PATTERN)
    with transaction.atomic():
        Incident.objects.filter(number__gte=f"{world.PATTERN:012d}").update(search_stale=False)
        Part.objects.filter(incident__number__gte=f"{world.PATTERN:012d}").update(in_search=True)
    while index_waiting(most=BLOCK):
        pass
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _copying(copies):
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return {
        "seconds": time.monotonic() - start,
        "matters": SearchEntry.objects.count(),
        "rows": SearchBlock.objects.count(),
    }


def _copying(copies: int) -> Iterator[str]:
    """The pattern is the newest, so its numbers are the highest; each copy is older."""
    entries, blocks = SearchEntry._meta.db_table, SearchBlock._meta.db_table
    up = copies - 1
    yield f"UPDATE {entries} SET number = number + {up * world.PATTERN}"  # noqa: S608
    yield f"UPDATE {blocks} SET block = block + {up * BLOCKS}"  # noqa: S608
    for copy in range(1, copies):
        yield (
            f"INSERT INTO {entries} (incident_id, township_code, number, fingerprint) "  # noqa: S608  our own tables
            f"SELECT {world.copied_id(copy)}, entry.township_code, entry.number - {copy * world.PATTERN}, entry.fingerprint "
            f"FROM {entries} entry JOIN incidents_incident base ON base.id = entry.incident_id WHERE {world.OF_PATTERN}"
        )
        yield (
            f"INSERT INTO {blocks} (township_code, block, gram, matters) "  # noqa: S608
            f"SELECT township_code, block - {copy * BLOCKS}, gram, matters FROM {blocks} WHERE block >= {up * BLOCKS}"
        )
