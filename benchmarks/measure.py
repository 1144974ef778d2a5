"""Measuring side by side: rounds taken in turn, medians of ratios, and the spread beside them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Paired:
    """`first` and `second` in milliseconds per call; `ratio` = first / second, round by round."""

    first: float
    second: float
    ratio: float
    low: float
    high: float


def paired(
    first: Callable[[], object], second: Callable[[], object], *, times: int, rounds: int = ROUNDS
) -> Paired:
    """Both in turn, `times` calls each per round, the order changing from round to round."""
    first()
    second()
    a: list[float] = []
    b: list[float] = []
    for number in range(rounds):
        for which in ((first, a), (second, b)) if number % 2 else ((second, b), (first, a)):
            which[1].append(_timed(which[0], times))
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return Paired(
        statistics.median(a), statistics.median(b), statistics.median(ratios), min(ratios), max(ratios)
    )


def _timed(work: Callable[[], object], times: int) -> float:
    """Milliseconds per call; the collector runs before, not in between."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - start) * 1000 / times
    finally:
        gc.enable()


def median_of(work: Callable[[], object], *, times: int, rounds: int = ROUNDS) -> float:
    work()
    return statistics.median(_timed(work, times) for _ in range(rounds))
