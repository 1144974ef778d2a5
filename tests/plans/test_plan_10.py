"""Plan 10 (乡社会管理网格化实施方案), section 10.3: representatives, cadres, committees, township."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from incidents.actions.moves.naming import BESIDE
from incidents.actions.moves.overseeing import REMINDED
from incidents.api.inputs import ReportInput
from incidents.beside import waiting_beside
from incidents.loop_check import breaches
from incidents.models import Incident, Part
from members.models import Appointment, InboxMessage
from tests.factories import client_for, fresh
from tests.plans.walking import Walk, page

pytestmark = pytest.mark.django_db
# Must-report and must-arrive, by hand from section 10.3.
MUST_REPORT = {"security_hazard", "unstable_factor", "move_note", "major_event"}
MUST_ARRIVE = {"emergency", "neighbours", "misfortune", "request"}


@pytest.fixture
def walk():
    return Walk(10)


@pytest.fixture
def representative(walk):
    assert walk.deepest.depth == 3
    return walk.by("村民代表", walk.deepest)


@pytest.fixture
def cadre(walk):
    return walk.by("村两委干部", walk.deepest.code[:15])


@pytest.fixture
def stationed(walk):
    return walk.by("驻村干部", walk.village)


@pytest.fixture
def committees(walk):
    return walk.by("村两委负责人", walk.village)


@pytest.fixture
def centre(walk):
    return walk.by("乡社会服务管理中心值班员")


def handled_at_the_centre(walk, centre, row):
    walk.act(centre, row, "accept")
    walk.act(centre, row, "start")
    walk.act(centre, row, "submit_result", note="已办好。")
    walk.act(walk.by("乡社会服务管理中心工作人员"), row, "verify")


@pytest.mark.requirement("R47")
def test_a_general_matter_is_handled_on_the_spot_and_filed(walk, representative, cadre):
    row = walk.report(representative, "general", walk.deepest)
    walk.act(representative, row, "settle", note="当场办好，已存档。")
    assert walk.steps(representative, row) == ["handle"]
    row = walk.report(representative, "general", walk.deepest, escalate=True)
    walk.refused(representative, row, "settle", "forbidden", "P10-I1", note="办了")
    walk.act(cadre, row, "settle", note="网格区办好。")
    assert walk.steps(cadre, row) == ["handle_area"]


@pytest.mark.requirement("R47")
def test_the_grid_head_handles_on_the_spot_what_he_finds_himself(
    walk, representative, cadre, committees, centre
):
    row = walk.report(cadre, "general", walk.deepest)
    assert walk.step(cadre, row) == "handle_area"
    walk.refused(representative, row, "settle", "forbidden", "P10-I1", note="办了")
    assert walk.act(cadre, row, "settle", note="当场办好，已存档。")["status"] == "closed"
    for user in (committees, centre):  # the plan has no step for them: it is for those on the spot
        row = walk.report(user, "general", walk.deepest)
        assert walk.step(representative, row) == "handle"
    walk.refused(cadre, row, "settle", "forbidden", "P10-C1", note="办了")


@pytest.mark.requirement("R51")
@pytest.mark.parametrize("category", ["coordination", "approval"])
def test_coordination_and_approval_go_to_the_centre(walk, representative, centre, category):
    row = walk.report(representative, category, walk.deepest)
    assert walk.read(centre, row)["responsible"]["grid"] == walk.town.pk
    walk.refused(representative, row, "start", "forbidden", "P10-D2")
    handled_at_the_centre(walk, centre, row)
    walk.finish(centre, row)
    assert walk.steps(centre, row) == ["report_first", "handle", "handle"]


@pytest.mark.requirement("R51", "R73")
def test_an_emergency_goes_to_the_centre_and_somebody_must_arrive(walk, representative, centre):
    row = walk.report(representative, "emergency", walk.deepest)
    handled_at_the_centre(walk, centre, row)
    walk.refused(centre, row, "close", "arrive_required", "P10-Q1")
    came = (clock.now() - timedelta(minutes=1)).isoformat()
    walk.refused(
        representative, row, "arrive", "invalid_arguments", None, happened_at=came
    )  # before the report
    walk.act(representative, row, "arrive", note="到场。")
    walk.finish(centre, row)


@pytest.mark.requirement("R63")
def test_a_dispute_climbs_one_step_at_a_time(walk, representative, cadre, committees, stationed, centre):
    row = walk.report(representative, "dispute", walk.deepest)
    seen = []
    for user in (representative, cadre, committees, stationed):
        seen.append(walk.step(user, row))
        walk.act(user, row, "escalate", reason="化解不了。")
    assert [*seen, walk.step(centre, row)] == ["represent", "cadre", "committees", "stationed", "centre"]
    walk.refused(cadre, row, "settle", "forbidden", "P10-I3", note="办了")
    walk.act(centre, row, "accept")
    walk.act(centre, row, "dispatch", to={"grid": walk.village.code})
    assert walk.step(committees, row) == "committees"  # sent down, it begins there again
    walk.act(committees, row, "start")
    walk.act(committees, row, "submit_result", note="已化解。")
    walk.act(centre, row, "verify")
    walk.finish(centre, row)


@pytest.mark.requirement("R63")
def test_what_the_committees_cannot_settle_goes_to_the_stationed_cadres_of_the_village(
    walk, representative, cadre, committees, stationed, centre
):
    row = walk.report(representative, "dispute", walk.deepest)
    walk.act(representative, row, "escalate", reason="化解不了。")
    walk.act(cadre, row, "escalate", reason="化解不了。")
    walk.act(committees, row, "accept")
    walk.refused(stationed, row, "start", "not_this_post", "P10-I3")
    walk.act(committees, row, "start")
    before = Incident.objects.get(pk=row)
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    read = walk.read(stationed, row)
    assert (read["responsible"]["grid"], read["status"], read["step"]["code"]) == (
        walk.village.pk,
        "reported",
        "stationed",
    )
    assert Incident.objects.get(pk=row).stage == before.stage  # the village's clock runs on
    assert len(walk.heard(stationed, row)) == 1
    assert Part.objects.filter(incident=row, member=stationed.member, role="helper", until=None).exists()
    page_text = page(stationed, f"/incidents/{row}/").content.decode()
    assert "下一步：“驻村干部处理”" in page_text
    walk.act(centre, row, "remind")
    for user in (committees, stationed):  # who answers for the village, and whose turn it is
        assert InboxMessage.objects.filter(member=user.member, text=REMINDED).count() == 1
    walk.act(stationed, row, "accept")
    walk.refused(committees, row, "start", "not_this_post", "P10-D4")
    walk.act(stationed, row, "start")
    walk.act(stationed, row, "submit_result", note="初步化解。")
    walk.act(centre, row, "send_back", reason="还有一户。")
    assert walk.step(stationed, row) == "stationed"  # rework is theirs, not the committees'
    walk.act(stationed, row, "submit_result", note="已化解。")
    walk.act(centre, row, "verify")
    walk.finish(centre, row)
    assert walk.steps(centre, row) == ["committees", *["stationed"] * 3]


@pytest.mark.requirement("R63")
def test_passing_on_within_the_village_can_be_taken_back(walk, representative, cadre, committees, stationed):
    row = walk.report(representative, "dispute", walk.deepest)
    walk.act(representative, row, "escalate", reason="化解不了。")
    walk.act(cadre, row, "escalate", reason="化解不了。")
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    walk.act(committees, row, "undo")
    assert walk.step(committees, row) == "committees"
    assert not Part.objects.filter(incident=row, member=stationed.member, role="helper").exists()
    assert walk.act(committees, row, "settle", note="又坐下来谈成了。")["status"] == "closed"
    assert list(breaches()) == []


@pytest.mark.requirement("R63")
def test_where_nobody_is_stationed_it_goes_on_to_the_township(
    walk, representative, cadre, committees, stationed, centre
):
    Appointment.objects.filter(member=stationed.member).delete()
    row = walk.report(representative, "dispute", walk.deepest)
    walk.act(representative, row, "escalate", reason="化解不了。")
    walk.act(cadre, row, "escalate", reason="化解不了。")
    walk.act(committees, row, "escalate", reason="两委处理不了。")
    assert walk.step(centre, row) == "centre"
    assert walk.heard(centre, row)


def test_small_matters_do_not_leave_the_group(walk, representative):
    row = walk.report(representative, "dispute", walk.deepest)
    assert walk.act(representative, row, "settle", note="握手言和。")["status"] == "closed"


@pytest.mark.requirement("R65")
def test_the_representative_stays_as_helper_after_passing_it_up(walk, representative, cadre):
    row = walk.report(representative, "dispute", walk.deepest)
    walk.act(representative, row, "escalate", reason="化解不了。")
    walk.act(cadre, row, "escalate", reason="化解不了。")
    helpers = set(
        Part.objects.filter(incident=row, role="helper", until=None).values_list("member", flat=True)
    )
    assert helpers == {representative.member.pk, cadre.member.pk}
    walk.act(representative, row, "add_note", note="陪同上门做工作。")


@pytest.mark.requirement("R64", "R71")
def test_a_major_event_reaches_village_and_township_at_once(walk, representative, cadre, committees, centre):
    happened = (clock.now() - timedelta(minutes=40)).isoformat()
    row = walk.report(representative, "major_event", walk.deepest, occurred_at=happened)
    read = walk.read(centre, row)
    assert (read["responsible"]["grid"], read["important"], read["step"]["code"]) == (
        walk.town.pk,
        True,
        "handle",
    )
    for user in (centre, committees, cadre):
        assert len(walk.heard(user, row)) == 1
    roles = Part.objects.filter(incident=row, member=representative.member).values_list("role", flat=True)
    assert "helper" in roles
    walk.act(cadre, row, "add_note", note="同时报告：已在现场。")
    handled_at_the_centre(walk, centre, row)
    walk.finish(centre, row)
    assert walk.steps(centre, row) == ["report_first", "cadre_report", "handle", "handle"]


@pytest.mark.requirement("R64")
def test_a_cadre_who_reports_a_major_event_has_not_reported_as_the_representative(
    walk, cadre, committees, centre
):
    row = walk.report(cadre, "major_event", walk.deepest)
    assert walk.read(centre, row)["responsible"]["grid"] == walk.town.pk
    assert walk.steps(committees, row) == ["cadre_report"]
    (first,) = walk.history(committees, row)
    assert (first["action"], first["step"]["code"]) == ("report", "cadre_report")
    row = walk.report(centre, "major_event", walk.deepest)  # by telephone: neither of the two has reported
    assert walk.steps(committees, row) == []


@pytest.mark.requirement("R71")
def test_what_must_be_reported_is_urgent(walk, representative, centre):
    rows = {}
    for code in sorted(walk.categories()):
        rows[code] = walk.report(representative, code, walk.deepest)
    urgent = {code for code, row in rows.items() if walk.read(centre, row)["important"]}
    assert urgent == MUST_REPORT


@pytest.mark.requirement("R73")
def test_whoever_must_arrive_is_told_and_has_it_on_the_desk_until_there(
    walk, representative, committees, centre
):
    """The centre took a phone call; the matter is its own, the way to the spot the representative's."""
    row = walk.report(centre, "emergency", walk.deepest)
    (word,) = walk.heard(representative, row)
    assert (word.text, word.params["step"]) == (BESIDE, "必到现场")

    def waiting(user):
        return client_for(user).get("/api/v1/tasks/").json()["beside"]

    (one,) = waiting(representative)
    assert (one["incident"]["id"], one["step"], one["by"]) == (row, "必到现场", ["arrive"])
    desk = page(representative, "/").content.decode()
    assert "还须您办" in desk and "必到现场" in desk
    assert waiting(committees) == waiting(centre) == []
    assert "还须您办" not in page(committees, "/").content.decode()
    walk.act(representative, row, "arrive", note="到场。")
    assert waiting(representative) == []
    walk.act(representative, row, "undo")
    assert len(waiting(representative)) == 1


