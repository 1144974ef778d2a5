"""A phone of the proofs: what it sends it sends again until it is answered."""

import hashlib
import io
import json
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from PIL import Image

from tests.proofs.house import House, use

PATIENCE = 600.0  # seconds for one call, restarts included
BOUNDARY = "gridgov-proof"


@dataclass
class Sent:
    """What all phones together sent and were answered."""

    acknowledged: dict[str, str] = field(default_factory=dict)  # client_uuid -> id
    photos: dict[str, str] = field(default_factory=dict)  # client_uuid of the photo -> that of the report
    calls: int = 0
    lost_answers: int = 0
    server_errors: int = 0
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    replayed: bool


class Phone:
    def __init__(self, built: House, token: str, sent: Sent, chance: random.Random) -> None:
        self.url, self.token, self.sent, self.chance = built.url, token, sent, chance

    def call(self, path: str, body: bytes, kind: str = "application/json") -> Answer | None:
        """Whatever is answered below 500; None after PATIENCE."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": kind}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body, headers=headers)
            with self.sent.lock:
                self.sent.calls += 1
            try:
                with urllib.request.urlopen(request, timeout=20) as found:
                    return Answer(
                        found.status, json.loads(found.read()), "Idempotent-Replayed" in found.headers
                    )
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return Answer(error.code, json.loads(error.read()), replayed=False)
                self.sent.server_errors += 1
            except (OSError, HTTPException, ValueError):
                self.sent.lost_answers += 1
            time.sleep(self.chance.uniform(0.2, 1.0))
        self.sent.problems.append(f"{path}: no answer in {PATIENCE:.0f} s")
        return None

    def done(self, path: str, body: bytes, kind: str = "application/json") -> dict[str, Any]:
        """The body of a call that must succeed."""
        found = self.call(path, body, kind)
        if found is None:
            return {}
        if found.status >= 400:
            self.sent.problems.append(f"{path}: {found.status} {found.body}")
            return {}
        return found.body

    def photo(self, key: str, report: str, photo: bytes) -> None:
        fields = {
            "client_uuid": key, "incident_client_uuid": report, "kind": "photo",
            "sha256": hashlib.sha256(photo).hexdigest(),
        }  # fmt: skip
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        body = b"".join([*parts, head, photo, f"\r\n--{BOUNDARY}--\r\n".encode()])
        if self.done("uploads/", body, f"multipart/form-data; boundary={BOUNDARY}"):
            with self.sent.lock:
                self.sent.photos[key] = report


def report_body(key: str, grid: str, text: str) -> bytes:
    given = {
        "client_uuid": key,
        "grid": grid,
        "category": "request",
        "description": text,
        "photos_expected": 1,
    }
    return json.dumps(given).encode()


def picture(number: int) -> bytes:
    """A small JPEG that no other number has."""
    image = Image.new("RGB", (32, 24), (number % 256, number // 256 % 256, number // 65536 % 256))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


def prepare(built: House) -> tuple[str, str]:
    """A town; the worker's token and group."""
    use(built)
    from knox.models import AuthToken

    from tests.factories import township

    town = township()
    return AuthToken.objects.create(user=town.worker)[1], town.groups[0].code


@dataclass(frozen=True)
class Left:
    """What is wrong with what lies in the house, held against what the phones were told."""

    lost: list[str]
    doubled: int
    missing: list[str]  # photos
    breaches: list[str]

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.missing or self.breaches)

    def __str__(self) -> str:
        return (
            f"lost {len(self.lost)}, doubled {self.doubled}, photos missing {len(self.missing)}, "
            f"breaches of the loop {len(self.breaches)}"
        )


def left_of(built: House, sent: Sent) -> Left:
    from django.db import connections

    from incidents.loop_check import breaches
    from incidents.models import Incident, Upload

    connections.close_all()
    there = {str(key): str(pk) for key, pk in Incident.objects.values_list("client_uuid", "pk")}
    files = {str(it.client_uuid): it for it in Upload.objects.select_related("incident")}
    kept = {path.name for path in Path(built.env["GRIDGOV_DATA"]).rglob("*")}
    return Left(
        lost=[key for key, pk in sent.acknowledged.items() if there.get(key) != pk],
        doubled=Incident.objects.count() - len(there),
        missing=[
            key
            for key, report in sent.photos.items()
            if key not in files
            or files[key].incident is None
            or str(files[key].incident.client_uuid) != report
            or Path(files[key].file.name).name not in kept
        ],
        breaches=list(map(str, breaches())),
    )
