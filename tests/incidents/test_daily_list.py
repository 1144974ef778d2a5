"""What nobody able answers for and what lies still: found set by set, told once a day."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as gridgov_clock
from gridgov.common.models import User
from gridgov.desk.neglected import counts_of, empty_posts
from incidents.models import Incident
from incidents.tasks import follow_appointments, tell_of_neglected
from members.actions import end_appointment
from members.models import InboxMessage, Post
from tests.factories import fresh, incident, login, township
from tests.incidents.acting import do

pytestmark = pytest.mark.django_db


@pytest.fixture
def quiet(clock):
    """A town without limits: nothing has a deadline."""
    return township(limits=False)


def test_post_without_holder_and_with_a_closed_login_are_found(town):
    before = Post.objects.without_holder().count()
    end_appointment(appointment=town.worker.member.appointments.get())
    User.objects.filter(pk=town.officer.pk).update(is_active=False)
    found = Post.objects.without_holder()
    assert found.count() == before + 2
    assert {post.grid or post.department for post in found} >= {town.groups[0], town.department}


def test_list_says_why_and_who_answers_meanwhile(town):
    incident(town)
    end_appointment(appointment=town.worker.member.appointments.get())
    User.objects.filter(pk=town.worker2.pk).update(is_active=False)
    rows = {row.post.grid: row for row in empty_posts([town.code]) if row.post.grid}
    vacant, closed = rows[town.groups[0]], rows[town.groups[2]]
    assert (vacant.held_by, vacant.open) == ("", 1)
    assert vacant.meanwhile.post.grid == town.villages[0]
    assert closed.held_by == town.worker2.member.name


def test_matter_whose_person_cannot_log_in_is_found_until_it_is_passed_on(town):
    matter = incident(town)
    assert not Incident.objects.unanswered().exists()
    User.objects.filter(pk=town.worker.pk).update(is_active=False)
    assert list(Incident.objects.unanswered()) == [matter]
    follow_appointments()
    assert not Incident.objects.unanswered().exists()


def test_matter_lies_still_after_thirty_days_without_a_step(quiet, clock):
    matter = incident(quiet)
    incident(quiet, "closed")
    clock("2026-12-23T09:00")
    assert not Incident.objects.lying_still().exists()
    clock("2026-12-23T09:01")
    assert list(Incident.objects.lying_still()) == [matter]
    do(matter, fresh(quiet.worker), "add_note", note="等材料")
    assert not Incident.objects.lying_still().exists()


def test_what_has_a_deadline_does_not_lie_still(town, clock):
    incident(town)
    clock("2027-02-01T09:00")
    assert not Incident.objects.lying_still().exists()


def test_township_is_told_once_a_day(quiet, clock):
    incident(quiet)
    clock("2027-01-04T07:30")
    for _run in range(2):
        tell_of_neglected()
    (told,) = InboxMessage.objects.filter(member=quiet.clerk.member, key__startswith="daily:")
    assert told.params["still"] == "1"
    assert told.link == "/neglected/"
    clock("2027-01-05T07:30")
    tell_of_neglected()
    assert InboxMessage.objects.filter(member=quiet.clerk.member, key__startswith="daily:").count() == 2


def test_other_townships_count_for_themselves(quiet, clock):
    other = township("320371102", 1, 1, name="邻镇", limits=False)
    incident(other)
    clock("2027-01-04T07:30")
    assert counts_of([other.code]).still == 1
    assert counts_of([quiet.code]).still == 0


def test_page_is_for_whoever_looks_after_the_whole_township(client: Client, quiet, clock):
    matter = incident(quiet, title="桥面破损")
    clock("2027-01-04T09:00")
    for who, status in (
        ("clerk", 200),
        ("leader", 200),
        ("village_head", 404),
        ("worker", 404),
        ("admin", 404),
    ):
        login(client, getattr(quiet, who))
        page = client.get("/neglected/")
        assert page.status_code == status, who
        if status == 200:
            assert matter.heading in page.content.decode()
    login(client, quiet.clerk)
    assert "/neglected/" in client.get("/").content.decode()


def test_page_asks_the_same_number_of_queries_with_one_row_and_three(client: Client, quiet, clock):
    incident(quiet)
    end_appointment(appointment=quiet.group_head.member.appointments.get())
    end_appointment(appointment=quiet.officer.member.appointments.get())
    clock("2027-01-04T09:00")
    login(client, quiet.clerk)
    client.get("/neglected/")
    with CaptureQueriesContext(connection) as one:
        client.get("/neglected/")
    with gridgov_clock.at(gridgov_clock.now() - timedelta(days=40)):
        for _more in range(2):
            incident(quiet)
    for held in (quiet.worker, quiet.worker2):
        end_appointment(appointment=held.member.appointments.get())
    Incident.objects.update(version=1)
    with CaptureQueriesContext(connection) as three:
        client.get("/neglected/")
    assert len(three) == len(one)
