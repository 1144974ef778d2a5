"""The Open311 address, asked by a client that knows the published protocol and nothing of gridgov: XML and JSON alike.

The client reads both forms into the same lists of fields, so every test runs on both.
"""

import json
import re
import uuid
from datetime import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.actions.public import issue_key, revoke_key
from incidents.enums import Source
from incidents.models import Category, Incident, Requester, ServiceKey
from tests.factories import act, fresh, incident, township

W3C = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
LISTS = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "notes": "note",
}
FIELDS = {
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible",
    "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode",
    "lat", "long", "media_url",
}  # fmt: skip


class GeoReportClient:
    """What the specification tells a client to do."""

    def __init__(self, form: str, key: str = "", jurisdiction: str = "") -> None:
        self.form, self.key, self.jurisdiction = form, key, jurisdiction
        self.http = Client(enforce_csrf_checks=True)

    def get(self, path: str, **asked):
        if self.jurisdiction:
            asked["jurisdiction_id"] = self.jurisdiction
        return self.read(self.http.get(f"/open311/v2/{path}.{self.form}", asked))

    def post(self, headers=None, **given):
        body = {"api_key": self.key, **given}
        answer = self.http.post(
            f"/open311/v2/requests.{self.form}",
            urlencode({name: value for name, value in body.items() if value is not None}),
            content_type="application/x-www-form-urlencoded; charset=utf-8",
            headers=headers,
        )
        return self.read(answer)

    def read(self, answer):
        self.answer = answer
        wanted = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}[self.form]
        assert answer["Content-Type"] == wanted
        if self.form == "json":
            found = json.loads(answer.content)
        else:
            assert answer.content.lower().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
            found = self._element(ET.fromstring(answer.content))
        return answer.status_code, found

    def _element(self, element):
        if element.tag in LISTS:
            assert {child.tag for child in element} <= {LISTS[element.tag]}
            return [self._element(child) for child in element]
        if len(element):
            return {child.tag: self._element(child) for child in element}
        return element.text


@pytest.fixture(params=["xml", "json"])
def form(request):
    return request.param


@pytest.fixture
def town(db, clock):
    return township()


@pytest.fixture
def key(town):
    Category.objects.filter(township=town.grid, code="request").update(
        is_public=True, public_note="路灯、井盖等"
    )
    return issue_key(key=ServiceKey(township=town.grid, name="县热线"))


@pytest.fixture
def client(form, key):
    return GeoReportClient(form, key)


def report(client, **given):
    body = {"service_code": "request", "description": "路灯不亮", "address_string": "村口"}
    return client.post(**{**body, **given})


def number_of(client, **given) -> str:
    status, [made] = report(client, **given)
    assert status == 201
    return made["service_request_id"]


def test_services_are_the_categories_that_were_opened(client):
    status, found = client.get("services")
    assert status == 200
    [service] = found
    assert service["service_code"] == "request"
    assert service["description"] == "路灯、井盖等"
    assert service["metadata"] in (False, "false")
    assert service["type"] == "realtime"
    assert set(service) == {
        "service_code",
        "service_name",
        "description",
        "metadata",
        "type",
        "keywords",
        "group",
    }


def test_nothing_is_public_by_itself(town, form):
    assert GeoReportClient(form).get("services")[0] == 404
    assert GeoReportClient(form).get("requests")[0] == 404


def test_a_service_definition_asks_for_nothing_more(client):
    status, found = client.get("services/request")
    assert status == 200
    assert found["service_code"] == "request"
    assert not found["attributes"]
    for code in ("dispute", "nothing"):
        status, [error] = client.get(f"services/{code}")
        assert (status, str(error["code"])) == (404, "404")
        assert error["description"]


def test_a_report_enters_at_the_townships_desk(client, town):
    status, [made] = report(
        client,
        lat="34.1234567",
        long="117.5",
        first_name="三",
        last_name="张",
        phone="13800000001",
        media_url="https://a.example.cn/1.jpg",
    )
    assert status == 201
    assert set(made) == {"service_request_id", "service_notice", "account_id"}
    assert made["service_notice"] == "路灯、井盖等"
    row = Incident.objects.select_related("requester").get(number=made["service_request_id"])
    assert (row.grid_id, row.responsible_grid_id) == (town.code, town.code)
    assert row.source == Source.RESIDENT
    assert row.reporter == town.clerk.member
    assert (row.requester.name, row.requester.phone) == ("张三", "13800000001")
    assert (str(row.latitude), str(row.longitude)) == ("34.123457", "117.500000")
    assert row.extra == {"media_url": "https://a.example.cn/1.jpg"}


def test_a_must_report_matter_may_have_a_picture_too(client, town):
    Category.objects.filter(pk=town.categories["request"].pk).update(must_report=True)
    assert report(client, media_url="https://a.example.cn/1.jpg")[0] == 201


