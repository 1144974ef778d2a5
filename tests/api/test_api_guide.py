"""docs/api.md: every example is sent, in order, and answered as it says."""

import hashlib
import io
import json
import re
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from assessments.actions import create_month, publish
from gridgov.common import clock as gridgov_clock
from tests.api.conftest import API
from tests.test_docs import plain

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```http\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHAPE = re.compile(
    r"(?P<method>[A-Z]+) (?P<path>\S+)\n\n(?:(?P<body>.+?)\n\n)?(?P<status>\d{3})\n(?P<answer>.*)", re.DOTALL
)
NAME = re.compile(r"\$([A-Z_0-9]+)")
PASSWORD = "worker-word-7"


def examples() -> list[dict[str, str]]:
    found = [SHAPE.fullmatch(block[1]) for block in BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))]
    assert all(found), "an example has another shape"
    return [{key: value or "" for key, value in shape.groupdict().items()} for shape in found if shape]


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "JPEG")
    return file.getvalue()


class Values(dict[str, str]):
    """What `$NAME` stands for; a name that no answer gave is an id that the client makes."""

    def filled(self, text: str) -> str:
        return NAME.sub(lambda name: self.setdefault(name[1], str(uuid.uuid4())), text)

    def agree(self, said: Any, got: Any, where: str) -> None:
        """`said` is a part of `got`; a new `$NAME` takes its value from it."""
        if said == "…":
            return
        if isinstance(said, str) and (name := NAME.fullmatch(said)):
            assert self.setdefault(name[1], got) == got, where
        elif isinstance(said, dict):
            assert isinstance(got, dict) and set(said) <= set(got), (where, got)
            for key, inner in said.items():
                self.agree(inner, got[key], f"{where}.{key}")
        elif isinstance(said, list) and said:
            assert len(got) >= len(said), (where, got)
            for place, inner in enumerate(said):
                self.agree(inner, got[place], f"{where}[{place}]")
        else:
            assert said == got, (where, got)


def test_every_example_is_answered_as_the_guide_says(town, clock, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    clock("2026-11-24T10:00")
    month = create_month(user=town.assessor, township=town.grid, month=date(2026, 10, 1))
    publish(user=town.assessor, assessment=month)
    town.worker.set_password(PASSWORD)
    town.worker.save()
    now = gridgov_clock.now()
    values = Values(
        USERNAME=town.worker.username,
        PASSWORD=PASSWORD,
        SHA256=hashlib.sha256(picture()).hexdigest(),
        AN_HOUR_AGO=(now - timedelta(hours=1)).isoformat(),
        JUST_NOW=(now - timedelta(minutes=1)).isoformat(),
    )
    client = APIClient()
    for example in examples():
        where = f"{example['method']} {example['path']}"
        answer = send(client, example, values)
        assert answer.status_code == int(example["status"]), (where, getattr(answer, "content", b""))
        if example["answer"].strip():
            values.agree(json.loads(example["answer"]), answer.json(), where)
        if "TOKEN" in values:
            client.credentials(HTTP_AUTHORIZATION=f"Token {values['TOKEN']}")
        assert answer.get("Idempotent-Replayed") == (
            "true" if answer.status_code == 200 and "REPORT" in example["body"] else None
        )


def send(client: APIClient, example: dict[str, str], values: Values) -> Any:
    path, body = values.filled(example["path"]), values.filled(example["body"])
    if example["method"] == "GET":
        answer = client.get(path)
        if answer.streaming:
            assert b"".join(answer.streaming_content)  # reading to the end closes the file
        return answer
    if "file=@" in body:
        form: dict[str, Any] = dict(line.split("=", 1) for line in body.splitlines())
        form["file"] = SimpleUploadedFile("photo.jpg", picture(), "image/jpeg")
        return client.post(path, form, format="multipart")
    return client.post(path, json.loads(body), format="json")


CALLS = """
POST auth/token/ · POST auth/logout/ · GET me/ · GET tasks/ · GET grids/ · GET grids/{}/ · GET categories/ · POST incidents/
POST incidents/batch/ · GET incidents/ · GET incidents/{}/ · POST incidents/{}/actions/{}/ · GET incidents/{}/history/
GET incidents/{}/due/ · POST uploads/ · GET uploads/{}/file · GET receipts/ · POST patrols/ · GET patrols/ · GET duties/
GET assessments/ · GET assessments/{}/scores/ · GET assessments/{}/sheet.xlsx · POST incidents/bulk/ · POST incidents/bulk/{}/undo/
"""


def test_the_guide_has_an_example_of_every_call():
    """A call that joins them joins this list."""
    shown = {
        f"{example['method']} {re.sub(r'/actions/[a-z_]+/', '/actions/{}/', plain(example['path'])).removeprefix(API)}"
        for example in examples()
    }
    assert {call.strip() for call in re.split(r"[·\n]", CALLS) if call.strip()} == shown
