"""Rows written by statements that are built once: to build one takes the ORM several times as long as the database needs to
carry it out. On PostgreSQL they are prepared on the server too (common/prepared.py).

For what every report and every action writes. No signal is sent and no `save` of a model runs; a model that counts on either
is written by the ORM, and so is a long list, for which the building does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connections, router, transaction
from django.db.models import AutoField, Field, Model

from gridgov.common.prepared import LONG, Statement


def insert(rows: Sequence[Model], *, ignore_conflicts: bool = False) -> None:
    """New rows of one model, in one statement; each has its key afterwards. `ignore_conflicts`: what is there already stays
    as it is, and no row learns its key. Raises IntegrityError as the ORM does."""
    if not rows:
        return
    model = type(rows[0])
    if len(rows) > LONG:
        model._default_manager.bulk_create(rows, ignore_conflicts=ignore_conflicts)
        return
    using = router.db_for_write(model)
    connection = connections[using]
    fields = _written(model)
    values = [
        field.get_db_prep_save(field.pre_save(row, True), connection=connection)  # noqa: FBT003  its own signature
        for row in rows
        for field in fields
    ]
    statement = _inserting(model, len(rows), ignore_conflicts=ignore_conflicts)
    with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
        cursor.execute(statement.on(connection), values)
        keys = cursor.fetchall() if _gives_keys(model) and not ignore_conflicts else ()
    for row, (key,) in zip(rows, keys, strict=False):
        row.pk = key
    for row in rows:
        row._state.adding, row._state.db = False, using  # noqa: SLF001  as the ORM leaves them


def update(model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Sets columns where others equal what is given (None: are empty); how many rows that were. Names are of fields or columns,
    values those of columns (the key of a row, not the row)."""
    using = router.db_for_write(model)
    connection = connections[using]
    equal = {name: value for name, value in where.items() if value is not None}
    empty = tuple(name for name, value in where.items() if value is None)
    statement = _updating(model, tuple(values), tuple(equal), empty)
    parameters = [
        model._meta.get_field(name).get_db_prep_save(value, connection=connection)  # type: ignore[union-attr]
        for given in (values, equal)
        for name, value in given.items()
    ]
    with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
        cursor.execute(statement.on(connection), parameters)
        return int(cursor.rowcount)


def _gives_keys(model: type[Model]) -> bool:
    return isinstance(model._meta.pk, AutoField)


@cache
def _written(model: type[Model]) -> list[Field[Any, Any]]:
    """All columns but a key that the database gives."""
    return [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]


@cache
def _inserting(model: type[Model], rows: int, *, ignore_conflicts: bool) -> Statement:
    columns = [field.column for field in _written(model)]
    one = f"({', '.join(['%s'] * len(columns))})"
    end = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if _gives_keys(model) and not ignore_conflicts:
        end += f' RETURNING "{model._meta.pk.column}"'
    names = ", ".join(f'"{column}"' for column in columns)
    return Statement(f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([one] * rows)}{end}')  # noqa: S608  our own names


@cache
def _updating(
    model: type[Model], values: tuple[str, ...], equal: tuple[str, ...], empty: tuple[str, ...]
) -> Statement:
    def column(name: str) -> str:
        return f'"{model._meta.get_field(name).column}"'  # type: ignore[union-attr]

    new = ", ".join(f"{column(name)} = %s" for name in values)
    where = " AND ".join(
        [*(f"{column(name)} = %s" for name in equal), *(f"{column(name)} IS NULL" for name in empty)]
    )
    return Statement(f'UPDATE "{model._meta.db_table}" SET {new} WHERE {where}')  # noqa: S608  our own names
