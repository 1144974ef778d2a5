"""Whether the process lives (/healthz) and whether gridgov can do its work (/readyz)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from kombu import Connection

from gridgov.common import clock, clockguard
from gridgov.common.models import Heartbeat, OutboxMessage, SetAside

SWEEP_MAY_BE = timedelta(minutes=3)
OUTBOX_MAY_WAIT = timedelta(minutes=15)

Problems = Iterator[str]
_migrated: set[str] = set()  # databases found complete; code and tables of a living process do not change


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. The supervisor recognises its own run by the header."""
    headers = {"X-Gridgov-Run": run} if (run := os.environ.get("GRIDGOV_RUN_ID")) else {}
    return JsonResponse({"status": "ok"}, headers=headers)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200, or 503 with the reasons in plain words for whoever operates it."""
    facts: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for name, check in CHECKS.items():
        try:
            found = list(check(facts))
        except Error as error:
            found = [f"the database cannot be used: {str(error).strip().splitlines()[0]}"]
        if found:
            problems[name] = found
    body = {"status": "unready" if problems else "ready", "problems": problems, **facts}
    return JsonResponse(body, status=503 if problems else 200)


def _database(facts: dict[str, Any]) -> Problems:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    yield from ()


def _migrations(facts: dict[str, Any]) -> Problems:
    name = str(connection.settings_dict["NAME"])
    if name in _migrated:
        return
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield f"{len(missing)} migrations are missing; run manage.py migrate"
    else:
        _migrated.add(name)


def _broker(facts: dict[str, Any]) -> Problems:
    url = settings.CELERY_BROKER_URL
    if url.startswith("filesystem"):
        folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"])
        if not os.access(folder, os.W_OK | os.X_OK):
            yield f"the spool {folder} cannot be written"
        return
    try:
        with Connection(url, connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except Exception as error:  # noqa: BLE001  each transport raises its own
        yield f"the broker cannot be reached: {type(error).__name__}"


def _sweep(facts: dict[str, Any]) -> Problems:
    last = Heartbeat.objects.filter(name="sweep").first()
    age = clock.now() - last.at if last else None
    facts["sweep_age_seconds"] = None if age is None else int(age.total_seconds())
    if age is None or age > SWEEP_MAY_BE:
        yield "what is late was not looked for in the last minutes; are worker and beat running?"
    if last and (failed := last.detail.get("failed")):
        yield f"a part of the last sweep failed: {', '.join(failed)}; the worker's log has the cause"
    facts["rows_put_aside"] = SetAside.objects.count()


def _outbox(facts: dict[str, Any]) -> Problems:
    """What is due and not taken speaks of the relay; what waits for its time or its next attempt does not."""
    now = clock.now()
    waiting = OutboxMessage.objects.filter(sent_at=None, dead_at=None)
    oldest = waiting.aggregate(made=Min("created_at"), due=Min("next_attempt_at"))
    facts["outbox_age_seconds"] = int((now - (oldest["made"] or now)).total_seconds())
    if now - (oldest["due"] or now) > OUTBOX_MAY_WAIT:
        yield "messages wait in the outbox; is the relay running?"


def _clock(facts: dict[str, Any]) -> Problems:
    """Against what other processes wrote: a clock that went back would make deadlines wrong."""
    if clockguard.written_later() is not None:
        yield "this machine's clock is behind what was already written; nothing is written until it is confirmed at /clock/"


CHECKS: Mapping[str, Callable[[dict[str, Any]], Problems]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "sweep": _sweep,
    "outbox": _outbox,
    "clock": _clock,
}
