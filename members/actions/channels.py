"""Messages that leave the house beside the inbox: by the channels that a township or a member has. Never what they say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.utils import translation
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.actions import Undeliverable, enqueue, enqueue_all
from gridgov.common.briefly import Briefly
from gridgov.common.channels import send_notice
from gridgov.common.models import OutboxMessage
from gridgov.common.workdays import next_working_moment
from grids.models import Calendar
from members.enums import MessageKind
from members.models import InboxMessage, NoticeChannel

NOTICE = "notice"
_channels = Briefly(NoticeChannel.objects.in_use)


def forget_channels() -> None:
    """After channels changed in this process; others follow within half a minute."""
    _channels.forget()


def pass_on(messages: Sequence[InboxMessage], *, urgent: bool = False, everywhere: bool = False) -> None:
    """Inbox rows just written go to the channels that hear of them, in the caller's transaction. Without channels no query.

    What goes out is the number, the kind of message and the link. A channel that waits for working time gets it when that
    begins, unless it is `urgent`. `everywhere`: whatever kinds a channel hears of. A group hears once of what several of its people are told.
    """
    channels = _channels()
    if not channels:
        return
    prefetch_related_objects(messages, "member")
    now, found = clock.now(), {}
    for message in messages:
        town = message.member.township_code
        for channel in channels.get(town, ()):
            deaf = channel.kinds and message.kind not in channel.kinds and not everywhere
            if channel.member not in (None, message.member_id) or deaf:
                continue
            key = _key(channel.pk, message.key)
            found[key] = OutboxMessage(
                topic=NOTICE,
                key=key,
                payload={
                    "to": channel.pk,
                    "kind": message.kind,
                    "number": message.params.get("number", ""),
                    "link": message.link,
                },
                township_code=town,
                next_attempt_at=now if urgent or not channel.waits else _working_moment(town, now),
            )
    if found:
        enqueue_all(found.values())


def recall(*, members: Collection[str], key: str) -> int:
    """What these members were told under `key` is not sent any more, as far as it still waits; returns how many."""
    heard = [channel for channels in _channels().values() for channel in channels]
    keys = [
        _key(channel.pk, key) for channel in heard if channel.member is None or str(channel.member) in members
    ]
    if not keys:
        return 0
    waiting = OutboxMessage.objects.filter(key__in=keys, sent_at=None, dead_at=None)
    return waiting.delete()[0]


def _key(channel: int, key: str) -> str:
    return f"{NOTICE}:{channel}:{key}"[:200]


def _working_moment(township_code: str, now: datetime) -> datetime:
    try:
        return next_working_moment(now, Calendar.objects.of(township_code))
    except Calendar.DoesNotExist:
        return now


def send_test_notice(*, channel: NoticeChannel) -> None:
    """A message without a matter, to see whether the channel takes it."""
    now = clock.now()
    enqueue(
        topic=NOTICE,
        key=f"{NOTICE}:{channel.pk}:test:{now.timestamp():.6f}",
        payload={"to": channel.pk, "kind": MessageKind.NEWS, "number": "", "link": "/"},
        township_code=channel.township_id,
    )


def deliver_notice(message: OutboxMessage) -> None:
    """What the relay calls. Raises NotDelivered, NotAllowed, Invalid, Undeliverable; none says the address."""
    given = message.payload
    channel = NoticeChannel.objects.filter(pk=given["to"], is_active=True).first()
    if channel is None:
        raise Undeliverable("the channel is gone or not in use")
    with translation.override(settings.LANGUAGE_CODE):
        kind = MessageKind(given["kind"]).label
        title = _("gridgov: %(kind)s") % {"kind": kind}
        text = "\n".join(filter(None, [given["number"], settings.PUBLIC_URL + given["link"]]))
    send_notice(channel.url, title=title, text=text)
