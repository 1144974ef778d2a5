"""Why something is due when it is due, in sentences."""

from datetime import date, datetime

import pytest
from django.utils import translation

from gridgov.common import clock as gridgov_clock
from gridgov.common.worktime import Kind, Limit, Step, StepKind, Unit
from incidents import due
from incidents.actions import NewProcedure, publish_procedures, report, sweep
from incidents.models import ClockEvent, Incident, Stage
from tests.factories import township
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=gridgov_clock.SHANGHAI)


def limited(town, **limits):
    """Category `request` under other limits from now on."""
    procedure = town.categories["request"].procedure
    publish_procedures(
        township=town.grid,
        procedures=[NewProcedure(procedure.code, "x", {**procedure.data, "limits": limits})],
    )
    town.categories["request"].refresh_from_db()


def test_limit_in_working_days_is_explained(town, new):
    found = due.explain(new())
    assert found.due_at == at("2026-11-25T09:00")
    assert (found.source, found.running) == ("stage", True)
    assert found.lines == ["2 working days from 23 November 09:00: due 25 November 09:00."]


def test_moments_are_written_as_people_read_them(town, new):
    with translation.override("zh-hans"):
        assert due.moment(at("2026-11-23T16:30")) == "11月23日 16:30"
        assert due.moment(at("2027-01-04T09:05")) == "2027年1月4日 09:05"
        assert due.day(date(2026, 10, 1)) == "10月1日"


def test_start_outside_working_time_and_weekend_are_said(town, new, clock):
    clock("2026-11-20T18:00")
    lines = due.explain(new()).lines
    assert lines == [
        "2 working days from 20 November 18:00: due 25 November 08:30.",
        "Began outside working time (20 November 18:00); counts from 23 November 08:30.",
        "Weekends from 21 November to 22 November: 2 days not counted.",
    ]


def test_holidays_and_make_up_days_are_named(town, new, clock):
    clock("2026-09-30T10:00")
    lines = due.explain(new()).lines
    holiday = [line for line in lines if line.endswith(": not counted.")]
    assert holiday and "1 October to 7 October" in holiday[0]
    limited(town, group={"n": 5, "unit": "working_days"})
    make_up = [line for line in due.explain(new()).lines if "make-up" in line]
    assert make_up and make_up[0].startswith("10 October is a make-up working day (")


def test_year_without_table_is_said_to_be_assumed(town, new, clock):
    clock("2026-12-31T10:00")
    assert due.explain(new()).lines[-1] == "The holidays of 2027 are not imported; weekends assumed for now."


@pytest.mark.django_db
@pytest.mark.requirement("R74")
def test_no_limit_means_no_deadline_and_never_late(clock):
    town = township(limits=False)
    incident = report(
        user=town.worker, grid=town.groups[0], category=town.categories["request"], description="路灯不亮"
    ).incident
    clock("2027-11-23T09:00")
    assert sweep() == 0
    incident.refresh_from_db()
    found = due.explain(incident)
    assert (incident.due_at, incident.is_late) == (None, False)
    assert (found.due_at, found.running, found.source) == (None, False, "none")
    assert found.lines == ["No deadline: the procedure sets none."]


@pytest.mark.requirement("R74")
def test_overdue_is_said_only_after_the_deadline(town, new, clock):
    incident = new()
    clock("2026-11-25T09:00")
    assert not any(line.startswith("Late") for line in due.explain(incident).lines)
    clock("2026-11-25T09:01")
    assert due.explain(incident).lines[0] == "Late since 25 November 09:00."


def test_deadline_set_by_a_person_names_the_person(town, new):
    incident = new()
    incident = do(incident, town.worker, "escalate", reason="够不着")
    do(incident, town.village_head, "accept")
    incident = do(
        incident,
        town.village_head,
        "dispatch",
        to=town.groups[1],
        deadline=at("2026-11-27T12:00"),
        note="抓紧",
    )
    found = due.explain(incident)
    assert found.due_at == at("2026-11-27T12:00")
    name = town.village_head.member.name
    assert found.lines == [f"{name} set the deadline 27 November 12:00 on 23 November 09:00."]


