"""A small town that is ready to work."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.plans.actions import set_up
from gridgov.plans.schema import chinese_number
from gridgov.simulation.seed import first_day, seed
from grids.enums import Kind
from grids.models import Grid, Township
from grids.querysets import forget_calendars
from incidents.models import Category
from members.enums import RoleCode
from members.models import Appointment, Department
from tests.factories.again import built


@dataclass(frozen=True)
class Town:
    """People are users (`town.worker.member` is the member). Lists are in order of code.

    `worker` is of the first group of the first village, `worker2` of the first group of the second (`village_head` and
    `village_head2` likewise); `clerk` is on the duty post, `officer` of `department`; `admin` is technical.
    `contact_leader` has the first village, `leader` is the town's. `categories` by code: `request` and `dispute` start at
    the group, `fire` at the township, `quick` has two minutes.
    """

    township: Township
    grid: Grid
    villages: list[Grid]
    groups: list[Grid]
    departments: list[Department]
    categories: dict[str, Category]
    clerk: User
    clerk2: User
    village_head: User
    village_head2: User
    worker: User
    worker2: User
    group_head: User
    officer: User
    assessor: User
    leader: User
    contact_leader: User
    auditor: User
    admin: User

    @property
    def code(self) -> str:
        return self.grid.code

    @property
    def department(self) -> Department:
        return self.departments[0]

    def groups_of(self, village: Grid) -> list[Grid]:
        return [group for group in self.groups if group.village_code == village.code]


def township(
    code: str = "320371101",
    groups_per_village: int = 2,
    villages: int = 2,
    *,
    name: str = "徐庄镇",
    limits: bool = True,
) -> Town:
    """Plan 6 in small. `limits`: the demo's limits (working days; hours for must-report), else none but of `quick`.

    Everybody has been in post since last January, so the clock may be set back some months afterwards.
    """
    forget_calendars()
    named = [(f"{code}{200 + number}", f"{chinese_number(number)}村") for number in range(1, villages + 1)]
    groups = villages * groups_per_village

    def build() -> dict[str, int]:
        town = set_up(code=code, name=name, villages=named, plan=6, started_on=first_day())
        people = seed(township=town, hashes={}, groups=groups, limits=limits)
        return {account: user.pk for account, user in people.items()}

    ids = built((code, name, villages, groups, limits, _stands_at()), build)
    accounts = {user.pk: user for user in User.objects.filter(pk__in=[ids["township2"], ids["admin"]])}
    below = list(Grid.objects.filter(township_code=code).exclude(pk=code).for_list())
    people = _people(code)
    first, second = (f"{code}{200 + number}" for number in (1, min(2, villages)))
    return Town(
        township=Township.objects.select_related("grid").get(pk=code),
        grid=Grid.objects.get(pk=code),
        villages=[grid for grid in below if grid.kind == Kind.VILLAGE],
        groups=[grid for grid in below if grid.kind == Kind.GROUP],
        departments=list(Department.objects.filter(township=code)),
        categories={it.code: it for it in Category.objects.filter(township=code).select_related("procedure")},
        clerk=people[code, RoleCode.CLERK],
        clerk2=accounts[ids["township2"]],
        village_head=people[first, RoleCode.VILLAGE_HEAD],
        village_head2=people[second, RoleCode.VILLAGE_HEAD],
        worker=people.get((f"{first}001", RoleCode.WORKER), people[first, RoleCode.VILLAGE_HEAD]),
        worker2=people.get((f"{second}001", RoleCode.WORKER), people[second, RoleCode.VILLAGE_HEAD]),
        group_head=people.get((f"{first}001", RoleCode.HEAD), people[first, RoleCode.VILLAGE_HEAD]),
        officer=people["", RoleCode.OFFICER],
        assessor=people[code, RoleCode.ASSESSOR],
        leader=people[code, RoleCode.LEADER],
        contact_leader=people[first, RoleCode.CONTACT_LEADER],
        auditor=people[code, RoleCode.AUDITOR],
        admin=accounts[ids["admin"]],
    )


def _stands_at() -> datetime | None:
    """Where the clock has been stopped; rows made at any moment of a running clock are as good as each other."""
    now = clock.now()
    return now if abs(now - datetime.now(UTC)) > timedelta(seconds=5) else None


def _people(code: str) -> dict[tuple[str, str], User]:
    """(grid, role) -> who holds the first such post there; department officers under ""."""
    held = Appointment.objects.filter(post__township_code=code).select_related("member__user", "post__role")
    found: dict[tuple[str, str], User] = {}
    for appointment in held.order_by("pk"):
        user = appointment.member.user
        user.member = appointment.member
        found.setdefault((appointment.post.grid_id or "", appointment.post.role.code), user)
    return found
