"""Going up by itself: once per matter, stage and level told."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Forbidden
from incidents.actions import NewProcedure, perform, publish_procedures, report, sweep
from incidents.loop_check import breaches
from incidents.models import Escalation, Incident, Transition
from members.models import InboxMessage
from tests.factories import fresh, township
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _loop_stays_closed(request):
    """Whatever was swept, the audit finds nothing."""
    if "town" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("town")
    yield
    assert list(breaches()) == []


def ruled(town, category="dispute", **data):
    """The category under other rules from now on."""
    procedure = town.categories[category].procedure
    new = NewProcedure(procedure.code, "x", {**procedure.data, **data})
    publish_procedures(township=town.grid, procedures=[new])
    town.categories[category].refresh_from_db()


def told(incident):
    rows = Escalation.objects.filter(incident=incident).order_by("told_at", "id")
    return [(row.stage_number, row.level, row.told_grid_id) for row in rows]


def again(incident):
    return Incident.objects.get(pk=incident.pk)


def test_late_matter_is_told_once_to_the_level_above(town, new, clock):
    incident = new("dispute")  # due on Wednesday 09:00
    clock("2026-11-25T09:01")
    assert [sweep(), sweep(), sweep()] == [1, 0, 0]
    village = town.villages[0].code
    assert told(incident) == [(1, "village", village)]
    row, card = again(incident), Escalation.objects.get()
    assert (row.is_late, row.status, row.responsible_grid_id, row.version) == (
        True, "reported", town.groups[0].code, 2
    )  # fmt: skip
    assert (card.told_member, card.late_grid, card.due_at) == (
        town.village_head.member,
        town.groups[0],
        row.due_at,
    )
    assert row.escalate_at == card.card_due_at
    last = row.history.last()
    assert (last.action, last.from_status, last.to_status, last.actor) == (
        "overdue",
        "reported",
        "reported",
        None,
    )
    assert set(row.parts.values_list("is_late", flat=True)) == {True}


def test_deadline_equal_to_now_is_not_late(town, new, clock):
    incident = new("dispute")
    clock("2026-11-25T09:00")
    assert sweep() == 0
    assert again(incident).is_late is False


@pytest.mark.requirement("R74")
def test_nothing_is_late_without_a_deadline(town, new, clock):
    ruled(town, limits={})
    incident = new("dispute")
    clock("2036-11-25T09:00")
    assert sweep() == 0
    assert (again(incident).due_at, again(incident).escalate_at, again(incident).is_late) == (
        None,
        None,
        False,
    )


def test_chain_goes_up_card_by_card_and_ends_at_the_leader(town, new, clock):
    incident = new("dispute")
    clock("2026-11-25T10:00")
    assert sweep() == 1
    clock("2026-11-26T10:00")  # the village's card of one working day ends now
    assert sweep() == 0
    clock("2026-11-26T10:01")
    assert sweep() == 1
    clock("2026-11-27T10:02")
    assert sweep() == 1
    village = town.villages[0].code
    assert told(incident) == [(1, "village", village), (1, "township", town.code), (1, "leader", town.code)]
    red = Escalation.objects.get(is_red=True)
    assert (red.told_member, red.card_due_at) == (town.leader.member, None)
    clock("2027-11-27T10:02")
    assert sweep() == 0


def test_each_level_told_gets_one_message_and_so_does_the_late_one(town, new, clock):
    incident = new("dispute")
    InboxMessage.objects.all().delete()
    clock("2026-11-25T10:00")
    sweep()
    found = InboxMessage.objects.values_list("member", "text", "kind")
    assert set(found) == {
        (town.worker.member.pk, "Late: %(number)s %(heading)s", "overdue"),
        (town.village_head.member.pk, "Late below you: %(number)s %(heading)s (%(unit)s)", "overdue"),
    }
    assert InboxMessage.objects.first().params["number"] == incident.number


def test_chain_of_a_department_is_township_then_leader(town, new, clock):
    incident = do(do(new("fire"), town.clerk, "accept"), town.clerk, "dispatch", to=town.department)
    clock("2026-11-24T09:01")
    assert sweep() == 1
    clock("2026-11-26T10:00")
    assert sweep() == 1
    assert told(incident) == [(2, "township", town.code), (2, "leader", town.code)]
    assert {row.late_department for row in Escalation.objects.all()} == {town.department}


def test_late_township_is_told_to_its_leader(town, new, clock):
    incident = new("fire")
    clock("2026-11-24T09:01")
    assert sweep() == 1
    assert told(incident) == [(1, "leader", town.code)]
    assert Escalation.objects.get().is_red


def test_without_card_limit_a_level_has_the_limit_that_was_missed(town, new, clock):
    ruled(town, limits={"group": {"n": 1, "unit": "hours"}})
    incident = new("dispute")
    for moment in ("2026-11-23T10:01", "2026-11-23T11:02", "2026-11-23T12:03"):
        clock(moment)
        assert sweep() == 1
    assert [level for _stage, level, _code in told(incident)] == ["village", "township", "leader"]
    clock("2027-11-23T10:01")
    assert sweep() == 0
    assert (again(incident).escalate_at, again(incident).is_late) == (None, True)


def test_supervise_leaves_responsibility_where_it_was(town, new, clock):
    incident = new("dispute")
    clock("2026-11-25T10:00")
    sweep()
    with pytest.raises(Forbidden):
        do(incident, town.village_head, "accept")
    assert do(incident, town.worker, "accept").responsible_grid == town.groups[0]


def test_raise_moves_when_the_level_above_accepts(town, new, clock):
    incident = new("quick")
    clock("2026-11-23T09:02:01")
    assert sweep() == 1
    assert again(incident).responsible_grid == town.groups[0]
    with pytest.raises(Forbidden):
        do(incident, town.clerk, "accept")
    incident = do(incident, town.village_head, "accept")
    village = town.villages[0]
    assert (incident.responsible_grid, incident.status, incident.stage, incident.is_late) == (
        village, "accepted", 2, False
    )  # fmt: skip
    assert [row.action for row in incident.history.all()] == ["report", "overdue", "escalate", "accept"]
    assert Escalation.objects.get().settled_at == gridgov_clock.now()


def test_lateness_stays_with_the_unit_that_had_it(town, new, clock):
    incident = new("dispute")
    clock("2026-11-25T10:00")
    sweep()
    incident = do(incident, town.worker, "escalate", reason="够不着")
    assert (incident.is_late, incident.responsible_grid) == (False, town.villages[0])
    stage = incident.stages.get(number=1)
    assert (stage.grid, stage.ended_at > stage.due_at) == (town.groups[0], True)
    assert Escalation.objects.get().late_grid == town.groups[0]
    assert sweep() == 0


def test_a_new_stage_may_be_told_to_the_same_level_again(town, new, clock):
    incident = new("dispute")
    clock("2026-11-25T10:00")
    sweep()
    incident = do(incident, town.village_head, "hand_over", to=town.groups[1], reason="二组的事")
    clock("2026-11-30T10:00")
    assert sweep() == 1
    village = town.villages[0].code
    assert told(incident) == [(1, "village", village), (2, "village", village)]


@pytest.fixture
def sent_back_late(town, new, clock):
    """Late on Wednesday, the result submitted at once, sent back on Monday: the village's card ran out meanwhile."""
    incident = do(do(new("dispute"), town.worker, "accept"), town.worker, "start")
    clock("2026-11-25T10:00")
    sweep()
    do(incident, town.worker, "submit_result", note="已调解")
    clock("2026-11-27T10:00")
    return do(incident, town.village_head, "send_back", reason="没谈拢")


