"""The world of the permission matrix: one person per demo role, and one of each thing at every place around them.

Places, as the first village sees them: `G1` the worker's own group, `G2` the group beside it, `V1` the village above both,
`G3` and `V2` a group of the next village and that village, `T` the township, `P` the township's matter that lies with the
department, `O` another township. `-` stands where a route has no object.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client
from knox.models import AuthToken
from PIL import Image

from assessments.actions import create_month, publish
from gridgov.common import clock
from gridgov.common.enums import AuditKind
from gridgov.common.keeping import keep
from gridgov.common.models import AuditEvent, Heartbeat, OutboxMessage, SetAside, User
from grids.exports import write_tree
from grids.models import CalendarDay, Grid
from incidents.actions import attach, perform, record_mediation, report, save_mapping
from incidents.actions.webhooks import TOPIC
from incidents.enums import MediationOutcome
from incidents.exports import write_import_template
from incidents.models import (
    Category,
    Delivery,
    FeedbackRequest,
    Incident,
    ServiceKey,
    Upload,
    WebhookTarget,
)  # fmt: skip
from inspections.actions import record_patrol
from members.actions import end_appointment, tell
from members.enums import RoleCode
from members.exports import write_roster
from members.models import Appointment, Department, InboxMessage, Leave, NoticeChannel, Post
from tests.factories import Town, fresh, township

PLACES = ("G1", "G2", "V1", "G3", "V2", "T", "P", "O")
ROLES = (
    "admin", "township", "village", "worker", "worker2", "department", "supervisor", "leader", "auditor", "moved",
)  # fmt: skip
NOBODY = ("anonymous", "disabled")
BATCH = uuid4()  # the dispatch of `P`, as the township's clerk gave it


def mark(place: str) -> str:
    """Stands in every text about this place and nowhere else: whoever may not see the place must never read it."""
    return f"密{place}密"


def name_in(place: str) -> str:
    """Name of a person and a township that nobody else has. The technical administrator may read it, a mark never."""
    return f"名{place}名"


@dataclass
class World:
    town: Town
    other: Town
    people: dict[str, User]
    grids: dict[str, Grid]
    built_at: datetime = field(default_factory=clock.now)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, role: str) -> Client:
        """A browser and a REST client in one, as this person."""
        headers = {"Authorization": f"Token {self.tokens[role]}"} if role in self.tokens else {}
        client = Client(headers=headers, raise_request_exception=False)
        if role in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        return client


def build() -> World:
    town, other = township(), township("320371102", name="邻镇")
    first, second = town.groups_of(town.villages[0]), town.groups_of(town.villages[1])
    grids = {
        "G1": first[0], "G2": first[1], "V1": town.villages[0], "G3": second[0], "V2": town.villages[1],
        "T": town.grid, "P": town.grid, "O": other.groups[0],
    }  # fmt: skip
    Grid.objects.filter(township_code=other.code).update(name=mark("O"))
    Grid.objects.filter(pk=other.code).update(name=name_in("O"))
    people = {
        "admin": town.admin, "township": town.clerk, "village": town.village_head, "worker": town.worker,
        "worker2": town.worker2, "department": town.officer, "supervisor": town.assessor,
        "leader": town.contact_leader, "auditor": town.auditor, "moved": town.group_head,
        "disabled": _second_village_head(town),
    }  # fmt: skip
    world = World(town, other, people, grids)
    _admit(world)
    _matters(world)
    _disputes(world)
    _orders(world)
    _people(world)
    _settings(world)
    _assessments(world)
    for held in Appointment.objects.filter(member=people["moved"].member):
        end_appointment(appointment=held)
    User.objects.filter(pk=people["disabled"].pk).update(is_active=False)
    return world


def _second_village_head(town: Town) -> User:
    posts = Post.objects.filter(grid=town.villages[0], role__code=RoleCode.VILLAGE_HEAD).order_by("-pk")
    user: User = Appointment.objects.get(post=posts[0]).member.user
    return user


def _admit(world: World) -> None:
    """Everybody logged in while they still could: a session and a token each."""
    for role, user in world.people.items():
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        world.sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
        world.tokens[role] = AuthToken.objects.create(user=user)[1]


def _matters(world: World) -> None:
    """At every place a matter with a photo and a feedback link, a patrol: entered by the second clerk, who has no part
    in the matrix."""
    uploads, links, patrols, matters = {}, {}, {}, {}
    now = clock.now()
    for place, grid in world.grids.items():
        town = world.other if place == "O" else world.town
        clerk, call = fresh(town.clerk2), uuid4()
        matter = report(
            user=clerk, grid=grid, category=town.categories["request"], title=mark(place), description=mark(place),
            client_uuid=call, requester={"name": mark(place), "phone": "", "wants_feedback": True},
        ).incident  # fmt: skip
        if place == "P":
            for action, given in (("accept", {}), ("dispatch", {"to": town.department, "batch": BATCH})):
                matter = perform(user=fresh(town.clerk), incident=matter, action=action, **given).incident
        matters[place] = Incident.objects.get(pk=matter.pk)
        uploads[place] = _photo(clerk, call)
        links[place] = FeedbackRequest.objects.create(
            incident=matter, township_code=grid.township_code, village_code=grid.village_code
        )
        if place != "P":
            patrols[place] = record_patrol(
                user=clerk, grid=grid, note=mark(place),
                started_at=now - timedelta(minutes=30), ended_at=now - timedelta(minutes=5),
            ).patrol  # fmt: skip
    world.objects["paper"] = matters
    world.objects |= {"list": {"T": _a_list(world.town.clerk)}, "tree": {"T": _a_tree(world.town.clerk)}}
    world.objects["duties"] = {"T": _a_roster(world.town.clerk)}
    world.objects |= {"incident": matters, "upload": uploads, "feedback": links, "patrol": patrols}
    world.objects["number"] = matters
    world.objects["batch"] = {"P": BATCH}
    world.objects["grid"] = {place: grid for place, grid in world.grids.items() if place != "P"}
    world.objects["township"] = {"T": world.town.grid, "O": world.other.grid}


def _orders(world: World) -> None:
    """Each township has named the columns of two kinds of list; one of them may be forgotten."""
    columns = [{"header": "外部编号", "key": "external_no"}, {"header": "情况描述", "key": "description"}]
    made = {
        name: {
            place: save_mapping(
                user=fresh(town.clerk), township=town.grid, name=word + name, columns=columns, usual={}
            )
            for place, town, word in (("T", world.town, "县平台"), ("O", world.other, mark("O")))
        }
        for name in ("mapping", "spare_mapping")
    }
    world.objects |= made | {"order_list": made["mapping"]}


def _disputes(world: World) -> None:
    """At every place but the department's a quarrel with one mediation, reported as the matters are."""
    disputes, held = {}, {}
    for place, grid in world.grids.items():
        if place == "P":
            continue
        town = world.other if place == "O" else world.town
        disputes[place] = report(
            user=fresh(town.clerk2), grid=grid, category=town.categories["dispute"], description=mark(place)
        ).incident
        held[place] = record_mediation(
            user=fresh(town.clerk2), incident=disputes[place], client_uuid=uuid4(), held_at=clock.now(),
            place=mark(place), mediator="调解员(虚构)", record=mark(place), outcome=MediationOutcome.CONTINUED,
            terms="", performance="", performance_due=None, told_other_ways=True,
        )  # fmt: skip
    world.objects |= {"dispute": disputes, "mediation": held, "mediation_paper": held}


