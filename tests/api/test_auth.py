"""Tokens: getting one, losing it, and what a guesser learns."""

from datetime import timedelta

import pytest
from django.db import connection
from knox.models import AuthToken
from rest_framework.test import APIClient

from gridgov.common import clock
from gridgov.common.api.auth import TOKEN_OF
from gridgov.common.enums import AuditKind
from gridgov.common.models import AuditEvent
from tests.api.conftest import API, problem

PASSWORD = "a good long password"


@pytest.fixture
def worker(town):
    town.worker.set_password(PASSWORD)
    town.worker.save()
    return town.worker


def log_in(username: str, password: str = PASSWORD):
    return APIClient().post(f"{API}auth/token/", {"username": username, "password": password})


def with_token(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    return client


def test_login_gives_a_token_that_works_and_says_until_when(worker):
    answer = log_in(worker.username)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires_at"}
    assert with_token(answer.json()["token"]).get(f"{API}me/").json()["username"] == worker.username
    assert AuditEvent.objects.filter(kind=AuditKind.LOGIN, user=worker).count() == 1


def test_the_token_itself_is_not_stored(worker):
    token = log_in(worker.username).json()["token"]
    assert not AuthToken.objects.filter(digest__contains=token[:20]).exists()
    assert token not in str(AuthToken.objects.values_list())


def test_unknown_user_disabled_user_and_wrong_password_look_the_same(worker, town):
    town.worker2.set_password(PASSWORD)
    town.worker2.is_active = False
    town.worker2.save()
    answers = [log_in("nobody"), log_in(worker.username, "wrong"), log_in(town.worker2.username)]
    bodies = [problem(answer, 401, "bad_credentials") for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]


def test_five_wrong_passwords_lock_even_the_right_one(worker):
    for _ in range(4):
        problem(log_in(worker.username, "wrong"), 401, "bad_credentials")
    log_in(worker.username, "wrong")
    answer = log_in(worker.username)
    problem(answer, 429, "locked_out")
    assert int(answer["Retry-After"]) == 900
    assert not AuthToken.objects.filter(user=worker).exists()


def test_lock_answers_an_unknown_user_alike(worker):
    for name in (worker.username, "nobody"):
        for _ in range(5):
            log_in(name, "wrong")
    locked, unknown = log_in(worker.username, "wrong"), log_in("nobody", "wrong")
    assert problem(locked, 429, "locked_out") == problem(unknown, 429, "locked_out")


def test_login_is_throttled_by_address(worker, settings, clock):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {"user": "9/min", "login": "2/min"},
    }
    assert [log_in(f"guess{n}").status_code for n in range(3)] == [401, 401, 429]


def test_an_old_token_in_the_header_does_not_keep_anybody_from_logging_in(worker):
    client = with_token("0" * 64)
    answer = client.post(f"{API}auth/token/", {"username": worker.username, "password": PASSWORD})
    assert answer.status_code == 200


def test_logout_ends_this_token_and_no_other(worker):
    first, second = (log_in(worker.username).json()["token"] for _ in range(2))
    assert with_token(first).post(f"{API}auth/logout/", {}).status_code == 204
    problem(with_token(first).get(f"{API}me/"), 401, "bad_token")
    assert with_token(second).get(f"{API}me/").status_code == 200
    assert AuditEvent.objects.filter(kind=AuditKind.LOGOUT, user=worker).exists()


def test_a_disabled_user_is_out_at_once(worker):
    token = log_in(worker.username).json()["token"]
    worker.is_active = False
    worker.save()
    problem(with_token(token).get(f"{API}me/"), 401, "bad_token")


def test_a_token_ends_with_its_time(worker, freeze):
    freeze("2026-11-23T09:00")
    token = log_in(worker.username).json()["token"]
    freeze(clock.now() + timedelta(days=29, hours=23))
    assert with_token(token).get(f"{API}me/").status_code == 200
    freeze(clock.now() + timedelta(hours=1))
    problem(with_token(token).get(f"{API}me/"), 401, "bad_token")


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token é", "Token " + "0" * 64, "Token ' OR 1=1"])
def test_nonsense_in_the_header_is_a_401(db, header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    problem(client.get(f"{API}me/"), 401, "bad_token")


def test_the_eleventh_token_takes_the_place_of_the_oldest(worker):
    tokens = [log_in(worker.username).json()["token"] for _ in range(11)]
    assert AuthToken.objects.filter(user=worker).count() == 10
    problem(with_token(tokens[0]).get(f"{API}me/"), 401, "bad_token")
    assert with_token(tokens[1]).get(f"{API}me/").status_code == 200


def test_a_request_reads_the_token_once_and_writes_nothing(worker, counted):
    client = with_token(log_in(worker.username).json()["token"])
    with counted() as seen:
        client.get(f"{API}grids/000000000/")
    # On PostgreSQL what every request asks is prepared (EXECUTE): the token's statement is known by its name.
    assert [sql for sql in seen.sql if not sql.startswith(("SELECT", "EXECUTE"))] == []
    token = [built.statement.on(connection) for built in TOKEN_OF.built.values()]
    names = {sql.split(" (")[0] for sql in token if sql.startswith("EXECUTE")} or {"knox_authtoken"}
    assert sum(any(name in sql for name in names) for sql in seen.sql) == 1
