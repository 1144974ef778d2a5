"""A phone call taken down: five inputs, names instead of codes, the number to read out."""

import re
import uuid

import pytest
from django.test import Client

from incidents.models import Incident
from incidents.search.words import usual_initials
from tests.factories import login


@pytest.fixture
def desk(town):
    return login(Client(), town.clerk)


def call(client, **typed):
    body = {
        "client_uuid": str(uuid.uuid4()), "place": "第一村第一组", "category": "", "description": "路灯不亮",
        "name": "赵甲", "phone": "13800000001",
    }  # fmt: skip
    return client.post("/incidents/phone/", body | typed)


@pytest.fixture
def place(town) -> str:
    """How people call the first group."""
    village, group = town.villages[0], town.groups[0]
    return group.name if group.name.startswith(village.name) else f"{village.name}{group.name}"


def test_call_is_saved_with_five_inputs(town, desk, place):
    page = desk.get("/incidents/phone/").content.decode()
    inputs = re.findall(r'<(?:input|textarea)[^>]*name="(place|category|description|name|phone)"', page)
    assert inputs == ["place", "category", "description", "name", "phone"]
    assert re.search(r'<input[^>]*name="place"[^>]*autofocus', page)
    response = call(desk, place=f"{place} 大槐树 下", category=town.categories["request"].name)
    matter = Incident.objects.get()
    assert (matter.grid, matter.address, matter.category.code) == (town.groups[0], "大槐树 下", "request")
    assert (matter.source, matter.channel) == ("resident", "phone")
    assert (matter.requester.name, matter.requester.channel, matter.requester.wants_feedback) == (
        "赵甲",
        "phone",
        True,
    )
    after = desk.get(response.url).content.decode()
    assert matter.number in after
    assert f'href="/incidents/{matter.pk}/"' in after
    assert "路灯不亮</textarea>" not in after
    assert str(matter.client_uuid) not in after


def test_place_and_category_by_initials(town, desk, place):
    response = call(
        desk, place=usual_initials(place), category=usual_initials(town.categories["request"].name)
    )
    assert response.status_code == 302, response.content.decode()
    assert Incident.objects.get().grid == town.groups[0]


def test_the_cursor_goes_to_the_first_error_and_nothing_typed_is_lost(town, desk, place):
    response = call(desk, place=place, category="没有这一类", description="路灯坏了")
    text = response.content.decode()
    assert response.status_code == 400
    assert re.search(r'<input[^>]*name="category"[^>]*autofocus', text)
    assert not re.search(r'<input[^>]*name="place"[^>]*autofocus', text)
    assert "路灯坏了" in text
    assert not Incident.objects.exists()


def test_a_place_that_fits_several_names_them(town, desk):
    text = call(desk, place="组", category=town.categories["request"].name).content.decode()
    assert town.groups[0].name in text
    assert "、" in text
    assert not Incident.objects.exists()


def test_a_place_elsewhere_is_not_known(town, desk):
    assert call(desk, place="邻镇一村", category=town.categories["request"].name).status_code == 400


def test_a_double_click_is_one_call(town, desk, place):
    body = {"client_uuid": str(uuid.uuid4()), "place": place, "category": town.categories["request"].name}
    assert call(desk, **body).url == call(desk, **body).url
    assert Incident.objects.count() == 1


def test_a_caller_without_name_and_phone_is_no_requester(town, desk, place):
    call(desk, place=place, category=town.categories["request"].name, name="", phone="")
    assert not hasattr(Incident.objects.get(), "requester")


def test_what_is_there_already_is_shown_while_one_types(town, desk, place):
    call(desk, place=place, category=town.categories["request"].name, description="鱼塘漏水")
    typed = {"place": place, "category": town.categories["request"].name, "description": "鱼塘又漏水"}
    piece = desk.get("/incidents/similar/", typed).content.decode()
    assert Incident.objects.get().heading in piece
    assert "formaction" not in piece


@pytest.mark.parametrize("who", ["leader", "assessor", "auditor", "officer", "admin"])
def test_only_who_may_report_takes_calls(town, who):
    assert login(Client(), getattr(town, who)).get("/incidents/phone/").status_code == 403


def test_done_of_another_scope_shows_nothing(town, desk, place):
    call(desk, place=place, category=town.categories["request"].name)
    matter = Incident.objects.get()
    assert (
        matter.number
        not in login(Client(), town.worker2).get(f"/incidents/phone/?done={matter.pk}").content.decode()
    )
    assert desk.get("/incidents/phone/?done=x").status_code == 200
