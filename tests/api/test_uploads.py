"""Files over REST: before or after their report, once, and shown to nobody else."""

import hashlib
import random
import uuid
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from incidents.models import Upload
from tests.api.conftest import API, problem
from tests.factories.files import amr, docx, film, heic, pdf, xlsx


def picture(color: str = "red") -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), color).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def form(report_uuid: str, data: bytes | None = None, **changes) -> dict:
    data = picture() if data is None else data
    given = {
        "client_uuid": str(uuid.uuid4()),
        "incident_client_uuid": report_uuid,
        "kind": "photo",
        "sha256": hashlib.sha256(data).hexdigest(),
        "file": SimpleUploadedFile("../../etc/现场.jpg", data, "image/jpeg"),
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def send(client, body):
    for value in body.values():
        if hasattr(value, "seek"):
            value.seek(0)
    return client.post(f"{API}uploads/", body, format="multipart")


def fetch(client, url, **headers):
    """The answer with its bytes; reading it to the end closes the file."""
    answer = client.get(url, **headers)
    answer.bytes = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer


def test_photo_after_its_report_is_shown_with_it(town, api, reported):
    row = reported(photos_expected=2)
    client = api(town.worker)
    answer = send(client, form(row["client_uuid"]))
    assert answer.status_code == 201, answer.content.decode()
    detail = client.get(f"{API}incidents/{row['id']}/").json()
    assert detail["photos"] == {"expected": 2, "arrived": 1, "missing": 1}
    assert [one["url"] for one in detail["uploads"]] == [answer.json()["url"]]


def test_photo_before_its_report_waits_for_it(town, api, report):
    client, body = api(town.worker), report(photos_expected=1)
    url = send(client, form(body["client_uuid"])).json()["url"]
    assert fetch(client, url).status_code == 200
    problem(api(town.clerk).get(url), 404, "not_found")
    row = client.post(f"{API}incidents/", body).json()
    assert client.get(f"{API}incidents/{row['id']}/").json()["photos"] == {
        "expected": 1,
        "arrived": 1,
        "missing": 0,
    }
    assert fetch(api(town.clerk), url).status_code == 200


def test_repeat_is_one_photo_and_other_content_a_conflict(town, api, reported):
    client, body = api(town.worker), form(reported()["client_uuid"])
    first, again = send(client, body), send(client, body)
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert first.json() == again.json()
    assert Upload.objects.count() == 1
    other = form(body["incident_client_uuid"], picture("blue"), client_uuid=body["client_uuid"])
    problem(send(client, other), 409, "idempotency_conflict")


def test_file_is_served_in_scope_only_and_as_nothing_but_an_image(town, api, reported):
    url = send(api(town.worker), form(reported()["client_uuid"])).json()["url"]
    for who in ("worker2", "officer", "auditor", "admin"):
        problem(api(getattr(town, who)).get(url), 404, "not_found")
    answer = fetch(api(town.village_head), url)
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("inline")
    assert "现场" not in answer["Content-Disposition"]
    assert "private" in answer["Cache-Control"]
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert Image.open(BytesIO(answer.bytes)).size == (64, 48)


def test_file_ignores_what_format_the_client_would_rather_have(town, api, reported):
    url = send(api(town.worker), form(reported()["client_uuid"])).json()["url"]
    assert fetch(api(town.worker), url, HTTP_ACCEPT="image/webp").status_code == 200


def test_lost_file_is_absent_and_no_fault(town, api, reported):
    url = send(api(town.worker), form(reported()["client_uuid"])).json()["url"]
    Upload.objects.get().file.storage.delete(Upload.objects.get().file.name)
    problem(api(town.worker).get(url), 404, "not_found")


def test_nobody_attaches_to_another_persons_report(town, api, reported):
    row = reported()
    send(api(town.worker2), form(row["client_uuid"]))
    assert api(town.worker).get(f"{API}incidents/{row['id']}/").json()["uploads"] == []


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"sha256": "0" * 64}, "sha256_mismatch", "sha256"),
        ({"sha256": "x"}, "invalid", "sha256"),
        ({"kind": "video"}, "wrong_kind", "kind"),
        ({"kind": "program"}, "invalid", "kind"),
        ({"file": None}, "invalid", "file"),
        ({"file": "text"}, "invalid", "file"),
        ({"path": "/etc/passwd"}, "invalid", "path"),
        ({"client_uuid": "7"}, "invalid", "client_uuid"),
    ],
)
def test_wrong_forms_are_refused_by_name(town, api, reported, *, changes, code, named):
    answer = send(api(town.worker), form(reported()["client_uuid"], **changes))
    assert named in problem(answer, 400, code)["errors"]
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("kind", "data", "content_type", "suffix"),
    [
        ("document", pdf(), "application/pdf", ".pdf"),
        (
            "document",
            docx(),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ".docx",
        ),
        ("document", xlsx(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
        ("video", film(b"vide", b"soun"), "video/mp4", ".mp4"),
        ("audio", film(b"soun"), "audio/mp4", ".m4a"),
        ("audio", amr(), "audio/amr", ".amr"),
    ],
)
def test_other_files_are_kept_as_they_came_and_only_downloaded(
    town, api, reported, *, kind, data, content_type, suffix
):
    row = reported(photos_expected=1)
    answer = send(api(town.worker), form(row["client_uuid"], data, kind=kind))
    assert answer.status_code == 201, answer.content.decode()
    assert (answer.json()["kind"], answer.json()["name"]) == (kind, f"现场{suffix}")
    stored = Upload.objects.get()
    assert stored.file.name == f"uploads/{stored.pk.hex[-2:]}/{stored.pk.hex[-4:-2]}/{stored.pk.hex}{suffix}"
    file = fetch(api(town.village_head), answer.json()["url"])
    assert file.bytes == data
    assert file["Content-Type"] == content_type
    assert file["Content-Disposition"].startswith("attachment")
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file["Content-Security-Policy"]
    detail = api(town.worker).get(f"{API}incidents/{row['id']}/").json()
    assert detail["photos"] == {"expected": 1, "arrived": 0, "missing": 1}, "a file is no photo"
    problem(api(town.worker2).get(answer.json()["url"]), 404, "not_found")


def test_heic_becomes_a_jpeg_without_its_place(town, api, reported):
    answer = send(api(town.worker), form(reported()["client_uuid"], heic()))
    file = fetch(api(town.worker), answer.json()["url"])
    assert file["Content-Type"] == "image/jpeg"
    assert Image.open(BytesIO(file.bytes)).format == "JPEG"


def test_mutated_files_never_fail_the_server(town, api, reported):
    """A slice of the proof: 200 files with bytes changed, cut and mixed."""
    dice, row = random.Random(88), reported()
    client = api(town.worker)
    client.raise_request_exception = False
    sources = {
        "document": [pdf(), docx(), xlsx()], "video": [film(b"vide")], "audio": [amr(), film(b"soun")],
        "photo": [picture(), heic()],
    }  # fmt: skip
    seen = set()
    for _turn in range(200):
        kind = dice.choice(list(sources))
        data = bytearray(dice.choice(sources[kind]))
        for _again in range(dice.randint(1, 9)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.3:
            data = data[: dice.randrange(1, len(data))]
        answer = send(client, form(row["client_uuid"], bytes(data), kind=kind))
        assert answer.status_code in (201, 400), answer.content[:500]
        seen.add(answer.status_code)
    assert seen == {201, 400}, "the mutations were too mild or too hard to say anything"


@pytest.mark.parametrize(
    "data", [b"<svg onload=alert(1)>", b"GIF89a", pdf(), b"\xff\xd8\xff\xe0" + b"\0" * 99]
)
def test_what_is_no_photo_is_refused(town, api, reported, data):
    answer = send(api(town.worker), form(reported()["client_uuid"], data))
    assert answer.status_code == 400
    assert not Upload.objects.exists()


def test_second_file_in_the_field_is_refused(town, api, reported):
    body = form(reported()["client_uuid"])
    body["file"] = [body["file"], SimpleUploadedFile("b.jpg", picture("blue"))]
    assert (
        "file"
        in problem(api(town.worker).post(f"{API}uploads/", body, format="multipart"), 400, "invalid")[
            "errors"
        ]
    )


def test_too_large_a_form_is_refused_before_it_is_read(town, api, reported, settings):
    settings.UPLOAD_MAX_BYTES = 1000
    answer = send(api(town.worker), form(reported()["client_uuid"], b"x" * 100_000))
    problem(answer, 413, "too_large")


def test_json_is_no_form(town, api):
    problem(api(town.worker).post(f"{API}uploads/", {}, format="json"), 415, "unsupported_media_type")


@pytest.mark.parametrize("who", ["leader", "contact_leader", "assessor", "auditor", "admin"])
def test_whoever_neither_reports_nor_handles_sends_no_file(town, api, who):
    problem(send(api(getattr(town, who)), form(str(uuid.uuid4()))), 403, "forbidden")
    assert not Upload.objects.exists()


def test_department_officer_sends_files(town, api):
    assert send(api(town.officer), form(str(uuid.uuid4()))).status_code == 201