def test_an_address_id_is_the_code_of_a_grid(client, town):
    number = number_of(client, address_string=None, address_id=town.groups[0].code)
    assert Incident.objects.get(number=number).grid_id == town.groups[0].code
    other = township("320371102", name="邻镇")
    assert report(client, address_id=other.groups[0].code)[0] == 400


def test_a_request_can_be_followed(client, town):
    number = number_of(client, lat="34.123456", long="117.567891")
    status, [found] = client.get(f"requests/{number}")
    assert status == 200
    assert set(found) == FIELDS
    assert (found["service_request_id"], found["status"], found["service_code"]) == (
        number,
        "open",
        "request",
    )
    assert found["status_notes"] == "待受理"
    assert found["agency_responsible"] == town.grid.name
    row = Incident.objects.get(number=number)
    for name, at in (
        ("requested_datetime", row.reported_at),
        ("updated_datetime", row.reported_at),
        ("expected_datetime", row.due_at),
    ):
        assert W3C.fullmatch(found[name]), name
        assert datetime.fromisoformat(found[name]) == at.replace(microsecond=0)
    assert (float(found["lat"]), float(found["long"])) == (34.123, 117.568)


def test_the_state_is_open_or_closed_with_notes(client, town, clock):
    number = number_of(client)
    matter = Incident.objects.get(number=number)
    clock("2026-11-23T10:00")
    for action in ("accept", "start", "submit_result", "verify", "return_visit", "close"):
        matter = act(town, Incident.objects.for_list().get(pk=matter.pk), action)
    [found] = client.get(f"requests/{number}")[1]
    assert found["status"] == "closed"
    assert found["status_notes"] == "已办结"
    assert found["updated_datetime"] == "2026-11-23T10:00:00+08:00"
    assert found["expected_datetime"] is None
    assert [one["service_request_id"] for one in client.get("requests", status="closed")[1]] == [number]
    assert client.get("requests", status="open")[1] == []
    assert len(client.get("requests", status="open,closed")[1]) == 1


def test_extensions_tell_the_steps_without_what_people_wrote(client, town):
    number = number_of(client)
    act(town, Incident.objects.for_list().get(number=number), "accept", note="内部意见")
    [found] = client.get(f"requests/{number}", extensions="true")[1]
    assert found["extended_attributes"]["state"] == "accepted"
    assert found["extended_attributes"]["grid"] == town.grid.name
    assert [note["type"] for note in found["notes"]] == ["report", "accept"]
    assert all(W3C.fullmatch(note["datetime"]) for note in found["notes"])
    assert "内部意见" not in client.answer.content.decode()


def test_nobody_learns_who_asked(client, town):
    number = number_of(
        client, first_name="三", last_name="张", phone="13800000001", address_string="村口 电话138-0000-0002",
        description="请回电 13800000003 或 a.b@example.cn，身份证 11010519491231002X，路灯3盏不亮",
    )  # fmt: skip
    for path in (f"requests/{number}", "requests"):
        client.get(path, extensions="true")
        text = client.answer.content.decode()
        for secret in (
            "张三",
            "13800000001",
            "0000-0002",
            "13800000003",
            "a.b@example.cn",
            "11010519491231002X",
        ):
            assert secret not in text
        assert "路灯3盏不亮" in text


def test_matters_from_elsewhere_are_not_public(client, town):
    number_of(client)
    inside = incident(town, grid=town.grid, user=town.clerk)
    assert len(client.get("requests")[1]) == 1
    assert client.get(f"requests/{inside.number}")[0] == 404
    assert client.get("requests", service_request_id=inside.number)[1] == []
    assert client.get(f"tokens/{inside.number}")[0] == 404


def test_a_category_that_is_closed_again_takes_its_requests_along(client, town):
    number = number_of(client)
    Category.objects.filter(code="dispute").update(is_public=True)
    Category.objects.filter(code="request").update(is_public=False)
    assert client.get(f"requests/{number}")[0] == 404
    assert report(client)[0] == 404


def test_requests_are_narrowed_by_number_service_and_time(client, town, clock):
    Category.objects.filter(township=town.grid, code="dispute").update(is_public=True)
    first = number_of(client)
    clock("2026-11-25T09:00")
    second = number_of(client, service_code="dispute")

    def numbers(**asked):
        return [one["service_request_id"] for one in client.get("requests", **asked)[1]]

    assert numbers() == [second, first]
    assert numbers(service_code="request") == [first]
    assert numbers(service_code="request,dispute") == [second, first]
    assert numbers(service_request_id=f"{first},{second}", status="closed") == [
        second,
        first,
    ]  # the number overrides
    assert numbers(start_date="2026-11-24T00:00:00+08:00") == [second]
    assert numbers(end_date="2026-11-24T00:00:00Z") == [first]
    assert numbers(start_date="2026-11-24T00:00:00Z", end_date="2026-11-24T12:00:00Z") == []
    clock("2027-03-25T09:00")
    assert numbers() == []  # the last 90 days
    assert numbers(start_date="2026-11-01T00:00:00Z") == [second, first]


