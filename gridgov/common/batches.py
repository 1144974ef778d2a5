"""Recurring work in batches, one of whose rows may be broken: it is put aside and shown, and the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Model, Q

from gridgov.common import clock
from gridgov.common.models import SetAside

logger = logging.getLogger(__name__)
DATABASE_TROUBLE = (
    OperationalError,
    InterfaceError,
)  # gone, locked: no row is to blame, the next run goes on
FIRST_RETRY, LAST_RETRY = timedelta(minutes=5), timedelta(days=1)

Row = TypeVar("Row", bound=Model)


def in_batches(
    work: str, *, take: Callable[[Q, int], Sequence[Row]], act: Callable[[Sequence[Row]], int], batch: int
) -> int:
    """`take(which, most)` reads and locks rows, `act` does them; both within one transaction. Returns what `act` counted.

    Where a batch fails, its rows are done one by one, and what fails then waits, at first minutes, at last a day.
    """
    total = 0
    while True:
        done, taken = _batch(work, take, act, batch)
        total += done
        if taken < batch:
            return total


def _batch(work: str, take: Any, act: Any, batch: int) -> tuple[int, int]:
    known = dict(SetAside.objects.filter(work=work).values_list("key", "retry_at"))
    now = clock.now()
    waiting = [key for key, retry_at in known.items() if retry_at > now]
    keys: list[Any] = []
    try:
        with transaction.atomic():
            rows = take(~Q(pk__in=waiting) if waiting else Q(), batch)
            keys += [row.pk for row in rows]
            done = act(rows) if rows else 0
    except DATABASE_TROUBLE:
        raise
    except Exception:
        if not keys:
            raise
        logger.exception("%s: a batch of %s failed; one by one", work, len(keys))
        return sum(_alone(work, key, take, act) for key in keys), len(keys)
    if known:
        SetAside.objects.filter(work=work, key__in=map(str, keys)).delete()
    return done, len(keys)


def _alone(work: str, key: Any, take: Any, act: Any) -> int:
    try:
        with transaction.atomic():
            rows = take(Q(pk=key), 1)
            done: int = act(rows) if rows else 0
    except DATABASE_TROUBLE:
        raise
    except Exception as error:  # noqa: BLE001  whatever is wrong with this row, the others go on
        put_aside(work, key, error)
        return 0
    SetAside.objects.filter(work=work, key=str(key)).delete()
    return done


def put_aside(work: str, key: Any, error: Exception) -> None:
    """Notes that a row could not be done, and when to try again. Only the kind of the error is kept: its text may speak of a case."""
    logger.error("%s: %s put aside", work, key, exc_info=error)
    now = clock.now()
    row, new = SetAside.objects.get_or_create(
        work=work, key=str(key), defaults={"retry_at": now + FIRST_RETRY, "error": type(error).__name__}
    )
    if not new:
        retry_at: datetime = now + min(FIRST_RETRY * 2 ** min(row.times, 10), LAST_RETRY)
        SetAside.objects.filter(pk=row.pk).update(
            times=F("times") + 1, last_at=now, retry_at=retry_at, error=type(error).__name__
        )
