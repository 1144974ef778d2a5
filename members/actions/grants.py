"""Rights follow posts: grants are made equal to what current appointments carry. Roles are data."""

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils.translation import gettext as _

from gridgov.common import audit
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Invalid
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import TOWNSHIP_DIGITS, Grid, GridGrant, Succession
from members.enums import RoleCode
from members.models import Appointment, Role
from members.querysets import AppointmentQuerySet

# What every township begins with (rules.md, "Who"). Names are data: a plan brings its own words.
SEE, REPORT, HANDLE, COORDINATE = Verb.SEE, Verb.REPORT, Verb.HANDLE, Verb.COORDINATE
DEFAULT_ROLES: Mapping[RoleCode, tuple[str, tuple[Verb, ...]]] = {
    RoleCode.WORKER: ("网格员", (SEE, REPORT, HANDLE)),
    RoleCode.HEAD: ("网格长", (SEE, REPORT, HANDLE)),
    RoleCode.VOLUNTEER: ("信息员", (REPORT,)),
    RoleCode.VILLAGE_HEAD: (
        "村网格长",
        (SEE, REPORT, HANDLE, COORDINATE, Verb.INSPECT, Verb.MANAGE, Verb.REVEAL),
    ),
    RoleCode.CONTACT_LEADER: ("包村领导", (SEE, Verb.SUPERVISE)),
    RoleCode.CLERK: (
        "镇网格中心",
        (SEE, REPORT, HANDLE, COORDINATE, Verb.SUPERVISE, Verb.MANAGE, Verb.REVEAL),
    ),
    RoleCode.LEADER: ("镇领导", (SEE, Verb.SUPERVISE)),
    RoleCode.OFFICER: ("站所工作人员", (HANDLE,)),
    RoleCode.ASSESSOR: ("考核人员", (SEE, Verb.INSPECT, Verb.SCORE)),
    RoleCode.AUDITOR: ("审计人员", (Verb.AUDIT,)),
}
IN_ADMIN_PAGES = (RoleCode.VILLAGE_HEAD, RoleCode.CLERK)


@transaction.atomic
def create_roles(*, township: Grid, names: Mapping[RoleCode, str] | None = None) -> list[Role]:
    """The default roles that the township does not have yet, under the plan's names where it has any."""
    there = set(Role.objects.filter(township=township).values_list("code", flat=True))
    return Role.objects.bulk_create(
        [
            Role(
                township=township,
                code=code,
                name=(names or {}).get(code, name),
                permissions=list(verbs),
                is_staff=code in IN_ADMIN_PAGES,
            )
            for code, (name, verbs) in DEFAULT_ROLES.items()
            if code not in there
        ]
    )


@transaction.atomic
def change_role(
    *, role: Role, permissions: Iterable[str], is_staff: bool | None = None, user: User | None = None
) -> tuple[int, int]:
    """What a role may do, for all who hold it at once; returns (granted, ended)."""
    asked = set(permissions)
    unknown = asked - set(Verb.values)
    if unknown:
        raise Invalid(_("Unknown permissions: %(names)s") % {"names": ", ".join(sorted(unknown))})
    before = role.verbs
    role.permissions = [verb for verb in Verb.values if verb in asked]
    if is_staff is not None:
        role.is_staff = is_staff
    role.save(update_fields=["permissions", "is_staff"])
    audit.record(
        AuditKind.SETTINGS,
        user=user,
        subject=str(role),
        township_code=role.township_id,
        before=before,
        after=role.permissions,
    )
    return sync_grants(township_code=role.township_id)


@transaction.atomic
def sync_grants(
    *, user_ids: Iterable[int] | None = None, township_code: str | None = None
) -> tuple[int, int]:
    """Makes the grants equal to what current appointments carry; returns (granted, ended).

    A handful of statements whatever the number of people. With neither argument: everybody (the nightly run).
    """
    appointments = Appointment.objects.current().able().filter(post__grid__isnull=False)
    grants = GridGrant.objects.all()
    if user_ids is not None:
        ids = list(user_ids)
        appointments, grants = appointments.filter(member__user__in=ids), grants.filter(user__in=ids)
    if township_code is not None:
        appointments = appointments.filter(post__township_code=township_code)
        grants = grants.filter(content_object__township_code=township_code)
    # Grants before appointments: one that another process gives in between must not look like a left-over.
    present = {
        (u, v, g): pk for pk, u, v, g in grants.values_list("pk", "user", "permission", "content_object")
    }
    wanted = _wanted(appointments)
    ended = [pk for key, pk in present.items() if key not in wanted]
    new = [GridGrant(user_id=u, permission_id=v, content_object_id=g) for u, v, g in wanted - present.keys()]
    for start in range(0, len(ended), 500):
        GridGrant.objects.filter(pk__in=ended[start : start + 500]).delete()
    GridGrant.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    _sync_staff(user_ids)
    return len(new), len(ended)


def _wanted(appointments: AppointmentQuerySet) -> set[tuple[int, int, str]]:
    """(user, permission, grid): what the appointments carry, and sight of the grids that theirs succeeded."""
    rows = list(appointments.values_list("member__user", "post__grid", "post__role__permissions"))
    held = {(user, verb, grid) for user, grid, verbs in rows for verb in verbs}
    towns = {grid[:TOWNSHIP_DIGITS] for _user, _verb, grid in held}
    older: dict[str, set[str]] = {}
    for old, new in Succession.objects.filter(new__township_code__in=towns).values_list("old", "new"):
        older.setdefault(new, set()).add(old)
    for user, verb, grid in list(held):
        if verb == Verb.SEE:
            held |= {(user, verb, code) for code in _before(grid, older)}
    numbers = dict(
        Permission.objects.filter(content_type__app_label="grids", content_type__model="grid").values_list(
            "codename", "pk"
        )
    )
    return {(user, numbers[verb], grid) for user, verb, grid in held if verb in numbers}


def _before(grid: str, older: Mapping[str, set[str]]) -> set[str]:
    """Every grid that this one succeeded, directly or through others."""
    found: set[str] = set()
    waiting = [grid]
    while waiting:
        fresh = older.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


def _sync_staff(user_ids: Iterable[int] | None) -> None:
    """Whoever holds a post that works in the admin pages may enter them; technical accounts keep their own right."""
    people = User.objects.filter(member__isnull=False)
    if user_ids is not None:
        people = people.filter(pk__in=list(user_ids))
    staff = Appointment.objects.current().able().filter(post__role__is_staff=True).values("member__user")
    people.filter(is_staff=False, pk__in=staff).update(is_staff=True)
    people.filter(is_staff=True).exclude(pk__in=staff).update(is_staff=False)
