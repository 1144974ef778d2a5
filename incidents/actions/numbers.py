"""Numbers without gaps or twins: one upsert each, whose row lock keeps the order until the transaction ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from gridgov.common import clock
from incidents.models import MediationSeries, NumberSeries


def next_number(township_code: str, at: datetime, *, turn: int) -> str:
    """`YYYYMMDD-NNNN` of the township and day of arrival. `turn` is taken with it (gridgov.common.turns), in the same call."""
    day = clock.local(at).date()
    key = {"township_code": township_code, "day": connection.ops.adapt_datefield_value(day)}
    last = _next(NumberSeries, turn=turn, **key)
    return f"{day:%Y%m%d}-{last:04d}"


def next_mediation_number(township_code: str, at: datetime) -> str:
    """`YYYY-NNNN` of the township and year in which it is entered."""
    year = clock.local(at).year
    return f"{year}-{_next(MediationSeries, township_code=township_code, year=year):04d}"


def _next(series: type[Model], *, turn: int | None = None, **key: Any) -> int:
    table, columns = series._meta.db_table, ", ".join(key)
    also = ", pg_advisory_xact_lock(%s)" if turn is not None and connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}, last) VALUES ({', '.join(['%s'] * len(key))}, 1) "  # noqa: S608  our own names
            f"ON CONFLICT ({columns}) DO UPDATE SET last = {table}.last + 1 RETURNING last{also}",
            [*key.values(), *([turn] if also else [])],
        )
        return int(cursor.fetchone()[0])
