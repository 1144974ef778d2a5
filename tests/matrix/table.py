"""Every route and who gets what: the permission matrix, to be read aloud.

A rule is read from left to right, the first that fits counts: `200 SEE / 403 WORKS / 404` answers 200 to whoever has the
place by `SEE`, else 403 by `WORKS`, else 404. A profile names people and the places they have; without places it holds for
any. Whoever is not logged in is led to the login page (302) or told so (401), unless the rule is `open`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from gridgov.common import clock
from tests.matrix.world import PLACES, World

ALL = " ".join(PLACES[:-1])  # all of one's own township
VILLAGE = "G1 G2 V1"

PROFILES = {
    # sight of matters by place or part
    "SEE": f"township supervisor: {ALL} | village leader: {VILLAGE} | worker: G1 | worker2: G3 | department: P",
    # works on it: handles or co-ordinates there, or has part in it
    "WORKS": f"township: {ALL} | village: {VILLAGE} | worker: G1 | worker2: G3 | department: P",
    # in the admin pages
    "CASES": f"township: {ALL} | village: {VILLAGE}",
    "MANAGES": f"township: {ALL} | village: {VILLAGE}",
    # posts one may fill, and who holds only such: strictly below, at the township what its clerk may give
    "FILLS": "township: G1 G2 V1 G3 V2 T P | village: G1 G2",
    # grids one may know of: those one sees, and for reporting the whole township
    "KNOWS": f"township village worker worker2 supervisor: {ALL} | leader: {VILLAGE}",
    "NAMES": f"township village worker worker2: {ALL}",
    "PATROLS": f"township: {ALL} | village: {VILLAGE} | worker: G1 | worker2: G3",
    # what belongs to the township as a whole
    "OFFICE": "township: T",
    "SETTINGS": "township: T | admin: T O",
    "TECHNICAL": "admin",
    "CLERK": "township",
    "STAFF": "admin township village",
    "MANAGERS": "township village",
    "REPORTS": "township village worker worker2",
    "READS": "township village worker worker2 supervisor leader",
    "AUDITOR": "auditor",
    "SCORER": "supervisor",
    "SHEETS": "supervisor: T D | township village worker worker2 leader: T",
    "SCORES": "supervisor: T D",
    "FIGURES": "township supervisor: V1 V2 | village leader: V1",
    "OWN": "worker: G1 | township: T",
}

Body = Callable[[World, str], dict[str, Any]]


class Rule(NamedTuple):
    """`cases`: profile name and status, in order; `rest`: everybody else who is logged in."""

    cases: tuple[tuple[str, int], ...]
    rest: int
    is_open: bool

    def status(self, role: str, place: str) -> int:
        return next((status for name, status in self.cases if has(name, role, place)), self.rest)


def rule(text: str) -> Rule:
    is_open = text.startswith("open ")
    *cases, rest = [part.split() for part in text.removeprefix("open ").split("/")]
    return Rule(tuple((name, int(status)) for status, name in cases), int(rest[0]), is_open)


def has(profile: str, role: str, place: str) -> bool:
    for part in PROFILES[profile].split("|"):
        people, _sep, places = part.partition(":")
        if role in people.split() and (not places or place in places.split()):
            return True
    return False


class Route(NamedTuple):
    get: Rule
    post: Rule
    kind: str = ""  # the thing that the address names; empty: none
    body: Body | None = None
    body_kind: str = ""  # the thing that the body names


def route(get: str, post: str, kind: str = "", body: Body | None = None, body_kind: str = "") -> Route:
    return Route(rule(get), rule(post), kind, body, body_kind)


# --- bodies of calls that would succeed where one may ------------------------------------------------------------


def a_note(world: World, place: str) -> dict[str, Any]:
    return {"client_uuid": str(uuid4()), "note": "看过", "version": world.objects["incident"][place].version}


def a_report(world: World, place: str) -> dict[str, Any]:
    return {
        "client_uuid": str(uuid4()), "grid": world.grids[place].code, "category": "request", "description": "路灯不亮",
    }  # fmt: skip


def a_patrol(world: World, place: str) -> dict[str, Any]:
    end = clock.now() - timedelta(minutes=1)
    times = {"started_at": (end - timedelta(minutes=9)).isoformat(), "ended_at": end.isoformat()}
    return {"client_uuid": str(uuid4()), "grid": world.grids[place].code, **times}


def a_patrol_form(world: World, place: str) -> dict[str, Any]:
    end = clock.local(clock.now() - timedelta(minutes=1))
    times = {
        "started_at": f"{end - timedelta(minutes=9):%Y-%m-%dT%H:%M}",
        "ended_at": f"{end:%Y-%m-%dT%H:%M}",
    }
    form = {"findings-TOTAL_FORMS": "0", "findings-INITIAL_FORMS": "0"}
    return {"client_uuid": str(uuid4()), "grid": world.grids[place].code, **times, **form}


def a_month(world: World, place: str) -> dict[str, Any]:
    return {"township": world.grids[place].code[:9], "month": str(clock.today().replace(day=1))}


def an_appointment(world: World, place: str) -> dict[str, Any]:
    """A person of one's own to a vacant post at the place."""
    member = world.objects["member"]["G2"].pk
    post = world.objects["vacant"][place].pk
    return {"member": str(member), "post": post, "since": "2026-01-01"}


TEMPLATE_ADMIN = {
    # model: kind of object, who lists, who opens which, who adds, who changes which
    "common_user": ("user", "TECHNICAL", "TECHNICAL", "TECHNICAL", "TECHNICAL"),
    "common_outboxmessage": ("outbox", "TECHNICAL", "TECHNICAL", "", ""),
    "common_heartbeat": ("heartbeat", "TECHNICAL", "TECHNICAL", "", ""),
    "grids_grid": ("grid", "MANAGERS", "MANAGES", "", "MANAGES"),
    "grids_calendarday": ("day", "SETTINGS", "SETTINGS", "SETTINGS", "SETTINGS"),
    "members_member": ("member", "MANAGERS", "MANAGES", "MANAGERS", "FILLS"),
    "members_post": ("post", "MANAGERS", "MANAGES", "MANAGERS", "FILLS"),
    "members_appointment": ("appointment", "MANAGERS", "MANAGES", "MANAGERS", "FILLS"),
    "members_leave": ("leave", "MANAGERS", "MANAGES", "MANAGERS", "FILLS"),
    "members_department": ("department", "CLERK", "OFFICE", "CLERK", "OFFICE"),
    "members_role": ("role", "TECHNICAL", "TECHNICAL", "", "TECHNICAL"),
    "incidents_incident": ("incident", "MANAGERS", "CASES", "", ""),
    "incidents_category": ("category", "SETTINGS", "SETTINGS", "", "SETTINGS"),
    "incidents_procedure": ("procedure", "SETTINGS", "SETTINGS", "", ""),
}