@pytest.mark.requirement("R73")
def test_what_one_owes_beside_takes_the_same_statements_for_one_and_three(walk, representative, centre):
    counts = []
    for more in (1, 2):
        for _n in range(more):
            walk.report(centre, "emergency", walk.deepest)
        user = fresh(representative)
        with CaptureQueriesContext(connection) as seen:
            assert len(waiting_beside(user)) == len(counts) * 2 + 1
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


@pytest.mark.requirement("R73")
@pytest.mark.parametrize("category", sorted(MUST_ARRIVE))
def test_where_one_must_be_the_arrival_is_logged(walk, representative, centre, category):
    row = walk.report(representative, category, walk.deepest)
    user = centre if category == "emergency" else representative
    at = walk.read(user, row)
    walk.act(user, row, "accept")
    walk.act(user, row, "start")
    walk.act(user, row, "submit_result", note="好了")
    checker = (
        walk.by("乡社会服务管理中心工作人员")
        if category == "emergency"
        else walk.by("村两委干部", walk.deepest.code[:15])
    )
    walk.act(checker, row, "verify")
    rule = {"emergency": "P10-Q1", "neighbours": "P10-Q2", "misfortune": "P10-Q3", "request": "P10-Q4"}[
        category
    ]
    walk.refused(user, row, "close", "arrive_required", rule)
    walk.act(representative, row, "arrive", note="到了。")
    first = {"emergency": "handle", "neighbours": "represent", "misfortune": "help", "request": "help"}
    assert at["step"]["code"] == first[category]
    said = [one["label"] for one in walk.history(user, row)]
    assert ("开始调处" in said, "结案" in said) == (category == "neighbours", False)
    walk.finish(user, row)
    log = [one for one in walk.history(representative, row) if one["action"] == "arrive"]
    assert [(one["step"]["code"], bool(one["happened_at"])) for one in log] == [("be_there", True)]


