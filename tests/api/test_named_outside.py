"""Whatever a body names must lie within scope: every field of every body that names something × something outside is refused,
and nothing is stored.

The fields are read from the OpenAPI document. Each stands in NAMES, with a body that succeeds and what lies outside, or its
name stands in PLAIN: it names nothing. A new field in neither fails.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.desk.api.views import document
from incidents.actions import NewProcedure, add_party, attach, publish_procedures
from incidents.models import Category, Incident, Party, Upload
from tests.api.conftest import API
from tests.factories import Town, client_for, fresh, incident, township
from tests.factories.files import jpeg
from tests.matrix.walk import Watch

# Names of fields that name nothing that is stored: words, figures, times, choices, and the caller's own numbers.
PLAIN = set(
    """client_uuid title description occurred_at source external_no external_due latitude longitude accuracy_m address
    photos_expected escalate extra happened_at channel requester.name requester.phone requester.wants_feedback
    requester.channel requester.anonymous parties[].name parties[].phone parties[].address parties[].side trend_forecast
    version note reason deadline important told.channel told.happened_at happened solved upheld granted limit.n limit.unit
    until level reply_due body number reply about action side name phone grade comment started_at ended_at
    findings[].text findings[].description kind sha256 file username password
    held_at place mediator record outcome terms performance performance_due told_other_ways whom answered""".split()
)


@dataclass
class World:
    town: Town
    other: Town
    objects: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.objects[name]


@dataclass(frozen=True)
class Named:
    """`send`: (who, the address, a body that succeeds) as the field stands inside; `outside`: values that must be refused."""

    send: Callable[[World], tuple[User, str, Any]]
    outside: Callable[[World], list[Any]]


def call() -> str:
    return str(uuid.uuid4())


def action(name: str, who: str, matter: str, **given: Any) -> Callable[[World], tuple[User, str, Any]]:
    """An action of one matter; a value that is a function is asked for the world."""

    def send(world: World) -> tuple[User, str, Any]:
        found = {key: value(world) if callable(value) else value for key, value in given.items()}
        address = f"incidents/{world[matter].pk}/actions/{name}/"
        return getattr(world.town, who), address, {"client_uuid": call(), **found}

    return send


def report(**given: Any) -> Callable[[World], tuple[User, str, Any]]:
    def send(world: World) -> tuple[User, str, Any]:
        found = {key: value(world) if callable(value) else value for key, value in given.items()}
        body = {
            "client_uuid": call(),
            "grid": world.town.groups[0].code,
            "category": "request",
            "description": "路灯",
        }
        return world.town.village_head, "incidents/", body | found

    return send


def a_patrol(world: World) -> tuple[User, str, Any]:
    end = clock.now() - timedelta(minutes=1)
    body = {
        "client_uuid": call(), "grid": world.town.groups[0].code, "ended_at": end.isoformat(),
        "started_at": (end - timedelta(minutes=9)).isoformat(), "on_behalf_of": str(world.town.worker.member.pk),
        "channel": "phone", "findings": [{"text": "路面破损", "category": "request"}],
    }  # fmt: skip
    return world.town.village_head, "patrols/", body


def of_a_matter(tail: str, who: str, matter: str, **given: Any) -> Callable[[World], tuple[User, str, Any]]:
    def send(world: World) -> tuple[User, str, Any]:
        found = {key: value(world) if callable(value) else value for key, value in given.items()}
        return (
            getattr(world.town, who),
            f"incidents/{world[matter].pk}/{tail}/",
            {"client_uuid": call(), **found},
        )

    return send


def people(world: World) -> list[str]:
    """Nobody of another village or township."""
    return [str(user.member.pk) for user in (world.other.worker, world.town.worker2)]


def foreign_files(world: World) -> list[str]:
    return [str(world["foreign_file"].client_uuid), call()]


def spoken(world: World) -> str:
    return str(world.town.worker.member.pk)


def own_file(world: World) -> list[str]:
    return [str(world["file"].client_uuid)]


def departments(world: World) -> list[Any]:
    return [world.other.department.pk, 2**31 - 1]


ACT = "incidents/{id}/actions/{action}/"
OF_ACTIONS: Mapping[str, Named] = {
    "to.grid": Named(
        action("dispatch", "village_head", "at_village", to=lambda w: {"grid": w.town.groups[0].code}),
        lambda w: [w.other.groups[0].code, w.town.groups_of(w.town.villages[1])[0].code],
    ),
    "to.department": Named(
        action("dispatch", "clerk", "at_township", to=lambda w: {"department": w.town.department.pk}), departments
    ),
    "assisting[].grid": Named(
        action("assist", "worker", "handled", assisting=lambda w: [{"grid": w.town.villages[1].code}]),
        lambda w: [w.other.villages[0].code],
    ),
    "assisting[].department": Named(
        action("assist", "worker", "handled", assisting=lambda w: [{"department": w.town.department.pk}]), departments
    ),
    "category": Named(action("correct", "village_head", "handled", category="dispute"), lambda w: ["foreign-only"]),
    "grid": Named(
        action("correct", "village_head", "handled", grid=lambda w: w.town.groups[1].code),
        lambda w: [w.other.groups[0].code],
    ),
    "into": Named(
        action("merge", "village_head", "handled", into=lambda w: str(w["at_village"].pk)),
        lambda w: [str(w["foreign"].pk), str(w["beside"].pk), w["beside"].number, call()],
    ),
    "on_behalf_of": Named(
        action("add_note", "village_head", "handled", note="说过", channel="phone", on_behalf_of=spoken), people
    ),
    "case_leader": Named(
        action(
            "dispatch", "clerk", "at_township", to=lambda w: {"department": w.town.department.pk},
            case_leader=lambda w: str(w.town.leader.member.pk),
        ),
        lambda w: [str(user.member.pk) for user in (w.other.leader, w.town.worker)],
    ),
    "responsible_person": Named(
        action("start", "worker", "accepted", responsible_person=spoken), people
    ),
}  # fmt: skip


def in_bulk(named: Named) -> Named:
    """The same action on a list of one matter."""

    def send(world: World) -> tuple[User, str, Any]:
        who, address, body = named.send(world)
        _incidents, pk, _actions, name, _end = address.split("/")
        return who, "incidents/bulk/", {**body, "action": name, "incidents": [pk]}

    return Named(send, named.outside)


def in_batch(named: Named) -> Named:
    def send(world: World) -> tuple[User, str, Any]:
        who, _address, body = named.send(world)
        return who, "incidents/batch/", [body]

    return Named(send, named.outside)


OF_REPORTS: Mapping[str, Named] = {
    "grid": Named(report(), lambda w: [w.other.groups[0].code, "999999999"]),
    "category": Named(report(), lambda w: ["foreign-only"]),
    "on_behalf_of": Named(report(on_behalf_of=spoken, channel="phone"), people),
}

NAMES: Mapping[tuple[str, str], Named] = {
    **{("incidents/", field): named for field, named in OF_REPORTS.items()},
    **{("incidents/batch/", f"[].{field}"): in_batch(named) for field, named in OF_REPORTS.items()},
    **{(ACT, field): named for field, named in OF_ACTIONS.items()},
    **{("incidents/bulk/", field): in_bulk(named) for field, named in OF_ACTIONS.items()},
    (ACT, "files[]"): Named(
        action("add_note", "worker", "handled", note="见附件", files=own_file), foreign_files
    ),
    (ACT, "papers[]"): Named(
        action("escalate", "worker", "with_paper", reason="够不着", papers=own_file), foreign_files
    ),
    ("incidents/bulk/", "incidents[]"): Named(
        in_bulk(Named(action("add_note", "village_head", "handled", note="已看"), lambda w: [])).send,
        lambda w: [str(w["foreign"].pk), str(w["beside"].pk), call()],
    ),
    ("incidents/{id}/join/", "files[]"): Named(
        of_a_matter("join", "worker", "handled", note="我也看到了", files=own_file), foreign_files
    ),
    ("incidents/{id}/parties/remove/", "party"): Named(
        of_a_matter("parties/remove", "worker", "dispute", party=lambda w: str(w["party"].pk)),
        lambda w: [str(w["foreign_party"].pk), str(w["beside_party"].pk)],
    ),
    ("patrols/", "grid"): Named(
        a_patrol, lambda w: [w.other.groups[0].code, w.town.groups_of(w.town.villages[1])[0].code]
    ),
    ("patrols/", "on_behalf_of"): Named(a_patrol, people),
    ("patrols/", "findings[].category"): Named(a_patrol, lambda w: ["foreign-only"]),
}

# Named, but by a number of the sender's own: it can only ever meet the sender's own report.
OF_THE_SENDER = {("uploads/", "incident_client_uuid")}


# --- the fields that there are ---------------------------------------------------------------------------------------


def bodies() -> Iterator[tuple[str, str]]:
    """(address, field) of every leaf of every body, as `to.grid` or `files[]`."""
    described = json.loads(document("en"))
    shapes = described["components"]["schemas"]
    for address, operations in described["paths"].items():
        for content in operations.get("post", {}).get("requestBody", {}).get("content", {}).values():
            for field in dict.fromkeys(leaves(shapes, content["schema"], "")):
                yield address.removeprefix(API), field


def leaves(shapes: Mapping[str, Any], shape: Mapping[str, Any], prefix: str) -> Iterator[str]:
    if "$ref" in shape:
        shape = shapes[shape["$ref"].rpartition("/")[2]]
    inner = [(prefix, one) for one in shape.get("allOf", ())]
    if shape.get("type") == "array":
        inner = [(f"{prefix}[]", shape["items"])]
    for name, one in shape.get("properties", {}).items():
        inner.append((f"{prefix}.{name}" if prefix else name, one))
    for name, one in inner:
        yield from leaves(shapes, one, name)
    if not inner and prefix:
        yield prefix


FIELDS = sorted(set(bodies()))


def is_plain(field: str) -> bool:
    """By its name as it stands in its own object, wherever that is nested."""
    name = field.removeprefix("[].")
    return name in PLAIN or name.removeprefix("findings[].") in PLAIN - {"client_uuid"}


def test_every_field_names_something_tested_here_or_nothing():
    unknown = [
        one for one in FIELDS if one not in NAMES and one not in OF_THE_SENDER and not is_plain(one[1])
    ]
    assert not unknown, f"Does it name something? Then a row of NAMES, else its name into PLAIN: {unknown}"
    gone = (set(NAMES) | OF_THE_SENDER) - set(FIELDS)
    assert not gone, f"no body has these any more: {gone}"


# --- inside it succeeds, outside nothing happens ---------------------------------------------------------------------


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Any) -> World:
    settings.MEDIA_ROOT = tmp_path
    town, other = township(), township("320371102", name="邻镇")
    base = town.categories["request"]
    Category.objects.create(
        township=other.grid, code="foreign-only", name="外类", kind=base.kind, procedure=other.categories["request"].procedure
    )  # fmt: skip
    beside = town.groups_of(town.villages[1])[0]
    objects: dict[str, Any] = {
        "handled": incident(town, "in_progress"),
        "accepted": incident(town, "accepted"),
        "at_village": incident(town, "accepted", escalate=True),
        "at_township": incident(town, "accepted", category="fire"),
        "beside": incident(town, user=town.worker2, grid=beside),
        "foreign": incident(other),
        "dispute": incident(town, category="dispute"),
        "with_paper": asked_for_a_paper(town),
    }
    disputes = {
        "party": (town, objects["dispute"], town.worker),
        "beside_party": (
            town,
            incident(town, category="dispute", user=town.worker2, grid=beside),
            town.worker2,
        ),
        "foreign_party": (other, incident(other, category="dispute"), other.worker),
    }
    for name, (_town, matter, user) in disputes.items():
        objects[name] = add_party(
            user=fresh(user), incident=matter, client_uuid=uuid.uuid4(), name="李四(虚构)", body_hash=""
        )[0]  # fmt: skip
    for name, user in (("file", town.worker), ("foreign_file", town.worker2)):
        data = jpeg()
        objects[name] = attach(
            user=user, client_uuid=uuid.uuid4(), sha256=hashlib.sha256(data).hexdigest(),
            file=SimpleUploadedFile("a.jpg", data, "image/jpeg"),
        )[0]  # fmt: skip
    return World(town, other, objects)


def asked_for_a_paper(town: Town) -> Incident:
    """A matter that goes up with a paper only."""
    step = {
        "code": "up",
        "name": "书面上报",
        "level": "group",
        "actor": "网格员",
        "by": ["escalate"],
        "paper": "书面意见",
    }
    spec = {"steps": [{**step, "on_success": "close"}]}
    (procedure,) = publish_procedures(
        township=town.grid, procedures=[NewProcedure("with_paper", "书面上报", spec)]
    )
    Category.objects.filter(pk=town.categories["quick"].pk).update(procedure=procedure)
    town.categories["quick"].refresh_from_db()
    return incident(town, "accepted", category="quick")


def placed(body: Any, field: str, value: Any) -> Any:
    """The body with `value` where the field stands."""
    changed = deepcopy(body)
    at, *rest = field.replace("[]", ".[]").strip(".").split(".")
    place, inner = changed, [at, *rest]
    for step in inner[:-1]:
        place = place[0] if step == "[]" else place[step]
    if inner[-1] == "[]":
        place[0] = value
    else:
        place[inner[-1]] = value
    return changed


@pytest.mark.parametrize(("address", "field"), sorted(NAMES))
def test_named_outside_is_refused_and_nothing_is_stored(world, address, field):
    named = NAMES[address, field]
    user, path, body = named.send(world)
    for value in named.outside(world):
        given = placed(body, field, value)
        watch = Watch()
        with connection.execute_wrapper(watch):
            answer = client_for(fresh(user)).post(f"{API}{path}", given)
        if field == "party":  # struck already, as far as this matter knows
            assert Party.objects.filter(pk=value).exists()
        else:
            assert set(said(answer)) <= {400, 403, 404}, answer.content.decode()
        assert not watch.written, (value, watch.written)
    answer = client_for(fresh(user)).post(f"{API}{path}", body)
    assert set(said(answer)) <= {200, 201}, answer.content.decode()


def said(answer: Any) -> list[int]:
    """The status of the answer, of a list of things those of each."""
    body = answer.json()
    lines = body if isinstance(body, list) else body.get("results", ())
    return [line["status"] for line in lines] or [answer.status_code]


def test_upload_never_meets_the_report_of_somebody_else(world):
    theirs = Incident.objects.get(pk=world["beside"].pk)
    data = jpeg()
    body = {
        "client_uuid": call(), "incident_client_uuid": str(theirs.client_uuid), "kind": "photo",
        "sha256": hashlib.sha256(data).hexdigest(), "file": SimpleUploadedFile("a.jpg", data, "image/jpeg"),
    }  # fmt: skip
    answer = client_for(world.town.worker).post(f"{API}uploads/", body, format="multipart")
    assert answer.status_code == 201
    assert Upload.objects.get(client_uuid=body["client_uuid"]).incident is None
    assert not Upload.objects.filter(incident=theirs).exists()
