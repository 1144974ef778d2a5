"""One at a time, where no row is there yet that both could lock."""

import hashlib

from django.db import connection


def turn_of(*about: object) -> int:
    """The number under which PostgreSQL's advisory locks know this turn."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, about)).encode()).digest()[:8], signed=True)


def take_turn(turn: int) -> None:
    """Within a transaction: waits for whoever took the same turn, and holds it until the transaction ends.

    On SQLite every transaction that writes is alone already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [turn])
