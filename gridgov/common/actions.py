"""What the kernel writes: heartbeats, and messages that must leave the process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gridgov.common import clock
from gridgov.common.errors import DomainError
from gridgov.common.models import Heartbeat, OutboxMessage
from gridgov.common.outgoing import NotDelivered

logger = logging.getLogger(__name__)

Sender = Callable[[OutboxMessage], None]
SENDERS: dict[str, Sender] = {}  # topic -> who sends it; a room registers its own in AppConfig.ready
ATTEMPTS = 10
LEASE = timedelta(minutes=3)  # a claimed message is nobody else's for so long
ENOUGH = timedelta(seconds=90)  # a run begins no further message after this
SENT_KEPT = timedelta(days=30)
GIVEN_UP_KEPT = timedelta(days=180)


class Undeliverable(Exception):
    """It makes no sense to try again; the text may be shown and kept."""


def beat(name: str, **detail: Any) -> None:
    """Notes that a recurring piece of work has just ended."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now(), "detail": detail})


def enqueue(*, topic: str, key: str, payload: Mapping[str, Any], township_code: str = "") -> None:
    """Writes an outgoing message in the caller's transaction; the same key is written once."""
    enqueue_all([OutboxMessage(topic=topic, key=key, payload=dict(payload), township_code=township_code)])


def enqueue_all(messages: Iterable[OutboxMessage]) -> None:
    """Many at once, in one statement. `payload["to"]` names the receiver: one that fails holds back only its own."""
    OutboxMessage.objects.bulk_create(messages, ignore_conflicts=True)


def relay(*, batch: int = 100) -> int:
    """Sends what waits; returns how many were sent. A failure waits twice as long each time, the tenth is the last.

    A message is claimed by moving its next attempt ahead before sending, outside any transaction: if the process dies
    while sending, it is sent again (at least once; the key lets the receiver notice). A receiver that fails is left
    alone for the rest of the run, so that it does not hold up the others; its messages lose no attempt by that.
    """
    sent = 0
    begun = clock.now()
    failing: set[tuple[str, str]] = set()
    put_back: list[UUID] = []
    for message in _claim(batch):
        lane = (message.topic, str(message.payload.get("to", message.pk)))
        if lane in failing or clock.now() - begun > ENOUGH:
            put_back.append(message.pk)
            continue
        try:
            SENDERS[message.topic](message)
        except Exception as error:  # noqa: BLE001  whatever a channel raises, the message waits
            logger.warning("outbox %s: %s", message.pk, _said(error))
            failing.add(lane)
            _failed(message, error)
        else:
            OutboxMessage.objects.filter(pk=message.pk).update(sent_at=clock.now(), last_error="")
            sent += 1
    if put_back:
        OutboxMessage.objects.filter(pk__in=put_back).update(next_attempt_at=clock.now())
    return sent


def _claim(batch: int) -> list[OutboxMessage]:
    now = clock.now()
    with transaction.atomic():
        waiting = OutboxMessage.objects.filter(sent_at=None, dead_at=None, next_attempt_at__lte=now)
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        rows = list(waiting.order_by("next_attempt_at", "created_at", "key")[:batch])
        OutboxMessage.objects.filter(pk__in=[row.pk for row in rows]).update(next_attempt_at=now + LEASE)
    return rows


def _failed(message: OutboxMessage, error: Exception) -> None:
    attempts, now = message.attempts + 1, clock.now()
    last = attempts >= ATTEMPTS or isinstance(error, Undeliverable)
    OutboxMessage.objects.filter(pk=message.pk).update(
        attempts=attempts,
        last_error=_said(error)[:500],
        next_attempt_at=now + timedelta(minutes=2**attempts),
        dead_at=now if last else None,
    )


def _said(error: Exception) -> str:
    """What our own errors say; of any other only its kind: its text may hold addresses and secrets."""
    match error:
        case Undeliverable() | NotDelivered():
            return str(error)
        case DomainError():
            return str(error.detail)
    return type(error).__name__


def send_again(*, ids: Iterable[UUID]) -> int:
    """Messages that were given up, or wait for their next attempt, are due now and have all attempts; those sent stay."""
    unsent = OutboxMessage.objects.filter(pk__in=list(ids), sent_at=None)
    return unsent.update(dead_at=None, attempts=0, next_attempt_at=clock.now())


def prune_outbox(*, batch: int = 1000) -> int:
    """Deletes what was sent 30 days ago or given up 180 days ago, in short pieces; returns how many."""
    now, total = clock.now(), 0
    for column, kept in (("sent_at", SENT_KEPT), ("dead_at", GIVEN_UP_KEPT)):
        total += _prune(column, now - kept, batch)
    return total


def _prune(column: str, before: datetime, batch: int) -> int:
    total = 0
    while True:
        old = OutboxMessage.objects.filter(**{f"{column}__lt": before}).order_by(column)
        ids = list(old.values_list("pk", flat=True)[:batch])
        OutboxMessage.objects.filter(pk__in=ids).delete()
        total += len(ids)
        if len(ids) < batch:
            return total
