"""Queries built once: for those that every request asks, building takes several times as long as the database's answer.

On PostgreSQL they are prepared on the server too: to read such a statement and to plan it takes longer than to carry it out.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
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


PREPARED: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()  # session of the server -> names it knows


class Statement:
    """SQL with %s for each value. What `on` gives is executed with the same values."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.name = f"gridgov_{hashlib.sha256(sql.encode()).hexdigest()[:24]}"
        numbers = count(1)
        self.numbered = re.sub("%([s%])", lambda found: "%" if found[1] == "%" else f"${next(numbers)}", sql)
        self.values = next(numbers) - 1

    def on(self, connection: Any) -> str:
        """The SQL itself, or the call of the statement that the server has prepared for this session."""
        if connection.vendor != "postgresql" or not settings.PREPARED_STATEMENTS:
            return self.sql
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        session = connection.connection
        known = PREPARED.setdefault(session, set())
        if self.name not in known:
            # Not through Django's cursor: what a request asks is counted, this belongs to the session.
            connection.validate_no_broken_transaction()
            with connection.wrap_database_errors, session.cursor() as cursor:
                cursor.execute(f"PREPARE {self.name} AS {self.numbered}")
            known.add(self.name)
        values = ", ".join(["%s"] * self.values)
        return f"EXECUTE {self.name} ({values})" if values else f"EXECUTE {self.name}"


class _Built(NamedTuple):
    rows: QuerySet[Any]
    compiler: Any
    statement: Statement
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
        compiler.as_sql = lambda: (built.statement.on(connection), parameters)
        compiler.get_converters = lambda columns: _converters(built, compiler, columns)
        rows = built.rows.all()
        rows.query.get_compiler = lambda *_arguments, **_options: compiler  # type: ignore[method-assign]
        return list(rows)


def _converters(built: _Built, compiler: Any, columns: Any) -> Any:
    """How the values become Python's: the columns are the same at every asking. Kept with the connection, whose own they are."""
    known = vars(compiler.connection).setdefault("gridgov_converters", {})
    if built.compiler not in known:
        known[built.compiler] = type(compiler).get_converters(compiler, columns)
    return known[built.compiler]


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
    if connection.vendor == "postgresql":
        sql = _with_constants(sql, parameters, dict(places), connection)
        parameters = [parameters[position] for position, _number in places]
        places = [(position, number) for position, (_before, number) in enumerate(places)]
    return _Built(rows, compiler, Statement(sql), tuple(parameters), places)


def _with_constants(sql: str, parameters: Sequence[Any], open_places: Container[int], connection: Any) -> str:
    """What never changes stands in the statement: a plan can use a partial index only if it sees the constant."""
    positions = count()

    def spelled(found: re.Match[str]) -> str:
        if found[1] == "%":
            return found[0]
        position = next(positions)
        if position in open_places:
            return found[0]
        return str(connection.ops.compose_sql("%s", [parameters[position]])).replace("%", "%%")

    return re.sub("%([s%])", spelled, sql)


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
