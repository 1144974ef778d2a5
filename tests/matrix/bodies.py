"""Bodies of calls that would succeed where one may: what is refused is refused for the person, not for the body."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from gridgov.common import clock
from tests.matrix.world import World

Body = Callable[[World, str], dict[str, Any]]


def a_report(world: World, place: str) -> dict[str, Any]:
    named = {"grid": world.grids[place].code, "category": "request"}
    return {"client_uuid": str(uuid4()), **named, "description": "路灯不亮"}


def a_patrol(world: World, place: str) -> dict[str, Any]:
    end = clock.now() - timedelta(minutes=1)
    times = {"started_at": (end - timedelta(minutes=9)).isoformat(), "ended_at": end.isoformat()}
    return {"client_uuid": str(uuid4()), "grid": world.grids[place].code, **times}


def a_patrol_form(world: World, place: str) -> dict[str, Any]:
    end = clock.local(clock.now() - timedelta(minutes=1))
    start = end - timedelta(minutes=9)
    times = {"started_at": f"{start:%Y-%m-%dT%H:%M}", "ended_at": f"{end:%Y-%m-%dT%H:%M}"}
    form = {"findings-TOTAL_FORMS": "0", "findings-INITIAL_FORMS": "0"}
    return {"client_uuid": str(uuid4()), "grid": world.grids[place].code, **times, **form}


def a_month(world: World, place: str) -> dict[str, Any]:
    return {"township": world.objects["township"][place].code, "month": str(clock.today().replace(day=1))}


def an_appointment(world: World, place: str) -> dict[str, Any]:
    """A person of one's own to a vacant post at the place."""
    member = world.objects["member"]["G2"].pk
    return {"member": str(member), "post": world.objects["vacant"][place].pk, "since": "2026-01-01"}


def a_person(world: World, place: str) -> dict[str, Any]:
    """Somebody new who lives at the place."""
    return {"name": "张三(虚构)", "residence": world.grids[place].code, "is_active": "on"}


def a_post(world: World, place: str) -> dict[str, Any]:
    """Another post of a worker at the place; the role is of the place's own township."""
    role = world.objects["role"]["O" if place == "O" else "T"].pk
    return {"grid": world.grids[place].code, "title": "网格员(虚构)", "role": role}


def a_department(world: World, place: str) -> dict[str, Any]:
    return {"township": world.objects["township"][place].code, "name": "虚构办", "phone": ""}


def a_procedure(world: World, place: str) -> dict[str, Any]:
    return {"township": world.objects["township"][place].code, "code": "made_up", "name": "虚构流程"}


def a_call(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4())}


def a_note_on_one(world: World, place: str) -> dict[str, Any]:
    """One action on several matters: here on one, seen or not."""
    return a_call(world, place) | {
        "action": "add_note", "note": "看过", "incidents": [str(world.objects["incident"][place].pk)],
    }  # fmt: skip


def a_party(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "name": "李四(虚构)"}


def a_mediation(world: World, place: str) -> dict[str, Any]:
    return a_call(world, place) | {
        "held_at": clock.now().isoformat(), "place": "村委会", "mediator": "王五(虚构)", "record": "双方各让一步",
        "outcome": "oral", "terms": "恢复原状",
    }  # fmt: skip


def a_corrected_mediation(world: World, place: str) -> dict[str, Any]:
    return a_mediation(world, place) | {"version": 1}


def no_party(world: World, place: str) -> dict[str, Any]:
    """One that was struck already: striking it again changes nothing."""
    return {"client_uuid": str(uuid4()), "party": str(uuid4())}


def a_reveal(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "reason": "打电话核实"}


def an_answer(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "grade": 5, "solved": True, "channel": "phone"}


def a_telephone_report(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "whom": "值班员", "answered": True}


def a_joining(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "note": "我也看到了"}


def an_upload(world: World, place: str) -> dict[str, Any]:
    data = _picture()
    return {
        "client_uuid": str(uuid4()), "incident_client_uuid": str(uuid4()), "kind": "photo",
        "sha256": hashlib.sha256(data).hexdigest(), "file": SimpleUploadedFile("a.jpg", data, "image/jpeg"),
    }  # fmt: skip


@cache
def _picture() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "olive").save(picture, "JPEG")
    return picture.getvalue()


# --- what each action of a matter cannot do without ----------------------------------------------------------------


def to_another_grid(world: World, place: str) -> dict[str, Any]:
    other = "G2" if place == "G1" else "G1"
    return {"to": {"grid": world.grids[other].code}, "reason": "不在本组"}


def to_the_department(world: World, place: str) -> dict[str, Any]:
    return {"to": {"department": world.town.department.pk}}


def told(world: World, place: str) -> dict[str, Any]:
    return {"note": "已修好", "told": {"channel": "phone", "happened_at": clock.now().isoformat()}}


def a_note(world: World, place: str) -> dict[str, Any]:
    return {"note": "看过"}


def a_reason(world: World, place: str) -> dict[str, Any]:
    return {"reason": "另有原因"}


def an_extension(world: World, place: str) -> dict[str, Any]:
    return {"reason": "等材料", "limit": {"n": 2, "unit": "hours"}}


def a_superior(world: World, place: str) -> dict[str, Any]:
    return {"body": "县住建局", "reason": "超出本镇权限"}


def a_card(world: World, place: str) -> dict[str, Any]:
    return {"level": "yellow", "note": "抓紧办理"}


def a_failing(world: World, place: str) -> dict[str, Any]:
    return {"about": "某单位", "reason": "推诿"}


def another_department(world: World, place: str) -> dict[str, Any]:
    return {"assisting": [{"department": world.town.departments[1].pk}]}


def a_whistle(world: World, place: str) -> dict[str, Any]:
    return {**another_department(world, place), "deadline": (clock.now() + timedelta(hours=2)).isoformat()}


def a_title(world: World, place: str) -> dict[str, Any]:
    return {"title": "路灯坏了"}


def into_another(world: World, place: str) -> dict[str, Any]:
    return {"into": str(world.objects["incident"]["G2" if place == "G1" else "G1"].pk)}


def as_form(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the fields of the page: a unit is one word, what was told are two fields."""
    typed = dict(given)
    if "to" in typed:
        typed["to"] = ":".join(str(part) for part in next(iter(typed["to"].items())))
    if "told" in typed:
        typed |= {
            "told_channel": typed["told"]["channel"],
            "told_at": f"{clock.local(clock.now()):%Y-%m-%dT%H:%M}",
        }
        del typed["told"]
    return typed
