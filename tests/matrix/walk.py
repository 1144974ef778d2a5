"""Walks the table: every route with every method as one person, and looks at what comes back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from django.contrib.admindocs.views import simplify_regex
from django.db import connection, transaction
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern

from incidents.models import Incident
from tests.matrix.bodies import as_form
from tests.matrix.table import ACTIONS, ADDING, ROUTES, Route, has
from tests.matrix.world import NOBODY, PLACES, World, address_args, mark, name_in

OTHER_METHODS = ("put", "patch", "delete")
REFUSED = {302, 401, 403, 404, 405}
NONE = "-"  # where a route has no object
A_FEW = {"accept", "hand_over", "add_note", "nothing-of-this-name"}


# --- the routes that there are -------------------------------------------------------------------------------------


def routes() -> dict[str, str]:
    """Address as the table has it -> the view behind it, of the whole URL conf."""
    return dict(_collected(get_resolver().url_patterns))


def _collected(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in patterns:
        address = prefix + _readable(entry.pattern)
        if isinstance(entry, URLPattern):
            yield address, entry.lookup_str
        else:
            yield from _collected(entry.url_patterns, address)


def _readable(pattern: Any) -> str:
    return (
        str(pattern)
        if isinstance(pattern, RoutePattern)
        else simplify_regex(str(pattern)).removeprefix("/").replace("\\.", ".")
    )


def route_of(row: str) -> str:
    """The route of a row: without the query."""
    return row.partition("?")[0]


# --- what is asked -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One question of the matrix and the status that the table expects; None: any refusal."""

    method: str
    path: str
    place: str
    expected: int | None
    data: Any = None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} [{self.place}]"


def cells(world: World, role: str, row: str, entry: Route) -> Iterator[Cell]:
    for place in _places(world, entry.kind):
        yield Cell("get", _path(world, row, entry.kind, place), place, _status(role, row, entry.get, place))
    if row != route_of(row):
        return
    if not entry.acts:
        yield from _posted(world, role, row, entry)
    place = _places(world, entry.kind)[0]
    for method in OTHER_METHODS:
        yield Cell(method, _path(world, row, entry.kind, place), place, None)


def _posted(world: World, role: str, row: str, entry: Route) -> Iterator[Cell]:
    for place in _places(world, entry.body_kind or entry.kind):
        path = _path(world, row, "" if entry.body_kind else entry.kind, place)
        body = entry.body(world, place) if entry.body else {}
        yield Cell("post", path, place, _status(role, row, entry.post, place), body)


def adding(world: World, role: str) -> Iterator[Cell]:
    for row, entry in ADDING.items():
        yield from _posted(world, role, row, entry)


def acted(world: World, role: str, row: str) -> Iterator[Cell]:
    """Every action on every matter: over REST, as pages ask the same, and of those out of sight on the first and the one of
    another township; elsewhere a few. Whoever is refused is refused without a body too; whoever may, but leaves out what is
    needed, is told so."""
    matters = world.objects["incident"]
    unseen = [place for place in matters if not has("SEE", role, place)]
    for place, matter in matters.items():
        every = _is_rest(row) and place not in unseen[1:-1]
        for name, act in ACTIONS.items():
            if not (every or name in A_FEW):
                continue
            path = _filled(row, matter.pk, name)
            expected = _status(role, row, act.rule, place)
            if role not in NOBODY and _is_admin(row) and not has("MANAGES", role, place):
                expected = 404
            bare = {"client_uuid": str(uuid4()), "version": matter.version}
            if expected == 200:
                full = bare | {"client_uuid": str(uuid4())} | (act.needs(world, place) if act.needs else {})
                status = 200 if _is_rest(row) else 302
                yield Cell("post", path, place, status, full if _is_rest(row) else as_form(full))
                expected = 400 if act.needs else status
            yield Cell("post", path, place, expected, bare)


def _places(world: World, kind: str) -> list[str]:
    return list(world.objects[kind]) if kind else [NONE]


def _path(world: World, row: str, kind: str, place: str) -> str:
    return _filled(row, *(address_args(world, kind, place) if kind else ()))


def _filled(row: str, *args: Any) -> str:
    given = iter((*args, "add_note"))
    return "/" + re.sub(r"<[^>]+>", lambda _found: str(next(given)), row)


def _status(role: str, row: str, rule: Any, place: str) -> int:
    if role in NOBODY and not rule.is_open:
        return 401 if _is_rest(row) else 302
    return int(rule.status(role, place))


def _is_rest(row: str) -> bool:
    return row.startswith("api/")


def _is_admin(row: str) -> bool:
    return row.startswith("admin/")


# --- asking, and looking at the answer -----------------------------------------------------------------------------

_addresses = count(1)  # each call from another address: how often one may ask is tested elsewhere

# Written whatever the answer is: who is logged in, the trail of attempts, and when a token was last used.
KEPT_ANYWAY = re.compile(r'"?(django_session|common_auditevent|knox_authtoken|axes_\w+)"?')
WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)


@dataclass
class Watch:
    """Which tables were written to and stayed written: what a savepoint took back does not count."""

    written: list[str] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        verb, _space, name = sql.partition("SAVEPOINT ")
        if verb == "":
            self.marks[name] = len(self.written)
        elif verb.startswith("ROLLBACK TO"):
            del self.written[self.marks.get(name, 0) :]
        elif (found := WRITES.match(sql)) and not KEPT_ANYWAY.fullmatch(found[2]):
            self.written.append(found[2])
        return execute(sql, params, many, context)


