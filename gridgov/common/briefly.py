"""Settings that are asked for with every writing call and hardly ever change: one query per process and half minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from gridgov.common import clock

Kept = TypeVar("Kept")
FOR = 30.0  # seconds


class Briefly(Generic[Kept]):
    """An answer that may be 30 seconds old. A process that changes the rows forgets it at once; others follow."""

    _all: ClassVar[list[Briefly[Any]]] = []

    def __init__(self, ask: Callable[[], Kept]) -> None:
        self._ask = ask
        self._kept: tuple[float, datetime, Kept] | None = None
        Briefly._all.append(self)

    def __call__(self) -> Kept:
        now, passed = (
            clock.now(),
            time.monotonic(),
        )  # other processes write in real time, whatever a clock shows
        if self._kept is None or passed - self._kept[0] >= FOR or now < self._kept[1]:
            self._kept = (passed, now, self._ask())
        return self._kept[2]

    def forget(self) -> None:
        self._kept = None

    @classmethod
    def forget_all(cls) -> None:
        """For a caller that put other data under what was already asked: tests, a restored database."""
        for one in cls._all:
            one.forget()
