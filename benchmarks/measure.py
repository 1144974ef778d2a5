"""Measuring side by side: calls taken in turn, medians, ratios of rounds, and the spread beside them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Paired:
    """`first` and `second` in milliseconds per call; `ratio` = first / second, round by round; `cpu` the same of processor time.

    Wall time counts what a user waits for, the disk and a database server included; processor time of this process counts
    our own work and hardly feels what else the machine is doing.
    """

    first: float
    second: float
    ratio: float
    low: float
    high: float
    cpu: float


def paired(
    first: Callable[[], object], second: Callable[[], object], *, times: int, rounds: int = ROUNDS
) -> Paired:
    """`times` pairs of calls per round, each pair side by side and in changing order."""
    first()
    second()
    walls: list[tuple[float, float]] = []
    cpus: list[tuple[float, float]] = []
    for _ in range(rounds):
        taken: tuple[list[tuple[float, float]], ...] = ([], [])
        with _no_collector():
            for number in range(times):
                for which in (0, 1) if number % 2 else (1, 0):
                    taken[which].append(_timed((first, second)[which]))
        walls.append(tuple(statistics.median(wall for wall, _cpu in side) for side in taken))  # type: ignore[arg-type]
        cpus.append(tuple(statistics.median(cpu for _wall, cpu in side) for side in taken))  # type: ignore[arg-type]
    ratios = [a / b for a, b in walls]
    return Paired(
        statistics.median(a for a, _b in walls),
        statistics.median(b for _a, b in walls),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(a / b for a, b in cpus),
    )


def median_of(work: Callable[[], object], *, times: int) -> tuple[float, float]:
    """Milliseconds per call, wall and processor."""
    work()
    with _no_collector():
        taken = [_timed(work) for _ in range(times)]
    return statistics.median(wall for wall, _cpu in taken), statistics.median(cpu for _wall, cpu in taken)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


@contextmanager
def _no_collector() -> Iterator[None]:
    """The collector runs before, not in between."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
