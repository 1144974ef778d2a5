"""T1: kill -9 of web, worker, beat, Redis and PostgreSQL at seeded moments while reports with photos arrive, a tenth sent again.

`python -m tests.proofs.kills`; GRIDGOV_KILLS_REPORTS and GRIDGOV_KILLS are its size. A client keeps what it sends until it is
acknowledged, as the phone does; whatever was acknowledged must be there once, with its photo.
"""

import hashlib
import io
import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from PIL import Image

from tests.proofs.house import House, house, use

REPORTS = int(os.environ.get("GRIDGOV_KILLS_REPORTS", "10000"))
KILLS = int(os.environ.get("GRIDGOV_KILLS", "200"))
SEED = os.environ.get("SEED", "20261124")
CLIENTS = 4
PATIENCE = 600.0  # seconds for one report, restarts included
BOUNDARY = "gridgov-proof"


@dataclass
class Sent:
    acknowledged: dict[str, str] = field(default_factory=dict)  # client_uuid -> id
    photos: dict[str, str] = field(default_factory=dict)  # client_uuid of the photo -> that of the report
    again: int = 0
    killed: int = 0
    lost_answers: int = 0
    server_errors: int = 0
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Phone:
    """One client; every call is repeated until it is answered."""

    def __init__(self, built: House, token: str, grid: str, sent: Sent, number: int) -> None:
        self.url, self.token, self.grid, self.sent = built.url, token, grid, sent
        self.chance = random.Random(f"{SEED}:{number}")

    def _call(self, path: str, body: bytes, kind: str) -> dict:
        headers = {"Authorization": f"Token {self.token}", "Content-Type": kind}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    self.sent.problems.append(f"{path}: {error.code} {error.read()[:200]!r}")
                    return {}
                self.sent.server_errors += 1
            except (OSError, HTTPException, ValueError):
                self.sent.lost_answers += 1
            time.sleep(self.chance.uniform(0.2, 1.0))
        self.sent.problems.append(f"{path}: no answer in {PATIENCE:.0f} s")
        return {}

    def _wait_for_kills(self) -> None:
        """Reports go on only as far as kills have come, so that these lie over the whole of the run."""
        while (
            self.sent.killed < KILLS
            and len(self.sent.acknowledged) > (self.sent.killed + 1) * REPORTS / KILLS
        ):
            time.sleep(0.05)

    def report(self, number: int) -> None:
        self._wait_for_kills()
        key, photo_key = (str(uuid.UUID(int=self.chance.getrandbits(128), version=4)) for _n in range(2))
        body = json.dumps(
            {
                "client_uuid": key,
                "grid": self.grid,
                "category": "request",
                "description": f"第{number}件",
                "photos_expected": 1,
            }
        ).encode()
        photo = picture(number)
        first = self.chance.random() < 0.5
        if first:
            self._photo(photo_key, key, photo)
        found = self._call("incidents/", body, "application/json")
        if not first:
            self._photo(photo_key, key, photo)
        if self.chance.random() < 0.1:
            again = self._call("incidents/", body, "application/json")
            self._photo(photo_key, key, photo)
            self.sent.again += 1
            if again.get("id") != found.get("id"):
                self.sent.problems.append(f"{key} was answered as two matters")
        if "id" in found:
            with self.sent.lock:
                self.sent.acknowledged[key] = found["id"]

    def _photo(self, key: str, report: str, photo: bytes) -> None:
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
        if self._call("uploads/", body, f"multipart/form-data; boundary={BOUNDARY}"):
            with self.sent.lock:
                self.sent.photos[key] = report


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


def run(built: House, token: str, grid: str) -> bool:
    chance, sent = random.Random(SEED), Sent()
    for name in ("web", *built.workers, *built.beats):
        built.start(name)
    built.await_("web")
    began, killed = time.monotonic(), dict.fromkeys(built.processes, 0)
    numbers = [range(client, REPORTS, CLIENTS) for client in range(CLIENTS)]
    phones = [Phone(built, token, grid, sent, client) for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        work = [
            pool.submit(lambda one=phone, mine=own: [one.report(number) for number in mine])
            for phone, own in zip(phones, numbers, strict=True)
        ]
        while sent.killed < KILLS or not all(job.done() for job in work):
            if sent.killed < KILLS and len(sent.acknowledged) >= sent.killed * REPORTS / KILLS:
                name = chance.choice(sorted(built.processes))
                built.kill(name)
                killed[name] += 1
                sent.killed += 1
            time.sleep(chance.uniform(0.2, 1.5))
            built.tend()
        for job in work:
            job.result()
    built.tend()
    for name in ("postgres", "redis", "web"):
        built.await_(name)
    return judge(built, sent, killed, time.monotonic() - began)


def judge(built: House, sent: Sent, killed: dict[str, int], seconds: float) -> bool:
    from django.db import connections

    from incidents.loop_check import breaches
    from incidents.models import Incident, Upload

    connections.close_all()
    there = {str(key): str(pk) for key, pk in Incident.objects.values_list("client_uuid", "pk")}
    lost = [key for key, pk in sent.acknowledged.items() if there.get(key) != pk]
    doubled = Incident.objects.count() - len(there)
    files = {str(it.client_uuid): it for it in Upload.objects.select_related("incident")}
    kept = {path.name for path in Path(built.env["GRIDGOV_DATA"]).rglob("*")}
    missing = [
        key
        for key, report in sent.photos.items()
        if key not in files
        or files[key].incident is None
        or str(files[key].incident.client_uuid) != report
        or Path(files[key].file.name).name not in kept
    ]
    found = list(breaches())
    good = not (lost or doubled or missing or sent.problems or found) and len(sent.acknowledged) == REPORTS
    print(
        f"T1 kills: {'ok' if good else 'FAILED'}: {len(sent.acknowledged)} of {REPORTS} reports acknowledged, "
        f"{sum(killed.values())} kills ({', '.join(f'{name} {n}' for name, n in sorted(killed.items()))}), "
        f"{sent.again} sent again; lost {len(lost)}, doubled {doubled}, photos {len(sent.photos)}, missing {len(missing)}; "
        f"{sent.lost_answers} calls without an answer, {sent.server_errors} answered 5xx; breaches of the loop {len(found)}; "
        f"{seconds:.0f} s",
        flush=True,
    )
    for text in (*sent.problems[:5], *map(str, found[:5])):
        print(f"  {text}", flush=True)
    return good


def main() -> int:
    with house(workers=1, beats=1, seed=SEED) as built:
        token, grid = prepare(built)
        good = run(built, token, grid)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
