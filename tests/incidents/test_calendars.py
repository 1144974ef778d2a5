"""Calendars under running clocks: an edit moves nothing, a year that comes in moves exactly what leaned on it."""

from datetime import date, datetime, timedelta

from django.utils import translation

from gridgov.common import clock as gridgov_clock
from grids.actions import SpecialDay, change_calendar, import_year
from grids.models import CalendarYear, WorkingTime
from incidents import due
from incidents.actions import (
    NewProcedure,
    calendars,
    follow_years,
    publish_procedures,
    sweep,
    sweep_assisting,
)
from incidents.loop_check import breaches
from incidents.models import AssistTask, AssistTold, ClockEvent, Escalation, Incident, Stage, Transition
from members.models import InboxMessage
from tests.factories import login
from tests.incidents.acting import do

NEW_YEAR = [SpecialDay(date(2027, 1, day), working=False, name="元旦") for day in (1, 2, 3)]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=gridgov_clock.SHANGHAI)


def spec(town, **values):
    """Category `request` under another procedure from now on."""
    procedure = town.categories["request"].procedure
    data = {**procedure.data, **values}
    publish_procedures(township=town.grid, procedures=[NewProcedure(procedure.code, "x", data)])
    town.categories["request"].refresh_from_db()


def again(incident):
    return Incident.objects.get(pk=incident.pk)


def test_an_edit_moves_no_running_clock_not_even_over_a_pause(town, new, clock):
    incident = new()
    change_calendar(
        township_code=town.code, days=[SpecialDay(date(2026, 11, 24), working=False, name="停电")]
    )
    assert due.explain(again(incident)).due_at == at("2026-11-25T09:00")
    do(incident, town.worker, "suspend", reason="等材料")
    clock("2026-11-23T11:00")
    do(incident, town.worker, "resume")
    assert again(incident).due_at == at("2026-11-25T11:00")
    assert new().due_at == at("2026-11-26T11:00")  # what begins now goes by the new calendar


def test_a_year_that_comes_in_moves_exactly_what_leaned_on_it(town, new, clock):
    clock("2026-12-30T10:00")
    short = new()
    spec(town, limits={"group": {"n": 3, "unit": "working_days"}})
    leaning = new()
    assert again(short).due_at == at("2027-01-01T10:00")  # the year is assumed to have no holidays
    assert again(leaning).due_at == at("2027-01-04T10:00")
    with translation.override("zh-hans"):
        assert due.explain(leaning).lines[-1] == "2027年放假安排未导入，暂按周末推算。"
    clock("2026-12-20T10:00")
    untouched = new()
    clock("2026-12-31T09:00")
    moved = import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    assert moved == 2
    assert again(short).due_at == at("2027-01-04T10:00")
    assert again(leaning).due_at == at("2027-01-05T10:00")
    rows = ClockEvent.objects.filter(kind="year").order_by("stage__incident__number")
    assert [(row.stage.incident, row.due_before, row.due_after) for row in rows] == [
        (short, at("2027-01-01T10:00"), at("2027-01-04T10:00")),
        (leaning, at("2027-01-04T10:00"), at("2027-01-05T10:00")),
    ]
    assert not Transition.objects.filter(incident=untouched, action="year_imported").exists()
    told = InboxMessage.objects.get(member=town.worker.member, key=f"{short.pk}:year_imported:2027")
    assert told.params["before"] == "2027-01-01 10:00" and told.params["after"] == "2027-01-04 10:00"
    with translation.override("zh-hans"):
        lines = due.explain(again(short)).lines
        assert "2026年12月" not in lines[-1]
        assert any("元旦" in line for line in lines)
        assert any(
            line.endswith("导入2027年放假安排：原定 2027年1月1日 10:00，此后为 2027年1月4日 10:00。")
            for line in lines
        )
        assert not any("暂按周末" in line for line in lines)


def test_importing_twice_or_following_again_changes_nothing(town, new, clock):
    clock("2026-12-30T10:00")
    incident = new()
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    version = again(incident).version
    assert follow_years() == 0
    CalendarYear.objects.filter(year=2027).update(followed_at=None)  # as if the process had died in between
    assert follow_years() == 0
    assert again(incident).version == version


def test_an_edit_meanwhile_does_not_come_in_with_the_year(town, new, clock):
    clock("2026-12-30T10:00")
    incident = new()
    change_calendar(
        township_code=town.code, days=[SpecialDay(date(2026, 12, 31), working=False, name="停电")]
    )
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    assert again(incident).due_at == at("2027-01-04T10:00")


