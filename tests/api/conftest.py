"""A small town, and clients of its people."""

import uuid
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from gridgov.common.models import User
from tests.factories import Town, client_for, township

API = "/api/v1/"
NO_QUERIES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture
def town(db) -> Town:
    return township()


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    return client_for


@pytest.fixture
def report(town: Town) -> Callable[..., dict]:
    """The body of a report, as a phone sends it."""

    def body(**changes) -> dict:
        given = {
            "client_uuid": str(uuid.uuid4()),
            "grid": town.groups[0].code,
            "category": "request",
            "description": "路灯不亮",
        }
        return {name: value for name, value in {**given, **changes}.items() if value is not None}

    return body


@pytest.fixture
def reported(town: Town, report: Callable[..., dict]) -> Callable[..., dict]:
    """Sends a report over REST, by default as the worker, and returns the answer."""

    def send(user: User | None = None, **changes) -> dict:
        answer = client_for(user or town.worker).post(f"{API}incidents/", report(**changes))
        assert answer.status_code == 201, answer.content.decode()
        return answer.json()

    return send


@pytest.fixture
def act() -> Callable[..., object]:
    """Takes an action over REST and returns the answer."""

    def take(user: User, incident: str, action: str, **arguments):
        body = {"client_uuid": str(uuid.uuid4()), **arguments}
        return client_for(user).post(f"{API}incidents/{incident}/actions/{action}/", body)

    return take


@pytest.fixture
def counted() -> Callable[..., object]:
    """Statements within the block, without transaction control; `.count` afterwards, `.sql` to look at."""

    @contextmanager
    def count():
        class Seen:
            count = 0
            sql: list[str] = []

        with CaptureQueriesContext(connection) as captured:
            yield Seen
        Seen.sql = [
            query["sql"] for query in captured.captured_queries if not query["sql"].startswith(NO_QUERIES)
        ]
        Seen.count = len(Seen.sql)

    return count


def problem(answer, status: int, code: str) -> dict:
    """The answer is a problem of this status and code, in the one form."""
    assert answer.status_code == status, answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code, body
    assert body["type"] == f"urn:gridgov:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert isinstance(body["errors"], dict)
    return body
