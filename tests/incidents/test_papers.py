"""Papers of a case and the mediations of a dispute: who gets them, what stands in them, and that printing is noted."""

import uuid

import pytest

from gridgov.common import clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Forbidden, IdempotencyConflict, Invalid
from gridgov.common.models import AuditEvent
from incidents.actions import correct_mediation, record_mediation
from incidents.models import Mediation
from tests.factories import fresh, incident, login
from tests.incidents.browsing import url_of

SAID = {
    "held_at": "2026-11-23T08:30",
    "place": "村调解室",
    "mediator": "李调解、王调解",
    "record": "双方陈述了经过。",
    "outcome": "written",
    "terms": "一、甲方赔偿500元。",
    "performance": "现金",
    "performance_due": "2026-11-30",
}


@pytest.fixture
def dispute(town):
    return incident(town, "in_progress", category="dispute", description="邻里因排水发生争执")


def said(**changes):
    given = {
        "held_at": clock.now(), "place": "村调解室", "mediator": "李调解", "record": "双方陈述了经过。",
        "outcome": "continued", "terms": "", "performance": "", "performance_due": None, "told_other_ways": False,
    }  # fmt: skip
    return given | changes


def record(town, dispute, **changes):
    return record_mediation(
        user=fresh(town.worker), incident=dispute, client_uuid=uuid.uuid4(), **said(**changes)
    )


def enter(client, matter, **changes):
    return client.post(
        f"{url_of(matter)}mediations/new/", SAID | {"client_uuid": str(uuid.uuid4())} | changes
    )


def test_mediation_is_entered_on_its_page_and_shown_with_its_papers(client, town, dispute):
    login(client, town.worker)
    assert "登记调解" in client.get(url_of(dispute)).content.decode()
    assert enter(client, dispute).status_code == 302
    row = Mediation.objects.get()
    assert (row.number, row.entered_by, row.outcome) == ("2026-0001", town.worker.member, "written")
    page = client.get(url_of(dispute)).content.decode()
    assert "达成书面协议" in page
    assert f"/mediations/{row.pk}/agreement/" in page
    agreement = client.get(f"{url_of(dispute)}mediations/{row.pk}/agreement/").content.decode()
    for text in (
        "人民调解协议书",
        "2026-0001",
        "一、甲方赔偿500元。",
        "2026-11-30",
        "按指印",
        "印章",
        "邻里因排水",
    ):
        assert text in agreement


def test_parties_stand_in_the_papers_and_lines_wait_for_those_who_are_missing(client, town):
    parties = [{"side": "applicant", "name": "测试甲", "phone": "13800000001", "address": "一组1号"}]
    dispute = incident(town, "in_progress", category="dispute", parties=parties)
    row = record(town, dispute, outcome="written", terms="和解", performance_due=clock.today())
    login(client, town.worker)
    for paper in ("papers/form/", "papers/acceptance/", f"mediations/{row.pk}/agreement/"):
        page = client.get(f"{url_of(dispute)}{paper}").content.decode()
        assert "测试甲" in page
        assert "13800000001" in page
    assert page.count('class="line"') == 2


def test_requester_who_stays_unnamed_does_so_on_paper(client, town):
    asked = {"name": "测试甲乙", "phone": "13800000000", "wants_feedback": True, "is_anonymous": True}
    matter = incident(town, requester=asked)
    login(client, town.village_head)
    page = client.get(f"{url_of(matter)}papers/form/").content.decode()
    assert "测试甲乙" not in page
    assert "13800000000" not in page


def test_numbers_run_per_township_and_year(town, dispute, freeze):
    assert [record(town, dispute).number, record(town, dispute).number] == ["2026-0001", "2026-0002"]
    freeze("2027-01-02T09:00")
    assert record(town, dispute).number == "2027-0001"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"outcome": "written", "performance_due": None, "terms": "付款"}, "performance_due"),
        ({"outcome": "written", "terms": " "}, "terms"),
        ({"outcome": "oral"}, "terms"),
        ({"outcome": "failed"}, "told_other_ways"),
        ({"outcome": "won"}, "outcome"),
        ({"place": ""}, "place"),
        ({"record": " "}, "record"),
    ],
)
def test_outcome_needs_what_belongs_to_it(town, dispute, changes, named):
    with pytest.raises(Invalid) as refusal:
        record(town, dispute, **changes)
    assert named in refusal.value.errors
    assert not Mediation.objects.exists()


def test_mediation_does_not_lie_in_the_future(town, dispute, freeze):
    later = freeze("2026-11-24T09:00")
    freeze("2026-11-23T09:00")
    with pytest.raises(Invalid):
        record(town, dispute, held_at=later)


