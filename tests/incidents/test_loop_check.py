"""check_loop: a town at work is clean, and nothing that was tampered with goes unseen."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import translation

from gridgov.common.enums import Channel
from grids.models import Grid
from incidents.actions import sweep
from incidents.enums import PartRole, Status
from incidents.loop_check import breaches
from incidents.models import ClockEvent, Escalation, Incident, Part, Stage, Transition
from members.models import Member
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def worked(town, new, clock):
    """One closed, one sent back, one of a department, one late with a card, one rejected, one failed visit."""
    closed = do(do(new(), town.worker, "accept"), town.worker, "settle", note="换了灯泡")
    back = do(do(new(), town.worker, "accept"), town.worker, "start")
    do(back, town.worker, "submit_result", note="已修")
    fire = do(new("fire"), town.clerk, "accept")
    do(fire, town.clerk, "dispatch", to=town.department)
    do(new(), town.village_head, "reject", reason="不属实")
    clock("2026-11-24T08:00")
    do(back, town.village_head, "send_back", reason="还不亮")
    clock("2026-11-26T10:00")
    assert sweep() > 0
    visited = do(do(new("fire"), town.clerk, "accept"), town.clerk, "start")
    do(visited, town.clerk2, "submit_result", note="已扑灭")
    do(visited, town.clerk, "verify")
    do(visited, town.clerk, "return_visit", happened=True, solved=False)
    return {"closed": closed, "late": back, "fire": fire, "visited": visited}


def found(number=None):
    return [breach.text for breach in breaches() if number in (None, breach.number)]


def test_town_at_work_is_clean(worked):
    out = StringIO()
    call_command("check_loop", stdout=out)
    assert out.getvalue().strip() == "The closed loop holds: 5 matters."


def test_breach_is_printed_with_its_number_and_ends_with_1(worked):
    incident = worked["late"]
    Incident.objects.filter(pk=incident.pk).update(version=F("version") + 1)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_loop", stdout=out)
    assert all(line.startswith(f"{incident.number}: ") for line in out.getvalue().splitlines())


def test_only_the_township_asked_for_is_audited(worked):
    Incident.objects.update(version=F("version") + 1)
    call_command("check_loop", "--township", "320371102", stdout=StringIO())


SABOTAGE = {
    "member without login": (
        lambda it: Member.objects.filter(pk=it.responsible_member_id).update(is_active=False),
        "the member who answers for it cannot log in",
    ),
    "unit ended": (
        lambda it: Grid.objects.filter(pk=it.responsible_grid_id).update(ended_on="2026-01-01"),
        "the unit that answers for it no longer exists",
    ),
    "version": (
        lambda it: Incident.objects.filter(pk=it.pk).update(version=99),
        "version 99, but",
    ),
    "history lost": (
        lambda it: Transition.objects.filter(incident=it, seq=2).delete(),
        "rows of history from 1 to",
    ),
    "history renumbered": (
        lambda it: Transition.objects.filter(incident=it, seq=1).update(seq=0),
        "rows of history from 0 to",
    ),
    "history gone": (
        lambda it: Transition.objects.filter(incident=it).delete(),
        "but 0 rows of history",
    ),
    "history changed": (
        lambda it: Transition.objects.filter(incident=it, seq=2).update(from_status=Status.VERIFIED),
        "row 2 of history does not begin where the one before ended",
    ),
    "state set by hand": (
        lambda it: Incident.objects.filter(pk=it.pk).update(status=Status.ACCEPTED),
        "its state is not that of its last row of history",
    ),
    "clock stopped": (
        lambda it: Stage.objects.filter(incident=it, number=it.stage).update(ended_at=F("started_at")),
        "it is open, but the clock of its stage does not run",
    ),
    "second clock": (
        lambda it: Stage.objects.filter(incident=it).update(ended_at=None),
        "runs and should not",
    ),
    "due moved": (
        lambda it: Incident.objects.filter(pk=it.pk).update(due_at=F("due_at") + timedelta(days=1)),
        "but its clocks say",
    ),
    "limit changed": (
        lambda it: Stage.objects.filter(incident=it, number=it.stage).update(limit_n=9),
        "but its clocks say",
    ),
    "ledger lost": (lambda it: ClockEvent.objects.filter(stage__incident=it).delete(), "but its clocks say"),
    "part not mirrored": (
        lambda it: Part.objects.filter(incident=it, role=PartRole.REPORTER).update(is_late=False),
        "the part “reporter” does not repeat what the matter says",
    ),
    "escalation of no stage": (
        lambda it: Escalation.objects.filter(incident=it).update(stage_number=77),
        "belongs to no stage",
    ),
    "escalation gone": (
        lambda it: Escalation.objects.filter(incident=it).delete(),
        "it counts as late, but nobody was told",
    ),
    "lateness hidden": (
        lambda it: Incident.objects.filter(pk=it.pk).update(is_late=False, escalate_at=None),
        "the sweep will not look at it then",
    ),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage_of_an_open_matter_is_found(worked, name):
    incident = Incident.objects.get(pk=worked["late"].pk)
    assert found() == []
    tamper, said = SABOTAGE[name]
    tamper(incident)
    assert any(said in text for text in found(incident.number)), found()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"escalate_at": "2026-11-24T00:00Z"}, "it has ended, but is still late or to be escalated"),
        ({"is_late": True}, "it has ended, but is still late or to be escalated"),
    ],
)
def test_ended_matter_that_still_waits_is_found(worked, values, said):
    Incident.objects.filter(pk=worked["closed"].pk).update(**values)
    assert said in found(worked["closed"].number)


def test_running_clock_of_an_ended_matter_is_found(worked):
    Stage.objects.filter(incident=worked["closed"]).update(ended_at=None)
    assert "the clock of stage 1 runs and should not" in found(worked["closed"].number)


def test_department_that_was_closed_is_found(worked, town):
    type(town.department).objects.filter(pk=town.department.pk).update(is_active=False)
    assert found(worked["fire"].number) == ["the unit that answers for it no longer exists"]


def test_told_before_the_deadline_is_found(worked):
    Escalation.objects.filter(incident=worked["late"]).update(told_at=F("due_at"))
    assert any("came before the deadline" in text for text in found())


def test_requester_told_by_phone_leaves_it_clean(town, new):
    incident = new(requester={"name": "甲", "phone": "13800000000"})
    do(
        incident,
        town.worker,
        "settle",
        note="已办",
        told={"channel": Channel.PHONE, "happened_at": incident.reported_at},
    )
    assert found() == []
