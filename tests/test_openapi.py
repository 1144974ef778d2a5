"""The OpenAPI document is part of the contract: a change of it is seen in review (`make openapi` writes it anew)."""

import json
import re
from pathlib import Path

import pytest
import yaml
from django.urls import get_resolver
from rest_framework.test import APIClient

from gridgov.desk.api.views import document

SNAPSHOT = Path(__file__).with_name("openapi.yaml")
OPERATIONS = {"get", "post"}


@pytest.fixture
def paths() -> dict:
    return json.loads(document("en"))["paths"]


def test_document_is_as_it_was_reviewed():
    reviewed = yaml.safe_load(SNAPSHOT.read_text())
    assert reviewed == json.loads(document("en")), "the API changed: look at it, then `make openapi`"


def test_every_address_is_documented(paths):
    def below(resolver, prefix):
        for entry in resolver.url_patterns:
            if hasattr(entry, "url_patterns"):
                yield from below(entry, prefix + str(entry.pattern))
            else:
                yield prefix + str(entry.pattern)

    found = {address for address in below(get_resolver(), "") if address.startswith("api/v1/")}
    plain = {
        "/" + re.sub(r"<(\w+:)?pk>", "{id}", re.sub(r"<(\w+:)?(action|batch|mediation)>", r"{\2}", address))
        for address in found
    }
    plain = {address.replace("^grids/(?P<code>[0-9]{9,30})/$", "grids/{code}/") for address in plain}
    assert plain - set(paths) == {"/api/v1/", "/api/v1/docs/", "/api/v1/schema/"}


def test_every_operation_documents_its_refusals(paths):
    for address, operations in paths.items():
        for method, operation in operations.items():
            assert method in OPERATIONS
            answers = operation["responses"]
            assert {"406", "429"} <= set(answers), address
            assert ("404" in answers) == ("{" in address), address
            refusals = [answer for code, answer in answers.items() if code >= "400"]
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in refusals), (
                address
            )


def test_every_operation_but_the_login_asks_for_a_token(paths):
    open_ones = [
        operation["operationId"]
        for operations in paths.values()
        for operation in operations.values()
        if operation.get("security") != [{"token": []}]
    ]
    assert open_ones == ["log_in"]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_document_is_served_to_everybody(client, db, language):
    client.cookies["gridgov_language"] = language
    answer = client.get("/api/v1/schema/", HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.json()["openapi"].startswith("3.")


def test_pages_of_the_documentation_come_from_this_server_only(client, db):
    answer = client.get("/api/v1/docs/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "<style" not in text
    assert " style=" not in text
    assert re.findall(r"<script(?![^>]*src=)", text) == []
    assert [
        link for link in re.findall(r'(?:src|href)="([^"]+)"', text) if not link.startswith("/static/")
    ] == []


def test_document_names_nothing_that_is_not_built():
    text = document("en")
    for later in ("geojson", "locate", "visits", "sweeps", "appeals"):
        assert later not in text
    assert APIClient().get("/api/v1/visits/").status_code == 404
