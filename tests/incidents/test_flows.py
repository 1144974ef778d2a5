"""Plan 6's ways from a report to the end, and what each step leaves behind."""

from datetime import timedelta

import pytest

from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, Forbidden, Invalid, NotVisible
from incidents.actions import NewProcedure, answer_feedback, publish_procedures
from incidents.enums import Grade, PartRole, Purpose, Source, Status
from incidents.loop_check import breaches
from incidents.models import ClockEvent, FeedbackRequest, Incident, Part, Stage, Transition
from members.models import InboxMessage
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _loop_stays_closed(request):
    """Whatever a flow did, the audit finds nothing."""
    request.getfixturevalue("town")
    yield
    assert list(breaches()) == []


def unit(incident):
    return incident.responsible_grid_id or incident.responsible_department_id


def through(incident, *steps):
    for user, action, arguments in steps:
        incident = do(incident, user, action, **arguments)
    return incident


def to_verified(town, incident):
    return through(
        incident,
        (town.clerk, "accept", {}),
        (town.clerk, "dispatch", {"to": town.department}),
        (town.officer, "start", {}),
        (town.officer, "submit_result", {"note": "已扑灭"}),
        (town.clerk, "verify", {}),
    )


def told(user):
    return list(user.member.messages.order_by("id").values_list("text", flat=True))


# --- arriving ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R45")
@pytest.mark.parametrize("source", [Source.PATROL, Source.BELOW, Source.ABOVE, Source.RESIDENT])
def test_every_source_is_kept(new, source):
    assert Incident.objects.get(pk=new(source=source).pk).source == source


@pytest.mark.requirement("R46")
def test_report_carries_its_fields(town, new, clock):
    found = clock("2026-11-23T10:00") - timedelta(hours=2)
    incident = Incident.objects.get(pk=new("dispute", occurred_at=found, address="一号路口").pk)
    assert (incident.grid, incident.category.code, incident.category.kind) == (
        town.groups[0],
        "dispute",
        "dispute",
    )
    assert (incident.occurred_at, incident.reported_at - found) == (found, timedelta(hours=2))
    assert (incident.reporter, incident.status, incident.version) == (town.worker.member, Status.REPORTED, 1)
    assert incident.number == "20261123-0001"
    assert list(incident.history.values_list("seq", "action", "to_status")) == [(1, "report", "reported")]


@pytest.mark.requirement("R46")
def test_no_action_changes_what_was_reported_or_written(town, new):
    incident = new("dispute")
    before = list(Transition.objects.filter(incident=incident).values())
    for name in ("description", "category", "grid", "reported_at", "reporter", "number", "status"):
        with pytest.raises(Invalid):
            do(incident, town.worker, "add_note", note="改一下", **{name: "x"})
    incident = do(do(incident, town.worker, "accept"), town.worker, "start")
    after = list(Transition.objects.filter(incident=incident).values())
    assert after[:1] == before
    assert Incident.objects.get(pk=incident.pk).description == "路灯不亮"


def test_numbers_count_per_town_and_day(new, clock):
    numbers = [new().number, new().number]
    clock("2026-11-24T00:00")
    assert [*numbers, new().number] == ["20261123-0001", "20261123-0002", "20261124-0001"]


def test_must_report_matter_starts_at_the_township_with_the_village_in_sight(town, new):
    incident = new("fire")
    assert (unit(incident), incident.important) == (town.code, True)
    helper = Part.objects.get(incident=incident, role=PartRole.HELPER)
    assert helper.member == town.village_head.member
    arrived = "%(number)s has come to you: %(heading)s"
    assert told(town.clerk) == [arrived]
    assert told(town.village_head) == [arrived]


def test_worker_may_report_in_another_grid_of_the_town_but_not_elsewhere(town, new):
    incident = new(grid=town.groups_of(town.villages[1])[0])
    assert incident.responsible_member == town.worker2.member
    assert incident.reporter == town.worker.member
    with pytest.raises(Forbidden):
        new(user=town.auditor)


def test_report_passed_up_at_once_goes_one_level(town, new):
    incident = new(escalate=True)
    assert (unit(incident), incident.status, incident.version) == (town.villages[0].code, "reported", 2)


