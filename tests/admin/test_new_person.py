"""Somebody new: member, login and appointment in one form."""

import pytest
from django.test import Client

from gridgov.common.models import AuditEvent, User
from members.actions import end_appointment
from members.models import Appointment, Member, Post
from tests.factories import login

pytestmark = pytest.mark.django_db
NEW = "/admin/members/appointment/new-person/"


@pytest.fixture
def vacant(town) -> Post:
    """The worker of the first group has gone."""
    held = Appointment.objects.get(member=town.worker.member)
    end_appointment(appointment=held)
    return held.post


def person(post: Post, **other: str) -> dict[str, object]:
    return {"post": post.pk, "name": "周戊", "username": "zhouwu", "phone": "", **other}


def test_a_village_head_appoints_a_new_worker_who_can_begin(town, vacant):
    response = login(Client(), town.village_head).post(NEW, person(vacant))
    word = response.context["form"].password
    assert word in response.content.decode()
    held = Appointment.objects.current().get(post=vacant)
    assert (held.member.name, held.member.user.username) == ("周戊", "zhouwu")
    worker = Client()
    worker.post("/login/", {"username": "zhouwu", "password": word})
    assert worker.get("/").url == "/password/"
    assert AuditEvent.objects.filter(kind="people", user=town.village_head, subject__contains="周戊").exists()


def test_another_villages_post_is_no_choice(town, vacant):
    response = login(Client(), town.village_head2).post(NEW, person(vacant))
    assert response.context["form"].errors["post"]
    assert not User.objects.filter(username="zhouwu").exists()


def test_a_post_that_is_held_is_no_choice(town, vacant):
    held = Appointment.objects.get(member=town.worker2.member).post
    assert login(Client(), town.clerk).post(NEW, person(held)).context["form"].errors["post"]


def test_a_name_that_is_taken_is_told_and_what_was_typed_stays(town, vacant):
    before = Member.objects.count()
    response = login(Client(), town.clerk).post(NEW, person(vacant, username=town.clerk.username))
    assert response.context["form"].errors["username"]
    assert 'value="周戊"' in response.content.decode()
    assert Member.objects.count() == before


def test_who_manages_nothing_finds_no_page(town, vacant):
    for user in (town.admin, town.worker2, town.assessor):
        assert login(Client(), user).get(NEW).status_code == 404


def test_vacant_posts_are_found_and_lead_to_the_form(town, vacant):
    client = login(Client(), town.village_head)
    page = client.get("/admin/members/post/?vacant=yes").content.decode()
    assert f"{NEW}?post={vacant.pk}" in page
    form = client.get(f"{NEW}?post={vacant.pk}").content.decode()
    assert f'<option value="{vacant.pk}" selected' in form
    assert str(vacant) not in client.get("/admin/members/post/?vacant=no").content.decode()


def test_posts_are_listed_in_the_same_number_of_queries(town, django_assert_max_num_queries):
    client = login(Client(), town.clerk)
    with django_assert_max_num_queries(14):
        client.get("/admin/members/post/")
