"""The side paths of a matter: what each leaves behind, and which rule stands behind each refusal."""

from datetime import timedelta

import pytest
from django.test import Client

from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, Forbidden, Invalid
from gridgov.common.worktime import Kind, Limit, Unit
from incidents.actions import (
    NewProcedure,
    answer_feedback,
    perform,
    publish_procedures,
    remind_replies,
    resume_due,
    sweep,
)
from incidents.enums import Grade, Status
from incidents.loop_check import breaches
from incidents.models import ClockEvent, FeedbackRequest, Incident, Part, Stage, Transition
from incidents.querysets import ListFilters
from members.models import InboxMessage
from tests.factories import fresh
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _loop_stays_closed(request):
    request.getfixturevalue("town")
    yield
    assert list(breaches()) == []


def through(incident, *steps):
    for user, action, arguments in steps:
        incident = do(incident, user, action, **arguments)
    return incident


def procedure_says(town, category, **change):
    procedure = town.categories[category].procedure
    publish_procedures(
        township=town.grid, procedures=[NewProcedure(procedure.code, "改", {**procedure.data, **change})]
    )
    town.categories[category].refresh_from_db()


def dispatched(town, new, **report):
    return through(
        new("fire", **report), (town.clerk, "accept", {}), (town.clerk, "dispatch", {"to": town.department})
    )


def unit(incident):
    return incident.responsible_grid_id or incident.responsible_department_id


class _Refused:
    """The block is refused with this code."""

    def __init__(self, code):
        self.code = code

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, Conflict | Forbidden | Invalid), f"{self.code} was not refused"
        assert error.code == self.code
        return True


# --- refusing ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R60")
def test_refusal_is_ruled_on_and_the_clock_stands_still_meanwhile(town, new, clock):
    incident = dispatched(town, new)
    due = incident.due_at
    clock("2026-11-23T10:00")
    incident = do(incident, town.officer, "refuse", reason="不归我们管")
    assert (incident.status, unit(incident), incident.due_at) == (Status.DISPATCHED, town.code, None)
    with _Refused("refusal_open"):
        do(incident, town.clerk, "start")
    clock("2026-11-23T15:00")
    incident = do(incident, town.clerk, "rule_refusal", upheld=False)
    assert unit(incident) == town.department.pk
    assert incident.due_at == due + timedelta(hours=5)
    assert (incident.refused_at, incident.rework_count) == (None, 0)
    with _Refused("refused_before"):
        do(incident, town.officer, "refuse", reason="还是不归我们管")
    assert do(incident, town.officer, "start").status == Status.IN_PROGRESS


@pytest.mark.requirement("R60")
def test_upheld_refusal_leads_back_and_another_unit_may_refuse_once_too(town, new):
    incident = do(dispatched(town, new), town.officer, "refuse", reason="不归我们管")
    incident = do(incident, town.clerk, "rule_refusal", upheld=True)
    assert (incident.status, unit(incident), incident.dispatcher_grid) == (Status.ACCEPTED, town.code, None)
    incident = do(incident, town.clerk, "dispatch", to=town.groups[0])
    incident = do(incident, town.worker, "refuse", reason="没有工具")
    assert unit(incident) == town.code
    for action, words in (("hand_over", {"to": town.groups[1], "reason": "给别人"}),):  # nothing sideways
        with _Refused("forbidden"):
            do(incident, town.worker, action, **words)


def test_refusal_has_the_limit_of_the_procedure(town, new, clock):
    limits = {**town.categories["fire"].procedure.data["limits"], "refusal": {"n": 2, "unit": "hours"}}
    procedure_says(town, "fire", limits=limits)
    incident = dispatched(town, new)
    clock("2026-11-23T11:00:01")
    with _Refused("refusal_too_late"):
        do(incident, town.officer, "refuse", reason="不归我们管")


