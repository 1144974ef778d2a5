"""Requester and parties: named, masked, revealed for a reason, and what the requester thought of it."""

import uuid

import pytest
from django.test import Client

from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Forbidden, IdempotencyConflict, Invalid
from gridgov.common.models import AuditEvent
from incidents.actions import add_party, answer_feedback, record_answer, remove_party, reveal
from incidents.models import FeedbackRequest, Incident, Party, Reveal
from tests.api.conftest import API, problem
from tests.factories import act, client_for, fresh, incident, login

ASKED = {"name": "李四海", "phone": "13812345678", "wants_feedback": True}
SIDES = [
    {"side": "applicant", "name": "赵甲", "phone": "13800000001", "address": "一组三号"},
    {"side": "respondent", "name": "钱乙"},
]


@pytest.fixture
def quarrel(town) -> Incident:
    return incident(town, category="dispute", title="宅基地边界", parties=SIDES, requester=ASKED)


@pytest.fixture
def told(town) -> Incident:
    """A verified matter whose requester was told; who handled it is the worker."""
    return act(town, incident(town, "verified", requester=ASKED), "feed_back")


def post(user, matter, below, **body):
    return client_for(user).post(
        f"{API}incidents/{matter.pk}/{below}/", {"client_uuid": str(uuid.uuid4())} | body
    )


@pytest.mark.parametrize(
    ("who", "masked"), [("worker", False), ("village_head", False), ("clerk", False), ("leader", True), ("assessor", True)]
)  # fmt: skip
def test_parties_are_masked_for_those_who_do_not_work_on_the_case(town, quarrel, who, masked):
    answer = client_for(getattr(town, who)).get(f"{API}incidents/{quarrel.pk}/")
    shown = [(one["name"], one["phone"], one["address"]) for one in answer.json()["parties"]]
    in_full = [("赵甲", "13800000001", "一组三号"), ("钱乙", "", "")]
    assert shown == ([("赵*", "138****0001", "****"), ("钱*", "", "")] if masked else in_full)
    assert all(one["masked"] is masked for one in answer.json()["parties"])
    page = login(Client(), getattr(town, who)).get(f"/incidents/{quarrel.pk}/").content.decode()
    assert ("13800000001" in page) is not masked


def test_parties_stand_in_no_list_and_no_other_matter(town, quarrel):
    other = incident(town, category="dispute", title="另一件")
    client = client_for(town.clerk)
    assert client.get(f"{API}incidents/{other.pk}/").json()["parties"] == []
    assert "赵甲" not in client.get(f"{API}incidents/").content.decode()


def test_parties_come_with_the_report_only_of_a_dispute(town, quarrel):
    assert [(party.side, party.name) for party in quarrel.parties.all()] == [
        ("applicant", "赵甲"), ("respondent", "钱乙"),
    ]  # fmt: skip
    with pytest.raises(Invalid) as refused:
        incident(town, parties=SIDES)
    assert refused.value.code == "no_dispute"
    assert not Incident.objects.filter(category__code="request").exists()


def test_party_is_named_once_and_struck_again(town, quarrel):
    body = {"client_uuid": str(uuid.uuid4()), "name": "孙丙", "side": "other"}
    client, address = client_for(town.worker), f"{API}incidents/{quarrel.pk}/parties/"
    made = client.post(address, body)
    assert made.status_code == 201, made.content
    assert client.post(address, body).status_code == 200
    problem(client.post(address, body | {"name": "别人"}), 409, "idempotency_conflict")
    assert quarrel.parties.count() == 3
    assert "孙丙" not in client.get(f"{API}incidents/{quarrel.pk}/history/").content.decode()
    left = post(town.worker, quarrel, "parties/remove", party=made.json()["id"])
    assert [one["name"] for one in left.json()["parties"]] == ["赵甲", "钱乙"]
    steps = [row.action for row in quarrel.history.order_by("seq")]
    assert steps == ["report", "parties", "parties"]