def test_earliest_of_stage_total_and_superior_body_counts(town, new):
    limited(town, group={"n": 2, "unit": "working_days"}, total={"n": 30, "unit": "calendar_days"})
    incident = new(external_no="县信访2026-7", external_due=at("2026-11-24T17:30"))
    found = due.explain(incident)
    assert (found.due_at, found.source) == (incident.due_at, "external")
    assert found.due_at == at("2026-11-24T17:30")
    assert found.lines == [
        "The earliest deadline counts: deadline of the superior body.",
        "deadline of this stage: 25 November 09:00",
        "deadline of the whole matter: 24 December 00:00",
        "deadline of the superior body: 24 November 17:30",
        "The superior body set the deadline 24 November 17:30 in 县信访2026-7; nothing here moves it.",
    ]
    assert [(view.number, view.limit) for view in found.clocks] == [
        (0, "30 calendar days"), (1, "2 working days"), (None, "")
    ]  # fmt: skip


def test_clock_that_stood_still_is_explained(town, new, clock):
    incident = do(new(), town.worker, "accept")
    do(incident, town.worker, "start")
    do(incident, town.worker, "submit_result", note="已修")
    clock("2026-11-24T09:00")
    incident = do(incident, town.village_head, "send_back", reason="还不亮")
    found = due.explain(incident)
    assert found.due_at == at("2026-11-26T09:00")
    assert found.lines[1] == (
        "Stood still from 23 November 09:00 to 24 November 09:00. Due 26 November 09:00 after that."
    )


def test_what_if_it_began_later(town, new):
    incident = new()
    found = due.explain(incident, start=at("2026-11-26T16:00"))
    assert found.due_at == at("2026-11-30T16:00")
    assert found.lines[0] == "2 working days from 26 November 16:00: due 30 November 16:00."
    incident.refresh_from_db()
    assert incident.due_at == at("2026-11-25T09:00")


def test_closed_matter_does_not_run_and_is_not_late(town, new, clock):
    incident = do(new(), town.worker, "settle", note="换了灯泡")
    clock("2026-12-25T09:00")
    found = due.explain(incident)
    assert found.running is False
    assert found.lines == [
        "2 working days from 23 November 09:00: due 25 November 09:00.",
        "Stopped on 23 November 09:00.",
    ]


def test_pauses_and_extensions_give_their_reason(town, new, clock):
    incident = new()
    stage = Stage.objects.get(incident=incident, number=1)
    rows = [
        (Kind.PAUSE, "2026-11-23T10:00", {"reason": "等材料"}),
        (Kind.RESUME, "2026-11-23T11:00", {}),
        (Kind.EXTEND, "2026-11-23T15:00", {"limit_n": 1, "limit_unit": "working_days", "reason": "下雨"}),
    ]
    for kind, moment, values in rows:
        ClockEvent.objects.create(stage=stage, kind=kind, at=at(moment), history_seq=1, **values)
    Stage.objects.update(due_at=stage.derived().at)
    lines = due.explain(Incident.objects.get(pk=incident.pk)).clocks[0].lines
    assert lines[1:] == [
        "Paused from 23 November 10:00 to 23 November 11:00. Due 25 November 10:00 after that. Reason: 等材料",
        "Extended by 1 working day on 23 November 15:00: due 26 November 10:00. Reason: 下雨",
    ]


def test_every_kind_of_step_has_a_sentence():
    start, end = at("2026-11-23T09:00"), at("2026-11-23T10:00")
    for kind in StepKind:
        step = Step(
            kind=kind, at=start, start=start, end=end, due=end, limit=Limit(1, Unit.HOURS), first=start.date(),
            last=end.date(), days=1, name="节", reason="因", year=2027,
        )  # fmt: skip
        assert due.sentences([step])[0]


@pytest.mark.parametrize("unit", list(Unit))
def test_every_unit_has_words_for_one_and_many(unit):
    one, many = due.limit_text(Limit(1, unit)), due.limit_text(Limit(5, unit))
    assert one.startswith("1 ") and many.startswith("5 ") and many.endswith("s")


def test_explaining_costs_the_same_however_long_the_story(town, new, django_assert_max_num_queries):
    incident = do(new(), town.worker, "accept")
    do(incident, town.worker, "start")
    for _round in range(3):
        do(incident, town.worker, "submit_result", note="已修")
        incident = do(incident, town.village_head, "send_back", reason="还不亮")
    with django_assert_max_num_queries(5):
        due.explain(Incident.objects.get(pk=incident.pk))
