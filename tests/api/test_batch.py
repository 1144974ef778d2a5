"""Many reports at once, each by itself; and what the phone hears of what has arrived."""

import hashlib
import io
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from gridgov.common import clock
from incidents.models import Incident
from tests.api.conftest import API, problem
from tests.factories import client_for, login, township

BATCH, RECEIPTS = f"{API}incidents/batch/", f"{API}receipts/"


def send_photo(town, call, shade="teal"):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), shade).save(picture, "JPEG")
    data = picture.getvalue()
    body = {
        "client_uuid": str(uuid.uuid4()), "incident_client_uuid": call, "kind": "photo",
        "sha256": hashlib.sha256(data).hexdigest(), "file": SimpleUploadedFile("a.jpg", data),
    }  # fmt: skip
    return client_for(town.worker).post(f"{API}uploads/", body, format="multipart")


def test_each_item_is_answered_at_its_place(town, api, report):
    items = [
        report(),
        report(grid="999999999999"),
        report(description=""),
        "no report",
        report(title="第五件"),
    ]
    answer = api(town.worker).post(BATCH, items)
    assert answer.status_code == 200
    found = answer.json()
    assert [(one["index"], one["status"]) for one in found] == [
        (0, 201),
        (1, 400),
        (2, 400),
        (3, 400),
        (4, 201),
    ]
    assert [one["client_uuid"] for one in found] == [
        item["client_uuid"] if isinstance(item, dict) else None for item in items
    ]
    assert found[4]["body"]["title"] == "第五件"
    assert found[1]["problem"]["code"] == "unknown_grid"
    assert found[1]["problem"]["type"] == "urn:gridgov:problem:unknown_grid"
    assert "description" in found[2]["problem"]["errors"]
    assert ("problem" in found[0], "body" in found[1]) == (False, False)
    assert Incident.objects.count() == 2


def test_a_batch_sent_again_reports_only_what_is_missing(town, api, report):
    first, second = report(), report()
    api(town.worker).post(BATCH, [first])
    found = api(town.worker).post(BATCH, [first, second, {**first, "description": "别的"}, second]).json()
    assert [one["status"] for one in found] == [200, 201, 409, 200]
    assert found[2]["problem"]["code"] == "idempotency_conflict"
    assert Incident.objects.count() == 2


def test_a_batch_of_more_than_a_hundred_is_refused_whole(town, api, report):
    problem(api(town.worker).post(BATCH, [report() for _ in range(101)]), 400, "invalid_batch")
    problem(api(town.worker).post(BATCH, report()), 400, "invalid_batch")
    assert api(town.worker).post(BATCH, []).json() == []
    assert Incident.objects.count() == 0


def test_who_may_report_nowhere_hears_it_for_each_item(town, api, report):
    [one] = api(town.assessor).post(BATCH, [report()]).json()
    assert (one["status"], one["problem"]["code"]) == (403, "forbidden")


def test_a_grid_of_another_township_is_unknown_in_a_batch(town, api, report):
    other = township("320371102", name="邻镇")
    [one] = api(town.worker).post(BATCH, [report(grid=other.groups[0].code)]).json()
    assert (one["status"], one["problem"]["code"]) == (400, "unknown_grid")
    assert Incident.objects.count() == 0


def test_a_fault_of_ours_in_one_item_does_not_hold_back_the_others(town, api, report, monkeypatch):
    from incidents.api import views

    real = views.report

    def broken(**given):
        if given["title"] == "坏":
            raise RuntimeError("a fault")
        return real(**given)

    monkeypatch.setattr(views, "report", broken)
    client = api(town.worker)
    client.raise_request_exception = False
    found = client.post(BATCH, [report(title="坏"), report(title="好")]).json()
    assert [one["status"] for one in found] == [500, 201]
    assert "a fault" not in str(found)


def test_queries_grow_with_the_items_and_look_ups_are_asked_once(town, api, report, counted):
    client = api(town.worker)
    client.post(BATCH, [report()])
    seen = {}
    for size in (1, 5, 9):
        with counted() as queries:
            assert [one["status"] for one in client.post(BATCH, [report() for _ in range(size)]).json()] == [
                201
            ] * size
        seen[size] = queries.count
    each = (seen[9] - seen[5]) / 4
    assert seen[5] - seen[1] == 4 * each
    assert each <= 10
    assert seen[1] <= 14  # as much as a report by itself


# --- receipts ----------------------------------------------------------------------------------------------------


def test_a_receipt_tells_photos_expected_arrived_and_missing(town, api, reported):
    body = reported(photos_expected=2)
    send_photo(town, body["client_uuid"])
    found = api(town.worker).get(RECEIPTS).json()
    [one] = found["results"]
    assert (one["client_uuid"], one["id"], one["number"]) == (body["client_uuid"], body["id"], body["number"])
    assert one["photos"] == {"expected": 2, "arrived": 1, "missing": 1}
    assert (found["received"], found["complete"]) == (1, False)
    detail = api(town.worker).get(f"{API}incidents/{body['id']}/").json()
    assert detail["photos"] == {"expected": 2, "arrived": 1, "missing": 1}
    send_photo(town, body["client_uuid"], "red")
    assert api(town.worker).get(RECEIPTS).json()["complete"] is True


def test_a_photo_before_its_report_is_counted_as_waiting(town, api, report):
    body = report(photos_expected=1)
    send_photo(town, body["client_uuid"])
    found = api(town.worker).get(RECEIPTS).json()
    assert (found["received"], found["waiting_uploads"], found["complete"]) == (0, 1, False)
    api(town.worker).post(BATCH, [body])
    found = api(town.worker).get(RECEIPTS).json()
    assert (found["received"], found["waiting_uploads"], found["complete"]) == (1, 0, True)


def test_receipts_are_of_the_own_reports_and_the_day_asked(town, api, reported):
    reported(town.worker2)
    today = str(clock.today())
    assert api(town.worker).get(f"{RECEIPTS}?day={today}").json()["received"] == 0
    assert api(town.worker2).get(f"{RECEIPTS}?day={today}").json()["received"] == 1
    assert api(town.worker2).get(f"{RECEIPTS}?day=2026-01-01").json()["received"] == 0
    problem(api(town.worker).get(f"{RECEIPTS}?day=gestern"), 400, "invalid")


def test_receipts_ask_the_same_for_one_report_and_for_five(town, api, reported, counted):
    client = api(town.worker)
    reported(photos_expected=1)
    with counted() as one:
        client.get(RECEIPTS)
    for _ in range(4):
        reported(photos_expected=1)
    with counted() as five:
        assert client.get(RECEIPTS).json()["received"] == 5
    assert five.count == one.count


@pytest.mark.parametrize("photos", [0, 2])
def test_the_workers_desk_says_whether_all_has_arrived(town, client, reported, photos):
    body = reported(photos_expected=photos)
    page = login(client, town.worker).get("/").content.decode()
    if photos:
        assert "照片到齐0/2张" in page
        for shade in ("red", "blue"):
            send_photo(town, body["client_uuid"], shade)
        page = client.get("/").content.decode()
    assert "全部到齐" in page