def test_party_of_another_matter_is_not_struck(town, quarrel):
    other = incident(
        town, category="dispute", parties=SIDES, user=town.worker2, grid=town.groups_of(town.villages[1])[0]
    )
    party = other.parties.first()
    post(town.worker, quarrel, "parties/remove", party=str(party.pk))
    assert Party.objects.filter(pk=party.pk).exists()
    problem(post(town.worker, other, "parties/remove", party=str(party.pk)), 404, "not_found")


@pytest.mark.parametrize("who", ["leader", "assessor", "contact_leader"])
def test_parties_are_named_by_those_who_work_on_the_matter(town, quarrel, who):
    with pytest.raises(Forbidden):
        add_party(user=fresh(getattr(town, who)), incident=quarrel, name="孙丙")
    with pytest.raises(Forbidden):
        remove_party(user=fresh(getattr(town, who)), incident=quarrel, party=quarrel.parties.first().pk)
    assert quarrel.parties.count() == 2


# --- behind the mask ---------------------------------------------------------------------------------------------


def test_who_stays_unnamed_is_masked_also_for_who_works_on_it(town):
    matter = incident(town, requester=ASKED | {"is_anonymous": True})
    shown = client_for(town.worker).get(f"{API}incidents/{matter.pk}/").json()["requester"]
    assert (shown["name"], shown["phone"], shown["masked"], shown["anonymous"]) == (
        "李**",
        "138****5678",
        True,
        True,
    )
    assert "13812345678" not in login(Client(), town.clerk).get(f"/incidents/{matter.pk}/").content.decode()


def test_reveal_takes_a_reason_and_stays_in_the_trail(town, quarrel):
    problem(post(town.village_head, quarrel, "reveal", reason="  "), 400, "invalid")
    answer = post(town.village_head, quarrel, "reveal", reason="回访核对电话")
    assert answer.status_code == 201, answer.content
    assert answer.json()["requester"]["phone"] == "13812345678"
    assert answer.json()["parties"][0]["phone"] == "13800000001"
    row = AuditEvent.objects.get(kind=AuditKind.REVEAL)
    assert (row.user, row.subject, row.township_code) == (town.village_head, quarrel.number, town.code)
    assert row.detail["reason"] == "回访核对电话"
    assert "13812345678" not in str(row.detail)
    assert Reveal.objects.get().member == town.village_head.member
    audit = login(Client(), town.auditor).get("/audit/").content.decode()
    assert quarrel.number in audit
    page = login(Client(), town.clerk).get(f"/incidents/{quarrel.pk}/").content.decode()
    assert "回访核对电话" in page
    assert (
        "回访核对电话" not in login(Client(), town.worker).get(f"/incidents/{quarrel.pk}/").content.decode()
    )


def test_reveal_sent_twice_is_one_look(town, quarrel):
    call = uuid.uuid4()
    for expected in (False, True):
        _row, replayed = reveal(user=fresh(town.clerk), incident=quarrel, reason="回访", client_uuid=call)
        assert replayed is expected
    assert AuditEvent.objects.filter(kind=AuditKind.REVEAL).count() == Reveal.objects.count() == 1
    with pytest.raises(IdempotencyConflict):
        reveal(user=fresh(town.clerk), incident=quarrel, reason="别的", client_uuid=call, body_hash="x")


@pytest.mark.parametrize("who", ["worker", "leader", "assessor", "contact_leader"])
def test_reveal_is_for_those_who_may(town, quarrel, who):
    problem(post(getattr(town, who), quarrel, "reveal", reason="好奇"), 403, "forbidden")
    assert not AuditEvent.objects.filter(kind=AuditKind.REVEAL).exists()


