"""Plan 3 (乡社会治安综合治理和矛盾纠纷调处方案), section 3.3, procedure by procedure, as its people would do it."""

import re
import uuid
from io import BytesIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from gridgov.common import clock
from incidents.models import Incident, Part, Transition
from members.models import InboxMessage
from tests.factories import client_for, fresh
from tests.factories.files import pdf
from tests.plans.walking import LATER, Walk, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(3)


@pytest.fixture
def posted(walk):
    return walk.by("驻组村干部", walk.group)


@pytest.fixture
def director(walk):
    return walk.by("村治保主任", walk.village)


@pytest.fixture
def committees(walk):
    return walk.by("村（居）主要负责人", walk.village)


@pytest.fixture
def office(walk):
    return walk.by("乡综治办值班员")


def leader(walk):
    return str(walk.by("乡党委主要负责人").member.pk)


@pytest.mark.requirement("R52")
def test_an_ordinary_dispute_passes_the_four_steps_in_order(walk, posted, director, committees, office):
    row = walk.report(posted, "dispute", walk.group)
    assert walk.step(posted, row) == "mediate"
    walk.act(posted, row, "accept")
    walk.act(posted, row, "escalate", reason="两家都不让步，调不成。")
    assert walk.step(director, row) == "consult"
    walk.act(director, row, "accept")
    named = {"responsible_person": str(committees.member.pk), "deadline": LATER}
    assert walk.act(director, row, "start", note="两委会商", **named)["due_at"] == LATER
    assert walk.step(director, row) == "consult"  # until they say that it does not succeed
    walk.act(director, row, "escalate", reason="村里调不成。", papers=[walk.file(director, row)])
    assert walk.step(office, row) == "assign"
    walk.act(office, row, "accept")
    walk.act(office, row, "dispatch", to=walk.department("司法所"), case_leader=leader(walk), deadline=LATER)
    justice = walk.officer("司法所")
    assert walk.step(justice, row) == "handle"
    walk.act(justice, row, "start")
    walk.act(justice, row, "submit_result", note="双方签了协议。")
    walk.act(office, row, "verify")
    walk.finish(office, row)
    assert walk.steps(office, row) == ["consult", "report_up", "assign", "handle", "handle"]
    parts = dict(
        Part.objects.filter(incident=row, role__in=["case_leader", "person"]).values_list(
            "role", "member__name"
        )
    )
    assert parts == {"case_leader": walk.by("乡党委主要负责人").member.name, "person": committees.member.name}


def test_a_dispute_settled_in_the_group_is_closed(walk, posted, director):
    row = walk.report(posted, "dispute", walk.group)
    closed = walk.act(posted, row, "settle", note="两家握手言和。")
    assert closed["status"] == "closed"
    assert walk.steps(posted, row) == ["mediate"]


@pytest.mark.requirement("R58")
def test_what_the_group_settled_stands_in_the_figures_of_village_and_township(walk, posted, director, office):
    settled, still_open = (walk.report(posted, "dispute", walk.group) for _n in range(2))
    walk.act(posted, settled, "settle", note="两家握手言和。")
    number = {row: walk.read(posted, row)["number"] for row in (settled, still_open)}
    ledger = page(
        director, "/incidents/ledger/?category=dispute"
    )  # the director keeps the month's statistics
    lines = openpyxl.load_workbook(BytesIO(ledger.content)).active.iter_rows(min_row=2, values_only=True)
    assert {line[0]: (line[7], line[13] or "") for line in lines} == {
        number[settled]: ("已办结", "两家握手言和。"),
        number[still_open]: ("待受理", ""),
    }
    closed = page(director, "/incidents/ledger/?category=dispute&status=closed")
    assert openpyxl.load_workbook(BytesIO(closed.content)).active.max_row == 2
    for person in (director, office):
        lines = dict(page(person, "/incidents/board/").context["month"]["lines"])
        assert list(lines["纠纷"]) == [2, 1, 0, 0, 1, 0]  # reported, closed, of these at the group
    desk = page(office, "/").context
    assert desk["trend"]["rows"][0][1:] == (2, 1)  # today: reported, closed
    month = {row.grid: (row.figure.numerator, row.figure.denominator) for row in desk["villages"]["rows"]}
    assert month == {
        walk.village: (1, 1),
        walk.village2: (0, 0),
    }  # this month's: on time, ended with a deadline


