"""Admin pages of the exchange: who sets it up, and that secrets are shown once or never."""

import re

import pytest
from django.urls import reverse

from gridgov.common import clock
from gridgov.common.models import OutboxMessage
from incidents.actions.public import hashed
from incidents.models import Delivery, ServiceKey, WebhookTarget
from members.models import NoticeChannel
from tests.factories import login

pytestmark = pytest.mark.django_db
PAGES = ["incidents_webhooktarget", "incidents_delivery", "incidents_servicekey", "members_noticechannel"]


def page(name, *args):
    return reverse(f"admin:{name}", args=args)


def text(answer):
    return answer.content.decode()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("who", "status"), [("clerk", 200), ("admin", 200), ("village_head", 404), ("worker", 404)]
)
def test_the_office_and_the_technical_administrator_open_them(client, town, name, who, status):
    login(client, getattr(town, who))
    assert client.get(page(f"{name}_changelist")).status_code == status


def test_a_webhook_is_made_and_its_secret_shown_once(client, town):
    login(client, town.clerk)
    form = {
        "township": town.code,
        "name": "县平台",
        "url": "https://hook.example.cn/a",
        "is_active": "on",
        "events": ["close"],
    }
    answer = client.post(page("incidents_webhooktarget_add"), form, follow=True)
    row = WebhookTarget.objects.get()
    assert (row.township_id, row.events) == (town.code, ["close"])
    assert row.secret in text(answer)
    for again in (page("incidents_webhooktarget_changelist"), page("incidents_webhooktarget_change", row.pk)):
        assert row.secret not in text(client.get(again))


@pytest.mark.parametrize("url", ["ftp://example.cn/", "https://u:p@example.cn/", "https://example.cn:22/"])
def test_an_address_that_is_none_is_refused(client, town, url):
    login(client, town.clerk)
    form = {"township": town.code, "name": "县平台", "url": url, "is_active": "on"}
    assert client.post(page("incidents_webhooktarget_add"), form).status_code == 200
    assert not WebhookTarget.objects.exists()


def test_nobody_sets_up_another_township(client, town, other):
    login(client, town.clerk)
    form = {"township": other.code, "name": "外镇", "url": "https://hook.example.cn/a", "is_active": "on"}
    assert client.post(page("incidents_webhooktarget_add"), form).status_code == 200
    assert not WebhookTarget.objects.exists()
    foreign = WebhookTarget.objects.create(township=other.grid, name="外镇", url="https://hook.example.cn/a")
    assert client.get(page("incidents_webhooktarget_change", foreign.pk)).status_code == 404
    assert "外镇" not in text(client.get(page("incidents_webhooktarget_changelist")))


@pytest.fixture
def delivered(town, other):
    rows = []
    for number, place in enumerate((town, other)):
        target = WebhookTarget.objects.create(
            township=place.grid, name=f"平台{number}", url="https://hook.example.cn/a"
        )
        body = {"event": "accept", "number": f"20261123-000{number}"}
        rows.append(
            OutboxMessage.objects.create(
                topic="webhook", key=f"k{number}", payload={"to": target.pk, "body": body},
                township_code=place.code, dead_at=clock.now(), attempts=10, last_error="503",
            )
        )  # fmt: skip
    return rows


def test_deliveries_of_the_own_township_are_listed_and_sent_again(client, town, delivered):
    login(client, town.clerk)
    shown = text(client.get(page("incidents_delivery_changelist")))
    assert "20261123-0000" in shown
    assert "20261123-0001" not in shown
    assert client.get(page("incidents_delivery_change", delivered[1].pk)).status_code == 404
    ids = [str(row.pk) for row in delivered]
    client.post(page("incidents_delivery_changelist"), {"action": "send_again", "_selected_action": ids})
    states = dict(Delivery.objects.values_list("key", "dead_at"))
    assert states["k0"] is None
    assert states["k1"] is not None


def test_the_technical_administrator_sends_again_what_was_given_up(client, town, delivered):
    login(client, town.admin)
    form = {"action": "send_again", "_selected_action": [str(delivered[1].pk)]}
    client.post(page("common_outboxmessage_changelist"), form)
    assert OutboxMessage.objects.get(key="k1").dead_at is None


def test_a_test_message_is_enqueued(client, town):
    login(client, town.clerk)
    row = WebhookTarget.objects.create(township=town.grid, name="县平台", url="https://hook.example.cn/a")
    client.post(
        page("incidents_webhooktarget_changelist"), {"action": "test", "_selected_action": [str(row.pk)]}
    )
    assert OutboxMessage.objects.get().payload["body"]["event"] == "test"


def test_a_channels_address_is_never_shown_again(client, town):
    login(client, town.clerk)
    form = {
        "township": town.code,
        "member": "",
        "name": "值班群",
        "url": "wecombot://geheim-geheim",
        "waits": "on",
        "is_active": "on",
    }
    client.post(page("members_noticechannel_add"), form)
    row = NoticeChannel.objects.get()
    assert row.url == "wecombot://geheim-geheim"
    for address in (page("members_noticechannel_changelist"), page("members_noticechannel_change", row.pk)):
        assert "geheim" not in text(client.get(address))
    changed = {"member": "", "name": "值班二群", "url": "", "waits": "on", "is_active": "on"}
    client.post(page("members_noticechannel_change", row.pk), changed)
    row.refresh_from_db()
    assert (row.name, row.url) == ("值班二群", "wecombot://geheim-geheim")


@pytest.mark.parametrize("url", ["syslog://", "https://example.cn/", "file:///etc/passwd"])
def test_only_known_channels_are_taken(client, town, url):
    login(client, town.clerk)
    form = {"township": town.code, "member": "", "name": "值班群", "url": url, "is_active": "on"}
    assert client.post(page("members_noticechannel_add"), form).status_code == 200
    assert not NoticeChannel.objects.exists()


def test_a_channel_for_somebody_of_another_township_is_refused(client, town, other):
    login(client, town.admin)
    form = {
        "township": town.code,
        "member": other.worker.member.pk,
        "name": "a",
        "url": "wecombot://abcdefgh",
        "is_active": "on",
    }
    assert client.post(page("members_noticechannel_add"), form).status_code == 200
    assert not NoticeChannel.objects.exists()


def test_a_key_is_shown_once_kept_as_hash_and_revoked(client, town):
    login(client, town.clerk)
    answer = client.post(
        page("incidents_servicekey_add"), {"township": town.code, "name": "县热线"}, follow=True
    )
    row = ServiceKey.objects.get()
    shown = re.findall(r"[\w-]{32}", text(answer))
    assert row.digest in {hashed(one) for one in shown}
    assert row.digest not in text(client.get(page("incidents_servicekey_change", row.pk)))
    client.post(
        page("incidents_servicekey_changelist"), {"action": "revoke", "_selected_action": [str(row.pk)]}
    )
    row.refresh_from_db()
    assert row.revoked_at is not None
