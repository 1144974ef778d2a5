"""Who outside hears what happened: signed, without personal data, at least once and recognisably the same."""

import hashlib
import hmac
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as now_of
from gridgov.common.actions import relay
from gridgov.common.models import OutboxMessage
from incidents.actions import sweep
from incidents.actions.webhooks import forget_targets, send_test
from incidents.models import Transition, WebhookTarget
from tests.factories import act, incident, township
from tests.factories.receiver import receiver


@pytest.fixture
def town(db, clock, settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    return township()


@pytest.fixture
def target(town):
    with receiver() as other:
        row = WebhookTarget.objects.create(township=town.grid, name="县平台", url=other.url)
        forget_targets()
        row.other = other
        yield row


def test_each_step_is_told_once_and_signed(town, target):
    matter = act(town, incident(town), "accept")
    assert OutboxMessage.objects.count() == 2
    assert relay() == 2
    assert [headers["x-gridgov-event"] for _path, headers, _body in target.other.got] == ["report", "accept"]
    path, headers, body = target.other.got[1]
    assert path == "/hook?from=gridgov"
    stamp = headers["x-gridgov-timestamp"]
    expected = hmac.new(target.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-gridgov-signature"] == f"sha256={expected}"
    assert stamp == str(int(now_of.now().timestamp()))
    told = json.loads(body)
    assert (told["number"], told["event"], told["seq"]) == (matter.number, "accept", 2)
    assert (told["from_status"], told["status"]) == ("reported", "accepted")
    assert (told["grid"], told["category"]) == (matter.grid_id, "request")


def test_nothing_that_somebody_wrote_and_no_person_leaves(town, target):
    asked = {"name": "张三", "phone": "13800000001", "wants_feedback": True}
    incident(town, "closed", title="秘密标题", description="秘密内容", address="秘密地点", requester=asked)
    relay()
    sent = b"".join(body for _path, _headers, body in target.other.got).decode()
    people = [town.worker.member.name, town.village_head.member.name, town.clerk.member.name]
    for secret in ("秘密", "张三", "13800000001", "已修好", *people):
        assert secret not in sent
    assert len(target.other.got) == Transition.objects.count()


def test_a_target_hears_only_the_events_it_wants(town, target):
    WebhookTarget.objects.update(events=["close"])
    forget_targets()
    incident(town, "closed")
    assert [row.payload["body"]["event"] for row in OutboxMessage.objects.all()] == ["close"]


def test_a_target_of_another_township_hears_nothing(town, target):
    other = township("320371102", name="邻镇")
    incident(other)
    assert OutboxMessage.objects.count() == 0


def test_what_is_late_is_told_too(town, target, clock):
    incident(town, category="quick")
    clock("2026-11-23T09:10")
    assert sweep() == 1
    assert OutboxMessage.objects.filter(key__contains=":2:").get().payload["body"]["event"] == "overdue"


def test_a_step_that_is_refused_leaves_no_message(town, target):
    from gridgov.common.errors import DomainError

    matter = incident(town)
    with pytest.raises(DomainError):
        act(town, matter, "reject", reason="")
    assert OutboxMessage.objects.count() == 1


def test_without_targets_no_query_is_added(town):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            incident(town)
        return [query["sql"] for query in queries if "webhook" in query["sql"] or "outbox" in query["sql"]]

    assert len(asked()) == 1  # the first of half a minute
    assert asked() == []


def test_a_failed_delivery_comes_again_under_the_same_key(town, target, clock):
    incident(town)
    target.other.statuses = [503]
    assert relay() == 0
    row = OutboxMessage.objects.get()
    assert "503" in row.last_error
    assert target.url not in row.last_error
    clock(row.next_attempt_at)
    assert relay() == 1
    keys = {headers["idempotency-key"] for _path, headers, _body in target.other.got}
    assert len(target.other.got) == 2
    assert keys == {row.key}


def test_an_address_inside_is_not_written_to(town, target, settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = []
    incident(town)
    assert relay() == 0
    assert target.other.got == []
    assert OutboxMessage.objects.get().attempts == 1


def test_a_target_switched_off_gets_nothing_more(town, target):
    incident(town)
    WebhookTarget.objects.update(is_active=False)
    assert relay() == 0
    assert OutboxMessage.objects.get().dead_at is not None
    assert target.other.got == []


def test_a_test_message_speaks_of_no_matter(town, target):
    send_test(target=target)
    relay()
    [(_path, headers, body)] = target.other.got
    assert headers["x-gridgov-event"] == "test"
    assert "number" not in json.loads(body)


def test_another_process_follows_within_half_a_minute(town, target, clock):
    incident(town)
    WebhookTarget.objects.update(is_active=False)  # as another process would: nothing is forgotten here
    incident(town)
    assert OutboxMessage.objects.count() == 2
    clock("2026-11-23T09:00:31")
    incident(town)
    assert OutboxMessage.objects.count() == 2


def test_secret_stands_nowhere_in_the_database_and_belongs_to_the_installation(town, target, settings):
    kept = json.dumps(list(WebhookTarget.objects.values()), default=str)
    assert target.secret not in kept
    assert len(target.secret) >= 43
    other = WebhookTarget.objects.create(township=town.grid, name="市平台", url="https://hook.example.cn/b")
    assert other.secret != target.secret
    before = target.secret
    settings.SECRET_KEY = "another installation's key"
    assert target.secret != before
