"""Invents the people of a demo township, its departments and what the demo sets beyond the plan.

Nobody here exists: names are a surname and one of the ten Heavenly Stems (赵甲, 钱乙 …), as textbooks name their examples, and
telephone numbers begin with 000, which no network in China gives out.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Conflict
from gridgov.common.models import User
from gridgov.plans.schema import chinese_number
from grids.actions import NewGrid, add_grids
from grids.enums import Kind
from grids.models import Grid, Tier, Township
from incidents.actions import NewProcedure, publish_procedures
from incidents.enums import CategoryKind
from incidents.models import Category, Procedure
from members.actions import NewPerson, appoint_many, create_departments, create_people
from members.enums import RoleCode
from members.models import Department, Member, Post

# contract.md; township2 is the second clerk
ACCOUNTS = (
    "admin", "township", "township2", "village", "worker", "worker2", "department", "supervisor", "leader", "auditor",
)  # fmt: skip
DEPARTMENTS = ("派出所", "司法所", "民政办")
DEMO_ONLY = "演示自设，非方案规定"

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章"
STEMS = "甲乙丙丁戊己庚辛壬癸"
VILLAGES_PER_LEADER = 3
FIRST_GROUPS, PER_PARENT = (
    2,
    2,
)  # the depth of groups below villages; groups of each parent where the plan is silent
LONGEST_WORD = 3  # a plan's word for a group that fits into a name: 一社, 二网格区; else 组

LADDER_LIMITS = {
    "group": {"n": 2, "unit": "working_days"},
    "village": {"n": 3, "unit": "working_days"},
    "township": {"n": 5, "unit": "working_days"},
    "department": {"n": 5, "unit": "working_days"},
    "verify": {"n": 2, "unit": "working_days"},
    "card": {"n": 1, "unit": "working_days"},
}
URGENT_LIMITS = {
    "township": {"n": 24, "unit": "hours"},
    "department": {"n": 24, "unit": "hours"},
    "verify": {"n": 2, "unit": "working_days"},
    "card": {"n": 1, "unit": "working_days"},
}
QUICK = {
    "on_overdue": "raise",
    "limits": {"group": {"n": 2, "unit": "minutes"}, "card": {"n": 2, "unit": "minutes"}},
}
# What the technical administrator manages: logins, settings, the plan. Never cases.
TECHNICAL = {
    "common": ("user",),
    "grids": ("township", "calendar", "calendarday", "tier", "rule"),
    "members": ("role",),
    "incidents": ("category", "procedure"),
}


def first_day() -> date:
    """Demo people hold their posts since the first of January of last year: before anything that is simulated."""
    return clock.today().replace(year=clock.today().year - 1, month=1, day=1)


@transaction.atomic
def seed(
    *, township: Township, hashes: Mapping[str, str], groups: int | None = None, limits: bool = True
) -> dict[str, User]:
    """Groups, departments, people, and the demo's own limits. Returns the demo accounts by their name in contract.md.

    `hashes`: account -> password hash, made by the caller because hashing takes time. `groups`: how many below the
    villages (default: what the plan expects, else two each; none where the plan has no groups). Raises Conflict where people work already.
    """
    if Member.objects.filter(township_code=township.pk).exists():
        raise Conflict(
            _("People work in this township already; the demo would mix with them."), code="has_members"
        )
    since = first_day()
    villages = list(Grid.objects.active().filter(township_code=township.pk, kind=Kind.VILLAGE).for_list())
    if not villages:
        raise Conflict(_("The township has no villages yet."), code="no_villages")
    add_grids(grids=_groups(township, villages, groups), township_code=township.pk, started_on=since)
    there = set(Department.objects.filter(township=township.grid).values_list("name", flat=True))
    names = [name for name in DEPARTMENTS if name not in there]
    create_departments(township=township.grid, names=names, from_plan=False)
    accounts = _people(township, hashes, since)
    accounts["admin"] = _technical_administrator(_free_names(township.pk)["admin"], hashes.get("admin", ""))
    add_demo_rules(township=township.grid, limits=limits)
    Township.objects.filter(pk=township.pk).update(is_demo=True)
    return accounts


def _groups(township: Township, villages: Sequence[Grid], total: int | None) -> list[NewGrid]:
    """The groups of every depth that the plan has, those above first."""
    made: list[NewGrid] = []
    above = [NewGrid(village.code, village.name) for village in villages]
    for tier in Tier.objects.filter(township=township, kind=Kind.GROUP).order_by("depth"):
        number = total if tier.depth == FIRST_GROUPS else None
        if number is None:
            number = tier.expected_count if tier.expected_count is not None else PER_PARENT * len(above)
        above = list(_spread(above, number, tier.name if len(tier.name) <= LONGEST_WORD else "组"))
        made += above
    return made


def _spread(above: Sequence[NewGrid], total: int, word: str) -> Iterator[NewGrid]:
    """As even as it goes, the first by code get one more: 143 over 22 are 11 × 7 and 11 × 6."""
    each, more = divmod(total, max(1, len(above)))
    for index, parent in enumerate(above):
        for number in range(1, each + (index < more) + 1):
            yield NewGrid(f"{parent.code}{number:03d}", f"{parent.name}{chinese_number(number)}{word}")


def _people(township: Township, hashes: Mapping[str, str], since: date) -> dict[str, User]:
    """One person per post, information volunteers left open; a contact leader has several villages."""
    filled = Post.objects.filter(township_code=township.pk).exclude(role__code=RoleCode.VOLUNTEER)
    posts = list(filled.select_related("role", "grid").order_by("pk"))
    holders: dict[str, list[Post]] = {}
    known = _accounts_by_post(posts)
    leading = [post for post in posts if post.role.code == RoleCode.CONTACT_LEADER]
    for number, post in enumerate(posts, start=1):
        own = known.get(post.pk)
        if own is None and post.role.code == RoleCode.CONTACT_LEADER:
            own = f"{township.pk}-leader{(leading.index(post) - 1) // VILLAGES_PER_LEADER + 2}"
        holders.setdefault(own or f"{township.pk}-{number:03d}", []).append(post)
    usernames = _free_names(township.pk)
    people = [
        NewPerson(
            name=_name(index),
            username=usernames.get(key, key),
            phone=f"000{index + 1:08d}",
            password=hashes.get(key, ""),
            residence=held[0].grid if held[0].grid and held[0].grid.kind == Kind.GROUP else None,
        )
        for index, (key, held) in enumerate(holders.items())
    ]
    members = create_people(people=people, township_code=township.pk)
    pairs = list(zip(members, holders.items(), strict=True))
    appoint_many(placements=[(member, post) for member, (_key, held) in pairs for post in held], since=since)
    return {key: member.user for member, (key, _held) in pairs if key in ACCOUNTS and member.user}


def _name(index: int) -> str:
    return (
        SURNAMES[index % len(SURNAMES)]
        + STEMS[index // len(SURNAMES) % len(STEMS)]
        + (STEMS[index // (len(SURNAMES) * len(STEMS)) - 1] if index >= len(SURNAMES) * len(STEMS) else "")
    )


def _accounts_by_post(posts: Sequence[Post]) -> dict[int, str]:
    """Post -> the account of contract.md that holds it. The posts come in the order they were made: by code."""
    found: dict[int, str] = {}

    def give(name: str, role: str, nth: int = 0, village: int | None = None) -> None:
        fitting = [post for post in posts if post.role.code == role]
        if village is not None:
            towns = sorted({post.village_code for post in posts if post.village_code})
            fitting = [post for post in fitting if post.village_code == towns[min(village, len(towns) - 1)]]
        free = [post for post in fitting if post.pk not in found]
        if nth < len(fitting) and free:
            found[(fitting[nth] if fitting[nth] in free else free[0]).pk] = name

    give("township", RoleCode.CLERK)
    give("township2", RoleCode.CLERK, 1)
    give("village", RoleCode.VILLAGE_HEAD, village=0)
    give("worker", RoleCode.WORKER, village=0)
    give("worker2", RoleCode.WORKER, village=1)
    give("department", RoleCode.OFFICER)
    give("supervisor", RoleCode.ASSESSOR)
    leads = any(post.role.code == RoleCode.CONTACT_LEADER for post in posts)
    give("leader", *((RoleCode.CONTACT_LEADER, 0, 0) if leads else (RoleCode.LEADER,)))
    give("auditor", RoleCode.AUDITOR)
    return found


def _free_names(township_code: str) -> dict[str, str]:
    """Account -> user name: the same, unless another township's demo has it."""
    taken = set(User.objects.filter(username__in=ACCOUNTS).values_list("username", flat=True))
    return {name: f"{name}-{township_code}" if name in taken else name for name in ACCOUNTS}