def brought_to_the_village(walk, posted, director):
    row = walk.report(posted, "dispute", walk.group, escalate=True)
    walk.act(director, row, "accept")
    return row


@pytest.mark.requirement("R53")
def test_the_committees_cannot_finish_without_a_person_and_a_deadline(walk, posted, director, committees):
    row = brought_to_the_village(walk, posted, director)
    for action, more in (
        ("settle", {"note": "好了"}),
        ("escalate", {"reason": "不成", "files": [walk.file(director, row)]}),
    ):
        walk.refused(director, row, action, "step_first", "P3-D3", **more)
    body = walk.refused(director, row, "start", "invalid_arguments", "P3-D3", deadline=LATER)
    assert set(body["errors"]) == {"responsible_person"}
    body = walk.refused(
        director, row, "start", "invalid_arguments", "P3-D3", responsible_person=str(committees.member.pk)
    )
    assert set(body["errors"]) == {"deadline"}
    stranger = str(walk.by("村治保主任", walk.village2).member.pk)
    walk.refused(director, row, "start", "unknown_member", None, responsible_person=stranger, deadline=LATER)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    assert walk.act(director, row, "settle", note="调成了。")["status"] == "closed"


@pytest.mark.requirement("R54")
def test_the_report_upward_needs_the_written_opinion(walk, posted, director, committees):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    other = [walk.file(director, row)]  # a photo of the wall is no opinion of the committees
    for files in ([], other):
        body = walk.refused(
            director, row, "escalate", "invalid_arguments", "P3-D5", reason="调不成", files=files
        )
        assert body["errors"] == {"papers": ["须提交《村两委书面意见》。"]}
    offered = {one["name"]: one for one in walk.read(director, row)["allowed_actions"]}
    assert "papers" in offered["escalate"]["requires"]
    assert offered["escalate"]["paper"] == "村两委书面意见"
    assert offered["escalate"]["rules"]["papers"]["id"] == "P3-D5"
    assert "papers" not in offered["settle"]["arguments"]
    opinion = walk.file(director, row)
    sent = walk.act(director, row, "escalate", reason="调不成", files=other, papers=[opinion])
    assert {one["client_uuid"]: one["paper"] for one in sent["uploads"]} == {
        opinion: "村两委书面意见",
        other[0]: "",
    }


def test_a_paper_is_taken_only_where_the_step_asks_for_it(walk, posted):
    row = walk.report(posted, "dispute", walk.group)
    given = {"reason": "两家都不让步", "papers": [walk.file(posted, row)]}
    body = walk.refused(posted, row, "escalate", "invalid_arguments", None, **given)
    assert set(body["errors"]) == {"papers"}


def test_the_page_asks_for_the_paper_by_its_title(walk, posted, director, committees, office):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    text = page(director, f"/incidents/{row}/").content.decode()
    field = text[text.index('name="papers"') - 2000 : text.index('name="papers"')]
    assert "村两委书面意见" in field
    client = Client()
    client.force_login(fresh(director))
    given = {
        "client_uuid": str(uuid.uuid4()),
        "version": walk.read(director, row)["version"],
        "reason": "调不成",
        "papers": SimpleUploadedFile("意见.pdf", pdf()),
    }
    assert client.post(f"/incidents/{row}/actions/escalate/", given).status_code == 302
    story = page(office, f"/incidents/{row}/").content.decode()
    assert "村两委书面意见：意见.pdf" in story


