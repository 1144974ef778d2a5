"""The inbox."""

import pytest
from django.test import Client

from members.actions import tell
from members.models import InboxMessage
from tests.factories import Town, incident, login, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(clock) -> Town:
    return township()


def unread(user) -> int:
    return InboxMessage.objects.visible_to(user).unread().count()


def test_inbox_tells_what_came_and_counts_it(town):
    matter = incident(town, escalate=True)
    text = login(Client(), town.village_head).get("/inbox/").content.decode()
    assert matter.number in text
    assert 'class="count">1<' in text


def test_looking_at_the_inbox_changes_nothing(town):
    incident(town, escalate=True)
    client = login(Client(), town.village_head)
    for _ in range(2):
        client.get("/inbox/")
    assert unread(town.village_head) == 1


def test_opening_marks_as_read_and_goes_there(town):
    matter = incident(town, escalate=True)
    client, message = (
        login(Client(), town.village_head),
        InboxMessage.objects.visible_to(town.village_head).get(),
    )
    assert client.get(f"/inbox/{message.pk}/open/").status_code == 405
    assert client.post(f"/inbox/{message.pk}/open/").url == f"/incidents/{matter.pk}/"
    assert unread(town.village_head) == 0


def test_message_of_somebody_else_is_not_found(town):
    incident(town, escalate=True)
    message = InboxMessage.objects.visible_to(town.village_head).get()
    assert login(Client(), town.worker).post(f"/inbox/{message.pk}/open/").status_code == 404
    assert unread(town.village_head) == 1


@pytest.mark.parametrize("link", ["https://example.org/", "//example.org/", ""])
def test_message_never_leads_outside(town, link):
    tell(members=[town.worker.member], text="x", key="1", link=link)
    message = InboxMessage.objects.visible_to(town.worker).get()
    assert login(Client(), town.worker).post(f"/inbox/{message.pk}/open/").url == "/inbox/"


def test_all_are_marked_at_once_and_only_ones_own(town):
    for _ in range(2):
        incident(town, escalate=True)
    tell(members=[town.worker.member], text="x", key="1")
    assert login(Client(), town.village_head).post("/inbox/read/").url == "/inbox/"
    assert (unread(town.village_head), unread(town.worker)) == (0, 1)


def test_inbox_pages(town):
    for number in range(51):
        tell(members=[town.worker.member], text="x", key=str(number))
    client = login(Client(), town.worker)
    first = client.get("/inbox/").content.decode()
    assert first.count("/open/") == 50
    after = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert client.get(f"/inbox/{after}").content.decode().count("/open/") == 1


def test_technical_account_has_an_empty_inbox(town):
    assert login(Client(), town.admin).get("/inbox/").status_code == 200
