"""Nights and holidays: the duty roster, numbers to call, telephone reports, and the next one called while nobody takes a matter."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Conflict, Forbidden, Invalid
from gridgov.common.models import OutboxMessage, SetAside
from incidents.actions import call_next, record_call
from incidents.loop_check import breaches
from incidents.models import Incident, Transition, UrgentCall
from members.actions import change_duty, enter_shifts, forget_channels
from members.models import InboxMessage, NoticeChannel, Shift
from members.querysets import emergency_numbers
from tests.factories import login
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _loop_stays_closed(request):
    request.getfixturevalue("town")
    yield
    assert list(breaches()) == []


@pytest.fixture
def roster(town):
    """From Saturday on the village head answers the telephone, the worker second, the leader leads."""
    enter_shifts(
        township_code=town.code,
        first=date(2026, 11, 21),
        last=date(2026, 11, 30),
        leader=town.leader.member,
        officer=town.village_head.member,
        second=town.worker.member,
    )


def called(incident):
    return list(
        UrgentCall.objects.filter(incident=incident).order_by("id").values_list("member__name", flat=True)
    )


def test_next_on_the_roster_is_called_one_by_one_and_each_once(town, new, clock, roster):
    incident = new("fire")  # must be reported: it begins at the township
    order = [town.village_head.member.name, town.worker.member.name, town.leader.member.name]
    expected = (("09:14", 0), ("09:15", 1), ("09:20", 1), ("09:30", 2), ("09:46", 3), ("11:00", 3))
    for moment, count in expected:
        clock(f"2026-11-23T{moment}")
        call_next()
        call_next()
        assert called(incident) == order[:count], moment
    told = InboxMessage.objects.filter(key__contains=":called:")
    assert {row.member for row in told} == {
        town.village_head.member, town.worker.member, town.leader.member,
    }  # fmt: skip
    assert Transition.objects.filter(incident=incident, action="called").count() == 3


def test_a_sweep_that_was_missed_calls_all_that_are_due(town, new, clock, roster):
    incident = new("fire")
    clock("2026-11-23T10:00")
    assert call_next() == 3
    assert len(called(incident)) == 3


def test_nobody_is_called_once_it_is_taken_and_for_what_is_not_urgent(town, new, clock, roster):
    taken, ordinary = new("fire"), new("request")
    do(taken, town.clerk, "accept")
    clock("2026-11-23T11:00")
    assert call_next() == 0
    assert called(taken) == called(ordinary) == []


def test_without_a_roster_the_duty_post_and_the_leader_are_called(town, new, clock):
    incident = new("fire", user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    clock("2026-11-23T11:00")
    call_next()
    assert called(incident) == [town.leader.member.name]  # the duty post has it already


def test_whoever_is_called_sees_the_matter(town, new, clock, roster):
    outside = town.groups_of(town.villages[1])[0]
    incident = new("fire", user=town.worker2, grid=outside)
    assert login(Client(), town.village_head).get(f"/incidents/{incident.pk}/").status_code == 404
    clock("2026-11-23T09:16")
    call_next()
    page = login(Client(), town.village_head).get(f"/incidents/{incident.pk}/")
    assert page.status_code == 200
    assert "已通知值班表上的下一位" in page.content.decode()


def test_the_call_goes_through_every_channel_at_once_even_at_night(town, new, clock, roster):
    own = {"township": town.grid, "kinds": ["arrived"], "waits": True}
    NoticeChannel.objects.create(name="群", url="wecombot://x", **own)
    NoticeChannel.objects.create(name="本人", url="wecombot://y", member=town.village_head.member, **own)
    NoticeChannel.objects.create(name="他人", url="wecombot://z", member=town.clerk2.member, **own)
    forget_channels()
    clock("2026-11-28T23:00")
    new("fire")
    OutboxMessage.objects.all().delete()
    clock("2026-11-28T23:16")
    assert call_next() == call_next() + 1 == 1
    rows = OutboxMessage.objects.filter(topic="notice")
    assert rows.count() == 2
    assert {row.next_attempt_at for row in rows} == {rows[0].created_at}


def test_a_stage_begun_anew_calls_anew(town, new, clock, roster):
    incident = new("fire")
    clock("2026-11-23T09:16")
    assert call_next() == 1
    do(incident, town.clerk, "accept")
    do(incident, town.clerk, "dispatch", to=town.department)
    do(incident, town.clerk, "hand_over", to=town.grid, reason="收回")
    clock("2026-11-23T09:20")
    assert call_next() == 0
    clock("2026-11-23T09:32")
    assert call_next() == 1
    assert called(incident) == [town.village_head.member.name] * 2  # the roster from its beginning


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_many_matters_are_called_as_cheaply_as_one(town, new, clock, roster, batch):
    asked = []
    for more in (1, 3):
        matters = [new("fire") for _n in range(more)]
        clock(gridgov_clock.now() + timedelta(minutes=16))
        with CaptureQueriesContext(connection) as found:
            assert call_next(batch=batch) == more
        asked.append(len(found))
        assert {len(called(one)) for one in matters} == {1}
        Incident.objects.update(important=False)
    assert batch < 500 or asked[0] == asked[1]


def test_a_broken_matter_does_not_keep_the_others_from_being_called(town, new, clock, roster):
    broken, sound = new("fire"), new("fire")
    clock("2026-11-23T09:16")
    # somebody wrote a row of history that the matter does not know of
    Transition.objects.filter(incident=broken).update(seq=2)
    assert call_next() == 1
    assert called(broken) == [] and len(called(sound)) == 1
    assert SetAside.objects.get().key == str(broken.pk)
    assert call_next() == 0
    Transition.objects.filter(incident=broken).update(seq=1)
    clock("2026-11-23T09:22")
    assert call_next() == 1


@pytest.mark.parametrize("answered", [True, False])
def test_a_telephone_report_is_kept_with_who_when_and_whether_answered(town, new, clock, roster, answered):
    incident = new("fire")
    call = {"whom": "值班员张某", "answered": answered, "client_uuid": uuid4()}
    at = incident.reported_at
    clock("2026-11-23T09:05")
    done = record_call(
        user=town.worker, incident=Incident.objects.get(pk=incident.pk), happened_at=at, **call
    )
    assert not done.replayed
    again = record_call(
        user=town.worker, incident=Incident.objects.get(pk=incident.pk), happened_at=at, **call
    )
    assert again.replayed
    row = Transition.objects.get(incident=incident, action="phone_report")
    assert (row.actor, row.happened_at, row.channel) == (town.worker.member, at, "phone")
    assert row.data == {"called": "值班员张某", "answered": answered}
    page = login(Client(), town.clerk).get(f"/incidents/{incident.pk}/").content.decode()
    assert ("值班员张某已接听" in page) is answered
    assert ("值班员张某未接听" in page) is not answered


def test_a_telephone_report_is_for_who_works_on_an_open_matter(town, new):
    incident = new("fire")
    row = Incident.objects.for_list().get(pk=incident.pk)
    with pytest.raises(Forbidden):
        record_call(user=town.assessor, incident=row, whom="值班员", answered=True)
    with pytest.raises(Invalid):
        record_call(user=town.worker, incident=row, whom=" ", answered=True)
    row = do(incident, town.clerk, "void", reason="误报")
    with pytest.raises(Conflict):
        record_call(user=town.clerk, incident=row, whom="值班员", answered=True)


def test_page_and_rest_take_the_call_down(town, new, roster):
    incident = new("fire")
    client = login(Client(), town.clerk)
    page = client.get(f"/incidents/{incident.pk}/").content.decode()
    assert f'value="{town.village_head.member.name}"' in page  # who is on duty stands in the form
    form = {"client_uuid": str(uuid4()), "whom": "消防队", "answered": "1"}
    assert client.post(f"/incidents/{incident.pk}/call/", form).status_code == 302
    assert Transition.objects.filter(incident=incident, action="phone_report").count() == 1


def test_numbers_are_links_on_what_is_reported_and_on_the_matter(town, new, roster):
    change_duty(township_code=town.code, phone="0516-0000000", call_after=15)
    numbers = [one.number for one in emergency_numbers(town.code)]
    assert numbers == ["110", "119", "120", "0516-0000000", town.leader.member.phone]
    client = login(Client(), town.worker)
    for url in ("/incidents/new/", f"/incidents/{new('fire').pk}/", "/roster/"):
        text = client.get(url).content.decode()
        assert all(f'href="tel:{number}"' in text for number in numbers), url
    assert "tel:110" not in client.get(f"/incidents/{new('request').pk}/").content.decode()


def test_roster_page_is_read_by_all_and_entered_by_the_township(town):
    form = {
        "do": "shifts", "first": "2026-11-23", "last": "2026-11-25", "leader": town.leader.member.pk,
        "officer": town.clerk.member.pk, "second": "", "phone": "000123",
    }  # fmt: skip
    clerk = login(Client(), town.clerk)
    assert clerk.post("/roster/", form).status_code == 302
    assert list(Shift.objects.values_list("day", flat=True)) == [date(2026, 11, day) for day in (23, 24, 25)]
    assert clerk.post("/roster/", form | {"first": "2026-11-24", "last": "2026-11-24"}).status_code == 302
    assert Shift.objects.count() == 3
    assert clerk.post("/roster/", form | {"last": "2026-11-20"}).status_code == 400
    assert clerk.post("/roster/", form | {"second": town.clerk.member.pk}).status_code == 400
    assert clerk.post("/roster/", {"do": "phone", "phone": "0516-1", "call_after": "5"}).status_code == 302
    town.township.refresh_from_db()
    assert (town.township.duty_phone, town.township.call_after) == ("0516-1", 5)
    worker = login(Client(), town.worker)
    assert "000123" in worker.get("/roster/").content.decode()
    assert worker.post("/roster/", form).status_code == 403
    assert login(Client(), town.admin).get("/roster/").status_code == 403


def test_roster_asks_as_often_for_many_days_as_for_one(
    town, roster, django_assert_num_queries, django_assert_max_num_queries
):
    client = login(Client(), town.clerk)
    with django_assert_max_num_queries(20) as ten:
        client.get("/roster/")
    Shift.objects.exclude(day=date(2026, 11, 23)).delete()
    with django_assert_num_queries(len(ten)):
        client.get("/roster/")