def test_sent_back_late_is_late_at_once_and_tells_nobody_twice(sent_back_late, clock):
    row = again(sent_back_late)
    # it had used its two working days and one hour; the time of the verification does not count
    assert (row.is_late, row.stage) == (True, 1)
    assert row.due_at.astimezone(gridgov_clock.SHANGHAI).isoformat() == "2026-11-27T09:00:00+08:00"
    assert set(row.parts.values_list("is_late", flat=True)) == {True}
    assert sweep() == 0
    card = Escalation.objects.get()
    assert (card.level, card.settled_at) == ("village", None)


def test_sent_back_late_gives_the_level_told_a_card_again(sent_back_late, town, clock):
    clock("2026-11-30T10:00")
    assert sweep() == 0
    clock("2026-11-30T10:01")
    assert sweep() == 1
    assert told(sent_back_late)[-1] == (1, "township", town.code)


def test_sent_back_in_time_is_not_late(town, new, clock):
    incident = do(do(new("dispute"), town.worker, "accept"), town.worker, "start")
    do(incident, town.worker, "submit_result", note="已调解")
    clock("2026-11-24T10:00")
    incident = do(incident, town.village_head, "send_back", reason="没谈拢")
    assert (incident.is_late, incident.escalate_at) == (False, incident.due_at)


