"""A matter that turns out to be of another category: before anybody began on it, that category's procedure is followed."""

from datetime import timedelta

import pytest

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Invalid
from incidents.actions import NewProcedure, publish_procedures
from incidents.loop_check import breaches
from incidents.models import Incident, Part, Stage
from members.models import InboxMessage
from tests.incidents.acting import do
from tests.incidents.test_due import at

HOURS = {"unit": "hours"}


def other(town, category="dispute", **spec):
    """Another category goes by a procedure of its own from now on."""
    row = town.categories[category]
    publish_procedures(township=town.grid, procedures=[NewProcedure("another", "另一种办法", spec)])
    row.procedure = type(row.procedure).objects.get(township=town.grid, code="another", is_current=True)
    row.save()
    return row


def clocks(matter):
    rows = Stage.objects.filter(incident=matter, is_void=False).order_by("number")
    return [(row.number, row.limit_n, row.limit_unit, row.started_at, row.ended_at is None) for row in rows]


def clean():
    assert list(breaches()) == []


def test_limits_of_the_right_category_count_from_the_report(town, new, clock):
    dispute = other(town, limits={"group": {"n": 30, **HOURS}, "total": {"n": 50, **HOURS}})
    matter = new()
    began = gridgov_clock.now()
    clock("2026-11-23T11:00")
    matter = do(matter, town.village_head, "correct", category=dispute)
    assert matter.procedure == dispute.procedure
    assert matter.due_at == began + timedelta(hours=30)  # no time is won by it
    assert clocks(matter) == [(0, 50, "hours", began, True), (1, 30, "hours", began, True)]
    assert (matter.responsible_grid_id, matter.status) == (town.groups[0].code, "reported")
    clean()
    back = do(matter, town.village_head, "undo")
    assert (back.procedure, back.due_at) == (town.categories["request"].procedure, at("2026-11-25T09:00"))
    assert [row[:3] for row in clocks(back)] == [(1, 2, "working_days")]
    clean()
    again = do(back, town.village_head, "correct", category=dispute)
    assert clocks(again) == [(0, 50, "hours", began, True), (1, 30, "hours", began, True)]
    clean()


def test_it_goes_to_whoever_receives_such_reports(town, new):
    dispute = other(
        town, start="township", helpers=["village"], important=True, limits={"township": {"n": 4, **HOURS}}
    )
    matter = do(new(), town.worker, "accept")
    matter = do(matter, town.village_head, "correct", category=dispute)
    assert (matter.responsible_grid_id, matter.status, matter.acceptor_grid_id) == (
        town.code,
        "reported",
        None,
    )
    assert matter.important
    assert matter.due_at == gridgov_clock.now() + timedelta(hours=4)
    assert Part.objects.filter(incident=matter, role="helper", member=town.village_head.member).exists()
    clean()
    back = do(matter, town.village_head, "undo")
    assert (back.responsible_grid_id, back.status, back.acceptor_grid_id) == (
        town.groups[0].code,
        "accepted",
        town.groups[0].code,
    )
    assert not back.important
    clean()


@pytest.mark.parametrize("begun", ["start", "escalate", "suspend", "assist"])
def test_once_somebody_began_on_it_its_own_procedure_stays(town, new, begun):
    dispute = other(town, limits={"group": {"n": 30, **HOURS}})
    matter = do(new(), town.worker, "accept")
    given = {
        "escalate": {"reason": "够不着"},
        "suspend": {"reason": "等雨停"},
        "assist": {"assisting": [town.department]},
    }
    matter = do(matter, town.worker, begun, **given.get(begun, {}))
    if begun == "suspend":
        matter = do(matter, town.worker, "resume")
    corrected = do(
        matter, town.village_head if begun != "escalate" else town.clerk, "correct", category=dispute
    )
    assert corrected.category == dispute
    assert corrected.procedure == town.categories["request"].procedure
    assert corrected.due_at == matter.due_at
    assert "procedure" not in corrected.history.latest("seq").data["after"]
    clean()


def test_the_total_of_the_wrong_category_ends(town, new):
    dispute = other(town, limits={"group": {"n": 30, **HOURS}, "total": {"n": 20, **HOURS}})
    matter = new("dispute")
    assert matter.due_at == gridgov_clock.now() + timedelta(hours=20)
    matter = do(matter, town.village_head, "correct", category=town.categories["request"])
    assert matter.due_at == at("2026-11-25T09:00")
    assert [row[0] for row in clocks(matter)] == [1]
    clean()
    back = do(matter, town.village_head, "undo")
    assert back.due_at == gridgov_clock.now() + timedelta(hours=20)
    assert [row[0] for row in clocks(back)] == [0, 1]
    clean()
    assert back.procedure == dispute.procedure


