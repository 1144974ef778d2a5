"""The REST interface as a phone's application uses it: a token, JSON, nothing but the standard library."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

OPENER = build_opener(ProxyHandler({}))
TIMEOUT = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    def must(self, status: int) -> Any:
        """The body, if the answer is what it must be."""
        assert self.status == status, f"{self.status} {self.content.decode(errors='replace')[:1000]}"
        return self.json if self.content else None


def send(
    method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Answer:
    request = Request(url, data=body, method=method, headers=headers or {})
    try:
        with OPENER.open(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Api:
    """One person at the interface."""

    def __init__(self, base: str, username: str, password: str) -> None:
        self.root = f"{base}/api/v1/"
        self.token = ""
        body = {"username": username, "password": password}
        self.token = self.post("auth/token/", body).must(200)["token"]

    def _headers(self, content_type: str = "") -> dict[str, str]:
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        return headers | ({"Content-Type": content_type} if content_type else {})

    def get(self, path: str) -> Any:
        return send("GET", self.root + path, headers=self._headers()).must(200)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        headers = self._headers("application/json")
        return send("POST", self.root + path, headers=headers, body=json.dumps(body).encode())

    def report(self, **values: Any) -> Any:
        """A new matter; the answer's body."""
        return self.post("incidents/", {"client_uuid": str(uuid.uuid4()), **values}).must(201)

    def act(self, incident: str, action: str, **arguments: Any) -> Any:
        body = {"client_uuid": str(uuid.uuid4()), **arguments}
        return self.post(f"incidents/{incident}/actions/{action}/", body).must(200)

    def upload(self, photo: bytes, *, incident_client_uuid: str, client_uuid: str | None = None) -> Answer:
        fields = {
            "client_uuid": client_uuid or str(uuid.uuid4()),
            "incident_client_uuid": incident_client_uuid,
            "kind": "photo",
            "sha256": hashlib.sha256(photo).hexdigest(),
        }
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="p.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        body = b"".join(parts) + head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        headers = self._headers(f"multipart/form-data; boundary={boundary}")
        return send("POST", f"{self.root}uploads/", headers=headers, body=body)

    def every(self, path: str) -> list[Any]:
        """All rows of a list, page by page."""
        rows, following = [], path
        while following:
            page = self.get(following)
            rows += page["results"]
            following = (page["next"] or "").removeprefix(self.root)
        return rows