# --- the general way ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("R47")
def test_member_handles_registers_and_closes(town, new, clock):
    incident = new("dispute", source=Source.PATROL)
    clock("2026-11-23T09:20")
    incident = do(incident, town.worker, "settle", note="当场调解")
    assert (incident.status, incident.is_open, incident.closed_at) == (
        "closed",
        False,
        incident.history.last().entered_at,
    )
    assert (incident.acceptor_grid, incident.handler_member) == (town.groups[0], town.worker.member)
    stage = Stage.objects.get(incident=incident)
    assert (stage.ended_at, stage.ledger.get().kind) == (incident.closed_at, "stop")
    assert set(incident.parts.values_list("status", "is_open")) == {("closed", False)}


@pytest.mark.requirement("R77")
def test_closing_leaves_its_record_with_the_person(town, new):
    with pytest.raises(Invalid):
        do(incident := new("dispute"), town.worker, "settle")
    incident = do(incident, town.worker, "settle", note="当场调解")
    last = incident.history.last()
    assert (last.action, last.to_status, last.actor, last.user) == (
        "settle", "closed", town.worker.member, town.worker
    )  # fmt: skip
    assert last.note == "当场调解"


@pytest.mark.requirement("R77")
def test_nothing_is_closed_before_a_result_was_submitted_and_verified(town, new):
    incident = new("dispute")
    for action in ("accept", "start"):
        incident = do(incident, town.worker, action)
        with pytest.raises(Conflict):
            do(incident, town.worker, "close")
    incident = do(incident, town.worker, "submit_result", note="已调解")
    with pytest.raises((Conflict, Forbidden)):
        do(incident, town.worker, "close")
    do(incident, town.village_head, "verify")
    incident = do(incident, town.worker, "close")
    assert [row.action for row in incident.history.all()] == [
        "report", "accept", "start", "submit_result", "verify", "close"
    ]  # fmt: skip


def test_each_responsible_unit_has_its_own_stage(town, new, clock):
    incident = new("dispute")
    for minute, (user, action, arguments) in enumerate(
        [
            (town.worker, "accept", {}),
            (town.worker, "start", {}),
            (town.worker, "submit_result", {"note": "已调解"}),
            (town.village_head, "verify", {}),
            (town.worker, "close", {}),
        ],
        start=1,
    ):
        clock(f"2026-11-23T09:{minute:02d}")
        incident = do(incident, user, action, **arguments)
    stages = list(Stage.objects.filter(incident=incident).order_by("number"))
    assert [(s.number, s.purpose, s.unit, bool(s.due_at)) for s in stages] == [
        (1, "handle", town.groups[0], True),
        (2, "verify", town.villages[0], True),
        (3, "follow_up", town.groups[0], False),
    ]
    assert [stage.ended_at for stage in stages[:-1]] == [stage.started_at for stage in stages[1:]]
    assert (incident.stage, incident.escalate_at) == (3, None)


def test_stale_version_is_refused(town, new):
    incident = new()
    do(incident, town.worker, "add_note", note="看过")
    with pytest.raises(Conflict) as refused:
        do(incident, town.worker, "accept", version=1)
    assert refused.value.code == "stale_version"


# --- up and across -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("R63")
def test_escalation_goes_one_level_up_and_only_one(town, new):
    incident = new("dispute")
    incident = do(incident, town.worker, "escalate", reason="够不着")
    assert (unit(incident), incident.status) == (town.villages[0].code, "reported")
    assert incident.responsible_member == town.village_head.member
    with pytest.raises(Forbidden):
        do(incident, town.clerk, "escalate", reason="越级")
    incident = do(incident, town.village_head, "escalate", reason="要镇里协调")
    assert (unit(incident), incident.stage) == (town.code, 3)
    with pytest.raises(Conflict):
        do(incident, town.clerk, "escalate", reason="再往上")


