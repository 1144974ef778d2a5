"""Messages by other channels: number, kind and link, when it is time for them."""

import json
from datetime import datetime

import pytest

from gridgov.common.actions import relay
from gridgov.common.channels import checked_channel, shown
from gridgov.common.clock import SHANGHAI
from gridgov.common.errors import Invalid
from gridgov.common.models import OutboxMessage
from incidents.actions import perform, sweep
from members.actions import forget_channels, send_test_notice, tell, withdraw
from members.enums import MessageKind
from members.models import NoticeChannel
from tests.factories import act, fresh, incident, township
from tests.factories.receiver import receiver


@pytest.fixture
def town(db, clock, settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = ["127.0.0.0/8"]
    settings.PUBLIC_URL = "https://grid.example.cn"
    return township()


@pytest.fixture
def channel(town):
    with receiver() as other:
        row = NoticeChannel.objects.create(
            township=town.grid, name="值班群", url=f"json://key-geheim@127.0.0.1:{other.port}/robot"
        )
        forget_channels()
        row.other = other
        yield row


def say(town, kind=MessageKind.NEWS, key="k", **more):
    params = {"number": "20261123-0001", "heading": "张三家的事"}
    members = [town.worker.member, town.village_head.member]
    tell(members=members, text="%(heading)s", params=params, key=key, link="/incidents/x/", kind=kind, **more)


def test_a_message_really_arrives_with_number_kind_and_link_only(town, channel):
    say(town, MessageKind.OVERDUE)
    assert relay() == 1  # the group hears once of what two people are told
    [(path, _headers, body)] = channel.other.got
    assert path == "/robot"
    text = json.dumps(json.loads(body), ensure_ascii=False)
    assert "20261123-0001" in text
    assert "https://grid.example.cn/incidents/x/" in text
    assert str(MessageKind.OVERDUE.label) in text
    assert "张三" not in text
    assert town.worker.member.name not in text


def test_a_members_own_channel_hears_only_of_the_member(town, channel):
    NoticeChannel.objects.update(member=town.village_head2.member)
    forget_channels()
    say(town)
    assert OutboxMessage.objects.count() == 0
    NoticeChannel.objects.update(member=town.worker.member)
    forget_channels()
    say(town, key="again")
    assert OutboxMessage.objects.count() == 1


def test_a_channel_hears_only_the_kinds_it_wants(town, channel):
    NoticeChannel.objects.update(kinds=[MessageKind.WARNING])
    forget_channels()
    say(town)
    say(town, MessageKind.WARNING, key="w")
    assert [row.payload["kind"] for row in OutboxMessage.objects.all()] == ["warning"]


def test_a_channel_of_another_township_hears_nothing(town, channel):
    other = township("320371102", name="邻镇")
    say(other)
    assert OutboxMessage.objects.count() == 0


@pytest.mark.parametrize(
    ("urgent", "waits", "due"),
    [
        (False, True, "2026-11-23T08:30"),  # Saturday evening: Monday morning
        (True, True, "2026-11-21T20:00"),
        (False, False, "2026-11-21T20:00"),
    ],
)
def test_messages_wait_for_working_time_unless_urgent(town, channel, clock, urgent, waits, due):
    NoticeChannel.objects.update(waits=waits)
    clock("2026-11-21T20:00")
    forget_channels()
    say(town, urgent=urgent)
    assert OutboxMessage.objects.get().next_attempt_at == datetime.fromisoformat(due).replace(tzinfo=SHANGHAI)


def test_an_important_matter_goes_out_at_night_and_another_does_not(town, channel, clock):
    clock("2026-11-21T20:00")
    forget_channels()
    incident(town, category="fire", grid=town.groups[0])
    incident(town, grid=town.groups[0], user=town.village_head)
    due = {row.next_attempt_at.astimezone(SHANGHAI).isoformat()[:16] for row in OutboxMessage.objects.all()}
    assert due == {"2026-11-21T20:00", "2026-11-23T08:30"}


def test_what_the_sweep_tells_goes_on_too(town, channel, clock):
    incident(town, category="quick")
    OutboxMessage.objects.all().delete()
    clock("2026-11-23T09:10")
    sweep()
    assert "overdue" in {row.payload["kind"] for row in OutboxMessage.objects.all()}


def test_errors_do_not_say_the_address(town, channel, caplog):
    channel.other.statuses = [500]
    say(town)
    assert relay() == 0
    row = OutboxMessage.objects.get()
    assert row.last_error
    said = row.last_error + caplog.text
    assert "geheim" not in said


def test_a_machine_inside_is_not_written_to(town, channel, settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = []
    say(town)
    assert relay() == 0
    assert channel.other.got == []


def test_redirects_are_not_followed(town, channel):
    channel.other.statuses, channel.other.location = [302], f"http://127.0.0.1:{channel.other.port}/elsewhere"
    say(town)
    assert relay() == 0
    assert len(channel.other.got) == 1


def test_a_test_notice_arrives(town, channel):
    send_test_notice(channel=channel)
    assert relay() == 1


@pytest.mark.parametrize(
    "url",
    [
        "syslog://",
        "file:///etc/passwd",
        "xml://127.0.0.1/",
        "https://example.cn/",
        "wecombot://",
        "",
        "exec://x",
    ],
)
def test_only_the_channels_that_are_named_are_taken(url):
    with pytest.raises(Invalid):
        checked_channel(url)


@pytest.mark.parametrize(
    "url",
    [
        "wecombot://abcdefgh",
        "dingtalk://abcdefghijklmnop",
        "feishu://token123456789",
        "mailtos://u:p@mail.example.cn?to=a@example.cn",
    ],
)
def test_the_channels_that_offices_use_are_taken_and_shown_masked(url):
    checked_channel(url)
    assert shown(url) == url.partition("://")[0] + "://****"


def test_what_still_waits_of_an_undone_step_does_not_leave(town, channel):
    matter = act(town, incident(town, escalate=True), "accept")
    relay()
    clerk = fresh(town.village_head)
    matter = perform(user=clerk, incident=matter, action="dispatch", to=town.groups[0]).incident
    waiting = OutboxMessage.objects.filter(topic="notice", sent_at=None)
    assert waiting.count() == 1
    perform(user=fresh(town.village_head), incident=matter, action="undo")
    assert not waiting.filter(payload__kind=MessageKind.ARRIVED).exists()


def test_what_has_left_stays_in_the_log(town, channel):
    say(town, key="sent")
    relay()
    assert withdraw(members=[town.worker.member.pk], key="sent") == 1
    assert OutboxMessage.objects.filter(sent_at__isnull=False).count() == 1
