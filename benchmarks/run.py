"""One database, asked line by line over standard input: `make bench` holds several of these side by side.

A line is a JSON list [name, arguments…]; the answer is one JSON line. The process keeps its connection and its memory, so
figures of two sizes can be taken in turn.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from benchmarks import searching, world  # noqa: E402
from benchmarks.measure import median_of, paired  # noqa: E402
from gridgov.common import clock  # noqa: E402
from gridgov.common.worktime import derive  # noqa: E402
from grids.models import Grid  # noqa: E402
from incidents.actions import sweep  # noqa: E402
from incidents.due import ledgers  # noqa: E402
from incidents.models import Escalation, Incident, Stage, Transition  # noqa: E402
from members.models import InboxMessage  # noqa: E402

CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
FILTERS = {
    "all": {},
    "status": {"status": "verified"},
    "category": {"category": "dispute"},
    "open": {"open": "true"},
    "overdue": {"overdue": "true"},
    "mine": {"mine": "true"},
}
_clients: dict[str, APIClient] = {}


def client(who: str) -> APIClient:
    if who not in _clients:
        made = APIClient()
        _token, text = AuthToken.objects.create(user=getattr(world.people(), who))
        made.credentials(HTTP_AUTHORIZATION=f"Token {text}")
        _clients[who] = made
    return _clients[who]


def statements(work: Callable[[], object]) -> int:
    """How many SQL statements, transaction control aside."""
    with CaptureQueriesContext(connection) as seen:
        work()
    return sum(not query["sql"].startswith(CONTROL) for query in seen.captured_queries)


def prepare(size: int, *, waiting: bool = False) -> dict[str, Any]:
    call_command("migrate", run_syncdb=True, verbosity=0)
    world.build(size, waiting=waiting)
    return {"rows": Incident.objects.count()}


def listing(who: str, name: str, times: int) -> dict[str, Any]:
    """Milliseconds of one answered list, its statements and its rows."""
    asker = client(who)
    asked = {"q": _number_for(asker)} if name == "q" else FILTERS.get(name, {"q": name})

    def ask() -> int:
        answer = asker.get("/api/v1/incidents/", asked)
        assert answer.status_code == 200, answer.content
        return len(answer.json()["results"])

    sql, rows = statements(ask), ask()
    wall, cpu = median_of(ask, times=times)
    return {"sql": sql, "ms": wall, "cpu": cpu, "rows": rows}


def _number_for(asker: APIClient) -> str:
    """An exact number that this person sees; any other text is a search by words, which is another matter."""
    return str(asker.get("/api/v1/incidents/").json()["results"][7]["number"])


def _report() -> dict[str, Any]:
    group = Grid.objects.filter(township_code=world.CODE, kind="group").order_by("code")[0]
    return {
        "client_uuid": str(uuid.uuid4()),
        "grid": group.code,
        "category": "request",
        "title": "路灯不亮",
        "description": "村口第三盏路灯不亮,晚上看不见路。",
        "address": "村口",
        "requester": {"name": "赵甲", "phone": "00010000001", "wants_feedback": True},
        "latitude": "34.260000",
        "longitude": "117.430000",
        "accuracy_m": 12,
    }


def create(times: int) -> dict[str, Any]:
    asker, body = client("worker"), _report()

    def ours() -> None:
        answer = asker.post("/api/v1/incidents/", body | {"client_uuid": str(uuid.uuid4())}, format="json")
        assert answer.status_code == 201, answer.content

    def floor() -> None:
        answer = asker.post("/api/floor/", body | {"client_uuid": str(uuid.uuid4())}, format="json")
        assert answer.status_code == 201, answer.content

    ours()
    counted = statements(ours)
    found = paired(ours, floor, times=times)
    return {"sql": counted, **vars(found)}


def act(times: int) -> dict[str, Any]:
    """`accept` of as many fresh matters, against the floor's update."""
    asker, body = client("worker"), _report()
    floor_id = asker.post("/api/floor/", body, format="json").json()["id"]
    version = [1]

    def fresh(number: int) -> list[str]:
        made = []
        for _ in range(number):
            answer = asker.post(
                "/api/v1/incidents/", body | {"client_uuid": str(uuid.uuid4())}, format="json"
            )
            made.append(answer.json()["id"])
        return made

    waiting = fresh(times * 7 + 8)

    def ours() -> None:
        answer = asker.post(
            f"/api/v1/incidents/{waiting.pop()}/actions/accept/",
            {"client_uuid": str(uuid.uuid4())},
            format="json",
        )
        assert answer.status_code == 200, answer.content

    def floor() -> None:
        answer = asker.put(
            "/api/floor/", {"id": floor_id, "version": version[0], "status": "accepted"}, format="json"
        )
        version[0] += 1
        assert answer.json()["changed"] == 1

    ours()
    counted = statements(ours)
    return {"sql": counted, **vars(paired(ours, floor, times=times))}