# --- approval ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R50")
def test_approval_comes_before_handling(town, new):
    procedure_says(town, "request", approval="all", rules={"approval": "P6-C1"})
    incident = do(new(), town.worker, "accept")
    for user, action, words in (
        (town.worker, "start", {}),
        (town.worker, "settle", {"note": "已办"}),
        (town.village_head, "dispatch", {"to": town.groups[0]}),
    ):
        with pytest.raises(Conflict) as error:
            do(incident, user, action, **words)
        assert (error.value.code, error.value.rule["id"]) == ("approval_required", "P6-C1")
    incident = do(incident, town.clerk, "review", note="材料齐全")
    assert incident.status == Status.ACCEPTED
    incident = do(incident, town.leader, "disapprove", reason="缺一份证明")
    incident = do(incident, town.leader, "approve")
    assert (incident.status, unit(incident)) == (Status.IN_PROGRESS, town.groups[0].pk)
    assert InboxMessage.objects.filter(member=town.worker.member, text__contains="is approved").exists()


# --- waiting -----------------------------------------------------------------------------------------------------


def test_suspended_matter_keeps_its_time_and_goes_on_by_itself(town, new, clock):
    incident = do(new("dispute"), town.worker, "accept")
    due = incident.due_at
    clock("2026-11-23T10:00")
    until = clock("2026-11-24T10:00")
    clock("2026-11-23T10:00")
    incident = do(incident, town.worker, "suspend", reason="等雨停", until=until)
    assert (incident.status, incident.due_at, incident.escalate_at) == (Status.SUSPENDED, None, None)
    clock("2026-11-24T10:00")
    assert resume_due() == 1
    assert resume_due() == 0
    incident.refresh_from_db()
    assert incident.status == Status.ACCEPTED
    assert incident.due_at == due + timedelta(days=1)
    kinds = list(ClockEvent.objects.filter(stage__incident=incident).values_list("kind", flat=True))
    assert kinds == [Kind.PAUSE, Kind.RESUME]


def test_merged_matter_does_not_wake_up(town, new, clock):
    until = clock("2026-11-24T10:00")
    clock("2026-11-23T09:00")
    main, double = do(new("dispute"), town.worker, "accept"), new("dispute")
    do(double, town.worker, "suspend", reason="等雨停", until=until)
    double = do(double, town.village_head, "merge", into=main)
    clock("2026-11-24T10:00")
    assert resume_due() == 0
    double.refresh_from_db()
    assert double.status == Status.MERGED
    double = do(double, town.village_head, "unmerge")
    assert double.status == Status.SUSPENDED
    assert resume_due() == 1
    assert list(breaches()) == []


def test_late_matter_is_not_suspended(town, new, clock):
    incident = do(new("dispute"), town.worker, "accept")
    clock("2026-12-01T09:00")
    sweep()
    with _Refused("late_not_suspended"):
        do(incident, town.worker, "suspend", reason="等雨停")


def test_superior_deadline_runs_while_suspended(town, new, clock):
    external = clock("2026-11-23T12:00")
    clock("2026-11-23T09:00")
    incident = do(new("dispute", external_due=external), town.worker, "suspend", reason="等雨停")
    assert incident.due_at == external
    clock("2026-11-23T12:01")
    assert sweep() == 1
    incident.refresh_from_db()
    assert incident.is_late


@pytest.mark.requirement("R66")
def test_referral_waits_at_the_township_and_its_reply_comes_back(town, new, clock):
    incident = through(new("fire"), (town.clerk, "accept", {}))
    with _Refused("not_at_township"):
        do(new("dispute"), town.worker, "refer_up", body="县住建局", reason="超出权限")
    incident = do(
        incident, town.clerk, "refer_up", body="县住建局", number="徐报〔2026〕1号", reason="超出权限"
    )
    assert (incident.status, unit(incident), incident.due_at) == (Status.REFERRED, town.code, None)
    row = Transition.objects.get(incident=incident, action="refer_up")
    assert (row.data["body"], row.data["reference"], row.note) == ("县住建局", "徐报〔2026〕1号", "超出权限")
    with _Refused("wrong_state"):  # nothing goes on before the reply
        do(incident, town.clerk, "start")
    incident = do(incident, town.clerk, "record_reply", reply="已列入计划", number="县复〔2026〕2号")
    assert (incident.status, unit(incident)) == (Status.ACCEPTED, town.code)
    row = Transition.objects.get(incident=incident, action="record_reply")
    assert (row.data["reply"], row.data["reference"]) == ("已列入计划", "县复〔2026〕2号")
    client = Client()
    client.force_login(fresh(town.clerk))
    story = client.get(f"/incidents/{incident.pk}/").content.decode()
    assert "县住建局 徐报〔2026〕1号" in story
    assert "已列入计划" in story