def _a_list(user: User) -> UUID:
    """A workbook that its owner has not yet confirmed."""
    book = io.BytesIO()
    write_import_template(book, user=fresh(user))
    return keep(book.getvalue(), user=user)


def _a_tree(user: User) -> UUID:
    book = io.BytesIO()
    write_tree(book, township_code=fresh(user).member.township_code)
    return keep(book.getvalue(), user=user)


def _a_roster(user: User) -> UUID:
    book = io.BytesIO()
    write_roster(book, township_code=fresh(user).member.township_code)
    return keep(book.getvalue(), user=user)


def _photo(user: User, call: Any) -> Upload:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(picture, "JPEG")
    data = picture.getvalue()
    return attach(
        user=user, client_uuid=uuid4(), incident_client_uuid=call,
        sha256=hashlib.sha256(data).hexdigest(), file=io.BytesIO(data),
    )[0]  # fmt: skip


def _people(world: World) -> None:
    held = {
        "G1": world.town.worker, "V1": world.town.village_head, "G3": world.town.worker2,
        "V2": world.town.village_head2, "T": world.town.clerk, "P": world.town.officer, "O": world.other.worker,
    }  # fmt: skip
    appointments = {
        place: Appointment.objects.filter(member=user.member).first() for place, user in held.items()
    }
    appointments["G2"] = Appointment.objects.get(
        post__grid=world.grids["G2"], post__role__code=RoleCode.WORKER
    )
    posts = {place: row.post for place, row in appointments.items()}
    vacant = {
        place: Post.objects.create(
            grid=post.grid, department=post.department, role=post.role, title=f"空缺{place}"
        )
        for place, post in posts.items()
    }
    foreign = appointments["O"].member
    foreign.name = name_in("O")
    foreign.save()
    world.objects |= {
        "appointment": appointments,
        "post": posts,
        "vacant": vacant,
        "member": {place: row.member for place, row in appointments.items()},
        "user": {place: row.member.user for place, row in appointments.items()},
        "leave": {place: _leave(row.member) for place, row in appointments.items()},
    }
    for role, user in world.people.items():
        if user is not world.people["admin"]:
            tell(members=[user.member], text=f"to {role}", key=f"matrix:{role}")
    world.objects["message"] = {
        "G1": InboxMessage.objects.get(key="matrix:worker"),
        "T": InboxMessage.objects.get(key="matrix:township"),
    }


