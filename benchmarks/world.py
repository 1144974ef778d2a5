"""A township with many incidents, made quickly and always the same: what lists and the sweep are measured on."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.common.worktime import Kind, Unit
from gridgov.plans.actions import set_up
from gridgov.simulation.seed import first_day, seed
from grids.models import Calendar, Grid
from incidents.enums import OPEN_STATUSES, PartRole, Purpose, Status
from incidents.models import Category, ClockEvent, Incident, Part, Stage
from incidents.models.search import BLOCK
from members.actions import appoint
from members.enums import RoleCode
from members.models import Appointment, Department, Member, Post

CODE = "320371101"
PATTERN = 3 * BLOCK  # whole blocks of the search index, so that these can be copied too
SPAN = timedelta(days=200)  # from the first report to the last, however many there are
PREFIX = "0190000000007000a000"  # of the ids, all of version 7
AHEAD = timedelta(days=30)
DEPARTMENT_SHARE = 0.2
LATE_SHARE = 0.25  # of the open ones
OF_PATTERN = f"base.township_code = '{CODE}' AND base.number < '{PATTERN:012d}'"


@dataclass
class People:
    """Whose lists are measured."""

    township: User
    village: User
    worker: User
    department: User
    five_grants: User


def build(size: int, *, waiting: bool = False) -> None:
    """The empty demo township and `size` incidents over its 143 groups; `waiting`: all open, with a deadline ahead."""
    township(CODE)
    _five_posts()
    fill(size, waiting=waiting)


def township(code: str) -> None:
    """22 villages and 143 groups under plan 6, with their people."""
    villages = [(f"{code}{200 + number}", f"第{number}村") for number in range(1, 23)]
    town = set_up(code=code, name="徐庄镇", villages=villages, plan=6, started_on=first_day())
    seed(township=town, hashes={}, groups=143)


def _five_posts() -> None:
    """One person heads five groups in five villages."""
    role = Appointment.objects.filter(post__role__code=RoleCode.WORKER).first().post.role  # type: ignore[union-attr]
    user = User.objects.create_user("five")
    member = Member.objects.create(user=user, name="五", township_code=CODE)
    for village in Grid.objects.filter(parent=CODE).order_by("code")[:5]:
        group = Grid.objects.filter(parent=village).order_by("code").last()
        appoint(member=member, post=Post.objects.create(grid=group, role=role, title="网格员(兼)"))


def fill(size: int, *, waiting: bool = False) -> None:
    """A pattern of seeded rows, then copies of it by the database itself, each older than the one before, until there
    are at least `size`.

    A fifth is with the first department, two in five are open, a quarter of these late.
    """
    number, copies = (size, 1) if size <= PATTERN else (PATTERN, -(-size // PATTERN))
    every = SPAN / (number * copies)
    with without_indexes():
        with transaction.atomic():
            rows = list(_incidents(number, every, waiting=waiting))
            Incident.objects.bulk_create([incident for incident, _parts in rows], batch_size=500)
            Part.objects.bulk_create([part for _incident, parts in rows for part in parts], batch_size=500)
        for copy in range(1, copies):
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in _copying(copy, every * number * copy):
                    cursor.execute(statement)


@contextmanager
def without_indexes() -> Iterator[None]:
    """For changes of very many rows: the indexes of both tables are built anew afterwards, and the statistics too."""
    editor = connection.schema_editor(collect_sql=True)
    indexes = [(model, index) for model in (Incident, Part) for index in model._meta.indexes]
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if postgres:
            cursor.execute("SET maintenance_work_mem = '512MB'")
        for _model, index in indexes:
            cursor.execute(f"DROP INDEX {index.name}")
        if postgres:  # the rows copied are right; asking after each key of each would take minutes
            cursor.execute("SET session_replication_role = replica")
        yield
        for model, index in indexes:
            cursor.execute(str(index.create_sql(model, editor)))
        if postgres:
            cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE" if postgres else "ANALYZE")


# The same three expressions for both databases: an id, a number and an earlier time for copy number `n` of a row.
EXPRESSIONS = {
    "sqlite": {
        "id": "'{prefix}' || printf('%012x', {n})",
        "number": "printf('%012d', {n})",
        "at": "strftime('%Y-%m-%d %H:%M:%f', {at}, '-{seconds} seconds') || '000'",
    },
    "postgresql": {
        "id": "('{prefix}' || lpad(to_hex({n}), 12, '0'))::uuid",
        "number": "lpad(({n})::text, 12, '0')",
        "at": "{at} - interval '{seconds} seconds'",
    },
}


def copied_id(copy: int) -> str:
    """The id of a row's copy, as an expression over `base`, the row of the pattern."""
    n = f"(CAST(base.number AS bigint) + {copy * PATTERN})"
    return EXPRESSIONS[connection.vendor]["id"].format(prefix=PREFIX, n=n)


