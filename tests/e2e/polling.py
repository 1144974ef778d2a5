"""Waiting for something to become true, by looking again; nothing in these tests sleeps for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found], *, seconds: float, what: str, every: float = 0.25) -> Found:
    """The first true answer of `look`. Fails with `what` when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
        time.sleep(every)
    return found