FEW = 1000  # of those that are late, the ones that were due two hours ago


def make_late(number: int) -> dict[str, Any]:
    """All incidents open with a deadline ahead, `number` of them past it, the first FEW an hour earlier."""
    ahead = clock.now() + world.AHEAD
    with world.without_indexes():
        Incident.objects.all().update(
            is_open=True, status="accepted", is_late=False, due_at=ahead, escalate_at=ahead
        )
        return fall_due(number)


def prepare_waiting(size: int, late: int) -> dict[str, Any]:
    """As many open incidents, `late` of them past their deadline."""
    return prepare(size, waiting=True) | fall_due(late)


def fall_due(number: int) -> dict[str, Any]:
    now, hour = clock.now(), timedelta(hours=1)
    ids = list(Incident.objects.order_by("id").values_list("pk", flat=True)[:number])
    for start in range(0, number, 500):
        at = now - (2 * hour if start < FEW else hour)
        Incident.objects.filter(pk__in=ids[start : start + 500]).update(due_at=at, escalate_at=at)
    return {"open": Incident.objects.filter(is_open=True).count(), "late": number}


def swept(which: str) -> dict[str, Any]:
    """Milliseconds of one sweep of the `few` that have been late for two hours, or of `all`; rolled back."""
    now = clock.now() - (timedelta(hours=1, minutes=30) if which == "few" else timedelta())
    start = time.perf_counter()
    with transaction.atomic():
        told = sweep(now=now)
        taken = (time.perf_counter() - start) * 1000
        transaction.set_rollback(True)
    return {"told": told, "ms": taken}


def reckoning(number: int) -> dict[str, Any]:
    """The due times of as many ledgers, read from the database, against the pure function over the same ledgers at hand."""
    with transaction.atomic():
        world.add_ledgers(number)
        at_hand = [(found.entries, found.calendar) for found in ledgers(Stage.objects.all())]

        def ours() -> None:
            for found in ledgers(Stage.objects.all()):
                found.derived()

        def plain() -> None:
            for entries, calendar in at_hand:
                derive(entries, calendar)

        found = vars(paired(ours, plain, times=1, rounds=5))
        transaction.set_rollback(True)
    rows = sum(len(entries) for entries, _calendar in at_hand)
    return {"ledgers": len(at_hand), "rows": rows, **found}


def memory() -> dict[str, Any]:
    """The most that a sweep of few and of all late matters holds at one time, in MB."""
    now = clock.now()
    return {
        "few": _most_held(now - timedelta(hours=1, minutes=30)),
        "all": _most_held(now),
    }


def _most_held(now: datetime) -> tuple[int, float]:
    tracemalloc.start()
    with transaction.atomic():
        told = sweep(now=now)
        transaction.set_rollback(True)
    most = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return told, most


def sweeping() -> dict[str, Any]:
    """The sweep, against bulk_create and bulk_update of the very rows it writes, each rolled back."""
    with transaction.atomic():
        told = sweep()
        ready = [list(model.objects.all()) for model in (Escalation, InboxMessage)]
        history = list(Transition.objects.filter(action="overdue"))
        late = list(Incident.objects.filter(is_late=True))
        transaction.set_rollback(True)
    for row in (*ready[1], *history, *ready[0]):
        row.pk = None

    def ours() -> None:
        with transaction.atomic():
            assert sweep() == told
            transaction.set_rollback(True)

    def floor() -> None:
        with transaction.atomic():
            for rows in (*ready, history):
                type(rows[0]).objects.bulk_create(rows, batch_size=500)
            Incident.objects.bulk_update(late, ["is_late", "version", "escalate_at"], batch_size=500)
            transaction.set_rollback(True)
        for rows in (*ready, history):
            for row in rows:
                row.pk = None
                row._state.adding = True  # noqa: SLF001  as if just made

    return {"told": told, **vars(paired(ours, floor, times=1))}


def loading(number: int) -> dict[str, Any]:
    """The statements of one more township under plan 6 with its people, and the time of as many beside each other against
    that of as many alone; rolled back."""

    def together(codes: Sequence[str]) -> None:
        with transaction.atomic():
            for code in codes:
                world.township(code)
            transaction.set_rollback(True)

    def alone() -> None:
        for code in codes:
            together([code])

    codes = [f"3203729{nth:02d}" for nth in range(1, number + 1)]
    counted = statements(lambda: together(codes[:1]))
    return {"sql": counted, **vars(paired(lambda: together(codes), alone, times=1, rounds=3))}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    "prepare": prepare,
    "listing": listing,
    "index_all": searching.index_all,
    "loading": loading,
    "create": create,
    "act": act,
    "make_late": make_late,
    "prepare_waiting": prepare_waiting,
    "reckoning": reckoning,
    "sweeping": sweeping,
    "swept": swept,
    "memory": memory,
}


def main() -> None:
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(COMMANDS[name](*arguments)), flush=True)


if __name__ == "__main__":
    main()