@pytest.mark.requirement("R73")
@pytest.mark.parametrize("category", ["general", "dispute", "coordination", "security_hazard"])
def test_other_matters_ask_for_no_arrival(walk, representative, category):
    procedure = walk.categories()[category].procedure
    assert not [step for step in procedure.spec.steps if step.owed]


# All that a report asks for or takes: the event, and who asked for an answer. Nothing else about a person.
ON_THE_PAGE = {
    "grid", "category", "description", "title", "photos", "photos_sent", "address", "occurred_at", "escalate",
    "source", "channel", "requester_name", "requester_phone", "wants_feedback", "is_anonymous", "client_uuid",
}  # fmt: skip
OVER_REST = {
    "grid", "category", "description", "title", "occurred_at", "address", "latitude", "longitude", "accuracy_m",
    "photos_expected", "escalate", "source", "channel", "external_no", "external_due", "trend_forecast", "extra",
    "requester", "parties", "on_behalf_of", "happened_at", "client_uuid",
}  # fmt: skip
OF_THE_ONE_WHO_ASKS = {"name", "phone", "wants_feedback", "channel", "anonymous"}


@pytest.mark.requirement("R72")
@pytest.mark.parametrize(("number", "title"), [(6, "网格员"), (10, "村民代表")])
def test_the_form_of_a_report_asks_for_the_event_only(number, title):
    walk = Walk(number)
    client = Client()
    client.force_login(walk.by(title, walk.deepest))
    page = client.get("/incidents/new/").content.decode()
    (form,) = [part for part in page.split("<form")[1:] if 'name="description"' in part]
    assert (
        set(re.findall(r'name="([a-z_]+)"', form.partition("</form>")[0])) - {"csrfmiddlewaretoken"}
        == ON_THE_PAGE
    )


