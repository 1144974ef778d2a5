"""Lead and assisting units, and departments called together: own tasks, own clocks, own lateness; the lead closes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Conflict, Forbidden, Invalid
from gridgov.common.models import User
from incidents.actions import sweep_assisting
from incidents.enums import AssistKind, PartRole
from incidents.loop_check import breaches
from incidents.models import AssistTask, AssistTold, Incident, Part, Transition
from incidents.permissions import allowed_names
from members.actions import take_leave
from members.models import InboxMessage, Member
from tests.factories import client_for, fresh, incident, login
from tests.incidents.acting import do

pytestmark = pytest.mark.django_db


@pytest.fixture
def led(town):
    """A fire that the first department handles; the first village and the second department assist."""
    matter = incident(town, "accepted", category="fire")
    return do(
        matter,
        fresh(town.clerk),
        "dispatch",
        to=town.department,
        assisting=[town.villages[1], town.departments[1]],
    )


def task_of(matter, unit) -> AssistTask:
    found = {task.unit: task for task in AssistTask.objects.filter(incident=matter)}
    return found[unit]


def sees(user, matter) -> bool:
    return Incident.objects.visible_to(fresh(user)).filter(pk=matter.pk).exists()


@pytest.mark.requirement("R59")
def test_lead_closes_when_each_assisting_unit_has_reported(town, led):
    officer2 = task_of(led, town.departments[1]).member.user
    matter = do(led, fresh(town.officer), "start")
    matter = do(matter, fresh(town.village_head2), "submit_assist", note="已疏散群众")
    matter = do(matter, fresh(town.officer), "submit_result", note="火已扑灭")
    matter = do(matter, fresh(town.clerk), "verify")
    matter = do(matter, fresh(town.clerk), "return_visit", happened=True, solved=True)
    with pytest.raises(Invalid) as refused:
        do(matter, fresh(town.clerk), "close")
    assert refused.value.code == "submit_assist_required"
    assert "close" not in allowed_names(fresh(town.clerk), matter)
    do(matter, fresh(officer2), "submit_assist", note="已登记损失")
    do(matter, fresh(town.clerk), "close")
    assert {task.result for task in AssistTask.objects.filter(incident=matter)} == {
        "已疏散群众",
        "已登记损失",
    }
    assert list(breaches()) == []


@pytest.mark.requirement("R59")
def test_lead_that_took_it_on_closes_and_no_assisting_unit_can(town):
    """The first village leads a dispute that touches the second and a department: only it hands in the result and closes."""
    matter = incident(town, "accepted", user=town.village_head, grid=town.villages[0], category="dispute")
    matter = do(matter, fresh(town.village_head), "assist", assisting=[town.villages[1], town.departments[1]])
    assert matter.responsible_grid == town.villages[0]
    assert AssistTask.objects.filter(incident=matter, done_at=None).count() == 2
    others = [fresh(town.village_head2), fresh(task_of(matter, town.departments[1]).member.user)]
    matter = do(matter, fresh(town.village_head), "start")
    for user in others:
        with pytest.raises(Forbidden):
            do(matter, user, "submit_result", note="我们办好了")
    matter = do(matter, others[0], "submit_assist", note="本村一方同意")
    matter = do(matter, fresh(town.village_head), "submit_result", note="签了协议")
    matter = do(matter, fresh(town.clerk), "verify")
    with pytest.raises(Invalid) as refused:
        do(matter, fresh(town.village_head), "close")
    assert refused.value.code == "submit_assist_required"
    matter = do(matter, others[1], "submit_assist", note="界址已测")
    for user in others:
        with pytest.raises(Forbidden):
            do(matter, user, "close")
    closed = do(matter, fresh(town.village_head), "close")
    assert (closed.status, closed.closed_at is not None) == ("closed", True)
    assert list(breaches()) == []


def test_each_has_its_own_clock_and_is_told(town, led):
    village, department = (task_of(led, unit) for unit in (town.villages[1], town.departments[1]))
    limit = led.procedure.spec.limits["department"]
    assert (department.limit_n, department.limit_unit) == (limit.n, limit.unit)
    assert department.tell_at == department.due_at
    assert village.due_at is None  # this procedure gives a village no limit
    assert InboxMessage.objects.filter(member=village.member, key__startswith=str(led.pk)).exists()
    assert department.asked_by == town.clerk.member


def test_deadline_that_is_given_counts(town):
    matter = incident(town, "in_progress")
    until = gridgov_clock.now() + timedelta(hours=3)
    do(matter, fresh(town.worker), "assist", assisting=[town.department], deadline=until, note="请带绝缘杆")
    assert (task_of(matter, town.department).due_at, task_of(matter, town.department).note) == (
        until,
        "请带绝缘杆",
    )


def test_assisting_gives_sight_of_this_matter_only(town, led):
    other = incident(town, category="fire")
    assert sees(town.village_head2, led)
    assert not sees(town.village_head2, other)
    do(led, fresh(town.village_head2), "submit_assist", note="已疏散")
    assert sees(town.village_head2, led)  # sight stays, acting does not
    assert "submit_assist" not in allowed_names(fresh(town.village_head2), led)


def test_only_the_assisting_unit_hands_in_its_result(town, led):
    for user in (town.clerk, town.officer, town.worker):
        with pytest.raises(Forbidden):
            do(led, fresh(user), "submit_assist", note="x")
    with pytest.raises(Conflict):
        do(led, fresh(town.village_head2), "report_in")


def test_units_are_of_the_township_and_asked_once(town, led):
    from tests.factories import township

    other = township("320371102", 1, 1, name="邻镇")
    for wrong in (town.department, town.villages[1], other.villages[0], other.department, town.grid):
        with pytest.raises(Invalid) as refused:
            do(led, fresh(town.clerk), "assist", assisting=[wrong])
        assert set(refused.value.errors) == {"assisting"}
    assert AssistTask.objects.filter(incident=led).count() == 2


def test_village_calls_a_department_which_reports_in(town):
    matter = incident(town, "in_progress", user=town.village_head, grid=town.villages[0])
    until = gridgov_clock.now() + timedelta(hours=1)
    matter = do(matter, fresh(town.village_head), "whistle", assisting=[town.department], deadline=until)
    assert sees(town.officer, matter)
    assert "report_in" in allowed_names(fresh(town.officer), matter)
    matter = do(matter, fresh(town.officer), "report_in", note="两人到场")
    task = task_of(matter, town.department)
    assert (task.kind, task.done_by, task.result) == (AssistKind.WHISTLE, town.officer.member, "两人到场")
    row = Transition.objects.filter(incident=matter).latest("seq")
    assert (row.action, row.actor) == ("report_in", town.officer.member)
    assert not matter.is_assisted


def test_late_task_is_told_once_per_level_and_the_lateness_stays(town, led, clock):
    task = task_of(led, town.departments[1])
    clock("2026-12-07T09:00")
    assert (sweep_assisting(), sweep_assisting()) == (1, 0)
    assert list(AssistTold.objects.filter(task=task).values_list("level", flat=True)) == ["township"]
    assert InboxMessage.objects.filter(member=town.clerk.member, key=f"{task.pk}:late:township").count() == 1
    clock("2026-12-21T09:00")
    sweep_assisting()
    clock("2027-01-04T09:00")
    assert sweep_assisting() == 0
    levels = list(AssistTold.objects.filter(task=task).values_list("level", flat=True))
    assert len(levels) == len(set(levels))
    do(led, fresh(task.member.user), "submit_assist", note="补报")
    task.refresh_from_db()
    assert (task.is_late, task.tell_at, task.department) == (True, None, town.departments[1])


def test_late_tasks_stand_in_the_history_one_row_each(town, led, clock):
    AssistTask.objects.filter(incident=led).update(due_at=gridgov_clock.now(), tell_at=gridgov_clock.now())
    clock("2026-11-23T09:01")
    assert sweep_assisting() == 2
    rows = Transition.objects.filter(incident=led, action="assist_overdue").order_by("seq")
    units = {str(town.villages[1]), town.departments[1].name}
    assert {row.data["unit"][0] for row in rows} == units
    led.refresh_from_db()
    assert led.version == rows[1].seq == rows[0].seq + 1


def test_clock_of_an_assisting_unit_stands_while_the_matter_is_suspended(town, led, clock):
    before = task_of(led, town.departments[1])
    clock("2026-11-23T09:30")
    matter = do(led, fresh(town.officer), "suspend", reason="等鉴定")
    paused = task_of(led, town.departments[1])
    assert (paused.is_paused, paused.tell_at) == (True, None)
    assert list(breaches()) == []
    clock("2026-11-24T09:30")
    assert sweep_assisting() == 0
    do(matter, fresh(town.officer), "resume")
    after = task_of(led, town.departments[1])
    assert not after.is_paused
    assert after.due_at == after.tell_at > before.due_at
    assert after.derived(after.pauses) == after.due_at
    assert list(breaches()) == []


def test_undone_suspension_leaves_the_assisting_clock_as_it_was(town, led, clock):
    before = AssistTask.objects.filter(incident=led).order_by("pk").values("due_at", "tell_at", "pauses")
    before = list(before)
    matter = do(led, fresh(town.officer), "suspend", reason="按错了")
    do(matter, fresh(town.officer), "undo")
    after = AssistTask.objects.filter(incident=led).order_by("pk").values("due_at", "tell_at", "pauses")
    assert list(after) == before


def test_result_handed_in_while_suspended_is_not_late_by_the_pause(town, led, clock):
    task = task_of(led, town.departments[1])
    matter = do(led, fresh(town.officer), "suspend", reason="等鉴定")
    clock("2027-01-04T09:00")
    do(matter, fresh(task.member.user), "submit_assist", note="已登记")
    task.refresh_from_db()
    assert task.done_at <= task.due_at
    assert not task.is_paused


def test_what_is_on_time_is_told_to_nobody(town, led):
    assert sweep_assisting() == 0
    assert not AssistTold.objects.exists()


def test_release_lets_the_lead_close(town, led):
    for unit in (town.villages[1], town.departments[1]):
        led = do(led, fresh(town.clerk), "release_assist", assisting=[unit], reason="不再需要")
    assert not led.is_assisted
    assert AssistTask.objects.filter(is_released=True).count() == 2


def test_tasks_end_with_the_matter(town, led):
    do(led, fresh(town.clerk), "void", reason="误报")
    assert not AssistTask.objects.open().exists()
    assert list(breaches()) == []


def test_undo_of_the_dispatch_takes_the_tasks_back(town, led):
    matter = do(led, fresh(town.clerk), "undo")
    assert not AssistTask.objects.exists()
    assert not matter.is_assisted
    assert not Part.objects.filter(incident=matter, role=PartRole.ASSISTING, until=None).exists()


def test_settling_on_the_spot_waits_for_the_assisting_units(town):
    matter = do(incident(town, "accepted"), fresh(town.worker), "assist", assisting=[town.department])
    with pytest.raises(Conflict) as refused:
        do(matter, fresh(town.worker), "settle", note="好了")
    assert refused.value.code == "assisting_open"


def test_task_goes_to_whoever_stands_in(town, led):
    user = User.objects.create_user("colleague")
    colleague = Member.objects.create(user=user, name="代岗员", township_code=town.code)
    today = gridgov_clock.today()
    absent = task_of(led, town.villages[1]).member
    take_leave(member=absent, deputy=colleague, since=today, until=today + timedelta(days=3))
    assert task_of(led, town.villages[1]).member == colleague
    assert sees(user, led)
    do(led, fresh(user), "submit_assist", note="已疏散")


def test_audit_of_the_loop_finds_a_task_that_is_not_as_said(town, led):
    assert list(breaches()) == []
    AssistTask.objects.filter(incident=led).update(tell_at=None)
    Incident.objects.filter(pk=led.pk).update(is_assisted=False)
    assert len(list(breaches())) == 2


# --- who was asked first -------------------------------------------------------------------------------------------


@pytest.mark.requirement("R60")
def test_assignee_passes_nothing_sideways(town):
    """Up, or a hand-over by whoever co-ordinates, logged with both units: nothing else takes a matter away."""
    matter = incident(town, "dispatched", to=town.groups[1])
    assignee = fresh(matter.responsible_member.user)
    assert not allowed_names(assignee, matter) & {"dispatch", "hand_over"}
    for action, arguments in (
        ("hand_over", {"to": town.groups[0], "reason": "x"}),
        ("dispatch", {"to": town.groups[0]}),
    ):
        with pytest.raises(Forbidden):
            do(matter, assignee, action, **arguments)
    assert "escalate" in allowed_names(assignee, matter)
    do(matter, fresh(town.village_head), "hand_over", to=town.groups[0], reason="在一组")
    row = Transition.objects.filter(incident=matter).latest("seq")
    assert (row.from_grid, row.to_grid, row.note) == (town.groups[1], town.groups[0], "在一组")


@pytest.mark.requirement("R60")
def test_department_passes_nothing_to_another_department(town):
    matter = do(
        incident(town, "accepted", category="fire"), fresh(town.clerk), "dispatch", to=town.department
    )
    officer = fresh(town.officer)
    assert not allowed_names(officer, matter) & {"dispatch", "hand_over"}
    for action, arguments in (
        ("dispatch", {"to": town.departments[1]}),
        ("hand_over", {"to": town.villages[1], "reason": "不归我们"}),
    ):
        with pytest.raises(Forbidden):
            do(matter, officer, action, **arguments)
    matter = do(matter, officer, "escalate", reason="超出职责")
    assert matter.responsible_grid == town.grid


def test_worker_keeps_sight_and_word_after_hand_over_and_escalation(town):
    matter = incident(town)
    matter = do(matter, fresh(town.worker), "escalate", reason="够不着")
    matter = do(matter, fresh(town.clerk), "hand_over", to=town.villages[1], reason="在二村")
    assert matter.first_asked == town.worker.member
    assert sees(town.worker, matter)
    matter = do(matter, fresh(town.worker), "add_note", note="照片是我拍的")
    row = Transition.objects.filter(incident=matter).latest("seq")
    assert (row.actor, row.note) == (town.worker.member, "照片是我拍的")
    with pytest.raises(Forbidden):
        do(matter, fresh(town.worker), "accept")


# --- REST and pages --------------------------------------------------------------------------------------------------


def test_rest_asks_and_shows(town):
    matter = incident(town, "in_progress")
    rest = client_for(town.clerk)
    body = {
        "client_uuid": "00000000-0000-4000-8000-000000000001",
        "assisting": [{"department": town.department.pk}, {"grid": town.villages[1].code}],
    }
    answer = rest.post(f"/api/v1/incidents/{matter.pk}/actions/assist/", body)
    assert answer.status_code == 200, answer.json()
    assert {one["name"] for one in answer.json()["assisting"]} == {
        town.department.name,
        town.villages[1].name,
    }
    wrong = {
        **body,
        "client_uuid": "00000000-0000-4000-8000-000000000002",
        "assisting": [{"grid": "320371199201"}],
    }
    refused = rest.post(f"/api/v1/incidents/{matter.pk}/actions/assist/", wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_grid")


def test_pages_show_the_units_and_offer_the_result(client: Client, town, led):
    login(client, town.village_head2)
    desk = client.get("/")
    assert [task.unit for task in desk.context["assisting"]] == [town.villages[1]]
    page = client.get(reverse("incidents:detail", args=[led.pk]))
    assert "submit_assist" in {offer.name for offer in page.context["offers"]}
    sent = {"client_uuid": "00000000-0000-4000-8000-000000000003", "version": led.version, "note": "已疏散"}
    assert client.post(reverse("incidents:act", args=[led.pk, "submit_assist"]), sent).status_code == 302
    assert "已疏散" in client.get(reverse("incidents:detail", args=[led.pk])).content.decode()


def test_list_of_what_waits_for_me_holds_what_one_assists_in(client: Client, town, led, clock):
    login(client, town.village_head2)
    page = client.get("/incidents/?mine=1")
    assert led in page.context["page"].rows
    assert led not in client.get("/incidents/?mine=1&overdue=1").context["page"].rows
    card = client.get("/").context["figures"][0]
    assert card.value == page.context["count"]
    tasks = client_for(town.village_head2).get("/api/v1/tasks/").json()
    assert [one["incident"]["id"] for one in tasks["assisting"]] == [str(led.pk)]
    assert tasks["counters"]["assisting"] == 1
    AssistTask.objects.filter(incident=led).update(is_late=True)
    assert led in client.get("/incidents/?mine=1&overdue=1").context["page"].rows


def test_timeline_names_who_assists(client: Client, town, led):
    login(client, town.clerk)
    page = client.get(reverse("incidents:detail", args=[led.pk])).text
    assert f"协办：{town.villages[1]}、{town.departments[1]}" in page


def test_form_offers_departments_and_villages(client: Client, town):
    matter = incident(town, "accepted", category="fire")
    login(client, town.clerk)
    sent = {
        "client_uuid": "00000000-0000-4000-8000-000000000004", "version": matter.version,
        "assisting": [f"department:{town.departments[1].pk}", f"grid:{town.villages[1].pk}"], "deadline": "", "note": "",
    }  # fmt: skip
    assert client.post(reverse("incidents:act", args=[matter.pk, "assist"]), sent).status_code == 302
    assert AssistTask.objects.filter(incident=matter).count() == 2