def _technical_administrator(username: str, password: str) -> User:
    """Staff without a member: sees logins and settings, and no case, because cases come from posts and parts."""
    user = User(username=username, is_staff=True, password=password)
    if not password:
        user.set_unusable_password()
    user.save()
    wanted = Q(pk__in=[])
    for app, models in TECHNICAL.items():
        wanted |= Q(content_type__app_label=app, content_type__model__in=models)
    user.user_permissions.set(Permission.objects.filter(wanted).exclude(codename__startswith="delete_"))
    return user


def add_demo_rules(*, township: Grid, limits: bool = True) -> None:
    """Limits that no plan gives, and a category that can be watched going up; all marked as the demo's own."""
    current = {p.code: p for p in Procedure.objects.filter(township=township, is_current=True)}
    new = [NewProcedure("quick", f"两分钟时限（{DEMO_ONLY}）", QUICK)]
    if limits:
        new += [
            NewProcedure(
                code,
                f"{procedure.name}（时限为{DEMO_ONLY}）",
                {
                    **procedure.data,
                    "limits": LADDER_LIMITS if procedure.spec.start == "own" else URGENT_LIMITS,
                },
            )
            for code, procedure in current.items()
        ]
    quick = next(it for it in publish_procedures(township=township, procedures=new) if it.code == "quick")
    Category.objects.create(
        township=township,
        code="quick",
        name="演示：两分钟时限",
        kind=CategoryKind.REQUEST,
        procedure=quick,
        position=99,
        is_demo=True,
    )
