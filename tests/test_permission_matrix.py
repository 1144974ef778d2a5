"""Every route × method × person × place. What each may do stands in tests/matrix/table.py; here it is walked.

One test is one person at one part of the house, so that several processes share the work; all calls of a test meet the same
world, and each is undone.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.test.signals import template_rendered
from rest_framework.settings import api_settings

from gridgov.common import clock
from gridgov.common.models import User
from tests.matrix.table import ROUTES
from tests.matrix.walk import Walk, adding, cells, walk
from tests.matrix.world import NOBODY, ROLES, World, build

EVERYBODY = (*ROLES, *NOBODY)
PARTS = {
    "pages": lambda row: not row.startswith(("admin/", "api/")),
    "admin": lambda row: row.startswith("admin/"),
    "rest": lambda row: row.startswith("api/"),
}


@pytest.fixture(scope="module")
def _world(django_db_setup, django_db_blocker) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def world(_world: World, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """How often one may ask is tested elsewhere. The clock stands where the world was built: what is due, what may still be
    undone and when the sweep was do not depend on how long the walk takes."""
    monkeypatch.setitem(api_settings.DEFAULT_THROTTLE_RATES, "user", "1000000/m")
    # The test client copies the context of every template and widget; nobody looks at them here.
    monkeypatch.setattr(template_rendered, "send", lambda **_named: [])
    with clock.at(_world.built_at + timedelta(minutes=1)):
        yield _world


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=() if part == "rest" else pytest.mark.once) for part in PARTS]
)
@pytest.mark.parametrize("role", EVERYBODY)
def test_everybody_gets_what_the_table_says(world, role, part):
    report(walk(world, role, PARTS[part]))


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_adds_outside_the_own_place(world, role):
    found = Walk(world, role)
    for cell in adding(world, role):
        found.ask("admin/", cell)
    report(found)


@pytest.mark.once
@pytest.mark.parametrize("role", ["admin", "auditor", "worker"])
def test_superuser_counts_for_nothing(world, role):
    User.objects.filter(pk=world.people[role].pk).update(is_superuser=True)
    found = Walk(world, role)
    for row, entry in ROUTES.items():
        for cell in cells(world, role, row, entry):
            if cell.method == "get":
                found.ask(row, cell)
    report(found)


def test_rest_takes_no_session(world):
    """Else another site's page could post with it: REST asks for the token and for nothing else."""
    found = Walk(world, "anonymous")
    found.client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions["township"]
    found.cookies = found.client.cookies.output()
    for row, entry in ROUTES.items():
        if PARTS["rest"](row):
            for cell in cells(world, "anonymous", row, entry):
                found.ask(row, cell)
    report(found)


def report(found: Walk) -> None:
    assert found.asked
    if found.wrong:
        lines = "\n".join(found.wrong[:60])
        pytest.fail(
            f"{len(found.wrong)} of {found.asked} cells are not as tests/matrix says:\n{lines}", pytrace=False
        )