@pytest.mark.parametrize(("granted", "hours"), [(True, 3), (False, 0)])
def test_extension_is_asked_before_the_deadline_and_decided_above(town, new, clock, granted, hours):
    incident = do(dispatched(town, new), town.officer, "start")
    due = incident.due_at
    asked = {"reason": "等配件", "limit": Limit(3, Unit.HOURS)}
    incident = do(incident, town.officer, "request_extension", **asked)
    assert incident.due_at == due
    with _Refused("extension_open"):
        do(incident, town.officer, "request_extension", **asked)
    incident = do(incident, town.clerk, "decide_extension", granted=granted)
    assert (incident.due_at, incident.extension_asked_at) == (due + timedelta(hours=hours), None)
    clock("2026-12-01T09:00")
    with _Refused("too_late"):
        do(incident, town.officer, "request_extension", **asked)


def test_request_lapses_with_its_stage(town, new):
    incident = do(dispatched(town, new), town.officer, "start")
    incident = do(incident, town.officer, "request_extension", reason="等配件", limit=Limit(3, Unit.HOURS))
    incident = do(incident, town.officer, "submit_result", note="已修")
    asked = incident.extensions.get()
    assert (asked.granted, incident.extension_asked_at) == (None, None)
    assert asked.settled_at is not None


# --- from above --------------------------------------------------------------------------------------------------


def test_supervision_obliges_to_reply_and_holds_back_the_close(town, new, clock):
    incident = do(new("dispute"), town.worker, "accept")
    due = clock("2026-11-23T12:00")
    clock("2026-11-23T09:00")
    incident = do(incident, town.leader, "supervise", level="red", note="三天内办结", reply_due=due)
    assert incident.is_supervised
    clock("2026-11-23T12:00:01")
    assert (remind_replies(), remind_replies()) == (1, 0)
    incident = through(
        incident,
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已调解"}),
        (town.village_head, "verify", {}),
    )
    with _Refused("reply_supervision_required"):
        do(incident, town.worker, "close")
    incident = do(incident, town.worker, "reply_supervision", note="已经办好")
    assert not incident.is_supervised
    row = incident.supervisions.get()
    assert (row.reply, row.replied_by) == ("已经办好", town.worker.member)
    assert do(incident, town.worker, "close").status == Status.CLOSED


@pytest.mark.requirement("R78")
def test_long_unsolved_matter_stands_on_the_rectification_list(town, new):
    incident, other = new("dispute"), new("dispute")
    listed = ListFilters(mark="listed")
    incident = do(incident, town.village_head, "list_for_rectification", reason="多次调解未果")
    found = Incident.objects.page_for(fresh(town.clerk), listed).rows
    assert [row.pk for row in found] == [incident.pk]
    assert other.pk not in {row.pk for row in found}
    do(incident, town.village_head, "unlist", note="已整改")
    assert Incident.objects.page_for(fresh(town.clerk), listed).rows == []


@pytest.mark.requirement("R79")
def test_mishandled_matter_is_marked_for_accountability(town, new):
    incident = do(new("dispute"), town.worker, "settle", note="已调解")
    incident = do(incident, town.leader, "mark_accountable", about="一组网格员", reason="没有到场")
    row = Transition.objects.get(incident=incident, action="mark_accountable")
    assert (incident.is_accountable, row.data["about"], row.note) == (True, "一组网格员", "没有到场")
    with _Refused("forbidden"):
        do(incident, town.worker, "mark_accountable", about="别人", reason="推诿")
    listed = ListFilters(mark="accountable")
    new("dispute")
    assert [one.pk for one in Incident.objects.page_for(fresh(town.clerk), listed).rows] == [incident.pk]