def test_a_paused_and_a_whole_matters_clock_follow_too(town, new, clock):
    clock("2026-12-30T10:00")
    spec(
        town,
        limits={"group": {"n": 2, "unit": "working_days"}, "total": {"n": 4, "unit": "working_days"}},
    )
    incident = new()
    do(incident, town.worker, "suspend", reason="等材料")
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    assert again(incident).due_at is None
    assert Stage.objects.get(incident=incident, number=0).due_at == at("2027-01-06T10:00")
    do(incident, town.worker, "resume")
    assert again(incident).due_at == at("2027-01-04T10:00")


def test_what_was_late_by_the_assumption_is_late_no_more(town, new, clock):
    clock("2026-12-30T10:00")
    incident = new()
    clock("2027-01-01T10:01")
    assert sweep() == 1 and again(incident).is_late
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    assert not again(incident).is_late
    assert again(incident).escalate_at == at("2027-01-04T10:00")


def test_urgent_matters_have_a_calendar_of_their_own(town, new, clock):
    spec(town, calendar="urgent", limits={"group": {"n": 4, "unit": "working_hours"}})
    clock("2026-12-31T22:00")
    incident = new()
    assert incident.due_at == at("2027-01-01T02:00")
    assert due.explain(incident).lines == [
        due.sentences(Stage.objects.get(incident=incident, number=1).derived().steps)[0]
    ]
    change_calendar(township_code=town.code, urgent_frames=[("07:00", "22:00")])
    assert new().due_at - at("2027-01-01T07:00") == timedelta(hours=4)


def test_timeline_says_that_a_year_came_in(town, new, clock, client):
    clock("2026-12-30T10:00")
    incident = new()
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    page = login(client, town.worker).get(f"/incidents/{incident.pk}/")
    assert "年度放假安排已导入，截止时间重新推算" in page.content.decode()


def test_a_clock_that_reaches_the_year_only_later_knows_it_by_then(town, new, clock):
    clock("2026-12-28T10:00")
    incident = new()  # due on Wednesday the 30th
    do(incident, town.worker, "suspend", reason="等材料")
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    assert not ClockEvent.objects.filter(kind="year").exists()
    clock("2026-12-31T10:00")
    do(incident, town.worker, "resume")
    assert again(incident).due_at == at("2027-01-05T10:00")  # three days stood still; not the 1st
    row = ClockEvent.objects.get(kind="year")
    assert (row.due_before, row.due_after) == (at("2027-01-04T10:00"), at("2027-01-05T10:00"))
    with translation.override("zh-hans"):
        assert not any("暂按周末" in line for line in due.explain(again(incident)).lines)
    do(incident, town.worker, "undo")
    assert again(incident).due_at is None
    clock("2026-12-31T10:05")
    do(incident, town.worker, "resume")
    assert again(incident).due_at == at("2027-01-05T10:05")
    assert list(breaches()) == []


def test_assisting_tasks_follow_the_year_too(town, new, clock):
    clock("2026-12-30T10:00")
    spec(town, limits={"group": {"n": 9, "unit": "hours"}, "assist": {"n": 2, "unit": "working_days"}})
    incident = do(new(), town.worker, "accept")
    incident = do(incident, town.worker, "assist", assisting=[town.department], note="帮忙")
    task = AssistTask.objects.get()
    assert task.due_at == at("2027-01-01T10:00")
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    task.refresh_from_db()
    assert task.due_at == task.tell_at == at("2027-01-04T10:00")
    assert (
        InboxMessage.objects.filter(member=task.member, key=f"{incident.pk}:year_imported:2027").count() == 1
    )
    assert again(incident).due_at == at("2026-12-30T19:00")


def assisted(town, new, **limits):
    """A matter that a department assists for two working days."""
    spec(
        town,
        limits={
            "group": {"n": 9, "unit": "working_days"},
            "assist": {"n": 2, "unit": "working_days"},
            **limits,
        },
    )
    matter = do(new(), town.worker, "accept")
    return do(matter, town.worker, "assist", assisting=[town.department], note="帮忙")