@pytest.mark.requirement("R63")
def test_department_passes_up_to_the_township(town, new):
    incident = do(new("fire"), town.clerk, "accept")
    incident = do(incident, town.clerk, "dispatch", to=town.department)
    assert incident.parts.get(role=PartRole.LEAD).department == town.department
    incident = do(incident, town.officer, "escalate", reason="不归我们管")
    assert unit(incident) == town.code
    assert incident.parts.get(role=PartRole.LEAD).until is not None


@pytest.mark.requirement("R62")
def test_hand_over_is_logged_with_both_grids(town, new):
    first, second = town.groups_of(town.villages[0])
    incident = do(new("dispute"), town.village_head, "hand_over", to=second, reason="地界在二组")
    row = incident.history.last()
    assert (row.action, row.from_grid, row.to_grid, row.note) == ("hand_over", first, second, "地界在二组")
    assert row.data == {"from_place": first.code, "to_place": second.code}
    assert (unit(incident), incident.grid_id, incident.status) == (second.code, second.code, "reported")


@pytest.mark.requirement("R62")
def test_hand_over_to_another_village_is_the_townships(town, new):
    there = town.villages[1]
    with pytest.raises(Invalid):
        do(incident := new("dispute"), town.village_head, "hand_over", to=there, reason="邻村的事")
    incident = do(incident, town.clerk, "hand_over", to=there, reason="邻村的事")
    assert (incident.village_code, incident.responsible_member) == (there.code, town.village_head2.member)
    assert town.worker.member in [part.member for part in incident.parts.all()]


@pytest.mark.requirement("R61")
def test_first_person_asked_stays_named_until_closed(town, new):
    incident = new("dispute", user=town.village_head)
    steps = (
        (town.worker, "escalate", {"reason": "够不着"}),
        (town.village_head, "hand_over", {"to": town.groups[1], "reason": "二组的事"}),
        (town.village_head, "hand_over", {"to": town.groups[0], "reason": "还是一组"}),
        (town.worker, "settle", {"note": "已调解"}),
    )
    for step in steps:
        incident = through(incident, step)
        assert incident.first_asked == town.worker.member
        assert incident.parts.get(role=PartRole.FIRST_ASKED).until is None


def test_village_dispatches_only_below_itself(town, new):
    incident = do(new("dispute", escalate=True), town.village_head, "accept")
    for to in (town.groups_of(town.villages[1])[0], town.villages[0], town.department):
        with pytest.raises(Invalid):
            do(incident, town.village_head, "dispatch", to=to)
    incident = do(incident, town.village_head, "dispatch", to=town.groups[1])
    assert (unit(incident), incident.dispatcher_grid) == (town.groups[1].code, town.villages[0])


def test_deadline_of_a_dispatch_lies_ahead(town, new, clock):
    incident = do(new("fire"), town.clerk, "accept")
    now = clock("2026-11-23T09:30")
    with pytest.raises(Invalid) as refused:
        do(incident, town.clerk, "dispatch", to=town.department, deadline=now)
    assert set(refused.value.errors) == {"deadline"}
    incident = do(incident, town.clerk, "dispatch", to=town.department, deadline=now + timedelta(hours=3))
    assert incident.due_at == incident.escalate_at == now + timedelta(hours=3)


# --- results, feedback, visits -----------------------------------------------------------------------------------


def test_result_sent_back_goes_on_with_the_time_already_used(town, new, clock):
    incident = through(new("dispute"), (town.worker, "accept", {}), (town.worker, "start", {}))
    due = incident.due_at
    clock("2026-11-23T11:00")
    do(incident, town.worker, "submit_result", note="已调解")
    clock("2026-11-24T11:00")
    incident = do(incident, town.village_head, "send_back", reason="没谈拢")
    assert (incident.stage, incident.rework_count, unit(incident)) == (1, 1, town.groups[0].code)
    assert incident.due_at == due + timedelta(days=1)
    assert list(ClockEvent.objects.filter(stage__number=1).values_list("kind", flat=True)) == [
        "stop",
        "resume",
    ]
    assert told(town.worker)[-1] == "%(number)s was sent back for rework: %(heading)s"