def _leave(member: Any) -> Leave:
    """Next month, without a stand-in: nobody's rights change in the matrix."""
    first = clock.today() + timedelta(days=40)
    return Leave.objects.create(
        member=member, since=first, until=first + timedelta(days=3), township_code=member.township_code
    )


def _settings(world: World) -> None:
    towns = {"T": world.town, "O": world.other}
    for office in Department.objects.filter(township=world.other.grid):
        Department.objects.filter(pk=office.pk).update(name=f"{mark('O')}{office.pk}")
    world.objects |= {
        "day": {
            place: CalendarDay.objects.filter(calendar=town.code).first() for place, town in towns.items()
        },
        "department": {
            place: Department.objects.filter(township=town.grid).first() for place, town in towns.items()
        },
        "role": {place: town.grid.roles.get(code=RoleCode.WORKER) for place, town in towns.items()},
        "app": {label: label for label in ("common", "grids", "members", "incidents")},
        "field": {name: name for name in ("member", "post")},
        "category": {place: town.categories["request"] for place, town in towns.items()},
        "procedure": {place: town.categories["request"].procedure for place, town in towns.items()},
        "outbox": {"T": OutboxMessage.objects.create(topic="mail", key="k", dead_at=clock.now())},
        "aside": {
            "T": SetAside.objects.create(work="sweep", key="1", error="ValueError", retry_at=clock.now())
        },
        "heartbeat": {"T": Heartbeat.objects.create(name="sweep", at=clock.now())},
    }
    _exchange(world, {"T": world.town, "O": world.other})
    AuditEvent.objects.create(kind=AuditKind.SETTINGS, subject=mark("O"), township_code=world.other.code)


def _exchange(world: World, towns: dict[str, Town]) -> None:
    """What goes out and comes in by machine: each township its own; one category of `T` is open to the public."""
    words = {"T": "县平台(虚构)", "O": name_in("O")}
    named = {place: {"township": town.grid, "name": words[place]} for place, town in towns.items()}
    world.objects |= {
        "webhook": {
            place: WebhookTarget.objects.create(url="https://hook.example.cn/a", **given)
            for place, given in named.items()
        },
        "channel": {
            place: NoticeChannel.objects.create(url="jsons://bot.example.cn/a", **given)
            for place, given in named.items()
        },
        "key": {
            place: ServiceKey.objects.create(digest=place, hint=place, **given)
            for place, given in named.items()
        },
        "delivery": {
            place: Delivery.objects.create(
                topic=TOPIC,
                key=f"d{place}",
                township_code=town.code,
                payload={"to": 0, "body": {"event": "close"}},
            )
            for place, town in towns.items()
        },
        "service": {"T": "request"},
        "form": {"json": "json", "xml": "xml"},
        "public": world.objects["incident"],
    }
    Category.objects.filter(township=world.town.code, code="request").update(is_public=True)


def _assessments(world: World) -> None:
    """`T` published, `D` still a draft; `O` the published one of the other township."""
    month = (clock.today().replace(day=1) - timedelta(days=1)).replace(day=1)
    earlier = (month - timedelta(days=1)).replace(day=1)
    made = {}
    for place, town, first in (
        ("T", world.town, month),
        ("D", world.town, earlier),
        ("O", world.other, month),
    ):
        made[place] = create_month(user=fresh(town.assessor), township=town.grid, month=first)
    for place, town in (("T", world.town), ("O", world.other)):
        publish(user=fresh(town.assessor), assessment=made[place])
    world.objects["assessment"] = made
    world.objects["records"] = {place: world.grids[place] for place in ("V1", "V2")}


def address_args(world: World, kind: str, place: str) -> tuple[Any, ...]:
    """What stands in the address of this thing, in order."""
    thing = world.objects[kind][place]
    if kind == "records":
        return (world.objects["assessment"]["T"].pk, thing.code, "on_time")
    if kind == "mediation":
        return (thing.incident_id, thing.pk)
    if kind == "mediation_paper":
        return (thing.incident_id, thing.pk, "record")
    if kind in ("service", "public"):
        return (getattr(thing, "number", thing), "json")
    if kind == "paper":
        return (thing.pk, "form")
    if kind == "feedback":
        return (thing.token,)
    if kind == "order_list":
        return (thing.pk, world.objects["list"]["T"])
    if kind == "number":
        return (thing.number,)
    if kind == "tree":
        return (world.town.code, thing)
    return (getattr(thing, "pk", thing),)
