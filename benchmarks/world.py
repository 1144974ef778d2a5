"""A township with many incidents, made quickly and always the same: what lists and the sweep are measured on."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.plans.actions import set_up
from gridgov.simulation.seed import first_day, seed
from grids.models import Grid
from incidents.enums import OPEN_STATUSES, PartRole, Status
from incidents.models import Category, Incident, Part
from members.actions import appoint
from members.enums import RoleCode
from members.models import Appointment, Department, Member, Post

CODE = "320371101"
CHUNK = 2000
DEPARTMENT_SHARE = 0.2
LATE_SHARE = 0.01


@dataclass
class People:
    """Whose lists are measured."""

    township: User
    village: User
    worker: User
    department: User
    five_grants: User


def build(size: int) -> None:
    """The empty demo township and `size` incidents over its 143 groups."""
    villages = [(f"{CODE}{200 + number}", f"第{number}村") for number in range(1, 23)]
    town = set_up(code=CODE, name="徐庄镇", villages=villages, plan=6, started_on=first_day())
    seed(township=town, hashes={}, groups=143)
    _five_posts()
    fill(size)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _five_posts() -> None:
    """One person heads five groups in five villages."""
    role = Appointment.objects.filter(post__role__code=RoleCode.WORKER).first().post.role  # type: ignore[union-attr]
    user = User.objects.create_user("five")
    member = Member.objects.create(user=user, name="五", township_code=CODE)
    for village in Grid.objects.filter(parent=CODE).order_by("code")[:5]:
        group = Grid.objects.filter(parent=village).order_by("code").last()
        appoint(member=member, post=Post.objects.create(grid=group, role=role, title="网格员(兼)"))


def fill(size: int) -> None:
    """Seeded rows in chunks: a fifth with the first department, one in a hundred late, most of them closed."""
    dice = random.Random(size)
    for chunk in _chunks(size):
        with transaction.atomic():
            rows = list(_incidents(chunk, size, dice))
            Incident.objects.bulk_create([incident for incident, _parts in rows], batch_size=CHUNK)
            Part.objects.bulk_create([part for _incident, parts in rows for part in parts], batch_size=CHUNK)


def _chunks(size: int) -> Iterator[range]:
    for start in range(0, size, CHUNK):
        yield range(start, min(start + CHUNK, size))


def _incidents(chunk: range, size: int, dice: random.Random) -> Iterator[tuple[Incident, list[Part]]]:
    facts = _Facts.known()
    now = clock.now()
    for index in chunk:
        group = dice.choice(facts.groups)
        category = dice.choice(facts.categories)
        with_department = dice.random() < DEPARTMENT_SHARE
        status = dice.choices(facts.statuses, facts.weights)[0]
        is_open = status in OPEN_STATUSES
        late = is_open and dice.random() < LATE_SHARE / 0.2
        at = now - timedelta(minutes=30 * (size - index) * 10_000 // size)
        worker = facts.workers[group.code]
        incident = Incident(
            number=f"{index:012d}",
            client_uuid=uuid.UUID(int=index),
            grid_id=group.code,
            township_code=CODE,
            village_code=group.village_code,
            category_id=category.pk,
            procedure_id=category.procedure_id,
            title=f"第{index}件",
            description="路灯不亮,影响晚上出行。" * 3,
            status=status,
            is_open=is_open,
            is_late=late,
            reported_at=at,
            reporter_id=worker.pk,
            reporter_user_id=worker.user_id,
            first_asked_id=worker.pk,
            responsible_grid_id=None if with_department else group.code,
            responsible_department_id=facts.department.pk if with_department else None,
            responsible_member_id=worker.pk,
            due_at=now + timedelta(days=30) if is_open else None,
        )
        parts = [_part(incident, PartRole.REPORTER, member_id=worker.pk)]
        if with_department:
            parts.append(_part(incident, PartRole.LEAD, department_id=facts.department.pk))
        yield incident, parts


def _part(incident: Incident, role: str, **who: Any) -> Part:
    return Part(
        incident=incident,
        role=role,
        township_code=CODE,
        category_id=incident.category_id,
        status=incident.status,
        is_open=incident.is_open,
        is_late=incident.is_late,
        reported_at=incident.reported_at,
        **who,
    )


class _Facts:
    """Asked once."""

    _known: _Facts | None = None

    def __init__(self) -> None:
        self.groups = list(Grid.objects.filter(township_code=CODE, kind="group"))
        self.categories = list(Category.objects.filter(township=CODE))
        self.department = Department.objects.filter(township=CODE).order_by("pk")[0]
        held = Appointment.objects.filter(post__role__code=RoleCode.WORKER, post__grid__isnull=False)
        self.workers = {str(a.post.grid_id): a.member for a in held.select_related("member", "post")}
        # closed ones are the rule, verified ones the exception
        self.statuses = [Status.CLOSED, Status.REJECTED, Status.REPORTED, Status.IN_PROGRESS, Status.VERIFIED]
        self.weights = [75, 5, 10, 9, 1]

    @classmethod
    def known(cls) -> _Facts:
        if cls._known is None:
            cls._known = cls()
        return cls._known


def people() -> People:
    """The five whose lists are measured."""

    def holder(role: str, **where: Any) -> User:
        held = (
            Appointment.objects.filter(post__role__code=role, **where)
            .select_related("member__user")
            .order_by("pk")
        )
        user = held[0].member.user
        assert user is not None
        return user

    return People(
        township=holder(RoleCode.CLERK),
        village=holder(RoleCode.VILLAGE_HEAD),
        worker=holder(RoleCode.WORKER),
        department=holder(RoleCode.OFFICER),
        five_grants=User.objects.get(username="five"),
    )