def test_rework_does_not_go_on_with_a_clock_that_was_taken_back(town, new):
    incident = do(new("dispute"), town.worker, "accept")
    do(incident, town.worker, "start")
    do(incident, town.worker, "submit_result", note="已谈")
    handled = Stage.objects.get(incident=incident, purpose=Purpose.HANDLE)
    do(incident, town.clerk, "hand_over", to=town.villages[1], reason="弄错了村")
    do(incident, town.clerk, "undo")
    incident = do(incident, town.village_head, "send_back", reason="没谈拢")
    assert (incident.stage, incident.due_at) == (handled.number, handled.due_at)


@pytest.mark.requirement("R68")
def test_requester_is_told_before_closing(town, new):
    incident = new(requester={"name": "甲", "phone": "13800000000"})
    incident = through(
        incident,
        (town.worker, "accept", {}),
        (town.worker, "start", {}),
        (town.worker, "submit_result", {"note": "已修"}),
        (town.village_head, "verify", {}),
    )
    with pytest.raises(Invalid) as refused:
        do(incident, town.worker, "close")
    assert refused.value.code == "feed_back_required"
    assert (refused.value.rule["id"], bool(refused.value.rule["clause"])) == ("P6-C2", True)
    do(incident, town.worker, "feed_back", note="已电话告知", channel=Channel.PHONE)
    assert do(incident, town.worker, "close").status == "closed"


@pytest.mark.requirement("R68")
def test_settling_on_the_spot_says_how_the_requester_was_told(town, new, clock):
    incident = new(requester={"name": "甲", "phone": "13800000000"})
    with pytest.raises(Invalid) as refused:
        do(incident, town.worker, "settle", note="已修")
    assert set(refused.value.errors) == {"told"}
    at = clock("2026-11-23T09:30")
    incident = do(
        incident, town.worker, "settle", note="已修", told={"channel": "in_person", "happened_at": at}
    )
    assert (incident.status, incident.fed_back_at) == ("closed", at)


@pytest.mark.requirement("R69")
def test_important_matter_is_visited_before_closing_and_asked_true_and_solved(town, new):
    incident = to_verified(town, new("fire"))
    with pytest.raises(Invalid) as refused:
        do(incident, town.clerk, "close")
    assert (refused.value.code, refused.value.rule["id"]) == ("return_visit_required", "P6-C1")
    with pytest.raises(Invalid) as refused:
        do(incident, town.clerk, "return_visit", note="去看过")
    assert set(refused.value.errors) == {"happened", "solved"}
    incident = do(incident, town.clerk, "return_visit", happened=True, solved=True)
    assert (incident.status, incident.visited_at is not None) == ("verified", True)
    assert incident.history.last().data == {"happened": True, "solved": True, "step": "visit"}
    assert do(incident, town.clerk, "close").status == "closed"


@pytest.mark.requirement("R69")
def test_whoever_handled_it_does_not_visit(town, new):
    incident = through(
        new("fire"),
        (town.clerk, "accept", {}),
        (town.clerk, "start", {}),
        (town.clerk, "submit_result", {"note": "已扑灭"}),
        (town.clerk2, "verify", {}),
    )
    with pytest.raises(Forbidden) as refused:
        do(incident, town.clerk, "return_visit", happened=True, solved=True)
    assert refused.value.code == "own_work"
    assert do(incident, town.clerk2, "return_visit", happened=True, solved=True).visited_at


@pytest.mark.requirement("R70")
@pytest.mark.parametrize(("happened", "solved"), [(True, False), (False, True), (False, False)])
def test_failed_visit_goes_back_to_the_handler_on_a_new_clock(town, new, happened, solved):
    incident = to_verified(town, new("fire"))
    before = incident.last_stage
    incident = do(incident, town.clerk, "return_visit", happened=happened, solved=solved)
    assert (incident.status, unit(incident), incident.stage) == (
        "in_progress",
        town.department.pk,
        before + 1,
    )
    assert (incident.rework_count, incident.visited_at) == (1, None)
    assert incident.due_at is not None
    assert told(town.officer)[-1] == "%(number)s was not solved, says the return visit: %(heading)s"


