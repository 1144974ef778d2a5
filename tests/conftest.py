"""What every test stands on: no network but this machine, empty caches, a clock that can stand still."""

import gc
import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
from django.conf import settings
from django.core.cache import cache

from gridgov.common import clock as gridgov_clock
from gridgov.common.briefly import Briefly

# A test leaves little behind that only the collector finds; at the usual threshold it takes a seventh of the time.
gc.set_threshold(100_000, 50, 100)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails at once instead of depending on the weather."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address) -> None:
        if self.family != socket.AF_UNIX and not _is_local(address[0]):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Throttles and counters start at nothing. On Redis only this run's own keys go: others share the server."""
    yield
    Briefly.forget_all()
    if settings.PROFILE == "production":
        client = cache._cache.get_client(None, write=True)
        keys = list(client.scan_iter(match=f"{cache.key_prefix}:*", count=1000))
        if keys:
            client.delete(*keys)
    else:
        cache.clear()


@pytest.fixture
def freeze() -> Iterator[Callable[[datetime | str], datetime]]:
    """`freeze("2026-11-23T09:00")` stops gridgov's clock there (Asia/Shanghai where no offset is given).

    Calling it again moves the clock.
    """
    with ExitStack() as stack:

        def at(moment: datetime | str) -> datetime:
            moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=gridgov_clock.SHANGHAI)
            stack.enter_context(gridgov_clock.at(moment))
            return moment

        yield at


@pytest.fixture
def clock(freeze: Callable[[datetime | str], datetime]) -> Callable[[datetime | str], datetime]:
    """gridgov's clock, standing at Monday 2026-11-23 09:00 in Asia/Shanghai until the test moves it."""
    freeze("2026-11-23T09:00")
    return freeze