@dataclass
class Walk:
    """As one person; `wrong` collects every cell that is not as the table says."""

    world: World
    role: str
    asked: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.world.client(self.role)
        self.cookies = self.client.cookies.output()
        self.hidden = [
            (place, secret)
            for place in PLACES
            if not has("SEE", self.role, place)
            for secret in _secrets(self.world, self.role, place)
        ]

    def ask(self, row: str, cell: Cell) -> None:
        """One call, undone afterwards."""
        self.client.cookies = SimpleCookie(self.cookies.replace("Set-Cookie: ", ""))
        before = self._matters() if cell.method == "post" and cell.expected in (200, 201) else None
        watch = Watch()
        with transaction.atomic():
            with connection.execute_wrapper(watch):
                response = self._called(row, cell)
            text = _everything(response)
            after = self._matters() if before is not None else None
            transaction.set_rollback(True)
        self.asked += 1
        for problem in self._problems(row, cell, response, text, watch):
            self.wrong.append(f"{self.role}: {cell}: {problem}")
        if before != after:
            self._changed(cell, before, after)

    def _called(self, row: str, cell: Cell) -> Any:
        number = next(_addresses)
        options: dict[str, Any] = {
            "REMOTE_ADDR": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        }
        if cell.method == "get":
            return self.client.get(cell.path, **options)
        holds_file = any(hasattr(value, "read") for value in (cell.data or {}).values())
        if _is_rest(row) and not holds_file:
            options["content_type"] = "application/json"
        return getattr(self.client, cell.method)(cell.path, cell.data or {}, **options)

    def _problems(self, row: str, cell: Cell, response: Any, text: str, watch: Watch) -> Iterator[str]:
        status = response.status_code
        if cell.expected is None and status not in REFUSED:
            yield f"answers {status}, where this method is refused"
        if cell.expected is not None and status != cell.expected:
            yield f"answers {status}, expected {cell.expected}"
        if status >= 500:
            yield "fails"
        if (
            status == 302
            and self.role in NOBODY
            and cell.expected == 302
            and not response["Location"].startswith("/")
        ):
            yield f"leads to {response['Location']}"
        came_again = (
            status == 200 and not _is_rest(row) and row not in SHOWN_IN_PLACE
        )  # the form, with errors
        kept = watch.written and (cell.method != "post" or status >= 400 or came_again)
        if kept:
            yield f"writes to {', '.join(sorted(set(watch.written)))}"
        named = "" if row not in OPEN_TO_THE_HOLDER else cell.place
        for place, secret in self.hidden:
            known = secret in quote(cell.path) or secret in str(cell.data)  # whoever asks named it
            if secret in text and place != named and not known:
                yield f"tells of {place}: …{_around(text, secret)}…"
                break

    def _matters(self) -> dict[Any, Any]:
        return {pk: rest for pk, *rest in Incident.objects.values_list("pk", "status", "version")}

    def _changed(self, cell: Cell, before: Any, after: Any) -> None:
        seen = {
            matter.pk
            for place, matter in self.world.objects["incident"].items()
            if has("SEE", self.role, place)
        }
        known = {matter.pk for matter in self.world.objects["incident"].values()}
        if any(before.get(pk) != after.get(pk) for pk in known - seen):
            self.wrong.append(f"{self.role}: {cell}: changes a matter out of sight")


# Whoever has the link reads the title; the technical administrator looks after the trees of all townships.
OPEN_TO_THE_HOLDER = {"feedback/<slug:token>/", "grids/<slug:code>/tree.xlsx"}
SHOWN_IN_PLACE = {"incidents/<uuid:pk>/reveal/"}  # names and phones are answered, never put into an address


def _secrets(world: World, role: str, place: str) -> Iterator[str]:
    """What only those who see the place may read: its mark, however it is written, its names, and the keys of its things."""
    word = mark(place)
    yield from (word, quote(word), word.encode("unicode_escape").decode())
    if not has("NAMES_ALL", role, place):
        yield name_in(place)
    for kind in ("incident", "dispute", "mediation", "upload", "patrol"):
        if place in world.objects[kind]:
            yield str(world.objects[kind][place].pk)


def _everything(response: Any) -> str:
    """Headers and body as text; a workbook unpacked."""
    data = b"".join(response.streaming_content) if response.streaming else response.content
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"\n".join(book.read(name) for name in book.namelist())
    headers = "\n".join(f"{name}: {value}" for name, value in response.items())
    return f"{headers}\n{response.cookies.output()}\n{data.decode(errors='replace')}"


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return " ".join(text[max(0, at - 60) : at + len(secret) + 20].split())


def walk(world: World, role: str, rows: Callable[[str], bool]) -> Walk:
    """All cells of the rows that are asked for."""
    found = Walk(world, role)
    for row, entry in ROUTES.items():
        if not rows(row):
            continue
        for cell in cells(world, role, row, entry):
            found.ask(row, cell)
        if entry.acts:
            for cell in acted(world, role, row):
                found.ask(row, cell)
    return found
