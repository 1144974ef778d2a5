"""Queries built once: for those that every request asks, building takes several times as long as the database's answer."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

Row = TypeVar("Row")
A_DAY = re.compile(r"\d{4}-\d\d-\d\d")
LONG = 20
STAND_INS: dict[type, Callable[[int], Any]] = {
    str: lambda number: f"value {number} of a prepared query",
    int: lambda number: 31_000 + number,
    date: lambda number: date(1801, 1, 1) + timedelta(days=number),
    UUID: lambda number: UUID(int=(31_000 << 64) + number),
}


class _Built(NamedTuple):
    rows: QuerySet[Any]
    compiler: Any
    sql: str
    parameters: Sequence[Any]  # of the first asking, with stand-ins
    places: Sequence[tuple[int, int]]  # (position among the parameters, which value stands there)


class Prepared(Generic[Row]):
    """`build` makes the queryset of some values; it is asked once per shape, with stand-ins, and afterwards only filled in.

    Values are texts, whole numbers, days, ids and lists of these; a shape is their types and the lengths of the lists. With a
    long list the queryset is built as ever: it is rare, and there the building does not count.
    `build` may do nothing with its values but compare columns with them, and must not ask the clock or anything else that
    changes; a value that is lost on the way and a day that is no value are refused at the first asking.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self.build = build
        self.built: dict[Any, _Built] = {}

    def __call__(self, *values: Any) -> list[Row]:
        if any(isinstance(value, list) and len(value) > LONG for value in values):
            return list(self.build(*values))
        shape = tuple(_shape(value) for value in values)
        built = self.built.get(shape)
        if built is None:
            built = self.built[shape] = _build(self.build, values)
        connection = connections[built.rows.db]
        given = [_adapted(value, connection) for value in _flat(values)]
        parameters = list(built.parameters)
        for position, number in built.places:
            parameters[position] = given[number]
        compiler = copy.copy(built.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda: (built.sql, parameters)
        rows = built.rows.all()
        rows.query.get_compiler = lambda *_arguments, **_options: compiler  # type: ignore[method-assign]
        return list(rows)


def _build(build: Callable[..., QuerySet[Any]], values: Sequence[Any]) -> _Built:
    numbers = count()
    rows = build(*(_stand_in(value, numbers) for value in values))
    connection = connections[rows.db]
    compiler = rows.query.get_compiler(rows.db)
    sql, parameters = compiler.as_sql()
    numbers = count()
    asked = [_adapted(one, connection) for one in _flat([_stand_in(value, numbers) for value in values])]
    known = {(type(one), one): number for number, one in enumerate(asked)}
    places = []
    for position, parameter in enumerate(parameters):
        number = known.get((type(parameter), parameter))
        if number is not None:
            places.append((position, number))
        elif isinstance(parameter, date) or (isinstance(parameter, str) and A_DAY.match(parameter)):
            raise ValueError(f"A prepared query would keep the day {parameter} for ever: {sql}")
    if {number for _position, number in places} != set(known.values()):
        raise ValueError(f"A prepared query lost some of its values: {sql}")
    return _Built(rows, compiler, sql, tuple(parameters), places)


def _shape(value: Any) -> Any:
    return (len(value), type(value[0])) if isinstance(value, list) else type(value)


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list) else (value,)


def _stand_in(value: Any, numbers: Iterator[int]) -> Any:
    if isinstance(value, list):
        return [_stand_in(one, numbers) for one in value]
    return STAND_INS[type(value)](next(numbers))


def _adapted(value: Any, connection: Any) -> Any:
    """As the ORM hands it to the database."""
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
