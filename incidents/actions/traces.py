"""What an action leaves behind so that it can be taken back: the values before, and the rows it made.

A step's `changed` holds `fields` (of the matter), `rows` ([model, key, values before]), `made` ([model, key]), `told`
(members whose inbox heard of it) and `others` ([matter, step]: what it wrote in another matter).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Field, Model


class Traces:
    """Collected during one action; the first value before counts, whatever happens after."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.rows: list[list[Any]] = []
        self.made: list[list[Any]] = []
        self.told: list[str] = []
        self.others: list[list[Any]] = []

    def field(self, column: str, before: Any) -> None:
        self.fields.setdefault(column, plain(before))

    def row(self, row: Model, *columns: str) -> None:
        """Call it before the row is changed."""
        before = {_field(type(row), name).attname: plain(value_of(row, name)) for name in columns}
        self.rows.append([row._meta.model_name, plain(row.pk), before])

    def new(self, row: Model) -> None:
        """Call it once the row has its key."""
        self.made.append([row._meta.model_name, plain(row.pk)])

    def as_json(self) -> dict[str, Any]:
        """`fields` always: a step without it is older than undo, and cannot be taken back."""
        rest = {"rows": self.rows, "made": self.made, "told": self.told, "others": self.others}
        return {"fields": self.fields, **{name: value for name, value in rest.items() if value}}


def plain(value: Any) -> Any:
    if isinstance(value, date):  # datetimes too; with all their microseconds
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value


def value_of(row: Model, name: str) -> Any:
    return getattr(row, _field(type(row), name).attname)


def model_named(name: str) -> type[Model]:
    return apps.get_model("incidents", name)


def restored(model: type[Model], before: Mapping[str, Any]) -> dict[str, Any]:
    """Column -> value, as the model has it, from what `plain` wrote."""
    return {column: _field(model, column).to_python(value) for column, value in before.items()}


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    """By its name or its column's."""
    found = next(
        (field for field in model._meta.concrete_fields if name in (field.name, field.attname)), None
    )
    assert found is not None, f"{model.__name__} has no {name}"
    return found