def test_what_its_report_does_not_say_is_asked_for(town, new):
    step = {"code": "first", "name": "先行上报", "level": "group", "actor": "网格员", "by": ["report"], "requires": ["trend_forecast"], "on_success": "close"}  # fmt: skip
    dispute = other(town, steps=[step])
    matter = new()
    with pytest.raises(Invalid) as refused:
        do(matter, town.village_head, "correct", category=dispute)
    assert set(refused.value.errors) == {"trend_forecast"}
    assert Incident.objects.get(pk=matter.pk).version == matter.version
    matter = do(matter, town.village_head, "correct", category=dispute, trend_forecast="可能倒塌。")
    assert matter.extra["trend_forecast"] == "可能倒塌。"
    row = matter.history.latest("seq")
    assert (row.data["step"], row.data["after"]["procedure"]) == ("first", "另一种办法")
    clean()


REPORTED = {
    "code": "first",
    "name": "先行上报",
    "level": "group",
    "actor": "网格员",
    "by": ["report"],
    "on_success": "close",
}


def test_it_may_be_corrected_twice(town, new):
    """Steps that are reports count as nothing begun, of whichever procedure they were."""
    dispute = other(town, steps=[REPORTED], limits={"group": {"n": 30, **HOURS}})
    matter = do(new("dispute"), town.village_head, "correct", category=town.categories["request"])
    assert matter.procedure == town.categories["request"].procedure
    matter = do(matter, town.clerk, "correct", category=dispute)
    assert matter.procedure == dispute.procedure
    clean()


def test_what_was_taken_back_is_nothing_begun(town, new, clock):
    dispute = other(town, limits={"group": {"n": 30, **HOURS}})
    matter = do(new(), town.worker, "suspend", reason="点错了")
    clock("2026-11-23T09:05")
    matter = do(matter, town.worker, "undo")
    matter = do(do(matter, town.worker, "escalate", reason="点错了"), town.worker, "undo")
    matter = do(matter, town.village_head, "correct", category=dispute)
    assert matter.procedure == dispute.procedure
    assert matter.due_at == matter.reported_at + timedelta(hours=30)
    clean()


def test_a_title_alone_changes_no_procedure(town, new):
    """The form sends the category with every correction; the township has mapped it anew meanwhile."""
    matter = new("dispute")
    dispute = other(town, start="township", limits={"township": {"n": 3, **HOURS}})
    corrected = do(matter, town.village_head, "correct", category=dispute, title="院墙")
    assert (corrected.procedure, corrected.due_at) == (matter.procedure, matter.due_at)
    clean()


def test_whoever_has_it_hears_that_it_is_something_else(town, new):
    dispute = other(town, important=True, limits={"group": {"n": 1, **HOURS}})
    matter = new()
    before = InboxMessage.objects.filter(member=town.worker.member).count()
    do(matter, town.village_head, "correct", category=dispute)
    assert InboxMessage.objects.filter(member=town.worker.member).count() == before + 1


@pytest.mark.parametrize("asked", ["occurred_at", "requester"])
def test_what_a_correction_cannot_add_keeps_the_procedure_and_corrects_the_category(town, new, asked):
    dispute = other(town, steps=[{**REPORTED, "requires": [asked]}])
    matter = new()
    corrected = do(matter, town.village_head, "correct", category=dispute)
    assert (corrected.category, corrected.procedure) == (dispute, matter.procedure)
    clean()


def test_a_tight_total_that_was_taken_back_is_no_breach(town, new):
    dispute = other(town, limits={"total": {"n": 9, **HOURS}})
    matter = do(new(), town.village_head, "correct", category=dispute)
    back = do(matter, town.village_head, "undo")
    assert back.due_at == at("2026-11-25T09:00")
    clean()


def test_a_look_on_the_spot_is_a_beginning(town, new):
    dispute = other(town, limits={"group": {"n": 30, **HOURS}})
    matter = do(new(), town.worker, "arrive", note="到了现场")
    corrected = do(matter, town.village_head, "correct", category=dispute)
    assert corrected.procedure == matter.procedure


def test_one_person_at_two_levels_helps_once(town, new):
    """The group's post is vacant: the village's head answers for both."""
    dispute = other(town, start="township", helpers=["village", "group"])
    town.worker.member.appointments.filter(post__grid=town.groups[0]).update(until=gridgov_clock.today())
    town.group_head.member.appointments.filter(post__grid=town.groups[0]).update(until=gridgov_clock.today())
    made = new("dispute", user=town.village_head)
    assert Part.objects.filter(incident=made, role="helper", member=town.village_head.member).count() == 1
    matter = do(new("request", user=town.village_head), town.clerk, "correct", category=dispute)
    assert matter.procedure == dispute.procedure
    assert Part.objects.filter(incident=matter, role="helper", member=town.village_head.member).count() == 1
    clean()