def test_reveal_page_shows_once(town):
    matter = incident(town, requester=ASKED | {"is_anonymous": True})
    client = login(Client(), town.village_head)
    page = client.get(f"/incidents/{matter.pk}/").content.decode()
    assert f"/incidents/{matter.pk}/reveal/" in page
    body = {"client_uuid": str(uuid.uuid4()), "reason": "电话告知结果"}
    shown = client.post(f"/incidents/{matter.pk}/reveal/", body)
    assert "13812345678" in shown.content.decode()
    assert shown["Cache-Control"] == "no-store, private"
    after = client.get(f"/incidents/{matter.pk}/").content.decode()
    assert "13812345678" not in after
    assert "电话告知结果" in after
    assert (
        f"/incidents/{matter.pk}/reveal/"
        not in login(Client(), town.worker).get(f"/incidents/{matter.pk}/").content.decode()
    )


# --- the requester's answer --------------------------------------------------------------------------------------


def test_answer_by_phone_is_taken_down_by_somebody_else(town, told):
    asked, replayed = record_answer(
        user=fresh(town.village_head), incident=told, grade=2, solved=True, channel="phone", comment=" 还行 "
    )
    assert not replayed
    assert (asked.grade, asked.solved, asked.channel, asked.comment) == (2, True, "phone", "还行")
    assert asked.entered_by == town.village_head
    page = login(Client(), town.clerk).get(f"/incidents/{told.pk}/").content.decode()
    assert "还行" in page
    assert "电话" in page


def test_answer_is_never_taken_down_by_who_handled_it(town, told):
    answer = post(town.worker, told, "answer", grade=1, solved=True, channel="phone")
    body = problem(answer, 403, "own_work")
    assert "承办人" in body["detail"]
    assert not FeedbackRequest.objects.filter(answered_at__isnull=False).exists()
    assert "/answer/" not in login(Client(), town.worker).get(f"/incidents/{told.pk}/").content.decode()


@pytest.mark.parametrize("who", ["leader", "assessor", "worker2"])
def test_answer_is_taken_down_at_the_unit_or_above(town, told, who):
    status = post(getattr(town, who), told, "answer", grade=1, solved=True, channel="phone").status_code
    assert status == (404 if who == "worker2" else 403)


def test_one_answer_per_request_whichever_way_it_comes(town, told):
    call = uuid.uuid4()
    given = {"incident": told, "grade": 1, "solved": True, "channel": "in_person", "client_uuid": call}
    for expected in (False, True):
        assert record_answer(user=fresh(town.clerk), **given)[1] is expected
    with pytest.raises(Conflict) as refused:
        record_answer(user=fresh(town.clerk), **given | {"client_uuid": uuid.uuid4()})
    assert refused.value.code == "already_answered"
    with pytest.raises(Conflict):
        answer_feedback(token=FeedbackRequest.objects.get().token, grade=5, solved=False)
    assert FeedbackRequest.objects.get().grade == 1


def test_answer_not_solved_is_a_failed_visit(town, told):
    record_answer(user=fresh(town.clerk), incident=told, grade=5, solved=False, channel="phone")
    assert Incident.objects.get(pk=told.pk).status == "in_progress"


def test_answer_needs_somebody_who_was_told_and_a_way_it_was_said(town, told):
    matter = incident(town, "verified", requester=ASKED)
    problem(post(town.clerk, matter, "answer", grade=1, solved=True, channel="phone"), 409, "not_asked")
    problem(
        post(town.clerk, told, "answer", grade=1, solved=True, channel="system"), 400, "invalid_arguments"
    )


def test_answer_on_the_page(town, told):
    client = login(Client(), town.village_head)
    assert f"/incidents/{told.pk}/answer/" in client.get(f"/incidents/{told.pk}/").content.decode()
    body = {
        "client_uuid": str(uuid.uuid4()),
        "grade": "4",
        "solved": "yes",
        "channel": "in_person",
        "comment": "",
    }
    response = client.post(f"/incidents/{told.pk}/answer/", body, follow=True)
    assert FeedbackRequest.objects.get().grade == 4
    assert "当面" in response.content.decode()
