"""Reporting in the browser, and the requester's answer."""

import re
import uuid

import pytest
from django.test import Client

from incidents.models import FeedbackRequest, Incident
from tests.factories import Town, act, incident, login
from tests.incidents.browsing import picture, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_(db):
    return lambda user: login(Client(), user)


# --- reporting ---------------------------------------------------------------------------------------------------


def report_data(town: Town, **data):
    return {
        "grid": town.groups[0].code,
        "category": "request",
        "description": "路灯不亮",
        "client_uuid": str(uuid.uuid4()),
    } | data


def test_report_arrives_with_its_photos(town, as_):
    client = as_(town.worker)
    data = report_data(
        town, photos=[picture(), picture("blue")], occurred_at="2026-11-23T08:00", requester_name="钱"
    )
    response = client.post("/incidents/new/", data)
    assert response.status_code == 302
    matter = Incident.objects.get()
    assert response.url == url_of(matter)
    assert (matter.uploads.count(), matter.photos_expected, matter.requester.name) == (2, 2, "钱")


def test_report_sent_twice_is_one(town, as_):
    client, data = as_(town.worker), report_data(town)
    assert client.post("/incidents/new/", data).url == client.post("/incidents/new/", data).url
    assert Incident.objects.count() == 1


def test_report_keeps_what_was_typed_and_its_photos(town, as_):
    client = as_(town.worker)
    data = report_data(town, category="", photos=[picture()])
    response = client.post("/incidents/new/", data)
    text = response.content.decode()
    assert response.status_code == 400
    assert "路灯不亮</textarea>" in text
    assert data["client_uuid"] in text
    assert client.post("/incidents/new/", data | {"category": "request", "photos": []}).status_code == 302
    assert Incident.objects.get().uploads.count() == 1


def test_report_can_be_passed_up_at_once(town, as_):
    as_(town.worker).post("/incidents/new/", report_data(town, escalate="on"))
    assert Incident.objects.get().responsible_grid_id == town.villages[0].code


def test_report_marks_what_must_be_reported(town, as_):
    text = as_(town.worker).get("/incidents/new/").content.decode()
    fire = re.search(r'<option value="fire">([^<]*)</option>', text)[1]
    assert fire != town.categories["fire"].name
    assert f'<option value="{town.groups[0].code}" selected>' in text


def test_report_of_a_grid_elsewhere_is_refused(town, as_):
    response = as_(town.worker).post("/incidents/new/", report_data(town, grid="999999999001"))
    assert response.status_code == 400
    assert not Incident.objects.exists()


def test_who_may_not_report_finds_no_form(town, as_):
    for user in (town.contact_leader, town.officer, town.auditor, town.admin):
        assert as_(user).get("/incidents/new/").status_code == 403
        assert as_(user).post("/incidents/new/", report_data(town)).status_code == 403


# --- the requester's answer --------------------------------------------------------------------------------------


@pytest.fixture
def asked(town) -> FeedbackRequest:
    matter = incident(
        town, "verified", title="路灯", requester={"name": "钱多多", "phone": "1", "wants_feedback": True}
    )
    act(town, matter, "feed_back")
    return FeedbackRequest.objects.get()


def test_answer_page_shows_number_and_title_but_no_names(town, asked):
    response = Client().get(f"/feedback/{asked.token}/")
    text = response.content.decode()
    assert asked.incident.number in text
    assert "路灯" in text
    for name in ("钱多多", town.worker.member.name, asked.incident.description):
        assert name not in text
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"


def test_answer_is_taken_once(asked):
    client, url = Client(), f"/feedback/{asked.token}/"
    assert client.post(url, {"grade": "2"}).status_code == 400
    assert client.post(url, {"grade": "2", "solved": "yes", "comment": "好"}).status_code == 200
    client.post(url, {"grade": "5", "solved": "no"})
    asked.refresh_from_db()
    assert (asked.grade, asked.solved, asked.comment) == (2, True, "好")


def test_answer_that_it_is_not_solved_reopens(asked):
    Client().post(f"/feedback/{asked.token}/", {"grade": "5", "solved": "no"})
    assert Incident.objects.get().status == "in_progress"


def test_answer_after_thirty_days_is_told_so(asked, clock):
    clock("2026-12-24T09:00")
    response = Client().get(f"/feedback/{asked.token}/")
    assert response.status_code == 404
    assert "plain-page" in response.content.decode()


def test_tokens_cannot_be_tried_without_end(clock):
    answers = [Client().get("/feedback/guess/").status_code for _ in range(31)]
    assert answers == [404] * 30 + [429]


def test_slip_carries_the_link_for_who_works_on_it(town, asked, as_):
    url = f"{url_of(asked.incident)}slip/"
    text = as_(town.worker).get(url).content.decode()
    assert asked.token in text
    assert "data:image/svg+xml" in text
    assert as_(town.contact_leader).get(url).status_code == 404
    assert as_(town.worker2).get(url).status_code == 404


def test_slip_is_gone_once_answered(town, asked, as_):
    Client().post(f"/feedback/{asked.token}/", {"grade": "1", "solved": "yes"})
    assert as_(town.worker).get(f"{url_of(asked.incident)}slip/").status_code == 404