def test_pages_follow_one_another(client):
    made = [number_of(client, description=f"第{n}件") for n in range(5)]
    found, page = [], 1
    while True:
        status, rows = client.get("requests", page=page, page_size=2)
        assert (status, client.answer["X-Page"], client.answer["X-Page-Size"]) == (200, str(page), "2")
        found += [row["service_request_id"] for row in rows]
        if 'rel="next"' not in client.answer["Link"]:
            break
        page += 1
    assert sorted(found) == sorted(made)
    assert page == 3
    assert 'rel="prev"' in client.answer["Link"]


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "lost"},
        {"start_date": "yesterday"},
        {"start_date": "2026-11-24T00:00:00"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"},
        {"page": "0"},
        {"page_size": "x"},
        {"start_date": "2026-02-31T00:00:00Z"},
    ],
)
def test_what_cannot_be_asked_is_said(client, asked):
    status, errors = client.get("requests", **asked)
    assert status == 400
    assert [str(error["code"]) for error in errors] == ["400"]
    assert errors[0]["description"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"service_code": None}, 400),
        ({"service_code": "nothing"}, 404),
        ({"service_code": "dispute"}, 404),
        ({"address_string": None}, 400),
        ({"description": ""}, 400),
        ({"description": "x" * 4001}, 400),
        ({"description": "a\0b"}, 400),
        ({"lat": "34.1"}, 400),
        ({"lat": "north", "long": "117"}, 400),
        ({"lat": "91", "long": "117"}, 400),
        ({"address_id": "999"}, 400),
        ({"api_key": ""}, 403),
        ({"api_key": "wrong"}, 403),
        ({"jurisdiction_id": "elsewhere"}, 404),
    ],
)
def test_a_report_that_lacks_something_is_refused_whole(client, given, expected):
    status, errors = report(client, **given)
    assert status == expected
    assert [str(error["code"]) for error in errors] == [str(expected)]
    assert Incident.objects.count() == 0


def test_a_key_that_was_revoked_opens_nothing(client):
    assert report(client)[0] == 201
    assert revoke_key(keys=ServiceKey.objects.all()) == 1
    assert report(client)[0] == 403
    assert report(client, api_key=ServiceKey.objects.get().digest)[0] == 403  # the hash is no key


def test_the_same_report_twice_is_the_first_answer(client, clock):
    first = number_of(client)
    assert number_of(client) == first
    assert number_of(client, description="另一件") != first
    named = {"Idempotency-Key": str(uuid.uuid4())}
    again = [
        report(client, headers=named, description=text)[1][0]["service_request_id"] for text in ("甲", "乙")
    ]
    assert len(set(again)) == 1
    clock("2026-11-24T09:00")
    assert number_of(client) != first  # the same words on another day are another matter
    assert Incident.objects.count() == 4


def test_tokens_answer_with_the_number(client):
    number = number_of(client)
    assert client.get(f"tokens/{number}") == (200, [{"service_request_id": number, "token": number}])


def test_of_several_townships_one_must_be_named(client, form, town):
    other = township("320371102", name="邻镇")
    Category.objects.filter(township=other.grid, code="request").update(is_public=True)
    number = number_of(client)
    status, [error] = client.get("services")
    assert (status, str(error["code"])) == (400, "400")
    assert GeoReportClient(form, jurisdiction=town.code).get(f"requests/{number}")[0] == 200
    assert GeoReportClient(form, jurisdiction=other.code).get(f"requests/{number}")[0] == 404
    assert GeoReportClient(form, jurisdiction="nowhere").get("services")[0] == 404


def test_lists_ask_the_same_for_one_request_and_for_five(client):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert client.get("requests", extensions="true")[0] == 200
        return len(queries)

    number_of(client)
    one = asked()
    for n in range(4):
        number_of(client, description=f"第{n}件")
    assert asked() == one


def test_other_methods_and_forms_do_not_exist(key):
    http = Client()
    assert http.get("/open311/v2/requests.csv").status_code == 404
    assert http.get("/open311/v2/requests").status_code == 404
    assert http.delete("/open311/v2/requests.json").status_code == 405
    assert http.post("/open311/v2/services.json").status_code == 405


def test_asking_too_often_is_refused(client, settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "open311": "2/min"},
    }
    statuses = [client.get("services")[0] for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_the_desk_sees_who_asked(client, town):
    number = number_of(client, first_name="三", last_name="张", phone="13800000001")
    assert Requester.objects.get(incident__number=number).name == "张三"
    assert Incident.objects.visible_to(fresh(town.clerk)).filter(number=number).exists()
