"""What the kernel writes: heartbeats, and messages that must leave the process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from gridgov.common import clock
from gridgov.common.models import Heartbeat, OutboxMessage

logger = logging.getLogger(__name__)

Sender = Callable[[OutboxMessage], None]
SENDERS: dict[str, Sender] = {}  # topic -> who sends it; a room registers its own in AppConfig.ready
ATTEMPTS = 10


def beat(name: str, **detail: Any) -> None:
    """Notes that a recurring piece of work has just ended."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now(), "detail": detail})


def enqueue(*, topic: str, key: str, payload: Mapping[str, Any], township_code: str = "") -> None:
    """Writes an outgoing message in the caller's transaction; the same key is written once."""
    message = OutboxMessage(topic=topic, key=key, payload=dict(payload), township_code=township_code)
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=True)


def relay(*, batch: int = 100) -> int:
    """Sends what waits; returns how many were sent. A failure waits twice as long each time, the tenth is the last.

    A message is claimed by moving its next attempt ahead before sending, outside any transaction: if the process dies
    while sending, it is sent again (at least once; the key lets the receiver notice).
    """
    sent = 0
    for message in _claim(batch):
        try:
            SENDERS[message.topic](message)
        except Exception as error:  # noqa: BLE001  whatever a channel raises, the message waits
            logger.warning("outbox %s: %s", message.pk, error)
            _failed(message, error)
        else:
            OutboxMessage.objects.filter(pk=message.pk).update(sent_at=clock.now(), last_error="")
            sent += 1
    return sent


def _claim(batch: int) -> list[OutboxMessage]:
    now = clock.now()
    with transaction.atomic():
        waiting = OutboxMessage.objects.filter(sent_at=None, dead_at=None, next_attempt_at__lte=now)
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        rows = list(waiting.order_by("next_attempt_at", "id")[:batch])
        OutboxMessage.objects.filter(pk__in=[row.pk for row in rows]).update(
            next_attempt_at=now + timedelta(minutes=2)
        )
    return rows


def _failed(message: OutboxMessage, error: Exception) -> None:
    attempts, now = message.attempts + 1, clock.now()
    OutboxMessage.objects.filter(pk=message.pk).update(
        attempts=attempts,
        last_error=f"{type(error).__name__}: {error}"[:500],
        next_attempt_at=now + timedelta(minutes=2**attempts),
        dead_at=now if attempts >= ATTEMPTS else None,
    )
