"""Whatever comes in by the document or beside it: no fault of ours, and no answer that is not in the document.

A slice of the full run; seeded, so that a failure comes again.
"""

import json
import uuid
from contextlib import contextmanager

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gridgov.desk.api.views import document
from tests.factories import client_for

EXAMPLES = 20
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def without_tokens() -> dict:
    """The document as for somebody logged in: tokens have their own tests, and half of the calls would end at 401."""
    found = json.loads(document("en"))
    for operations in found["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return found


SCHEMA = schemathesis.openapi.from_dict(without_tokens())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


@contextmanager
def one_transaction():
    """The test's transaction outlives its requests, as it does with Django's own test client."""
    moments = (request_started, request_finished)
    for moment in moments:
        moment.disconnect(close_old_connections)
    yield
    for moment in moments:
        moment.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _application(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {"user": "100000/min", "login": "100000/min"},
    }
    SCHEMA.app = get_wsgi_application()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_answers_are_in_the_document(operation, town, reported, clock):
    row = reported()
    header = client_for(town.worker)._credentials["HTTP_AUTHORIZATION"]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, meet=st.booleans())
    def run(case, meet):
        if meet and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = row["id"]  # else only absent things are asked for
        if meet and isinstance(case.body, dict) and "client_uuid" in case.body:
            case.body |= {"client_uuid": str(uuid.uuid4())}
            if "grid" in case.body:
                case.body |= {"grid": town.groups[0].code, "category": "request"}
        response = case.call(app=SCHEMA.app, headers={"Authorization": header})
        case.validate_response(response, checks=CHECKS)

    with one_transaction():
        run()
