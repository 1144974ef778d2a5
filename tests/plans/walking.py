"""A township under one of the plans, worked over REST by the people its plan names."""

import hashlib
import uuid
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gridgov.common.models import User
from gridgov.plans.actions import set_up
from gridgov.simulation.seed import seed
from grids.models import Grid, Township
from grids.querysets import forget_calendars
from incidents.loop_check import breaches
from incidents.models import Category
from members.models import Appointment, Department, InboxMessage
from tests.api.conftest import problem
from tests.factories import client_for, fresh

API = "/api/v1/"
TOWN = "320371101"
ASKED = {"name": "陈某某", "phone": "00012345678", "wants_feedback": True}
LATER = "2099-12-01T17:00:00+08:00"


def page(user: User, address: str) -> Any:
    """The answer to a person who opens it in a browser."""
    client = Client()
    client.force_login(fresh(user))
    return client.get(address)


class Walk:
    """`rule` of a refusal is the id of the rule it names."""

    def __init__(self, number: int, *, groups: int | None = None, villages: int = 2) -> None:
        forget_calendars()
        named = [(f"{TOWN}{200 + n}", f"{'甲乙丙'[n - 1]}村") for n in range(1, villages + 1)]
        self.town: Township = set_up(code=TOWN, name="徐庄镇", villages=named, plan=number)
        seed(township=self.town, hashes={}, groups=groups)
        self.village, *others = Grid.objects.filter(township_code=TOWN, kind="village").order_by("code")
        self.village2 = others[0] if others else None
        self.groups = list(self.below(self.village).filter(depth=2))
        self.group = self.groups[0] if self.groups else self.village
        self.deepest = self.below(self.village).order_by("-depth", "code").first() or self.village

    def below(self, grid: Grid) -> Any:
        return Grid.objects.filter(code__startswith=grid.code).exclude(pk=grid.pk).order_by("code")

    def by(self, title: str, grid: Grid | str = TOWN, *, which: int = 0) -> User:
        """Who holds the post whose title begins so."""
        held = Appointment.objects.current().filter(post__grid=grid, post__title__startswith=title)
        return fresh(list(held.select_related("member__user").order_by("id"))[which].member.user)

    def categories(self) -> dict[str, Category]:
        rows = Category.objects.filter(township=self.town.grid, is_demo=False).select_related("procedure")
        return {row.code: row for row in rows}

    def officer(self, department: str) -> User:
        held = Appointment.objects.current().filter(post__department__name=department)
        return fresh(held.select_related("member__user").order_by("id").first().member.user)

    def department(self, name: str) -> dict[str, int]:
        return {"department": Department.objects.get(township=self.town.grid, name=name).pk}

    # --- over REST ----------------------------------------------------------------------------------------------
    def send(self, user: User, category: str, grid: Grid, **more: Any) -> Any:
        body = {
            "client_uuid": str(uuid.uuid4()),
            "grid": grid.code,
            "category": category,
            "description": "两户为院墙争执。",
        }
        return client_for(user).post(f"{API}incidents/", body | more)

    def report(self, user: User, category: str, grid: Grid, **more: Any) -> str:
        answer = self.send(user, category, grid, **more)
        assert answer.status_code == 201, answer.content.decode()
        return answer.json()["id"]

    def call(self, user: User, row: str, action: str, **given: Any) -> Any:
        body = {"client_uuid": str(uuid.uuid4()), **given}
        return client_for(fresh(user)).post(f"{API}incidents/{row}/actions/{action}/", body)

    def act(self, user: User, row: str, action: str, **given: Any) -> dict[str, Any]:
        answer = self.call(user, row, action, **given)
        assert answer.status_code == 200, (action, answer.content.decode())
        return answer.json()

    def refused(
        self, user: User, row: str, action: str, code: str, rule: str | None, **given: Any
    ) -> dict[str, Any]:
        answer = self.call(user, row, action, **given)
        body = problem(answer, answer.status_code, code)
        assert answer.status_code in (400, 403, 409)
        assert (body.get("rule") or {}).get("id") == rule, body
        assert rule is None or body["rule"]["clause"].startswith("《"), body
        return body

    def read(self, user: User, row: str) -> dict[str, Any]:
        answer = client_for(fresh(user)).get(f"{API}incidents/{row}/")
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()

    def step(self, user: User, row: str) -> str | None:
        """The code of the step whose turn it is."""
        return (self.read(user, row)["step"] or {}).get("code")

    def history(self, user: User, row: str) -> list[dict[str, Any]]:
        return client_for(fresh(user)).get(f"{API}incidents/{row}/history/").json()["results"]

    def steps(self, user: User, row: str) -> list[str]:
        """The steps taken, in order."""
        return [one["step"]["code"] for one in self.history(user, row) if one["step"]]

    def heard(self, user: User, row: str) -> list[InboxMessage]:
        """What this person was told of the matter."""
        return list(InboxMessage.objects.filter(member=user.member, link=f"/incidents/{row}/"))

    def file(self, user: User, row: str) -> str:
        """A document of this person's, sent for the matter."""
        data = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
        sent = self.read(user, row)["client_uuid"]
        body = {
            "client_uuid": str(uuid.uuid4()),
            "incident_client_uuid": sent,
            "kind": "document",
            "sha256": hashlib.sha256(data).hexdigest(),
            "file": SimpleUploadedFile("意见.pdf", data, content_type="application/pdf"),
        }
        answer = client_for(user).post(f"{API}uploads/", body, format="multipart")
        assert answer.status_code == 201, answer.content.decode()
        return body["client_uuid"]

    def finish(self, user: User, row: str, **feedback: Any) -> None:
        """Closes it, and the loop is clean."""
        assert self.act(user, row, "close")["status"] == "closed"
        assert list(breaches()) == []
