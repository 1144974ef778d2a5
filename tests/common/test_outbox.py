"""What leaves the process: tried again with patience, given up at last, sent again on demand, and cleared away."""

from datetime import timedelta

import pytest

from gridgov.common import actions
from gridgov.common import clock as now_of
from gridgov.common.actions import SENDERS, Undeliverable, enqueue, prune_outbox, relay, send_again
from gridgov.common.models import OutboxMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch, clock):
    """Topic `t`: keys that were sent; keys in `sent.failing` raise."""

    class Sent(list):
        failing: dict = {}

    kept = Sent()

    def send(message):
        kept.append(message.key)
        if message.key in kept.failing:
            raise kept.failing[message.key]

    monkeypatch.setitem(SENDERS, "t", send)
    return kept


def test_a_failure_waits_twice_as_long_each_time_and_the_tenth_is_the_last(sent, clock):
    enqueue(topic="t", key="a", payload={})
    sent.failing = {"a": RuntimeError("https://secret.example.cn/key")}
    waits, moment = [], now_of.now()
    while True:
        relay()
        row = OutboxMessage.objects.get()
        if row.dead_at:
            break
        waits.append(row.next_attempt_at - moment)
        moment = clock(row.next_attempt_at)
    assert waits == [timedelta(minutes=2**n) for n in range(1, 10)]
    assert row.attempts == 10
    assert row.last_error == "RuntimeError"  # never what a library says: it may hold the address
    assert relay() == 0


def test_what_makes_no_sense_is_given_up_at_once(sent):
    enqueue(topic="t", key="a", payload={})
    sent.failing = {"a": Undeliverable("it is gone")}
    relay()
    row = OutboxMessage.objects.get()
    assert row.dead_at is not None
    assert row.last_error == "it is gone"


def test_a_receiver_that_fails_holds_back_only_its_own(sent):
    for key, to in (("a1", 1), ("a2", 1), ("b1", 2)):
        enqueue(topic="t", key=key, payload={"to": to})
    sent.failing = {"a1": RuntimeError()}
    assert relay() == 1
    assert sent == ["a1", "b1"]
    rows = dict(OutboxMessage.objects.values_list("key", "attempts"))
    assert rows == {"a1": 1, "a2": 0, "b1": 0}
    assert OutboxMessage.objects.get(key="a2").next_attempt_at == now_of.now()


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(sent, clock, monkeypatch):
    for key in ("a", "b"):
        enqueue(topic="t", key=key, payload={})

    def slow(message):
        sent.append(message.key)
        clock(now_of.now() + actions.ENOUGH + timedelta(seconds=1))

    monkeypatch.setitem(SENDERS, "t", slow)
    assert relay() == 1
    assert relay() == 1
    assert sorted(sent) == ["a", "b"]


def test_a_message_that_was_given_up_can_be_sent_again(sent):
    enqueue(topic="t", key="a", payload={})
    sent.failing = {"a": Undeliverable("gone")}
    relay()
    sent.failing = {}
    assert send_again(ids=OutboxMessage.objects.values_list("pk", flat=True)) == 1
    assert relay() == 1
    assert send_again(ids=OutboxMessage.objects.values_list("pk", flat=True)) == 0  # sent is sent


def test_old_messages_are_cleared_away_and_waiting_ones_stay(sent, clock):
    enqueue(topic="t", key="old", payload={})
    relay()
    enqueue(topic="t", key="waiting", payload={})
    clock(now_of.now() + timedelta(days=29))
    assert prune_outbox() == 0
    clock(now_of.now() + timedelta(days=2))
    assert prune_outbox(batch=1) == 1
    assert OutboxMessage.objects.get().key == "waiting"


def test_the_same_key_is_written_once(sent):
    for _ in range(2):
        enqueue(topic="t", key="a", payload={})
    assert OutboxMessage.objects.count() == 1