@pytest.mark.requirement("R72")
def test_who_reports_a_move_reads_what_is_written_down_and_what_not(walk, representative):
    """Household count and service need only (ambiguity 34), in the form and over REST."""
    typed = f"grid={walk.deepest.code}&category=move_note"
    piece = page(representative, f"/incidents/similar/?{typed}").content.decode()
    assert "只写户数和所需服务" in piece
    answer = client_for(representative).get("/api/v1/categories/").json()
    rules = {one["code"]: one["rule"] for one in answer}
    assert rules["move_note"]["text"].endswith("只写户数和所需服务。")


@pytest.mark.requirement("R72")
def test_what_a_report_takes_over_rest_is_the_event_only():
    fields = ReportInput().fields
    assert set(fields) == OVER_REST
    assert set(fields["requester"].fields) == OF_THE_ONE_WHO_ASKS


@pytest.mark.requirement("R72")
@pytest.mark.parametrize("category", sorted(MUST_REPORT))
def test_parties_are_of_disputes_only(walk, representative, category):
    answer = walk.send(representative, category, walk.deepest, parties=[{"name": "甲某某"}])
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"parties"})


@pytest.mark.requirement("R72")
@pytest.mark.parametrize("category", sorted(MUST_REPORT))
def test_a_report_takes_facts_of_the_event_and_nothing_about_persons(walk, representative, category):
    for word in ("person", "profile", "political_standing", "household_register"):
        answer = walk.send(representative, category, walk.deepest, **{word: "x"})
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {word})
    answer = walk.send(representative, category, walk.deepest, extra={"信教": "是"})
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"extra"})