def test_the_next_level_of_a_late_assisting_task_follows_the_year(town, new, clock):
    clock("2026-12-28T10:00")
    incident = assisted(town, new, card={"n": 2, "unit": "working_days"})  # the task until the 30th
    clock("2026-12-30T10:01")
    assert sweep_assisting() == 1
    task = AssistTask.objects.get()
    assert (task.is_late, task.tell_at) == (True, at("2027-01-01T10:01"))
    change_calendar(
        township_code=town.code, days=[SpecialDay(date(2026, 12, 31), working=False, name="停电")]
    )  # this clock began before
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    task.refresh_from_db()
    assert (task.is_late, task.due_at) == (True, at("2026-12-30T10:00"))  # the lateness stays
    assert task.tell_at == at("2027-01-04T10:01")
    step = Transition.objects.get(incident=incident, action="year_imported")
    assert step.data["assisting"] == [
        {
            "unit": str(task.unit),
            "before": "2026-12-30 10:00",
            "after": "2026-12-30 10:00",
            "told_before": "2027-01-01 10:01",
            "told_after": "2027-01-04 10:01",
        }
    ]
    last = AssistTold.objects.get(task=task)
    told = InboxMessage.objects.get(member=last.told_member, key=f"{task.pk}:year_imported:2027:card")
    assert (told.params["before"], told.params["after"]) == ("2027-01-01 10:01", "2027-01-04 10:01")
    version = again(incident).version
    CalendarYear.objects.filter(year=2027).update(followed_at=None)
    follow_years()
    assert again(incident).version == version  # once
    clock("2027-01-01T10:02")
    assert sweep_assisting() == 0
    clock("2027-01-04T10:02")
    assert sweep_assisting() == 1
    assert list(breaches()) == []


def test_an_assisting_task_that_was_late_by_the_assumption_is_late_no_more(town, new, clock):
    clock("2026-12-30T10:00")
    incident = assisted(town, new)  # until the 1st, as is assumed
    clock("2027-01-01T10:01")
    assert sweep_assisting() == 1
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    task = AssistTask.objects.get()
    assert (task.is_late, task.card_key) == (False, "")
    assert task.due_at == task.tell_at == at("2027-01-04T10:00")
    step = Transition.objects.get(incident=incident, action="year_imported")
    (said,) = step.data["assisting"]
    assert (said["before"], said["after"]) == ("2027-01-01 10:00", "2027-01-04 10:00")
    assert list(breaches()) == []
    clock("2027-01-04T10:01")
    assert sweep_assisting() == 1  # now it is; who was told already is not told again
    assert AssistTold.objects.filter(task=task).count() == 2
    assert list(breaches()) == []


def test_a_late_assisting_task_that_stood_still_follows_the_year_from_then(town, new, clock):
    clock("2026-12-22T10:00")
    incident = assisted(town, new)
    clock("2026-12-24T10:01")
    assert sweep_assisting() == 1
    do(again(incident), town.worker, "suspend", reason="等材料")
    clock("2026-12-30T10:00")
    do(again(incident), town.worker, "resume")
    task = AssistTask.objects.get()
    assert (task.is_late, task.tell_at) == (True, at("2027-01-01T10:00"))  # two working days anew
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    task.refresh_from_db()
    assert (task.is_late, task.tell_at) == (True, at("2027-01-04T10:00"))
    assert list(breaches()) == []


def in_between(monkeypatch, incident, act, changes):
    """Somebody acts on the matter in the moment between its being read and its being written, so many times."""
    left, read = [None] * changes, calendars._leaning

    def leaning(ids, year):
        found = read(ids, year)
        if left and incident.pk in {it.incident.pk for it in found}:
            left.pop()
            act(again(incident))
        return found

    monkeypatch.setattr(calendars, "_leaning", leaning)
    return left


def test_a_matter_that_changes_in_the_same_moment_is_read_again_at_once(town, new, clock, monkeypatch):
    clock("2026-12-30T10:00")
    incident, other = sorted((new(), new()), key=lambda it: it.pk)  # the first that is looked at
    change_calendar(
        township_code=town.code, days=[SpecialDay(date(2026, 12, 24), working=False, name="停电")]
    )  # what they go by with the year is nobody else's
    left = in_between(monkeypatch, incident, lambda it: do(it, town.worker, "add_note", note="x"), 2)
    assert import_year(township_code=town.code, year=2027, days=NEW_YEAR) == 2
    assert left == []
    assert again(incident).due_at == again(other).due_at == at("2027-01-04T10:00")
    assert ClockEvent.objects.filter(kind="year", stage__incident=incident).count() == 1
    assert Transition.objects.filter(incident=incident, action="add_note").count() == 2
    keys = set(Stage.objects.filter(incident__in=[incident, other]).values_list("calendar_key", flat=True))
    assert WorkingTime.objects.filter(key__in=keys).count() == len(keys)  # not lost with what was given up
    assert CalendarYear.objects.get(year=2027).followed_at is not None
    assert list(breaches()) == []