def _copying(copy: int, earlier: timedelta) -> Iterator[str]:
    """The statements that copy the pattern's rows and their parts."""
    known = EXPRESSIONS[connection.vendor]
    n = f"(CAST(base.number AS bigint) + {copy * PATTERN})"
    new_id = copied_id(copy)
    seconds = f"{earlier.total_seconds():.3f}"
    instead = {
        "id": new_id,
        "client_uuid": new_id,
        "incident_id": new_id,
        "number": known["number"].format(n=n),
        "reported_at": known["at"].format(at="base.reported_at", seconds=seconds),
    }
    for model, alias, source in (
        (Incident, "base", "incidents_incident base"),
        (Part, "part", "incidents_incident base JOIN incidents_part part ON part.incident_id = base.id"),
    ):
        columns = [field.column for field in model._meta.concrete_fields]
        if model is Part:
            columns.remove("id")
        values = [instead.get(column, f"{alias}.{column}") for column in columns]
        yield (
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608  our own tables and figures
            f"SELECT {', '.join(values)} FROM {source} WHERE {OF_PATTERN}"
        )


def _incidents(size: int, every: timedelta, *, waiting: bool) -> Iterator[tuple[Incident, list[Part]]]:
    facts, dice = _Facts.known(), random.Random(1)
    now = clock.now().replace(microsecond=1000)
    for index in range(size):
        group = dice.choices(facts.groups, facts.busy)[0]
        category = dice.choice(facts.categories)
        with_department = dice.random() < DEPARTMENT_SHARE
        status = Status.ACCEPTED if waiting else dice.choices(facts.statuses, facts.weights)[0]
        is_open = status in OPEN_STATUSES
        late = is_open and not waiting and dice.random() < LATE_SHARE
        at = now - every * (size - index)
        worker = facts.workers[group.code]
        incident = Incident(
            id=uuid.UUID(f"{PREFIX}{index:012x}"),
            number=f"{index:012d}",
            client_uuid=uuid.UUID(f"{PREFIX}{index:012x}"),
            grid_id=group.code,
            township_code=CODE,
            village_code=group.village_code,
            category_id=category.pk,
            procedure_id=category.procedure_id,
            title=f"第{index}件",
            description="路灯不亮,影响晚上出行。" * 3,
            address=place(index),
            status=status,
            is_open=is_open,
            is_late=late,
            reported_at=at,
            reporter_id=worker.pk,
            reporter_user_id=worker.user_id,
            first_asked_id=worker.pk,
            responsible_grid_id=None
            if with_department
            else group.code[: dice.choices((15, 12, 9), (8, 1, 1))[0]],
            responsible_department_id=facts.department.pk if with_department else None,
            responsible_member_id=worker.pk,
            due_at=now + AHEAD if is_open else None,
            escalate_at=now + AHEAD if waiting else None,
        )
        parts = [_part(incident, PartRole.REPORTER, member_id=worker.pk)]
        if with_department:
            parts.append(_part(incident, PartRole.LEAD, department_id=facts.department.pk))
        yield incident, parts


def place(index: int) -> str:
    """Words for the search: one common, one rare, one rarer."""
    if index % 1000 == 7:
        return "石磨坊"
    if index % 100 == 1:
        return "鱼塘边"
    return "大槐树下" if index % 5 == 0 else ""


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
        # every list that is measured has a full page at both sizes, so that both answer the same number of rows
        watched = Appointment.objects.filter(member__user__in=[people().worker, people().five_grants])
        codes = set(watched.values_list("post__grid", flat=True))
        self.busy = [20 if group.code in codes else 1 for group in self.groups]
        self.statuses = [Status.CLOSED, Status.REJECTED, Status.REPORTED, Status.IN_PROGRESS, Status.VERIFIED]
        self.weights = [55, 5, 15, 10, 15]

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


# What happened to a clock after it began, by turns: nothing, a pause, more time, two pauses, stopped and run again.
LATER = (
    (),
    ((Kind.PAUSE, 3), (Kind.RESUME, 30)),
    ((Kind.EXTEND, 20),),
    ((Kind.PAUSE, 2), (Kind.RESUME, 5), (Kind.PAUSE, 50), (Kind.RESUME, 60)),
    ((Kind.STOP, 10), (Kind.RESUME, 40)),
)
UNITS = (Unit.WORKING_DAYS, Unit.WORKING_HOURS, Unit.CALENDAR_DAYS, Unit.HOURS)


def add_ledgers(number: int) -> None:
    """One clock each for as many incidents, of every unit and with every kind of row."""
    key = Calendar.objects.keyed(CODE).key
    ids = list(Incident.objects.order_by("pk").values_list("pk", "reported_at")[:number])
    stages = [
        Stage(
            incident_id=pk,
            number=1,
            purpose=Purpose.HANDLE,
            township_code=CODE,
            started_at=at,
            limit_n=5,
            limit_unit=UNITS[index % len(UNITS)],
            calendar_key=key,
        )
        for index, (pk, at) in enumerate(ids)
    ]
    Stage.objects.bulk_create(stages, batch_size=2000)
    ClockEvent.objects.bulk_create(
        [
            ClockEvent(
                stage=stage,
                kind=kind,
                at=stage.started_at + timedelta(hours=hours),
                limit_n=2 if kind == Kind.EXTEND else None,
                limit_unit=Unit.WORKING_DAYS if kind == Kind.EXTEND else "",
                history_seq=seq,
            )
            for index, stage in enumerate(stages)
            for seq, (kind, hours) in enumerate(LATER[index % len(LATER)], start=2)
        ],
        batch_size=2000,
    )
