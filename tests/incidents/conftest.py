"""A small town at work, on Monday 2026-11-23 09:00."""

from collections.abc import Callable
from typing import Any

import pytest

from incidents.actions import report
from incidents.models import Incident
from tests.factories import Town, township


@pytest.fixture
def town(db: None, clock: Callable[..., Any]) -> Town:
    """Two villages of two groups with the demo's limits; the clock stands at Monday 2026-11-23 09:00."""
    return township()


@pytest.fixture
def new(town: Town) -> Callable[..., Incident]:
    """`new()` reports a request in the first group, by its worker."""

    def make(category: str = "request", **values: Any) -> Incident:
        values = {"user": town.worker, "grid": town.groups[0], "description": "路灯不亮"} | values
        return report(category=town.categories[category], **values).incident

    return make