def test_ended_matter_never_goes_up(town, new, clock):
    do(new("dispute"), town.worker, "settle", note="已调解")
    clock("2026-12-25T10:00")
    assert sweep() == 0


def test_batches_are_swept_until_nothing_is_left(town, new, clock):
    for _number in range(7):
        new("dispute")
    clock("2026-11-25T10:00")
    assert sweep(batch=3) == 7
    assert Transition.objects.filter(action="overdue").count() == 7


def test_a_batch_costs_the_same_for_one_and_for_many(town, new, clock, django_assert_max_num_queries):
    for _number in range(20):
        new("dispute")
    clock("2026-11-25T10:00")
    with django_assert_max_num_queries(16):
        assert sweep() == 20


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_each_level_once(clock):
    town = township()
    for _number in range(12):
        report(user=town.worker, grid=town.groups[0], category=town.categories["dispute"], description="争吵")
    late = gridgov_clock.now() + timedelta(days=3)
    gate, results = threading.Barrier(2), []

    def run():
        gate.wait()
        try:
            results.append(sweep(batch=5, now=late))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(results) + sweep(now=late) == 12
    assert Escalation.objects.count() == Transition.objects.filter(action="overdue").count() == 12
    assert set(Incident.objects.values_list("version", "is_late")) == {(2, True)}


@pytest.mark.django_db(transaction=True)
def test_sweep_and_action_at_once_leave_one_story(clock):
    """Whoever is second either sees what the first did or is refused; the history stays gapless."""
    town = township()
    category = town.categories["dispute"]
    rows = [
        report(user=town.worker, grid=town.groups[0], category=category, description="争吵").incident
        for _n in range(10)
    ]
    late = gridgov_clock.now() + timedelta(days=3)
    gate = threading.Barrier(2)

    def act():
        gate.wait()
        user = fresh(town.worker)
        try:
            for row in rows:
                with gridgov_clock.at(late):
                    for _attempt in range(3):
                        incident = Incident.objects.for_list().get(pk=row.pk)
                        try:
                            perform(user=user, incident=incident, action="settle", note="已调解")
                            break
                        except Exception as error:  # noqa: BLE001  a lost race is tried again
                            errors.append(type(error).__name__)
        finally:
            connections.close_all()

    errors: list[str] = []
    thread = threading.Thread(target=act)
    thread.start()
    gate.wait()
    sweep(batch=3, now=late)
    thread.join(30)
    sweep(now=late)
    assert set(errors) <= {"Conflict"}
    assert set(Incident.objects.values_list("status", flat=True)) == {"closed"}
    with gridgov_clock.at(late):
        assert list(breaches()) == []