@pytest.mark.requirement("R54")
def test_it_is_reported_upward_by_the_director_of_security_alone(walk, posted, director, committees, office):
    row = brought_to_the_village(walk, posted, director)
    walk.act(committees, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    given = {"reason": "调不成", "files": [walk.file(committees, row)]}
    assert "escalate" not in [one["name"] for one in walk.read(committees, row)["allowed_actions"]]
    assert (
        "村治保主任" in walk.refused(committees, row, "escalate", "not_this_post", "P3-D5", **given)["detail"]
    )
    assert walk.read(director, row)["important"] is False
    walk.act(director, row, "escalate", reason="调不成", papers=[walk.file(director, row)])
    assert walk.step(office, row) == "assign"
    assert walk.read(office, row)["important"] is True  # P3-M2: it must be reported at once
    walk.refused(office, row, "settle", "important_not_settled", "P3-M2", note="电话里劝了")
    walk.refused(posted, row, "close", "forbidden", "P3-C3")


def test_a_vacant_post_holds_nothing_up(walk, posted, director, committees):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    director.member.appointments.filter(post__title="村治保主任").update(until=clock.today())
    walk.act(committees, row, "escalate", reason="调不成", papers=[walk.file(committees, row)])


def test_the_history_speaks_in_the_words_of_the_plan(walk, posted):
    row = walk.report(posted, "dispute", walk.group)
    walk.act(posted, row, "accept")
    walk.act(posted, row, "start")
    assert [one["label"] for one in walk.history(posted, row)][-1] == "开始调处"
    client = Client()
    client.force_login(posted)
    page = client.get(reverse("incidents:detail", args=[row])).content.decode()
    assert re.search(rf"{posted.member.name}[^<]*开始调处", page)


@pytest.mark.requirement("R54")
def test_only_an_opinion_of_the_villages_own_on_this_dispute_goes_up(walk, posted, director, committees):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    other = walk.report(director, "dispute", walk.village)
    body = walk.refused(director, row, "escalate", "invalid_arguments", "P3-D5", reason="调不成", papers=[])
    assert set(body["errors"]) == {"papers"}
    for wrong in (walk.file(director, other), walk.file(posted, row), "00000000-0000-4000-8000-000000000054"):
        body = walk.refused(director, row, "escalate", "unknown_file", None, reason="调不成", papers=[wrong])
        assert set(body["errors"]) == {"papers"}
    assert walk.read(director, row)["responsible"]["grid"] == walk.village.code


@pytest.mark.requirement("R54")
def test_the_opinion_goes_up_with_the_report_and_the_office_reads_it(
    walk, posted, director, committees, office
):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    opinion = walk.file(director, row)
    walk.act(director, row, "escalate", reason="村里调不成。", papers=[opinion])
    again = {"note": "补充", "files": [opinion]}  # what came with a step stays with that
    walk.refused(director, row, "add_note", "unknown_file", None, **again)
    read = walk.read(office, row)
    assert (read["responsible"]["grid"], read["status"]) == (walk.town.pk, "reported")
    told = walk.history(office, row)[-1]
    assert (told["action"], told["actor"]["name"]) == ("escalate", director.member.name)
    (sent,) = [one for one in read["uploads"] if one["step"] == told["seq"]]  # with this very step
    assert (sent["client_uuid"], sent["kind"]) == (opinion, "document")
    opened = client_for(office).get(sent["url"])
    assert (opened.status_code, b"".join(opened.streaming_content)[:5]) == (200, b"%PDF-")


@pytest.mark.requirement("R54")
def test_a_report_of_the_villages_own_does_not_go_up_past_the_opinion(walk, director):
    """Passing it up in the same call is not a way round: it must be studied first, and nothing is kept of the attempt."""
    answer = walk.send(director, "dispute", walk.village, escalate=True)
    assert (answer.status_code, answer.json()["code"], answer.json()["rule"]["id"]) == (
        409,
        "step_first",
        "P3-D3",
    )
    assert not Incident.objects.exists()
    row = walk.report(director, "dispute", walk.village)
    walk.refused(director, row, "hand_over", "wrong_target", None, to={"grid": walk.town.pk}, reason="给乡里")


def test_only_the_office_assigns_and_the_village_does_not_pass_it_down(walk, posted, director):
    row = brought_to_the_village(walk, posted, director)
    walk.refused(director, row, "dispatch", "not_this_actor", "P3-D6", to={"grid": walk.group.code})
    walk.refused(posted, row, "start", "forbidden", "P3-D3")


@pytest.mark.requirement("R55")
def test_the_office_assigns_with_case_leader_unit_and_deadline(walk, posted, director, committees, office):
    row = brought_to_the_village(walk, posted, director)
    walk.act(director, row, "start", responsible_person=str(committees.member.pk), deadline=LATER)
    walk.act(director, row, "escalate", reason="调不成", papers=[walk.file(director, row)])
    walk.act(office, row, "accept")
    justice = walk.department("司法所")
    walk.refused(office, row, "start", "not_in_procedure", "P3-D6")
    for missing in ("to", "case_leader", "deadline"):
        given = {"to": justice, "case_leader": leader(walk), "deadline": LATER}
        del given[missing]
        body = walk.refused(office, row, "dispatch", "invalid_arguments", "P3-D6", **given)
        assert set(body["errors"]) == {missing}
    nobody = str(director.member.pk)
    walk.refused(
        office, row, "dispatch", "unknown_member", None, to=justice, case_leader=nobody, deadline=LATER
    )
    sent = walk.act(
        office, row, "dispatch", to={"grid": walk.village2.code}, case_leader=leader(walk), deadline=LATER
    )
    assert (sent["responsible"]["grid"], sent["due_at"]) == (walk.village2.code, LATER)
    leads = Part.objects.get(incident=row, role="case_leader", until=None)
    assert str(leads.member_id) == leader(walk)
    walk.act(walk.by("村治保主任", walk.village2), row, "start")


@pytest.mark.requirement("R55")
def test_a_complex_case_needs_an_assisting_unit_too(walk, posted, office):
    row = walk.report(posted, "dispute_complex", walk.group)
    walk.act(office, row, "accept")
    given = {"to": walk.department("司法所"), "case_leader": leader(walk), "deadline": LATER}
    body = walk.refused(office, row, "dispatch", "invalid_arguments", "P3-I3", **given)
    assert set(body["errors"]) == {"assisting"}
    walk.act(office, row, "dispatch", **given, assisting=[walk.department("派出所")])
    justice, police = walk.officer("司法所"), walk.officer("派出所")
    walk.act(justice, row, "start")
    walk.act(police, row, "submit_assist", note="已到场维持秩序。")
    walk.act(justice, row, "submit_result", note="签了协议。")
    walk.act(office, row, "verify")
    walk.finish(office, row)
    assert walk.steps(office, row) == ["assign", "handle", "handle"]


@pytest.mark.requirement("R56")
def test_a_major_dispute_is_reported_with_its_forecast_and_handled_at_once(walk, posted, director, office):
    answer = walk.send(posted, "dispute_major", walk.group)
    assert (answer.status_code, answer.json()["rule"]["id"]) == (400, "P3-M1")
    assert set(answer.json()["errors"]) == {"trend_forecast"}
    answer = walk.send(posted, "dispute_major", walk.group, trend_forecast="可能升级。", description=" ")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"description"})  # the facts
    row = walk.report(posted, "dispute_major", walk.group, trend_forecast="可能有二十人到场。")
    read = walk.read(office, row)
    assert (read["important"], read["status"], read["extra"]) == (
        True,
        "reported",
        {"trend_forecast": "可能有二十人到场。"},
    )
    walk.act(director, row, "arrive", note="已派三人到场稳住。")  # before anybody has accepted it
    walk.act(office, row, "accept")
    walk.refused(office, row, "start", "step_first", "P3-D10")
    walk.act(office, row, "assist", assisting=[walk.department("派出所"), walk.department("司法所")])
    walk.refused(office, row, "dispatch", "not_in_procedure", "P3-I2", to={"grid": walk.village.code})
    walk.act(office, row, "start")
    for name in ("派出所", "司法所"):
        walk.act(walk.officer(name), row, "submit_assist", note="已配合。")
    walk.act(office, row, "submit_result", note="双方达成协议。")
    walk.act(walk.by("乡综治委工作人员"), row, "verify")
    walk.refused(office, row, "close", "arrive_required", "P3-D9")  # the village went, the township did not
    walk.act(office, row, "arrive", note="乡里两人到场。")
    walk.finish(office, row)
    assert walk.steps(office, row) == [
        "report_first",
        "step_in",
        "coordinate",
        "settle_jointly",
        "settle_jointly",
        "send_people",
    ]


