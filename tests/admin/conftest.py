"""Two towns for all tests of a file; the changes of each test are undone (the `db` fixture's savepoint)."""

from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.factories import Town, township


@pytest.fixture(scope="module")
def _towns(django_db_setup, django_db_blocker) -> Iterator[list[Town]]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield [township(), township("320371102", name="邻镇")]
        transaction.set_rollback(True)


@pytest.fixture
def town(_towns, db) -> Town:
    return _towns[0]


@pytest.fixture
def other(_towns, db) -> Town:
    """A township beside it, with the same kinds of people."""
    return _towns[1]
