"""The people of a township as the simulation needs them: who walks where, who may do what, how fast."""

import random
from dataclasses import dataclass, field

from gridgov.common.models import User
from gridgov.simulation import habits
from gridgov.simulation.matters import DEPARTMENT_FOR
from grids.enums import Kind, Verb
from grids.models import Grid
from incidents.models import Category
from members.enums import RoleCode
from members.models import Appointment, Department


@dataclass
class People:
    """Read once: nobody changes post while the simulation runs. All orders are by code, so that a seed repeats."""

    township: Grid
    villages: list[Grid] = field(default_factory=list)
    groups: list[Grid] = field(default_factory=list)
    categories: dict[str, Category] = field(default_factory=dict)
    departments: list[Department] = field(default_factory=list)
    users: dict[object, User] = field(default_factory=dict)  # member -> login
    at: dict[tuple[str, str], list[User]] = field(
        default_factory=dict
    )  # (grid, role) -> who holds such a post there
    coordinators: dict[str, list[User]] = field(default_factory=dict)  # grid -> who may rule there
    pace: dict[str, float] = field(default_factory=dict)  # village or township -> how long things take
    diligence: dict[str, float] = field(default_factory=dict)  # group -> share of days with a patrol
    untaken: set[tuple[str, str]] = field(default_factory=set)  # (procedure, step) that nobody has taken yet

    @classmethod
    def of(cls, township: Grid, seed: int) -> "People":
        active = Grid.objects.active().filter(township_code=township.code)
        found = cls(
            township=township,
            villages=list(active.kind(Kind.VILLAGE).order_by("code")),
            groups=list(active.kind(Kind.GROUP).order_by("code")),
            categories={it.code: it for it in _categories(township)},
            departments=list(Department.objects.active().filter(township=township).order_by("id")),
        )
        found._take_posts()
        dice = random.Random(f"{seed}:pace")
        found.pace = {grid.code: habits.pace(dice) for grid in (township, *found.villages)}
        found.diligence = {grid.code: habits.diligence(dice) for grid in found.walked}
        return found

    @property
    def walked(self) -> list[Grid]:
        """Where one patrols: groups, in a plan without groups the villages."""
        return self.groups or self.villages

    def worker(self, grid: Grid) -> User | None:
        """Who walks a grid and reports from it."""
        for code, role in ((grid.code, RoleCode.WORKER), (grid.code, RoleCode.VILLAGE_HEAD)):
            if found := self.at.get((code, role)):
                return found[0]
        return None

    def clerk(self) -> User:
        return self.at[self.township.code, RoleCode.CLERK][0]

    def leader(self) -> User | None:
        return next(iter(self.at.get((self.township.code, RoleCode.LEADER), ())), None)

    def assessor(self) -> User | None:
        return next(iter(self.at.get((self.township.code, RoleCode.ASSESSOR), ())), None)

    def department_for(self, category: str) -> Department | None:
        """The one whose name says that it is asked for such matters, else the first."""
        wanted = DEPARTMENT_FOR.get(category, "")
        named = [it for it in self.departments if wanted and wanted in it.name]
        return next(iter(named or self.departments), None)

    def _take_posts(self) -> None:
        held = Appointment.objects.current().able().filter(post__township_code=self.township.code)
        for row in held.select_related("member__user", "post__role").order_by("post_id", "-is_main", "id"):
            assert row.member.user is not None  # able
            user = self.users.setdefault(row.member_id, row.member.user)
            user.member = row.member  # one object per person keeps what it once asked about its rights
            code = str(row.post.grid_id or "")
            self.at.setdefault((code, row.post.role.code), []).append(user)
            if code and Verb.COORDINATE in row.post.role.permissions:
                self.coordinators.setdefault(code, []).append(user)


def _categories(township: Grid) -> list[Category]:
    rows = Category.objects.active().filter(township=township, is_demo=False)
    return list(rows.select_related("procedure").order_by("position", "code"))