@pytest.mark.requirement("R57")
def test_a_major_dispute_tells_committee_and_government(walk, posted):
    row = walk.report(posted, "dispute_major", walk.group, trend_forecast="可能升级。")
    told = Transition.objects.get(incident=row, seq=1).data["told"]
    assert [text.rpartition(" ")[2] for text in told] == ["乡党委主要负责人", "乡政府主要负责人"]
    history = walk.history(posted, row)
    assert history[0]["told_at_once"] == told
    assert not any(step["told_at_once"] for step in history[1:])
    for title in ("乡党委主要负责人", "乡政府主要负责人"):
        assert (
            InboxMessage.objects.filter(member=walk.by(title).member, link=f"/incidents/{row}/").count() == 1
        )


@pytest.mark.requirement("R57")
def test_who_was_told_of_a_major_dispute_stands_in_its_story(walk, posted, office):
    row = walk.report(posted, "dispute_major", walk.group, trend_forecast="可能升级。")
    story = page(office, f"/incidents/{row}/").content.decode()
    assert "；已报告：徐庄镇 乡党委主要负责人、徐庄镇 乡政府主要负责人" in story


@pytest.mark.requirement("R57")
@pytest.mark.parametrize(
    "category", ["dispute", "dispute_complex", "dispute_cross", "policy", "security_hazard"]
)
def test_of_other_matters_committee_and_government_are_not_told(walk, posted, office, category):
    row = walk.report(posted, category, walk.group)
    told = [walk.by(title).member.pk for title in ("乡党委主要负责人", "乡政府主要负责人")]
    assert not InboxMessage.objects.filter(member__in=told, link=f"/incidents/{row}/").exists()
    assert "已报告" not in page(office, f"/incidents/{row}/").content.decode()


