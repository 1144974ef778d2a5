"""Settings that are asked for with every writing call and hardly ever change: one query per process and half minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from gridgov.common import clock

Kept = TypeVar("Kept")
FOR = timedelta(seconds=30)


class Briefly(Generic[Kept]):
    """An answer that may be 30 seconds old. A process that changes the rows forgets it at once; others follow."""

    _all: ClassVar[list[Briefly[Any]]] = []
    _held: ClassVar[bool] = False

    def __init__(self, ask: Callable[[], Kept]) -> None:
        self._ask = ask
        self._kept: tuple[datetime, Kept] | None = None
        Briefly._all.append(self)

    def __call__(self) -> Kept:
        now = clock.now()
        if self._kept is None or not (Briefly._held or timedelta() <= now - self._kept[0] < FOR):
            self._kept = (now, self._ask())
        return self._kept[1]

    def forget(self) -> None:
        self._kept = None

    @classmethod
    def forget_all(cls) -> None:
        """For a caller that put other data under what was already asked: tests, a restored database."""
        for one in cls._all:
            one.forget()

    @classmethod
    @contextmanager
    def held(cls) -> Iterator[None]:
        """Within the block what is asked stays, however far a virtual clock moves; what was known before is asked anew, and so
        it is after."""
        cls.forget_all()
        before, Briefly._held = Briefly._held, True
        try:
            yield
        finally:
            Briefly._held = before
            cls.forget_all()
