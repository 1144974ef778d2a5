"""The list of matters, the page of one, its actions and photos."""

import re
import uuid
from contextlib import suppress
from io import BytesIO

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common.errors import Invalid
from gridgov.common.images import re_encode
from incidents.actions import perform, sweep
from incidents.models import FeedbackRequest, Incident, Transition, Upload
from incidents.querysets import ListFilters
from tests.factories import act, doer, fresh, incident, login
from tests.incidents.browsing import picture, rows, send, url_of

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>\"'<img src=x onerror=alert(2)>"


@pytest.fixture
def as_(db):
    return lambda user: login(Client(), user)


# --- the list ----------------------------------------------------------------------------------------------------


def test_list_shows_what_one_sees_and_nothing_else(town, as_):
    own = incident(town)
    other = incident(town, user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    text = as_(town.worker).get("/incidents/").content.decode()
    assert str(own.pk) in text
    assert str(other.pk) not in text


def test_list_filters_stay_in_the_address_and_stand_as_chips(town, as_):
    incident(town)
    incident(town, "accepted", category="dispute")
    client = as_(town.clerk)
    text = client.get("/incidents/?status=accepted&category=dispute&open=1").content.decode()
    assert rows(text) == 1
    chips = re.findall(r'class="chip" href="([^"]*)"', text)
    assert sorted(chips) == [
        "?category=dispute&amp;open=1",
        "?status=accepted&amp;category=dispute",
        "?status=accepted&amp;open=1",
    ]
    for chip in chips:  # the accepted dispute is also found by two of its three filters
        assert rows(client.get(f"/incidents/{chip.replace('&amp;', '&')}").content.decode()) == 1


@pytest.mark.parametrize(
    "query", ["status=x", "category=x", "grid=x", "grid=1' OR 1=1", "due=x", "q=%00", "open=x", "unknown=1"]
)
def test_list_survives_unknown_filters(town, as_, query):
    incident(town)
    assert as_(town.clerk).get(f"/incidents/?{query}").status_code == 200


@pytest.mark.parametrize("cursor", ["x", "YQ", "a" * 300])
def test_list_answers_400_to_a_cursor_it_did_not_give(town, as_, cursor):
    response = as_(town.clerk).get(f"/incidents/?cursor={cursor}")
    assert response.status_code == 400
    assert "plain-page" in response.content.decode()


def test_list_pages_through_everything_once(town, as_):
    for _ in range(53):
        incident(town)
    client = as_(town.clerk)
    first = client.get("/incidents/?open=1").content.decode()
    following = re.search(r'href="([^"]+)" rel="next"', first)[1].replace("&amp;", "&")
    second = client.get(f"/incidents/{following}").content.decode()
    assert (rows(first), rows(second)) == (50, 3)
    assert "open=1" in following
    back = re.search(r'href="([^"]+)" rel="prev"', second)[1].replace("&amp;", "&")
    assert rows(client.get(f"/incidents/{back}").content.decode()) == 50


def test_number_leads_straight_to_its_matter(town, as_):
    matter = incident(town)
    response = as_(town.clerk).get("/incidents/", {"q": matter.number})
    assert response.url == url_of(matter)
    assert rows(as_(town.worker2).get("/incidents/", {"q": matter.number}).content.decode()) == 0


def test_list_counts_exactly_and_names_a_group_it_is_asked_for(town, as_):
    group = town.groups[0]
    incident(town, grid=group)
    text = as_(town.clerk).get(f"/incidents/?grid={group.code}").content.decode()
    assert rows(text) == 1
    assert group.name in re.search(r'class="chip"[^>]*>([^<]*)', text)[1]


def test_list_asks_at_most_eight_questions_beside_the_frame(town, as_):
    client = as_(town.clerk)

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get("/incidents/?status=reported&category=request&open=1")
        return len(found)

    incident(town)
    asked()
    one = asked()
    incident(town)
    incident(town, grid=town.groups[1])
    assert asked() == one <= 8 + 7


def test_empty_list_says_what_would_be_here(town, as_):
    text = as_(town.clerk).get("/incidents/").content.decode()
    assert 'class="empty"' in text


# --- the page ----------------------------------------------------------------------------------------------------


def test_matter_outside_scope_is_not_found(town, as_):
    matter = incident(town)
    for user in (town.worker2, town.village_head2, town.officer, town.auditor, town.admin):
        assert as_(user).get(url_of(matter)).status_code == 404
        assert send(as_(user), matter, "accept").status_code == 404
    assert as_(town.worker).get(f"/incidents/{uuid.uuid4()}/").status_code == 404


def test_matter_tells_its_story_in_order(town, as_, clock):
    matter = incident(town, "in_progress")
    clock("2026-12-01T10:00")
    sweep()
    text = as_(town.clerk).get(url_of(matter)).content.decode()
    story = text[text.index('<ol class="timeline">') :]
    assert story.count("timeline-step") == 3
    assert story.count("timeline-problem") == 1
    assert town.worker.member.name in story
    assert "timeline-clock" in story


def test_matter_shows_the_requester_in_full_only_to_who_works_on_it(town, as_):
    asked = {"name": "钱多多", "phone": "13800001234", "wants_feedback": True}
    matter = incident(town, requester=asked)
    assert "13800001234" in as_(town.worker).get(url_of(matter)).content.decode()
    masked = as_(town.contact_leader).get(url_of(matter)).content.decode()
    assert "13800001234" not in masked
    assert "钱多多" not in masked
    assert "138****1234" in masked


def test_matter_says_what_is_owed_before_closing_and_by_which_clause(town, as_):
    matter = incident(town, "verified", category="fire")
    text = as_(doer(town, matter, "return_visit")).get(url_of(matter)).content.decode()
    assert 'class="list-why"' in text
    assert 'actions/close/"' not in text
    assert 'actions/return_visit/"' in text


def test_matter_asks_the_same_number_of_questions_for_one_row_and_three(town, as_):
    matter = incident(town, "in_progress")
    client = as_(town.worker)

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(url_of(matter)).status_code == 200
        return len(found)

    send(client, Incident.objects.get(pk=matter.pk), "add_note", note="一", files=[picture()])
    asked()
    one = asked()
    for number in range(3):
        response = send(
            client,
            Incident.objects.get(pk=matter.pk),
            "add_note",
            note="又",
            files=[picture(("blue", "green", "white")[number])],
        )
        assert response.status_code == 302
    assert asked() == one


def test_texts_of_people_are_escaped_everywhere(town, as_, clock):
    matter = incident(
        town,
        "verified",
        title=EVIL[:80],
        description=EVIL,
        address=EVIL[:100],
        requester={"name": EVIL[:40], "phone": "1", "wants_feedback": True},
        escalate=False,
    )
    matter = act(town, matter, "feed_back", note=EVIL)
    matter = act(town, matter, "add_note", note=EVIL)
    waiting = incident(town, title=EVIL[:80])
    token = FeedbackRequest.objects.get().token
    client = as_(town.worker)
    pages = [
        "/",
        "/incidents/",
        url_of(matter),
        url_of(waiting),
        "/inbox/",
        f"/feedback/{token}/",
        "/incidents/new/",
    ]
    for user in (client, as_(town.village_head)):
        for page in [*pages, f"{url_of(matter)}slip/"]:
            response = user.get(page)
            assert response.status_code == 200, page
            assert "<script>alert" not in response.content.decode(), page
            assert "<img src=x" not in response.content.decode(), page


# --- actions -----------------------------------------------------------------------------------------------------


def test_action_is_done_and_said(town, as_):
    matter = incident(town)
    client = as_(town.worker)
    response = send(client, matter, "accept", note="马上去看")
    assert response.url == url_of(matter)
    text = client.get(response.url).content.decode()
    assert "message-success" in text
    assert matter.number in re.search(r'class="message message-success".*?</div>', text, re.DOTALL)[0]
    assert Incident.objects.get(pk=matter.pk).status == "accepted"


def test_double_click_is_one_action(town, as_):
    matter = incident(town)
    client, call = as_(town.worker), str(uuid.uuid4())
    for _ in range(2):
        assert send(client, matter, "accept", client_uuid=call).status_code == 302
    assert Transition.objects.filter(incident=matter, action="accept").count() == 1


def test_something_else_under_the_same_name_is_refused(town, as_):
    matter = incident(town)
    client, call = as_(town.worker), str(uuid.uuid4())
    send(client, matter, "add_note", client_uuid=call, note="一")
    response = send(client, matter, "add_note", client_uuid=call, note="二")
    assert response.status_code == 409
    assert "二</textarea>" in response.content.decode()


def test_stale_page_is_told_and_keeps_what_was_typed(town, as_):
    matter = incident(town, "in_progress")
    old = Incident.objects.get(pk=matter.pk)
    act(town, matter, "add_note", note="先到")
    client = as_(town.worker)
    response = send(client, old, "submit_result", note="灯修好了")
    text = response.content.decode()
    assert response.status_code == 409
    assert "灯修好了</textarea>" in text
    form = text[text.index("actions/submit_result/") :]
    version = re.search(r'name="version" value="(\d+)"', form)[1]
    call = re.search(r'name="client_uuid" value="([^"]+)"', form)[1]
    assert int(version) == old.version + 1
    again = client.post(
        url_of(matter, "submit_result"), {"client_uuid": call, "version": version, "note": "灯修好了"}
    )
    assert again.status_code == 302


def test_missing_words_are_asked_for_at_the_field(town, as_):
    matter = incident(town, "in_progress")
    response = send(as_(town.worker), matter, "submit_result", note=" ")
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    assert Incident.objects.get(pk=matter.pk).status == "in_progress"


def test_action_of_somebody_else_is_refused_with_403(town, as_):
    matter = incident(town)
    response = send(as_(town.clerk), matter, "accept", note="越级")
    assert response.status_code == 403
    assert "越级</textarea>" in response.content.decode()


def test_action_from_another_state_is_refused_with_409(town, as_):
    matter = incident(town)
    assert send(as_(town.worker), matter, "submit_result", note="完成").status_code == 409


def test_unknown_action_is_not_found(town, as_):
    assert send(as_(town.worker), incident(town), "explode").status_code == 404


@pytest.mark.parametrize("action", ["accept", "close", "add_note"])
def test_action_by_get_changes_nothing(town, as_, action):
    matter = incident(town)
    assert as_(town.worker).get(url_of(matter, action)).status_code == 405


def test_village_dispatches_to_a_group_of_its_own_only(town, as_):
    matter = incident(town, "accepted", escalate=True)
    client = as_(town.village_head)
    text = client.get(url_of(matter)).content.decode()
    own, other = town.groups_of(town.villages[0]), town.groups_of(town.villages[1])
    assert f'value="grid:{own[1].code}"' in text
    assert f'value="grid:{other[0].code}"' not in text
    lead = text[text.index('action="/incidents/' + str(matter.pk) + '/actions/dispatch/"') :].partition(
        "</select>"
    )[0]
    assert "department:" not in lead
    assert send(client, matter, "dispatch", to=f"grid:{other[0].code}").status_code == 400
    assert (
        send(client, matter, "dispatch", to=f"grid:{own[1].code}", deadline="2026-11-24T17:00").status_code
        == 302
    )
    assert Incident.objects.get(pk=matter.pk).responsible_grid_id == own[1].code


def test_township_dispatches_to_a_department(town, as_):
    matter = incident(town, "accepted", category="fire")
    response = send(as_(town.clerk), matter, "dispatch", to=f"department:{town.department.pk}")
    assert response.status_code == 302
    assert Incident.objects.get(pk=matter.pk).responsible_department_id == town.department.pk
    assert as_(town.officer).get(url_of(matter)).status_code == 200


def test_return_visit_takes_two_answers(town, as_):
    matter = incident(town, "verified", category="fire")
    client = as_(doer(town, matter, "return_visit"))
    assert send(client, matter, "return_visit", happened="yes").status_code == 400
    assert send(client, matter, "return_visit", happened="yes", solved="no").status_code == 302
    assert Incident.objects.get(pk=matter.pk).status == "in_progress"


def test_settling_with_a_requester_asks_how_they_were_told(town, as_):
    matter = incident(town, requester={"name": "钱", "phone": "", "wants_feedback": True})
    client = as_(town.worker)
    assert send(client, matter, "settle", note="修好").status_code == 400
    told = {"told_channel": "in_person", "told_at": "2026-11-23T08:55"}
    assert send(client, matter, "settle", note="修好", **told).status_code == 302


def test_dangerous_actions_ask_first(town, as_):
    matter = incident(town, escalate=True)
    text = as_(town.village_head).get(url_of(matter)).content.decode()
    form = re.search(r"<form[^>]*actions/reject/[^>]*>", text)[0]
    assert "data-confirm=" in form
    assert "data-confirm-danger" in form


def test_photo_of_an_action_stands_in_its_line(town, as_):
    matter = incident(town, "in_progress")
    client = as_(town.worker)
    assert (
        send(client, matter, "submit_result", note="修好", files=[picture(), picture("blue")]).status_code
        == 302
    )
    text = client.get(url_of(matter)).content.decode()
    assert text[text.index('<ol class="timeline">') :].count("<img") == 2


def test_file_that_is_no_photo_is_refused_at_its_field(town, as_):
    matter = incident(town, "in_progress")
    bad = BytesIO(b"MZ not a photo")
    bad.name = "x.jpg"
    response = send(as_(town.worker), matter, "submit_result", note="修好", files=[bad])
    assert response.status_code == 400
    assert Incident.objects.get(pk=matter.pk).status == "in_progress"


# --- photos ------------------------------------------------------------------------------------------------------


def test_photo_is_served_through_scope(town, as_):
    matter = incident(town, "in_progress")
    send(as_(town.worker), matter, "add_note", note="看", files=[picture()])
    upload = Upload.objects.get()
    for address in (f"/incidents/uploads/{upload.pk}/", f"/incidents/uploads/{upload.pk}/small/"):
        response = as_(town.clerk).get(address)
        assert response.status_code == 200
        assert response["Content-Type"] == "image/jpeg"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "private" in response["Cache-Control"]
        re_encode(b"".join(response) if response.streaming else response.content)
        assert as_(town.worker2).get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_filters_of_the_list_are_those_of_the_contract():
    assert set(ListFilters.__dataclass_fields__) == {
        "status",
        "category",
        "grid",
        "open",
        "overdue",
        "mine",
        "mark",
        "q",
    }


def test_perform_and_page_agree(town, as_):
    """What the page offers is what the action takes."""
    matter = incident(town)
    text = as_(town.worker).get(url_of(matter)).content.decode()
    offered = set(re.findall(r"/actions/([a-z_]+)/", text))
    for action in offered:
        with transaction.atomic():
            with suppress(Invalid):  # words are missing; nothing else stands in the way
                perform(user=fresh(town.worker), incident=Incident.objects.get(pk=matter.pk), action=action)
            transaction.set_rollback(True)
