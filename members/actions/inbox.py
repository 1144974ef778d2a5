"""Messages to members, in the transaction of what they tell."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.common.writing import insert
from members.actions.channels import pass_on, recall
from members.enums import MessageKind
from members.models import InboxMessage, Member


def tell(
    *,
    members: Iterable[Member | None],
    text: str,
    key: str,
    params: Mapping[str, str] | None = None,
    link: str = "",
    kind: str = MessageKind.NEWS,
    urgent: bool = False,
    everywhere: bool = False,
) -> None:
    """Inbox rows in the caller's transaction; one statement. The same `key` to the same member is told once.

    `text` is a msgid marked with gettext_noop; it is translated for whoever reads it.
    `everywhere`: also by channels that do not hear of this kind. What is `urgent` does not wait for working time where it goes on by other channels.
    """
    receivers = {member.pk: member for member in members if member is not None}
    messages = [
        InboxMessage(member=m, text=text, params=dict(params or {}), link=link, key=key, kind=kind)
        for m in receivers.values()
    ]
    post(messages, urgent=urgent, everywhere=everywhere)


def post(messages: Sequence[InboxMessage], *, urgent: bool = False, everywhere: bool = False) -> None:
    """The same for messages that differ; one statement for all of them."""
    insert(messages, ignore_conflicts=True)
    pass_on(messages, urgent=urgent, everywhere=everywhere)


def withdraw(*, members: Iterable[UUID | str], key: str) -> int:
    """What these members were told under `key` no longer holds: it stays, marked, and is nothing new any more. What still
    waits to leave by another channel does not leave."""
    now, told_to = clock.now(), [UUID(str(member)) for member in members]
    recall(members=[str(member) for member in told_to], key=key)
    told = InboxMessage.objects.filter(member__in=told_to, key=key, withdrawn_at=None)
    return told.update(withdrawn_at=now, read_at=Coalesce("read_at", Value(now, DateTimeField())))


def mark_read(*, user: User, ids: Iterable[int] | None = None) -> int:
    """Marks messages as read (all of the user's, or those given); returns how many were new."""
    unread = InboxMessage.objects.visible_to(user).unread()
    if ids is not None:
        unread = unread.filter(pk__in=list(ids))
    return unread.update(read_at=clock.now())