@pytest.mark.requirement("R70")
def test_failed_visit_after_closing_opens_it_again(town, new):
    incident = do(new("dispute"), town.worker, "settle", note="已调解")
    incident = do(incident, town.village_head, "return_visit", happened=True, solved=False)
    assert (incident.status, incident.is_open, incident.closed_at) == ("in_progress", True, None)
    assert set(incident.parts.values_list("is_open", flat=True)) == {True}


# --- ends and new beginnings -------------------------------------------------------------------------------------


def test_rejected_matter_tells_the_reporter_and_can_be_reopened(town, new):
    incident = do(new("dispute"), town.village_head, "reject", reason="不属实")
    assert (incident.is_open, incident.escalate_at) == (False, None)
    assert told(town.worker) == ["%(number)s was rejected: %(heading)s"]
    incident = do(incident, town.clerk, "reopen", reason="群众再次反映")
    assert (incident.status, incident.stage, incident.due_at is not None) == ("accepted", 2, True)


def test_clock_of_the_whole_matter_stops_at_the_end_and_goes_on_when_reopened(town, new, clock):
    procedure = town.categories["dispute"].procedure
    data = {**procedure.data, "limits": {"total": {"n": 10, "unit": "hours"}}}
    publish_procedures(township=town.grid, procedures=[NewProcedure(procedure.code, "x", data)])
    town.categories["dispute"].refresh_from_db()
    incident = new("dispute")
    total = Stage.objects.get(incident=incident, number=0)
    due = incident.due_at
    assert due == incident.reported_at + timedelta(hours=10)
    clock("2026-11-23T10:00")
    do(incident, town.worker, "settle", note="已调解")
    total.refresh_from_db()
    assert total.ended_at is not None
    clock("2026-11-24T10:00")
    incident = do(incident, town.village_head, "reopen", reason="又吵起来")
    total.refresh_from_db()
    assert (total.ended_at, total.due_at, incident.due_at) == (
        None,
        due + timedelta(days=1),
        due + timedelta(days=1),
    )


# --- the requester's answer --------------------------------------------------------------------------------------


@pytest.fixture
def asked(town, new):
    """A verified matter whose requester got the link."""
    incident = to_verified(town, new("fire", requester={"name": "甲", "phone": "13800000000"}))
    incident = do(incident, town.clerk, "feed_back", note="已告知", channel=Channel.PHONE)
    return FeedbackRequest.objects.get(incident=incident)


def test_answer_is_taken_once(asked):
    answer_feedback(token=asked.token, grade=Grade.SATISFIED, solved=True, comment=" 谢谢 ")
    asked.refresh_from_db()
    assert (asked.grade, asked.solved, asked.comment) == (2, True, "谢谢")
    with pytest.raises(Conflict):
        answer_feedback(token=asked.token, grade=Grade.DISSATISFIED, solved=False)
    asked.refresh_from_db()
    assert asked.grade == 2


def test_not_solved_before_closing_is_a_failed_visit(town, asked):
    answer_feedback(token=asked.token, grade=Grade.DISSATISFIED, solved=False, comment="还在冒烟")
    incident = Incident.objects.get(pk=asked.incident_id)
    row = incident.history.last()
    assert (incident.status, row.action, row.actor, row.note) == (
        "in_progress",
        "return_visit",
        None,
        "还在冒烟",
    )


def test_not_solved_after_closing_comes_to_the_townships_desk(town, asked):
    do(asked.incident, town.clerk, "return_visit", happened=True, solved=True)
    do(asked.incident, town.clerk, "close")
    InboxMessage.objects.all().delete()
    answer_feedback(token=asked.token, grade=Grade.DISSATISFIED, solved=False)
    assert told(town.clerk) == ["%(number)s: the requester says it is not solved: %(heading)s"]
    assert Incident.objects.get(pk=asked.incident_id).status == "closed"


def test_link_is_valid_for_thirty_days(asked, clock):
    clock("2026-12-23T09:00")
    with pytest.raises(NotVisible):
        answer_feedback(token=asked.token, grade=Grade.SATISFIED, solved=True)
    with pytest.raises(NotVisible):
        answer_feedback(token="nobody", grade=Grade.SATISFIED, solved=True)