@pytest.mark.requirement("R73")
def test_arrival_is_logged_with_its_time(town, new, clock):
    incident = do(new("fire"), town.clerk, "accept")
    clock("2026-11-23T10:00")
    at = clock("2026-11-23T09:20")
    clock("2026-11-23T10:00")
    do(incident, town.worker, "arrive", happened_at=at, note="火已扑灭")
    row = Transition.objects.get(incident=incident, action="arrive")
    assert (row.happened_at, row.actor) == (at, town.worker.member)


# --- mending -----------------------------------------------------------------------------------------------------


def test_merged_matter_ends_and_its_requester_is_answered_with_the_main_one(town, new):
    main = new()
    twin = new(requester={"name": "甲", "phone": "000"})
    twin = do(twin, town.village_head, "merge", into=main)
    assert (twin.status, twin.merged_into_id, twin.is_open) == (Status.MERGED, main.pk, False)
    assert list(main.history.values_list("action", flat=True)) == ["report", "merged_in"]
    main = through(
        main,
        (town.worker, "accept", {}),
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已修"}),
        (town.village_head, "verify", {}),
    )
    with _Refused("feed_back_required"):
        do(main, town.worker, "close")
    main = do(main, town.worker, "feed_back", note="已告知", channel=Channel.PHONE)
    assert FeedbackRequest.objects.get().incident_id == twin.pk
    main = do(main, town.worker, "close")
    assert list(twin.history.values_list("action", flat=True))[-2:] == ["with_main", "with_main"]


def test_unmerged_matter_goes_on_with_the_time_it_had_left(town, new, clock):
    main, twin = new("dispute"), new("dispute")
    due = twin.due_at
    twin = do(twin, town.village_head, "merge", into=main)
    clock("2026-11-24T09:00")
    twin = do(twin, town.village_head, "unmerge")
    assert (twin.status, twin.merged_into, twin.due_at) == (Status.REPORTED, None, due + timedelta(days=1))


