"""A world that many tests begin with is built once per process by the real actions, then laid down again as the same rows."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.models import Max, Model

_kept: dict[Hashable, "_Rows"] = {}


@dataclass(frozen=True)
class _Rows:
    answer: Any
    tables: list[str]
    statements: list[str]


def built(key: Hashable, build: Callable[[], Any]) -> Any:
    """Runs `build` the first time, and whenever the tables it fills are not empty; else inserts what it wrote then.

    What `build` answers is kept as well, so it must not hold rows.
    """
    # A test with real commits leaves the permissions made anew, under other ids, and grants point to them.
    key = (key, Permission.objects.aggregate(last=Max("pk"))["last"])
    rows = _kept.get(key)
    if rows is not None and not _filled(rows.tables):
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in rows.statements:
                cursor.execute(statement)
        return rows.answer
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    before = _counts(models) if rows is None else None
    answer = build()
    if before is not None:
        after = _counts(models)
        changed = [model for model in models if after[model] != before[model]]
        if not any(before[model] for model in changed):
            _kept[key] = _Rows(
                answer, [it._meta.db_table for it in changed], [_inserting(it) for it in changed]
            )
    return answer


def _filled(tables: list[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables))
        return bool(cursor.fetchone()[0])


def _counts(models: list[type[Model]]) -> dict[type[Model], int]:
    return {model: model._base_manager.count() for model in models}


def _inserting(model: type[Model]) -> str:
    """One statement with every value as the database itself writes it down."""
    columns = [
        f'"{field.column}"' for field in model._meta.concrete_fields if field.column and not field.generated
    ]
    postgres = connection.vendor == "postgresql"
    literals = [f"quote_nullable({column})" if postgres else f"quote({column})" for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(literals)} FROM {model._meta.db_table} ORDER BY {model._meta.pk.column or 1}"
        )
        rows = ", ".join(f"({', '.join(row)})" for row in cursor.fetchall())
    return f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES {rows}"
