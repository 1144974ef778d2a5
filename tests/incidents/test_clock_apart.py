"""Clocks of machines that differ, shifts that change, years that begin in December: nothing is lost by it."""

from datetime import date

import pytest

from gridgov.common.models import OutboxMessage, SetAside
from grids.actions import SpecialDay, import_year
from grids.models import CalendarYear
from incidents.actions import NewProcedure, call_next, follow_years, publish_procedures, sweep_assisting
from incidents.loop_check import breaches
from incidents.models import ClockEvent, Incident, Stage, UrgentCall
from members.actions import enter_shifts, forget_channels
from members.models import NoticeChannel
from tests.factories import client_for, fresh
from tests.incidents.acting import do
from tests.incidents.test_due import at, limited

DAYS = {"unit": "working_days"}


def under(town, **data):
    """The category `request` by a procedure with these settings, limits among them."""
    procedure = town.categories["request"].procedure
    data = {**procedure.data, **data}
    publish_procedures(township=town.grid, procedures=[NewProcedure(procedure.code, "x", data)])
    town.categories["request"].refresh_from_db()


def again(matter):
    return Incident.objects.get(pk=matter.pk)


def test_a_clock_set_back_by_a_minute_breaks_no_matter(town, new, clock):
    clock("2026-11-23T09:01:30")
    matter = new()
    clock("2026-11-23T09:00:00")
    matter = do(matter, town.worker, "suspend", reason="等雨停")
    matter = do(matter, town.worker, "resume")
    matter = do(matter, town.worker, "escalate", reason="够不着")
    assert client_for(fresh(town.clerk)).get(f"/api/v1/incidents/{matter.pk}/").status_code == 200
    assert list(breaches()) == []


def test_one_matter_that_cannot_be_reckoned_keeps_no_other_from_its_holidays(town, new, clock):
    limited(town, group={"n": 5, **DAYS})
    clock("2026-12-30T09:00")
    broken, healthy = new(), new()
    stage = Stage.objects.get(incident=broken, number=1)
    ClockEvent.objects.create(stage=stage, kind="resume", at=stage.started_at, history_seq=1)
    days = [SpecialDay(date(2027, 1, day), working=False, name="元旦") for day in (1, 2, 3, 4)]
    assert healthy.due_at == at("2027-01-06T09:00")
    import_year(township_code=town.code, year=2027, days=days)
    assert again(healthy).due_at == at("2027-01-08T09:00")
    assert SetAside.objects.get().key == str(broken.pk)
    assert CalendarYear.objects.get(
        calendar=town.code, year=2027
    ).followed_at  # the township is not looked through again
    clock("2026-12-30T09:10")
    assert follow_years() == 0
    assert SetAside.objects.get().times == 2
    ClockEvent.objects.filter(stage=stage).delete()
    clock("2026-12-30T10:00")
    assert follow_years() == 1
    assert not SetAside.objects.exists()
    assert again(broken).due_at == at("2027-01-08T09:00")


def test_a_years_table_moves_what_ends_on_its_december_days(town, new, clock):
    limited(town, group={"n": 2, **DAYS})
    clock("2026-12-29T10:00")
    hit = new()
    assert hit.due_at == at("2026-12-31T10:00")
    days = [SpecialDay(date(2026, 12, 31), working=False, name="元旦")]
    days += [SpecialDay(date(2027, 1, day), working=False, name="元旦") for day in (1, 2)]
    assert import_year(township_code=town.code, year=2027, days=days) is not None
    assert again(hit).due_at == new().due_at > at("2026-12-31T10:00")
    row = ClockEvent.objects.get(stage__incident=hit, kind="year")
    assert (row.due_before, row.due_after) == (at("2026-12-31T10:00"), again(hit).due_at)
    assert follow_years() == 0
    assert list(breaches()) == []


def test_after_a_change_of_shift_the_new_one_is_called(town, new, clock):
    day = {"township_code": town.code}
    enter_shifts(**day, first=date(2026, 11, 22), last=date(2026, 11, 22), leader=town.leader.member, officer=town.worker.member)  # fmt: skip
    enter_shifts(**day, first=date(2026, 11, 23), last=date(2026, 11, 24), leader=town.assessor.member, officer=town.village_head.member)  # fmt: skip
    clock("2026-11-23T07:50")
    matter = new("fire")
    called = {}
    for time in ("08:06", "08:21", "08:36", "08:51", "09:06"):
        clock(f"2026-11-23T{time}")
        called[time] = call_next()
    assert called == {"08:06": 1, "08:21": 1, "08:36": 1, "08:51": 1, "09:06": 0}
    names = (
        UrgentCall.objects.filter(incident=matter).order_by("position").values_list("member__name", flat=True)
    )
    people = (town.worker, town.leader, town.village_head, town.assessor)
    assert list(names) == [person.member.name for person in people]


def test_what_became_urgent_days_later_is_called_for(town, new, clock):
    matter = new("request")
    clock("2026-11-27T09:00")
    do(matter, town.worker, "escalate", reason="着火了", important=True)
    clock("2026-11-27T11:00")
    assert call_next() >= 1


@pytest.mark.parametrize("important", [True, False])
def test_late_assisting_is_told_through_the_channels(town, new, clock, important):
    NoticeChannel.objects.create(township=town.grid, name="群", url="wecombot://x", kinds=[], waits=True)
    forget_channels()
    limited(town, assist={"n": 1, "unit": "hours"}, village={"n": 9, **DAYS})
    matter = do(new(), town.worker, "escalate", reason="够不着", important=important)
    matter = do(matter, town.village_head, "accept")
    clock("2026-11-23T16:30")
    matter = do(matter, town.village_head, "assist", assisting=[town.departments[1]])
    assert matter.important is important
    OutboxMessage.objects.all().delete()
    clock("2026-11-23T22:00")
    assert sweep_assisting() == 1
    sent = OutboxMessage.objects.filter(topic="notice")
    assert sent.exists()
    waits = {row.next_attempt_at > at("2026-11-23T22:00") for row in sent}
    assert waits == {not important}  # what is urgent does not wait for the morning


def test_an_urgent_clock_runs_through_the_holidays_of_december(town, new, clock):
    under(town, calendar="urgent", limits={"group": {"n": 48, "unit": "working_hours"}})
    clock("2026-12-29T10:00")
    matter = new()
    assert matter.due_at == at("2026-12-31T10:00")
    days = [SpecialDay(date(2026, 12, 31), working=False, name="元旦")]
    days += [SpecialDay(date(2027, 1, day), working=False, name="元旦") for day in (1, 2)]
    import_year(township_code=town.code, year=2027, days=days)
    assert again(matter).due_at == at("2026-12-31T10:00")
    assert not ClockEvent.objects.filter(stage__incident=matter).exists()