@pytest.mark.parametrize("outcome", ["oral", "failed", "withdrawn"])
def test_record_is_printed_for_every_outcome_and_the_agreement_only_for_a_written_one(
    client, town, dispute, outcome
):
    row = record(town, dispute, outcome=outcome, terms="口头说好", told_other_ways=True)
    login(client, town.worker)
    page = client.get(f"{url_of(dispute)}mediations/{row.pk}/record/").content.decode()
    assert row.get_outcome_display() in page
    assert ("已告知当事人" in page) is (outcome == "failed")
    assert client.get(f"{url_of(dispute)}mediations/{row.pk}/agreement/").status_code == 404


def test_same_call_twice_is_one_record_and_other_content_a_conflict(town, dispute):
    call = uuid.uuid4()
    given = {"user": fresh(town.worker), "incident": dispute, "client_uuid": call}
    first = record_mediation(body_hash="a", **given, **said())
    assert record_mediation(body_hash="a", **given, **said()).pk == first.pk
    with pytest.raises(IdempotencyConflict):
        record_mediation(body_hash="b", **given, **said(place="别处"))


def test_correction_keeps_number_and_what_stood_before(town, dispute):
    row = record(town, dispute, place="村委会")
    done = correct_mediation(user=fresh(town.village_head), mediation=row, version=1, **said(place="司法所"))
    assert (done.number, done.version, done.place) == ("2026-0001", 2, "司法所")
    assert [one.place for one in done.replaced.order_by("history_id")] == ["村委会", "司法所"]
    with pytest.raises(Conflict):
        correct_mediation(user=fresh(town.worker), mediation=Mediation.objects.get(), version=1, **said())


def test_only_a_dispute_is_mediated_and_only_by_who_works_on_it(client, town, dispute):
    other = incident(town, "in_progress")
    with pytest.raises(Forbidden):
        record(town, other)
    for user, status in ((town.worker2, 404), (town.leader, 403), (town.village_head, 302)):
        login(client, user)
        assert enter(client, dispute).status_code == status
    assert Mediation.objects.count() == 1


def test_record_of_another_matter_is_absent(client, town, dispute):
    row = record(town, dispute)
    other = incident(town, "in_progress", category="dispute")
    login(client, town.worker)
    assert client.get(f"{url_of(other)}mediations/{row.pk}/").status_code == 404
    assert client.get(f"{url_of(other)}mediations/{row.pk}/record/").status_code == 404


def test_dispatch_slip_names_unit_deadline_and_reply_part(client, town):
    matter = incident(
        town,
        "dispatched",
        title="路灯",
        requester={"name": "测试人", "phone": "13800000000", "wants_feedback": True},
    )
    login(client, town.village_head)
    page = client.get(f"{url_of(matter)}papers/dispatch/").content.decode()
    for text in (
        "交办单",
        "回　执",
        matter.number,
        str(matter.responsible_grid),
        "13800000000",
        "data:image/svg",
        "签收人",
    ):
        assert text in page
    assert client.get(f"{url_of(incident(town))}papers/dispatch/").status_code == 404, "sent to nobody"


def test_reply_part_carries_the_result(client, town):
    matter = incident(town, "dispatched")
    from tests.incidents.acting import do

    do(matter, fresh(town.worker), "start")
    do(matter, fresh(town.worker), "submit_result", note="换了灯泡")
    login(client, town.village_head)
    assert "换了灯泡" in client.get(f"{url_of(matter)}papers/dispatch/").content.decode()


def test_single_case_form_tells_the_steps(client, town):
    matter = incident(town, "closed", category="dispute", description="邻里争执")
    login(client, town.village_head)
    page = client.get(f"{url_of(matter)}papers/form/").content.decode()
    for text in (
        "事件登记处理表",
        "受理意见",
        "办理情况和结果",
        "已修好",
        "核查意见",
        "办结意见",
        "邻里争执",
    ):
        assert text in page
    assert "纠纷受理登记表" in client.get(f"{url_of(matter)}papers/acceptance/").content.decode()


def test_papers_are_for_who_works_on_it_and_only_of_its_kind(client, town):
    matter = incident(town)
    for user, status in (
        (town.worker, 200),
        (town.village_head, 200),
        (town.leader, 404),
        (town.worker2, 404),
    ):
        login(client, user)
        assert client.get(f"{url_of(matter)}papers/form/").status_code == status
    login(client, town.worker)
    for name in ("acceptance", "record", "agreement", "nothing"):
        assert client.get(f"{url_of(matter)}papers/{name}/").status_code == 404


def test_opening_a_paper_is_noted_as_an_export(client, town):
    matter = incident(town)
    login(client, town.worker)
    client.get(f"{url_of(matter)}papers/form/")
    event = AuditEvent.objects.get(kind=AuditKind.EXPORT)
    assert (event.user, event.township_code) == (town.worker, town.code)
    assert (event.detail["paper"], event.detail["number"]) == ("form", matter.number)


def test_paper_takes_the_same_queries_for_one_step_and_for_many(client, town, django_assert_max_num_queries):
    matter = incident(town, "closed", category="dispute")
    login(client, town.village_head)
    client.get(f"{url_of(matter)}papers/form/")
    with django_assert_max_num_queries(20):
        client.get(f"{url_of(matter)}papers/form/")
