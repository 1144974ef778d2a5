"""Every list asks the database as often for three rows as for one: pages, REST and the admin's lists, the desk for everybody.

The lists are the rows of the permission matrix that name nothing, so a new one is counted by itself.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.settings import api_settings

from gridgov.common import clock
from gridgov.common.enums import AuditKind
from gridgov.common.models import AuditEvent, Heartbeat, OutboxMessage, User
from grids.models import CalendarDay, Grid
from incidents.actions import perform, report
from inspections.actions import record_patrol
from members.actions import create_departments, tell
from members.models import Appointment, Leave, Member, Post
from tests.factories import fresh
from tests.matrix.table import ROUTES
from tests.matrix.world import ROLES, World, build

WATCHERS = ("township", "worker", "department", "supervisor", "admin", "auditor")  # who sees most comes first
FORMS = re.compile(r"(new|add|password|jsi18n|new-person|template|import|schema|docs)/$|^setup/")


def cases() -> Iterator[tuple[str, str]]:
    """Each list for the first two people who get it; the desk for everybody."""
    for row, entry in ROUTES.items():
        if entry.kind or entry.get.is_open or "?" in row or FORMS.search(row):
            continue
        getting = [role for role in WATCHERS if entry.get.status(role, "-") == 200]
        yield from ((role, f"/{row}") for role in (ROLES if row == "" else getting[:2]))


CASES = list(cases())


@pytest.fixture(scope="module")
def _world(django_db_setup, django_db_blocker) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def counted(_world: World) -> dict[tuple[str, str], tuple[int, int]]:
    """(role, path) -> statements with one of everything at least, and with two more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(api_settings.DEFAULT_THROTTLE_RATES, "user", "1000000/m")
        grow(_world, [1])
        asked = [statements(_world, role, path) for role, path in CASES]
        grow(_world, [2, 3])
        again = [statements(_world, role, path) for role, path in CASES]
    return dict(zip(CASES, zip(asked, again, strict=True), strict=True))


def statements(world: World, role: str, path: str) -> int:
    """Of the second call: what a process asks once is asked by then."""
    client = world.client(role)
    client.get(path)
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200, (role, path)
    return len(found)


def grow(world: World, numbers: Iterable[int]) -> None:
    town, now = world.town, clock.now()
    for n in numbers:
        for role, place in (("worker", "G1"), ("village", "V1"), ("township", "T")):
            report(
                user=fresh(world.people[role]), grid=world.grids[place], category=town.categories["request"],
                description="又一件", requester={"name": "某人", "phone": ""}, client_uuid=uuid4(),
            )  # fmt: skip
        matter = report(
            user=fresh(town.clerk), grid=town.grid, category=town.categories["request"], description="给站所"
        ).incident
        for action, given in (("accept", {}), ("dispatch", {"to": town.department})):
            matter = perform(user=fresh(town.clerk), incident=matter, action=action, **given).incident
        for day, grid in ((n + 1, "G1"), (n + 3, "G3")):
            began = now - timedelta(days=day)
            record_patrol(
                user=fresh(town.clerk), grid=world.grids[grid], started_at=began, ended_at=began + timedelta(minutes=9),
                findings=[{"text": "路面破损"}],
            )  # fmt: skip
        people(world, n)
        create_departments(township=town.grid, names=[f"又一个站所{n}"], from_plan=False)
        CalendarDay.objects.create(calendar_id=town.code, day=f"2027-03-0{n + 1}", working=False, name="放假")
        OutboxMessage.objects.create(topic="mail", key=f"again{n}", dead_at=now)
        Heartbeat.objects.create(name=f"again{n}", at=now)
        AuditEvent.objects.create(
            kind=AuditKind.SETTINGS, subject="又一次", township_code=town.code, user=town.clerk
        )


def people(world: World, n: int) -> None:
    town = world.town
    held = Appointment.objects.get(member=town.worker.member)
    user = User.objects.create_user(f"again{n}")
    member = Member.objects.create(
        name=f"又一人{n}", township_code=town.code, residence=world.grids["G1"], user=user
    )
    post = Post.objects.create(grid=world.grids["G2"], role=held.post.role, title=f"又一岗{n}")
    Appointment.objects.create(member=member, post=post, since=clock.today())
    first = clock.today() + timedelta(days=50 + 10 * n)
    for away in (member, town.worker.member, town.clerk.member):
        Leave.objects.create(
            member=away, since=first, until=first + timedelta(days=3), township_code=town.code
        )
    for told in world.people.values():
        if getattr(told, "member", None) is not None:
            tell(members=[told.member], text=f"又一条{n}", key=f"again:{n}:{told.pk}")
    Grid.objects.filter(pk=world.grids["G2"].pk).update(name="二组")


@pytest.mark.parametrize(("role", "path"), CASES)
def test_list_asks_as_often_for_more_rows(counted, db, role, path):
    before, after = counted[role, path]
    assert after <= before, f"{path} as {role}: {before} statements, {after} with two more of everything"