def test_merging_makes_no_chain_and_crosses_villages_only_at_the_township(town, new):
    main, twin = new("dispute"), new("dispute")
    far = new("dispute", user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    with _Refused("across_villages"):
        do(twin, town.village_head, "merge", into=far)
    with _Refused("wrong_target"):
        do(twin, town.village_head, "merge", into=twin)
    do(twin, town.village_head, "merge", into=main)
    main.refresh_from_db()
    with _Refused("has_merged"):
        do(main, town.clerk, "merge", into=far)
    with _Refused("has_merged"):
        do(main, town.clerk, "void", reason="重复")
    with _Refused("main_not_open"):
        do(main, town.clerk, "merge", into=Incident.objects.get(pk=twin.pk))


def test_void_matter_leaves_lists_and_stands_in_one_of_its_own(town, new):
    incident = do(new("dispute"), town.clerk, "void", reason="误报")
    assert Incident.objects.page_for(fresh(town.clerk)).rows == []
    found = Incident.objects.page_for(fresh(town.clerk), ListFilters(status=Status.VOID)).rows
    assert [row.pk for row in found] == [incident.pk]


def test_correction_keeps_before_and_after_and_follows_into_parts(town, new):
    incident = new("dispute", title="路灯")
    far = town.groups_of(town.villages[1])[0]
    incident = do(
        incident, town.clerk, "correct", title="路灯不亮", category=town.categories["request"], grid=far
    )
    row = Transition.objects.get(incident=incident, action="correct")
    assert row.data["before"]["title"] == "路灯"
    assert row.data["after"]["title"] == "路灯不亮"
    assert (incident.village_code, incident.category.code) == (town.villages[1].code, "request")
    assert {part.category_id for part in Part.objects.filter(incident=incident)} == {incident.category_id}
    seen = Incident.objects.visible_to(fresh(town.worker)).filter(pk=incident.pk)
    assert seen.exists()  # still the unit that answers, now by part
    with _Refused("nothing_to_correct"):
        do(incident, town.clerk, "correct", title="路灯不亮")


# --- undo --------------------------------------------------------------------------------------------------------


def test_undone_dispatch_is_as_if_it_had_never_been(town, new, clock):
    incident = do(new("fire"), town.clerk, "accept")
    due, officer = incident.due_at, fresh(town.officer)
    incident = do(incident, town.clerk, "dispatch", to=town.department)
    clock("2026-11-23T09:09")
    incident = do(incident, town.clerk, "undo")
    assert (incident.status, unit(incident), incident.due_at) == (Status.ACCEPTED, town.code, due)
    assert not Incident.objects.visible_to(officer).filter(pk=incident.pk).exists()
    assert list(incident.history.values_list("action", "undoes"))[-2:] == [("dispatch", None), ("undo", 3)]
    assert Stage.objects.get(incident=incident, number=2).is_void
    message = InboxMessage.objects.get(member=town.officer.member)
    assert message.withdrawn_at is not None
    incident = do(incident, town.clerk, "dispatch", to=town.department)
    assert incident.stage == 3


def test_undo_ends_after_ten_minutes_and_when_somebody_has_acted(town, new, clock):
    incident = do(new("dispute"), town.worker, "accept")
    clock("2026-11-23T09:10:01")
    with _Refused("undo_too_late"):
        do(incident, town.worker, "undo")
    incident = do(incident, town.worker, "start")
    do(incident, town.village_head, "add_note", note="看过")
    with _Refused("acted_since"):
        do(incident, town.worker, "undo")


def test_steps_are_undone_one_by_one(town, new):
    incident = through(new("dispute"), (town.worker, "accept", {}), (town.worker, "start", {}))
    for expected in (Status.ACCEPTED, Status.REPORTED):
        incident = do(incident, town.worker, "undo")
        assert incident.status == expected
    with _Refused("nothing_to_undo"):
        do(incident, town.worker, "undo")


def test_undone_merge_leaves_both_as_they_were(town, new):
    main, twin = new("dispute"), new("dispute")
    before = [
        Incident.objects.values("status", "due_at", "merged_into").get(pk=row.pk) for row in (main, twin)
    ]
    do(twin, town.village_head, "merge", into=main)
    do(twin, town.village_head, "undo")
    after = [
        Incident.objects.values("status", "due_at", "merged_into").get(pk=row.pk) for row in (main, twin)
    ]
    assert after == before
    assert Incident.objects.get(pk=main.pk).history.get(action="undo").undoes == 2


def test_feedback_that_was_answered_is_not_taken_back(town, new):
    incident = through(
        new(requester={"name": "甲", "phone": "000"}),
        (town.worker, "accept", {}),
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已修"}),
        (town.village_head, "verify", {}),
        (town.worker, "feed_back", {"note": "已告知", "channel": Channel.PHONE}),
    )
    answer_feedback(token=FeedbackRequest.objects.get().token, grade=Grade.SATISFIED, solved=True)
    with _Refused("acted_since"):
        do(incident, town.worker, "undo")
    assert FeedbackRequest.objects.count() == 1


def test_undone_result_is_no_result_in_the_figures(town, new):
    incident = through(
        new("dispute"),
        (town.worker, "accept", {}),
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已修"}),
    )
    standing = Transition.objects.standing().filter(action="submit_result")
    assert standing.count() == 1
    do(incident, town.worker, "undo")
    assert standing.count() == 0


def test_undo_asks_for_the_version_that_was_read(town, new):
    incident = do(new("dispute"), town.worker, "accept")
    row = Incident.objects.for_list().get(pk=incident.pk)
    with pytest.raises(Conflict):
        perform(user=fresh(town.worker), incident=row, action="undo", version=row.version - 1)