@pytest.mark.requirement("R71")
def test_only_what_must_be_reported_and_what_a_leader_takes_on_is_urgent(walk, posted, office):
    urgent = set()
    for code in walk.categories():
        row = walk.report(posted, code, walk.group, trend_forecast="可能升级。")
        urgent |= {code} if walk.read(office, row)["important"] else set()
    assert urgent == {"dispute_major", "dispute_complex"}


def test_a_major_dispute_is_not_closed_before_somebody_went_there(walk, posted, director, office):
    row = walk.report(posted, "dispute_major", walk.group, trend_forecast="可能升级。")
    walk.act(office, row, "accept")
    walk.act(office, row, "whistle", assisting=[walk.department("派出所")], deadline=LATER)
    walk.act(walk.officer("派出所"), row, "report_in")
    walk.act(office, row, "start")
    walk.act(office, row, "submit_result", note="好了")
    walk.act(office, row, "verify")
    walk.refused(office, row, "close", "arrive_required", "P3-I2")
    walk.act(posted, row, "arrive")  # the group is not the village: noted, but not the step
    walk.refused(office, row, "close", "arrive_required", "P3-I2")
    walk.act(director, row, "arrive")
    walk.refused(office, row, "close", "arrive_required", "P3-D9")
    walk.act(office, row, "arrive")
    walk.finish(office, row)


def test_a_dispute_of_several_units_is_mediated_jointly(walk, posted, office):
    row = walk.report(posted, "dispute_cross", walk.group)
    walk.act(office, row, "accept")
    body = walk.refused(office, row, "dispatch", "invalid_arguments", "P3-D8", to={"grid": walk.village.code})
    assert set(body["errors"]) == {"assisting"}
    walk.act(
        office, row, "dispatch", to={"grid": walk.village.code}, assisting=[{"grid": walk.village2.code}]
    )
    head, other = walk.by("村治保主任", walk.village), walk.by("村治保主任", walk.village2)
    walk.act(head, row, "start")
    walk.act(other, row, "submit_assist", note="本村一方已同意。")
    walk.act(head, row, "submit_result", note="两村签了协议。")
    walk.act(office, row, "verify")
    walk.finish(office, row)
    assert walk.steps(office, row) == ["call_together", "mediate_jointly", "mediate_jointly"]