def test_a_matter_that_changes_each_time_is_taken_by_the_next_run(town, new, clock, monkeypatch):
    clock("2026-12-30T10:00")
    incident, other = new(), new()
    in_between(monkeypatch, incident, lambda it: do(it, town.worker, "add_note", note="x"), calendars.TRIES)
    assert import_year(township_code=town.code, year=2027, days=NEW_YEAR) == 1
    assert again(other).due_at == at("2027-01-04T10:00")
    assert again(incident).due_at == at("2027-01-01T10:00")
    assert CalendarYear.objects.get(year=2027).followed_at is None
    assert follow_years() == 1
    assert again(incident).due_at == at("2027-01-04T10:00")
    assert CalendarYear.objects.get(year=2027).followed_at is not None


def test_a_matter_that_ends_in_the_same_moment_is_left_alone(town, new, clock, monkeypatch):
    clock("2026-12-30T10:00")
    incident = new()
    in_between(monkeypatch, incident, lambda it: do(it, town.village_head, "reject", reason="不属实"), 1)
    assert import_year(township_code=town.code, year=2027, days=NEW_YEAR) == 0
    assert not Transition.objects.filter(incident=incident, action="year_imported").exists()
    assert CalendarYear.objects.get(year=2027).followed_at is not None


def test_the_card_of_a_level_that_was_told_follows_the_year(town, new, clock):
    clock("2026-12-28T10:00")
    spec(
        town,
        limits={"group": {"n": 2, "unit": "working_days"}, "card": {"n": 2, "unit": "working_days"}},
    )
    incident = new()  # due on the 30th
    clock("2026-12-30T10:01")
    assert sweep() == 1
    card = Escalation.objects.get(incident=incident)
    assert card.card_due_at == again(incident).escalate_at == at("2027-01-01T10:01")
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    card.refresh_from_db()
    assert card.card_due_at == again(incident).escalate_at == at("2027-01-04T10:01")
    assert again(incident).due_at == at("2026-12-30T10:00")  # that the stage is late stays
    step = Transition.objects.get(incident=incident, action="year_imported")
    assert step.data["cards"] == [
        {"level": "village", "before": "2027-01-01 10:01", "after": "2027-01-04 10:01"}
    ]
    told = InboxMessage.objects.get(member=card.told_member, key=f"{incident.pk}:year_imported:2027:card")
    assert (told.params["before"], told.params["after"]) == ("2027-01-01 10:01", "2027-01-04 10:01")
    version = again(incident).version
    CalendarYear.objects.filter(year=2027).update(followed_at=None)
    follow_years()
    assert again(incident).version == version  # once
    clock("2027-01-01T10:02")
    assert sweep() == 0
    clock("2027-01-04T10:02")
    assert sweep() == 1
    assert Escalation.objects.filter(incident=incident).count() == 2
    assert list(breaches()) == []


def test_a_card_given_anew_follows_the_year_from_then(town, new, clock):
    clock("2026-12-22T10:00")
    spec(
        town,
        limits={"group": {"n": 1, "unit": "working_days"}, "card": {"n": 2, "unit": "working_days"}},
    )
    incident = new()
    do(incident, town.worker, "accept")
    do(again(incident), town.worker, "start")
    clock("2026-12-23T10:01")
    assert sweep() == 1  # until the 25th
    do(again(incident), town.worker, "submit_result", note="已修")
    clock("2026-12-30T10:00")
    do(again(incident), town.village_head, "send_back", reason="未修好")
    card = Escalation.objects.get(incident=incident)
    assert again(incident).is_late
    assert card.card_due_at == again(incident).escalate_at == at("2027-01-01T10:00")
    import_year(township_code=town.code, year=2027, days=NEW_YEAR)
    card.refresh_from_db()
    assert card.card_due_at == again(incident).escalate_at == at("2027-01-04T10:00")
    assert list(breaches()) == []
