"""Sets a township up and gives it the rules of a plan. Loading adds what is missing and corrects what is still the
plan's; what the township changed itself stays and is named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Invalid, NotVisible
from gridgov.common.models import User
from gridgov.plans import first_run, loader
from gridgov.plans.schema import Preset
from grids import actions as grid_actions
from grids.actions import NewGrid
from grids.models import Grid, Rule, Tier, Township
from incidents.models import Category, Procedure
from members.actions import create_departments, create_posts, create_roles
from members.models import Department, Duty, Post, Role


@dataclass
class Changes:
    """What loading did, one name per row. `kept` differs from the plan because the township changed it."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.added) + len(self.updated)


@transaction.atomic
def set_up(
    *,
    code: str,
    name: str,
    villages: Iterable[tuple[str, str]] = (),
    plan: int | Preset,
    started_on: date | None = None,
) -> Township:
    """A real township, empty of people, under a plan. A second time adds the villages that are not there yet."""
    preset = plan if isinstance(plan, Preset) else _known(plan)
    asked = list(villages)
    township = Township.objects.select_related("grid").filter(pk=code.strip()).first()
    if township is None:
        township = grid_actions.setup_township(code=code, name=name, villages=asked, started_on=started_on)
    elif (township.grid.name, township.plan_number) != (name.strip(), preset.number):
        there = {"township": township, "number": township.plan_number or "–"}
        detail = _("This code is %(township)s already, under plan %(number)s.") % there
        raise Conflict(detail, code="township_exists")
    else:
        new = missing_villages(township_code=township.pk, villages=asked)
        grid_actions.add_grids(grids=new, township_code=township.pk, started_on=started_on)
    load_plan(plan=preset, township_code=township.pk, since=started_on)
    township.refresh_from_db()
    return township


def missing_villages(*, township_code: str, villages: Iterable[tuple[str, str]]) -> list[NewGrid]:
    """Without those that stand in gridgov exactly so."""
    there = set(Grid.objects.active().filter(township_code=township_code).values_list("code", "name"))
    return [NewGrid(code, name) for code, name in villages if (code, name.strip()) not in there]


def open_installation(*, username: str, password: str) -> User:
    """The first account, technical; `password` is a hash. Only while there is nobody."""
    with first_run.spent(), transaction.atomic():
        if not first_run.is_open():
            raise Conflict(_("This installation has an account already."), code="not_empty")
        user = User.objects.create(username=username, password=password, is_staff=True)
        audit.record(AuditKind.PEOPLE, user=user, subject=username, what="first account")
    return user


@transaction.atomic
def load_plan(
    *,
    plan: int | Preset,
    township_code: str,
    dry_run: bool = False,
    since: date | None = None,
    user: User | None = None,
) -> Changes:
    """The rules of a plan for a township, no people. A second time changes nothing. Duties count from `since`."""
    preset = plan if isinstance(plan, Preset) else _known(plan)
    number = preset.number
    township = Township.objects.select_related("grid").filter(pk=township_code).first()
    if township is None:
        raise NotVisible(_("There is no township %(code)s.") % {"code": township_code})
    if township.plan_number not in {None, number}:
        detail = _("The township runs plan %(number)d already.") % {"number": township.plan_number}
        raise Conflict(detail, code="other_plan")
    changes = Changes()
    _take_settings(township, preset, changes)
    changes.added += [
        f"role {role.code}" for role in create_roles(township=township.grid, names=preset.roles)
    ]
    _take_departments(township, preset, changes)
    _take_tiers(township, preset, changes)
    _take_rules(township, preset, changes)
    _take_procedures(township, preset, changes)
    _take_categories(township, preset, changes)
    _take_duties(township, preset, changes, since or clock.today())
    changes.added += [f"post {post}" for post in fill_posts(township=township)]
    if changes:
        audit.record(
            AuditKind.PLAN, user=user, subject=preset.title, township_code=township.pk,
            plan=number, added=len(changes.added), updated=len(changes.updated),
        )  # fmt: skip
    if dry_run:
        transaction.set_rollback(True)
    return changes


def _known(number: int) -> Preset:
    if number not in loader.PLANS:
        raise Invalid(
            _("There is no plan %(number)d; plans go from 1 to 10.") % {"number": number}, code="no_plan"
        )
    if not loader.has_preset(number):
        raise Invalid(_("Plan %(number)d is not in gridgov yet.") % {"number": number}, code="no_plan")
    return loader.preset(number)


def _take_settings(township: Township, preset: Preset, changes: Changes) -> None:
    wanted = {
        "plan_number": preset.number,
        "plan_title": preset.title,
        "plan_hash": loader.hash_of(preset),
        "expected": preset.expected,
    }
    if any(getattr(township, name) != value for name, value in wanted.items()):
        changes.updated.append("settings")
        for name, value in wanted.items():
            setattr(township, name, value)
        township.save(update_fields=list(wanted))


def _take_departments(township: Township, preset: Preset, changes: Changes) -> None:
    """Those the plan names and the township has never had; one that it gave up stays given up."""
    there = set(Department.objects.filter(township=township.grid).values_list("name", flat=True))
    missing = [name for name in preset.departments if name not in there]
    if missing:
        create_departments(township=township.grid, names=missing, from_plan=True)
        changes.added += [f"department {name}" for name in missing]