@pytest.mark.requirement("R81")
def test_a_misunderstood_policy_goes_to_the_office_in_charge(walk, posted, office):
    row = walk.report(posted, "policy", walk.group)
    walk.act(office, row, "accept")
    walk.refused(office, row, "start", "not_in_procedure", "P3-C2")
    walk.refused(office, row, "dispatch", "wrong_target", "P3-C2", to={"grid": walk.village.code})
    walk.act(office, row, "dispatch", to=walk.department("民政办"))
    civil = walk.officer("民政办")
    assert walk.step(civil, row) == "explain"
    walk.act(civil, row, "start")
    walk.act(civil, row, "submit_result", note="当面讲明政策。")
    walk.act(office, row, "verify")
    walk.finish(office, row)


@pytest.mark.requirement("R81")
def test_the_office_in_charge_alone_explains_and_its_explanation_stands(walk, posted, director, office):
    """From the group straight to the township, from there to one department: nobody on the way settles it."""
    row = walk.report(posted, "policy", walk.group)
    assert walk.read(office, row)["responsible"]["grid"] == walk.town.pk
    for user in (posted, director):
        walk.refused(user, row, "settle", "forbidden", None, note="不用管")
    walk.refused(office, row, "settle", "not_in_procedure", "P3-C2", note="不用管")
    walk.act(office, row, "accept")
    civil, justice = walk.officer("民政办"), walk.officer("司法所")
    sent = walk.act(office, row, "dispatch", to=walk.department("民政办"))
    assert (sent["responsible"]["department"], sent["responsible"]["member"]["name"]) == (
        walk.department("民政办")["department"],
        civil.member.name,
    )
    link = f"/incidents/{row}/"
    assert InboxMessage.objects.filter(member=civil.member, link=link).exists()
    assert not InboxMessage.objects.filter(member=justice.member, link=link).exists()
    assert walk.call(justice, row, "start").status_code == 404
    walk.act(civil, row, "start")
    for user in (posted, director, office):
        assert walk.call(user, row, "submit_result", note="讲过了").json()["code"] == "forbidden"
    body = walk.refused(civil, row, "submit_result", "invalid_arguments", None)
    assert set(body["errors"]) == {"note"}
    walk.act(civil, row, "submit_result", note="逐条讲了低保标准。")
    explained = [one for one in walk.history(posted, row) if one["action"] == "submit_result"]
    assert [(one["step"]["code"], one["note"], one["actor"]["name"]) for one in explained] == [
        ("explain", "逐条讲了低保标准。", civil.member.name)
    ]
    walk.act(office, row, "verify")
    walk.finish(office, row)
    assert walk.steps(office, row) == ["assign", "explain", "explain"]


@pytest.mark.requirement("R52")
def test_the_office_does_not_assign_what_the_village_has_not_reported(walk, posted, director, office):
    row = brought_to_the_village(walk, posted, director)
    given = {"to": walk.department("司法所"), "case_leader": leader(walk), "deadline": LATER}
    walk.refused(office, row, "dispatch", "not_in_procedure", "P3-D3", **given)
    given = {"to": {"grid": walk.town.pk}, "reason": "直接由乡里办"}  # nor takes it over
    walk.refused(office, row, "hand_over", "not_in_procedure", "P3-D5", **given)
    fresh_one = walk.report(posted, "dispute", walk.group)
    walk.refused(office, fresh_one, "hand_over", "not_in_procedure", "P3-D5", **given)
    text = page(office, f"/incidents/{row}/").content.decode()
    choices = text[text.index('id="hand_over_to"') :]
    assert f'value="grid:{walk.village2.code}"' in choices
    assert f'value="grid:{walk.town.pk}"' not in choices[: choices.index("</select>")]
    walk.act(office, row, "hand_over", to={"grid": walk.village2.code}, reason="在邻村")
