"""Who outside hears what happened: written with the step itself, sent by the relay, never with personal data."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import prefetch_related_objects

from gridgov.common import clock, outgoing
from gridgov.common.actions import Undeliverable, enqueue_all
from gridgov.common.briefly import Briefly
from gridgov.common.models import OutboxMessage
from incidents.models.exchange import WebhookTarget

if TYPE_CHECKING:
    from incidents.models import Transition

TOPIC = "webhook"
TEST = "test"
_targets = Briefly(WebhookTarget.objects.hearing)


def forget_targets() -> None:
    """After targets changed in this process; others follow within half a minute."""
    _targets.forget()


def tell_outside(rows: Iterable[Transition]) -> None:
    """One outgoing message per step and target, in the caller's transaction. Without targets it costs no query.

    The rows carry their incident, with the state and version that follow from the step.
    """
    targets = _targets()
    heard = [row for row in rows if row.township_code in targets] if targets else []
    if not heard:
        return
    prefetch_related_objects([row.incident for row in heard], "category")
    messages = [
        OutboxMessage(
            topic=TOPIC,
            key=f"{row.incident_id}:{row.seq}:{TOPIC}:{pk}",
            payload={"to": pk, "body": _body(row)},
            township_code=row.township_code,
        )
        for row in heard
        for pk, events in targets[row.township_code]
        if not events or row.action in events
    ]
    if messages:
        enqueue_all(messages)


def _body(row: Transition) -> dict[str, Any]:
    """Codes and times; no words that somebody wrote, no person."""
    incident = row.incident
    return {
        "event": row.action,
        "id": str(incident.pk),
        "number": incident.number,
        "township": row.township_code,
        "grid": incident.grid_id,
        "category": incident.category.code,
        "from_status": row.from_status,
        "status": row.to_status,
        "seq": row.seq,
        "responsible": {"grid": row.to_grid_id, "department": row.to_department_id},
        "due_at": clock.local(incident.due_at).isoformat() if incident.due_at else None,
        "at": clock.local(row.entered_at).isoformat(),
    }


def send_test(*, target: WebhookTarget) -> None:
    """A message without a matter, to see whether the address takes it."""
    now = clock.now()
    body = {"event": TEST, "township": target.township_id, "at": clock.local(now).isoformat()}
    key = f"{TEST}:{TOPIC}:{target.pk}:{now.timestamp():.6f}"
    message = OutboxMessage(
        topic=TOPIC, key=key, payload={"to": target.pk, "body": body}, township_code=target.township_id
    )
    enqueue_all([message])


def deliver(message: OutboxMessage) -> None:
    """What the relay calls. Raises NotDelivered, NotAllowed, Undeliverable."""
    target = WebhookTarget.objects.filter(pk=message.payload["to"], is_active=True).first()
    if target is None:
        raise Undeliverable("the webhook is gone or not in use")
    body = json.dumps(message.payload["body"], ensure_ascii=False, separators=(",", ":")).encode()
    stamp = str(int(clock.now().timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "gridgov",
        "Idempotency-Key": message.key,
        "X-Gridgov-Event": message.payload["body"]["event"],
        "X-Gridgov-Timestamp": stamp,
        "X-Gridgov-Signature": f"sha256={signature(target.secret, stamp, body)}",
    }
    outgoing.post(target.url, body=body, headers=headers)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the time stamp, a dot and the body as sent, in hexadecimal."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
