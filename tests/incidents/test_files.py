"""Files in the browser: sent ahead one by one, taken away again, carried by their form, shown and downloaded in scope."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents.models import Incident, Upload
from tests.factories import login
from tests.factories.files import docx, film, jpeg, pdf
from tests.incidents.browsing import send, url_of


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def ahead(client, data=None, name="记录.pdf", **fields):
    """One file as the page's script sends it."""
    body = {
        "client_uuid": str(uuid.uuid4()),
        "file": SimpleUploadedFile(name, pdf() if data is None else data),
    }
    return client.post("/incidents/uploads/", body | fields)


def test_file_sent_ahead_is_carried_by_its_action(client, town, new):
    matter = new()
    login(client, town.worker)
    answer = ahead(client, docx(), "会议纪要.docx")
    assert answer.status_code == 201
    sent = answer.json()
    assert sent["name"] == "会议纪要.docx"
    send(client, matter, "add_note", note="补充材料", files_sent=[sent["client_uuid"]])
    page = client.get(url_of(matter)).content.decode()
    upload = Upload.objects.get()
    assert (upload.incident_id, upload.history_seq) == (matter.pk, 2)
    assert f'href="/incidents/uploads/{upload.pk}/" download' in page
    assert "会议纪要.docx" in page


def test_file_sent_ahead_of_a_report_comes_with_it(client, town):
    login(client, town.worker)
    call = str(uuid.uuid4())
    assert ahead(client, film(b"vide"), "现场.mp4", incident_client_uuid=call).status_code == 201
    assert ahead(client, jpeg(), "IMG.jpg", incident_client_uuid=call).status_code == 201
    client.post(
        "/incidents/new/",
        {"client_uuid": call, "grid": town.groups[0].code, "category": "request", "description": "路灯不亮"},
    )
    matter = Incident.objects.get()
    assert set(matter.uploads.values_list("kind", flat=True)) == {"video", "photo"}
    assert matter.photos_expected == 1, "a film is no photo"


def test_same_file_sent_ahead_twice_is_one(client, town):
    login(client, town.worker)
    name = str(uuid.uuid4())
    assert ahead(client, client_uuid=name).json() == ahead(client, client_uuid=name).json()
    assert Upload.objects.count() == 1
    assert ahead(client, docx(), client_uuid=name).status_code == 409


def test_file_taken_away_again_is_gone(client, town, tmp_path):
    login(client, town.worker)
    sent = ahead(client).json()
    assert len(list(tmp_path.rglob("*.pdf"))) == 1
    assert client.post(sent["drop_url"]).status_code == 204
    assert not Upload.objects.exists()
    assert list(tmp_path.rglob("*.pdf")) == []


def test_nobody_takes_away_what_belongs_to_a_matter_or_to_another(client, town, new):
    matter = new()
    login(client, town.worker)
    sent = ahead(client).json()
    login(client, town.clerk)
    assert client.post(sent["drop_url"]).status_code == 404
    login(client, town.worker)
    send(client, matter, "add_note", note="材料", files_sent=[sent["client_uuid"]])
    assert client.post(sent["drop_url"]).status_code == 404
    assert Upload.objects.count() == 1


def test_nobody_carries_another_persons_file(client, town, new):
    matter = new()
    login(client, town.village_head)
    sent = ahead(client).json()
    login(client, town.worker)
    answer = send(client, matter, "add_note", note="材料", files_sent=[sent["client_uuid"]])
    assert answer.status_code == 400
    assert Upload.objects.get().incident_id is None


def test_refused_file_says_why(client, town):
    login(client, town.worker)
    answer = ahead(client, b"MZ program", "照片.jpg")
    assert answer.status_code == 400
    assert "不接收这种文件" in answer.json()["detail"]
    assert ahead(client, client_uuid="7").status_code == 400
    assert not Upload.objects.exists()


def test_files_already_sent_are_shown_again_after_a_refusal(client, town, new):
    matter = new()
    login(client, town.worker)
    sent = ahead(client, pdf(), "说明.pdf").json()
    answer = send(client, matter, "add_note", files_sent=[sent["client_uuid"]])
    assert answer.status_code == 400
    page = answer.content.decode()
    assert f'name="files_sent" value="{sent["client_uuid"]}"' in page
    assert "说明.pdf" in page


def test_plain_input_takes_several_files_without_a_script(client, town, new):
    matter = new()
    login(client, town.worker)
    files = [SimpleUploadedFile("a.jpg", jpeg()), SimpleUploadedFile("b.pdf", pdf())]
    send(client, matter, "add_note", note="两份", files=files)
    assert sorted(Upload.objects.values_list("kind", "name")) == [("document", "b.pdf"), ("photo", "")]


def test_thumbnail_is_of_photos_only(client, town, new):
    matter = new()
    login(client, town.worker)
    send(client, matter, "add_note", note="材料", files=[SimpleUploadedFile("b.pdf", pdf())])
    upload = Upload.objects.get()
    assert client.get(f"/incidents/uploads/{upload.pk}/small/").status_code == 404
    answer = client.get(f"/incidents/uploads/{upload.pk}/")
    assert b"".join(answer.streaming_content) == pdf()
    assert answer["Content-Disposition"] == 'attachment; filename="b.pdf"'
    login(client, town.worker2)
    assert client.get(f"/incidents/uploads/{upload.pk}/").status_code == 404
