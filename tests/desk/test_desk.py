"""The desk by role: what stands there can be opened, and nothing else stands there."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from gridgov.desk.context import frame
from incidents.actions import sweep
from tests.factories import Town, incident, login, township

pytestmark = pytest.mark.django_db

ROLES = (
    "clerk", "village_head", "worker", "group_head", "officer", "assessor", "leader", "contact_leader", "auditor", "admin",
)  # fmt: skip


@pytest.fixture
def town(clock) -> Town:
    return township()


def page(town: Town, role: str, url: str = "/") -> str:
    response = login(Client(), getattr(town, role)).get(url)
    assert response.status_code == 200, (role, url, response.status_code)
    return response.content.decode()


@pytest.mark.once
@pytest.mark.parametrize("role", ROLES)
def test_desk_offers_only_what_opens(town, role):
    incident(town)
    incident(town, "dispatched", grid=town.groups[0])
    client = login(Client(), getattr(town, role))
    text = client.get("/").content.decode()
    links = {
        link.replace("&amp;", "&")
        for link in re.findall(r'href="(/[^"]*)"', text)
        if not link.startswith("/static/")
    }
    assert links
    opened = {link: client.get(link, follow=True).status_code for link in sorted(links)}
    assert {link for link, status in opened.items() if status != 200} == set()


def test_anonymous_is_sent_to_the_login(town):
    response = Client().get("/")
    assert (response.status_code, response.url) == (302, "/login/?next=/")


def test_anonymous_has_no_frame(django_assert_num_queries):
    request = RequestFactory().get("/login/")
    request.user = AnonymousUser()
    with django_assert_num_queries(0):
        assert frame(request) == {}


@pytest.mark.requirement("R144")
def test_contact_leader_sees_the_village_and_may_only_urge(town):
    own = incident(town, grid=town.groups_of(town.villages[0])[0])
    other = incident(town, user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    text = page(town, "contact_leader")
    assert town.groups_of(town.villages[0])[0].name in text
    assert town.groups_of(town.villages[1])[0].name not in text
    assert "/incidents/new/" not in text
    client = login(Client(), town.contact_leader)
    assert client.get(f"/incidents/{other.pk}/").status_code == 404
    matter = client.get(f"/incidents/{own.pk}/")
    assert matter.status_code == 200
    offered = set(re.findall(r"/actions/(\w+)/", matter.content.decode()))
    assert offered <= {"remind", "supervise", "whistle", "mark_accountable", "add_note"}


@pytest.mark.requirement("R25")
def test_village_head_sees_what_waits_and_every_group(town):
    matter = incident(town, escalate=True)
    text = page(town, "village_head")
    assert str(matter.pk) in text
    for group in town.groups_of(town.villages[0]):
        assert f"/grids/{group.code}/" in text
    for group in town.groups_of(town.villages[1]):
        assert f"/grids/{group.code}/" not in text


def test_figures_equal_the_lists_they_open(town, clock):
    for _ in range(3):
        incident(town)
    clock("2026-11-26T10:00")  # two working days later: late
    incident(town)
    sweep()
    client = login(Client(), town.worker)
    text = client.get("/").content.decode()
    cards = re.findall(r'class="figure[^"]*" href="([^"]+)".*?figure-value">([^<]+)<', text, re.DOTALL)
    assert len(cards) == 4
    for url, value in cards:
        rows = client.get(url.replace("&amp;", "&")).content.decode().count('class="main"')
        assert rows == int(value), url
    assert [int(value) for _url, value in cards][:2] == [4, 3]


def test_most_urgent_stands_first(town, clock):
    first = incident(town, description="先到")
    quick = incident(town, category="quick", description="更急")
    text = page(town, "worker")
    assert text.index(f"/incidents/{quick.pk}/") < text.index(f"/incidents/{first.pk}/")


def test_what_went_up_says_why(town, clock):
    matter = incident(town)
    clock("2026-11-26T10:00")
    assert sweep() == 1
    text = page(town, "clerk")
    went_up = text[text.index('<aside class="side">') :]
    assert f"/incidents/{matter.pk}/" in went_up
    assert town.villages[0].name in went_up


@pytest.mark.parametrize("role", ["clerk", "village_head", "worker", "officer", "leader", "contact_leader"])
def test_desk_asks_the_same_number_of_questions_for_one_row_and_three(town, role, clock):
    def asked() -> int:
        client = login(Client(), getattr(town, role))
        client.get("/")
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get("/").status_code == 200
        return len(found)

    incident(town)
    clock("2026-11-26T10:00")
    sweep()
    one = asked()
    for group in town.groups:
        incident(town, user=town.worker, grid=group)
    clock("2026-12-01T10:00")
    sweep()
    assert asked() == one
    assert one <= 26


def test_desk_of_nobody_says_so(town):
    from gridgov.common.models import User

    text = login(Client(), User.objects.create_user("stranger", "x")).get("/").content.decode()
    assert "/incidents/" not in re.findall(r'class="rail-item[^"]*" href="([^"]+)"', text)


@pytest.mark.parametrize("role", ["clerk", "village_head", "worker", "auditor"])
def test_pages_as_served_have_nothing_inline(town, role):
    matter = incident(town, requester={"name": "钱", "phone": "1", "wants_feedback": True})
    client = login(Client(), getattr(town, role))
    for url in (
        "/",
        "/incidents/",
        f"/incidents/{matter.pk}/",
        "/incidents/new/",
        "/grids/",
        "/inbox/",
        "/audit/",
    ):
        text = client.get(url).content.decode()
        assert not re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", text), url
        assert not re.search(r"<script(?![^>]*(?:\ssrc=|application/json))", text), url
