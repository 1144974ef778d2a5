"""Refusals have one form, and nothing that comes in makes a fault of ours."""

import json
import uuid

import pytest
from django.core.cache import cache
from django.urls import include, path
from rest_framework.test import APIClient

from gridgov.common.api.views import View
from tests.api.conftest import API, problem

HOSTILE = [
    b"{",
    b"\xff\xfe{}",
    b"[" * 100_000,
    b"9" * 5000,
    b'{"description": NaN}',
]


class Broken(View):
    def get(self, request):
        raise RuntimeError("nobody foresaw this")


urlpatterns = [
    path("broken/", Broken.as_view()),
    path("api/v1/", include("gridgov.desk.api.urls")),
]


def test_without_token_is_a_401_problem(db):
    answer = APIClient().get(f"{API}me/")
    problem(answer, 401, "not_logged_in")
    assert answer["WWW-Authenticate"] == "Token"


def test_unknown_address_is_a_404_problem_for_every_method(db):
    for method in ("get", "post", "put", "delete", "patch", "options"):
        problem(getattr(APIClient(), method)(f"{API}nothing/"), 404, "not_found")


def test_wrong_method_is_a_405_problem_that_names_the_right_ones(town, api):
    answer = api(town.worker).delete(f"{API}incidents/")
    problem(answer, 405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_other_format_is_a_406_problem(town, api):
    problem(api(town.worker).get(f"{API}me/", HTTP_ACCEPT="text/csv"), 406, "not_acceptable")


def test_other_media_type_is_a_415_problem(town, api):
    answer = api(town.worker).post(
        f"{API}incidents/", "a=1", content_type="application/x-www-form-urlencoded"
    )
    problem(answer, 415, "unsupported_media_type")


def test_too_large_a_body_is_a_413_problem(town, api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem(api(town.worker).post(f"{API}incidents/", {"description": "x" * 2000}), 413, "too_large")


@pytest.mark.parametrize("body", HOSTILE, ids=["cut", "not utf-8", "deep", "huge number", "nan"])
def test_unreadable_json_is_a_400_problem(town, api, body):
    answer = api(town.worker).post(f"{API}incidents/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] in {"unreadable", "invalid"}


@pytest.mark.parametrize(
    "text", ['"a\\u0000b"', '"\\ud800"', '{"\\u0000": 1}', "1e999", '["\\ud800"]'],
    ids=["nul", "half a character", "nul in a name", "infinite", "in a list"],
)  # fmt: skip
def test_what_databases_refuse_is_a_400_problem_that_names_the_place(town, api, report, text):
    body = json.dumps(report())[:-1] + f', "extra": {{"seen": {text}}}}}'
    answer = api(town.worker).post(f"{API}incidents/", body, content_type="application/json")
    assert any(name.startswith("extra.seen") for name in problem(answer, 400, "invalid")["errors"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grid", "320371101\x00"),
        ("grid", "' OR 1=1 --"),
        ("latitude", 1e308),
        ("photos_expected", 10**30),
        ("accuracy_m", -1),
        ("occurred_at", "0001-01-01T00:00:00+14:00"),
        ("occurred_at", "9999-12-31T23:59:59-14:00"),
        ("occurred_at", "2026-11-23T09:00:00"),
        ("client_uuid", 10**60),
        ("client_uuid", True),
        ("client_uuid", 7),
        ("title", "x" * 81),
        ("extra", {"a": {"b": 1}}),
        ("extra", {"a" * 41: 1}),
        ("extra", {"trend_forecast": "平稳"}),
        ("extra", {"order_said": "0"}),
        ("requester", {"name": "李", "password": "x"}),
        ("requester", "李"),
        ("source", "nowhere"),
    ],
)  # fmt: skip
def test_impossible_values_are_named(town, api, report, field, value):
    answer = api(town.worker).post(f"{API}incidents/", report(**{field: value}))
    assert any(name.startswith(field) for name in problem(answer, 400, "invalid")["errors"])


def test_unknown_field_is_refused_by_name(town, api, report):
    answer = api(town.worker).post(f"{API}incidents/", report(status="closed"))
    assert "status" in problem(answer, 400, "invalid")["errors"]


def test_unknown_and_repeated_query_parameters_are_refused_by_name(town, api):
    client = api(town.worker)
    answer = client.get(f"{API}incidents/?reporter_user__password__startswith=a")
    assert "reporter_user__password__startswith" in problem(answer, 400, "invalid")["errors"]
    assert (
        "status"
        in problem(client.get(f"{API}incidents/?status=closed&status=void"), 400, "invalid")["errors"]
    )


@pytest.mark.parametrize(
    "cursor",
    ["x", "YXxub3doZW5ufDE", "%00", "é", "YXwwMDAxLTAxLTAxVDAwOjAwOjAwKzAwOjAwfDE", "a" * 300],
)
def test_invented_cursor_is_a_400_problem(town, api, cursor):
    assert (
        "cursor"
        in problem(api(town.worker).get(f"{API}incidents/?cursor={cursor}"), 400, "invalid")["errors"]
    )


def test_unforeseen_error_is_a_500_problem_without_its_reason(town, api, settings, caplog):
    settings.ROOT_URLCONF = "tests.api.test_problems"
    client = api(town.worker)
    client.raise_request_exception = False
    answer = client.get("/broken/")
    body = problem(answer, 500, "server_error")
    assert body["request_id"] == answer["X-Request-ID"]
    assert "foresaw" not in answer.content.decode()
    assert body["request_id"] in caplog.text


def test_too_many_requests_is_a_429_problem_that_says_when_to_come_back(town, api, settings, clock):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {"user": "2/min", "login": "2/min"},
    }
    client = api(town.worker)
    assert [client.get(f"{API}me/").status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get(f"{API}me/")
    problem(answer, 429, "too_many_requests")
    assert int(answer["Retry-After"]) == 60
    assert api(town.worker2).get(f"{API}me/").status_code == 200
    clock("2026-11-23T09:01")
    assert client.get(f"{API}me/").status_code == 200


def test_reports_are_taken_while_the_cache_is_down(town, api, report, monkeypatch):
    def down(*args, **kwargs):
        raise ConnectionError("no cache")

    monkeypatch.setattr(type(cache._connections["default"]), "incr", down)
    assert api(town.worker).post(f"{API}incidents/", report()).status_code == 201


def test_errors_are_chinese_unless_english_was_chosen(town, api):
    answer = api(town.worker).get(f"{API}incidents/{uuid.uuid4()}/")
    assert answer["Content-Language"] == "zh-hans"
    client = api(town.worker)
    client.cookies["gridgov_language"] = "en"
    assert client.get(f"{API}incidents/{uuid.uuid4()}/").json()["detail"].startswith("There is no such thing")