def _take_tiers(township: Township, preset: Preset, changes: Changes) -> None:
    wanted = {
        str(tier.depth): {
            "kind": tier.kind,
            "depth": tier.depth,
            "label": tier.label,
            "name": tier.name,
            "head_title": tier.head_title,
            "expected_count": tier.expected_count,
            "count_note": tier.count_note,
            "rule": tier.rule or "",
            "posts": [post.model_dump(mode="json") for post in tier.posts],
        }
        for tier in preset.tiers
    }
    present = {str(tier.depth): tier for tier in Tier.objects.filter(township=township)}
    for depth, tier in present.items():
        if depth in wanted and not tier.posts:  # of an edition that did not keep them here
            tier.posts = wanted[depth]["posts"]
            tier.save(update_fields=["posts"])
            changes.updated.append(f"posts of tier {depth}")
    Tier.objects.bulk_create(
        _missing(Tier, {"township": township}, wanted, present, what="tier", changes=changes)
    )


def _take_rules(township: Township, preset: Preset, changes: Changes) -> None:
    """The one table whose rows say themselves whether the township changed them."""
    wanted = {
        rule.id: {"rule_id": rule.id, "clause": rule.clause(preset.title), "text": rule.text}
        for rule in preset.rules
    }
    present = {rule.rule_id: rule for rule in Rule.objects.filter(township=township)}
    stale = []
    for rule_id, values in wanted.items():
        rule = present.get(rule_id)
        if rule is not None and not rule.changed_here and _differs(rule, values):
            rule.clause, rule.text = values["clause"], values["text"]
            stale.append(rule)
            changes.updated.append(f"rule {rule_id}")
    Rule.objects.bulk_update(stale, ["clause", "text"])
    Rule.objects.bulk_create(
        _missing(Rule, {"township": township}, wanted, present, what="rule", changes=changes)
    )


def _take_procedures(township: Township, preset: Preset, changes: Changes) -> None:
    wanted = {
        procedure.code: {
            "code": procedure.code,
            "name": procedure.name,
            "rule_id": procedure.rule or "",
            "data": procedure.spec.model_dump(mode="json", exclude_defaults=True),
        }
        for procedure in preset.procedures
    }
    current = Procedure.objects.filter(township=township.grid, is_current=True)
    present = {procedure.code: procedure for procedure in current}
    made = _missing(
        Procedure, {"township": township.grid}, wanted, present, what="procedure", changes=changes
    )
    Procedure.objects.bulk_create(made)


def _take_categories(township: Township, preset: Preset, changes: Changes) -> None:
    current = Procedure.objects.filter(township=township.grid, is_current=True)
    procedures = {procedure.code: procedure.pk for procedure in current}
    wanted = {
        category.code: {
            "code": category.code,
            "name": category.name,
            "kind": category.kind,
            "procedure_id": procedures[category.procedure],
            "must_report": category.must_report,
            "is_active": category.active,
            "for_grids": category.for_grids,
            "rule_id": category.rule or "",
            "position": position,
        }
        for position, category in enumerate(preset.categories, start=1)
    }
    present = {category.code: category for category in Category.objects.filter(township=township.grid)}
    made = _missing(Category, {"township": township.grid}, wanted, present, what="category", changes=changes)
    Category.objects.bulk_create(made)


def _take_duties(township: Township, preset: Preset, changes: Changes, since: date) -> None:
    wanted = {
        duty.rule: {
            "rule_id": duty.rule,
            "name": duty.name,
            "kind": duty.kind,
            "grid_kind": duty.grid_kind,
            "role_code": duty.role,
            "times": duty.times,
            "per": duty.per or "",
        }
        for duty in preset.duties
    }
    present = {duty.rule_id: duty for duty in Duty.objects.filter(township=township.grid)}
    of = {"township": township.grid, "since": since}
    Duty.objects.bulk_create(_missing(Duty, of, wanted, present, what="duty", changes=changes))


def _missing(
    model: type[models.Model],
    of: Mapping[str, Any],
    wanted: Mapping[str, Mapping[str, Any]],
    present: Mapping[str, models.Model],
    *,
    what: str,
    changes: Changes,
) -> list[Any]:
    """Unsaved rows for the codes that are not there; names those that are there but differ as kept."""
    changes.added += [f"{what} {code}" for code in wanted if code not in present]
    changes.kept += [
        f"{what} {code}"
        for code, values in wanted.items()
        if code in present and _differs(present[code], values) and f"{what} {code}" not in changes.updated
    ]
    return [model(**of, **values) for code, values in wanted.items() if code not in present]


def _differs(row: models.Model, values: Mapping[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())


def fill_posts(*, township: Township, grids: Sequence[Grid] | None = None) -> list[Post]:
    """The posts of the plan for grids that have none yet (default: all of the township); returns what was made."""
    tiers = {tier.depth: tier.posts for tier in Tier.objects.filter(township=township)}
    if grids is None:
        active = Grid.objects.active().filter(township_code=township.pk)
        grids = list(active.filter(posts=None).for_list())
    roles = {role.code: role for role in Role.objects.filter(township=township.grid)}
    return create_posts(
        posts=[
            Post(grid=grid, role=roles[post["role"]], title=post["title"], is_responsible=post["responsible"])
            for grid in grids
            for post in tiers.get(grid.depth, ())
        ]
    )
