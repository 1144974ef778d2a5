"""Every turn of a matter as rows of its ledgers: what stops, pauses, goes on and is taken back, on both clocks."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from gridgov.common import clock as gridgov_clock
from gridgov.common.worktime import Limit, Unit
from incidents import due
from incidents.actions import NewProcedure, publish_procedures
from incidents.loop_check import breaches
from incidents.models import ClockEvent, Incident, Stage
from tests.factories import login
from tests.incidents.acting import do


@pytest.fixture(autouse=True)
def _loop_stays_closed(request):
    request.getfixturevalue("town")
    yield
    assert list(breaches()) == []


@pytest.fixture
def limited(town):
    """`dispute` with two working days a stage and ten in all."""
    procedure = town.categories["dispute"].procedure
    limits = {
        **procedure.data["limits"],
        "group": {"n": 2, "unit": "working_days"},
        "village": {"n": 3, "unit": "working_days"},
        "total": {"n": 10, "unit": "working_days"},
    }
    publish_procedures(
        township=town.grid,
        procedures=[NewProcedure(procedure.code, "x", {**procedure.data, "limits": limits})],
    )
    town.categories["dispute"].refresh_from_db()


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=gridgov_clock.SHANGHAI)


def rows(incident):
    """(stage, kind) in the order of writing; what was taken back stays and is named by a void row."""
    found = ClockEvent.objects.filter(stage__incident=incident).order_by("id")
    return [(row.stage.number, row.kind) for row in found.select_related("stage")]


def dues(incident):
    return {stage.number: stage.due_at for stage in Stage.objects.filter(incident=incident, is_void=False)}


def test_a_new_unit_begins_a_stage_anew_and_the_total_goes_on(limited, town, new, clock):
    incident = new("dispute")
    total = dues(incident)[0]
    clock("2026-11-24T10:00")
    incident = do(incident, town.worker, "escalate", reason="够不着")
    assert rows(incident) == [(1, "stop")]
    assert dues(incident) == {0: total, 1: at("2026-11-25T09:00"), 2: at("2026-11-27T10:00")}
    assert incident.due_at == at("2026-11-27T10:00")


def test_undo_takes_its_rows_back_by_a_further_row(limited, town, new, clock):
    incident = new("dispute")
    before = (incident.due_at, dues(incident))
    incident = do(incident, town.worker, "suspend", reason="等材料")
    clock("2026-11-23T09:08")
    incident = do(incident, town.worker, "undo")
    assert sorted(rows(incident)) == [(0, "pause"), (0, "void"), (1, "pause"), (1, "void")]
    assert (incident.due_at, dues(incident)) == before
    assert len(due.explain(incident).clocks[0].lines) <= 2  # nothing is said of the pause


def test_reopening_begins_a_stage_and_lets_the_total_go_on(limited, town, new, clock):
    incident = do(new("dispute"), town.worker, "settle", note="已调解")
    assert sorted(rows(incident)) == [(0, "stop"), (1, "stop")]
    clock("2026-11-25T09:00")
    incident = do(incident, town.village_head, "reopen", reason="又吵起来")
    assert sorted(rows(incident)) == [(0, "resume"), (0, "stop"), (1, "stop")]
    found = dues(incident)
    assert found[0] == at("2026-12-09T09:00")  # two working days stood still
    assert found[2] == incident.due_at == at("2026-11-27T09:00")


def test_a_merged_matter_stands_still_and_goes_on_when_taken_out(limited, town, new, clock):
    main, twin = new("dispute"), new("dispute")
    before = dues(twin)
    twin = do(twin, town.village_head, "merge", into=main)
    assert sorted(rows(twin)) == [(0, "stop"), (1, "stop")]
    clock("2026-11-24T09:00")
    twin = do(twin, town.village_head, "unmerge")
    assert sorted(rows(twin)) == [(0, "resume"), (0, "stop"), (1, "resume"), (1, "stop")]
    assert dues(twin) == {
        number: moment + timedelta(days=1) for number, moment in before.items() if number == 1
    } | {0: at("2026-12-08T09:00")}


@pytest.mark.parametrize("granted", [True, False])
def test_an_extension_is_a_row_once_granted_and_none_when_refused(limited, town, new, granted):
    incident = new("dispute")
    before = dues(incident)
    asked = {"limit": Limit(1, Unit.WORKING_DAYS), "reason": "当事人外出"}
    incident = do(incident, town.worker, "request_extension", **asked)
    assert rows(incident) == [] and dues(incident) == before
    incident = do(incident, town.village_head, "decide_extension", granted=granted)
    assert rows(incident) == ([(1, "extend")] if granted else [])  # the total ends later anyway
    assert incident.due_at == at("2026-11-26T09:00" if granted else "2026-11-25T09:00")
    assert incident.extensions.get().granted is granted
    said = [line for line in due.explain(incident).lines if "当事人外出" in line]
    assert len(said) == (1 if granted else 0)


def test_the_total_decides_where_stages_reach_beyond_it(limited, town, new, clock):
    incident = new("dispute")
    clock("2026-12-04T10:00")
    incident = do(incident, town.worker, "escalate", reason="够不着")
    assert incident.due_at == dues(incident)[0] == at("2026-12-07T09:00") < dues(incident)[2]
    assert due.explain(incident).source == "total"


def test_an_internal_extension_does_not_move_the_superior_deadline(limited, town, new):
    incident = new("dispute", external_no="县2026-7", external_due=at("2026-11-25T12:00"))
    asked = {"limit": Limit(3, Unit.WORKING_DAYS), "reason": "当事人外出"}
    do(incident, town.worker, "request_extension", **asked)
    incident = do(incident, town.village_head, "decide_extension", granted=True)
    assert incident.due_at == at("2026-11-25T12:00")
    assert due.explain(incident).source == "external"
    assert Incident.objects.get(pk=incident.pk).external_due == at("2026-11-25T12:00")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_page_says_when_any_category_would_be_due(limited, town, language):
    client = login(Client(), town.clerk)
    client.cookies["gridgov_language"] = language
    category = town.categories["dispute"]
    page = client.get("/incidents/when-due/", {"category": category.pk, "start": "2026-12-30T16:00"})
    text = page.content.decode()
    assert page.status_code == 200
    assert "2027-01-01 16:00" in text and "2027-01-04 16:00" in text
    assert ("2027年放假安排未导入，暂按周末推算。" in text) == (language == "zh-hans")
    assert client.get("/incidents/when-due/").status_code == 200
    assert client.get("/incidents/when-due/", {"category": category.pk, "start": "x"}).status_code == 400
    assert login(Client(), town.admin).get("/incidents/when-due/").status_code == 200
    assert login(Client(), town.worker).get("/incidents/when-due/").status_code == 403
