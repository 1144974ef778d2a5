"""Sets a township up and gives it the rules of a plan. Loading adds what is missing and brings what is still the plan's
up to what it says now; what the township changed itself stays and is named (`gridgov.plans.merging`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _
from pydantic import ValidationError

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Invalid, NotVisible
from gridgov.common.models import User
from gridgov.plans import first_run, loader
from gridgov.plans.merging import Changes, Merge, Rows, Values
from gridgov.plans.schema import Preset
from grids import actions as grid_actions
from grids.actions import NewGrid
from grids.models import Grid, Rule, Tier, Township
from incidents.actions import NewProcedure, publish_procedures
from incidents.models import Category, Procedure
from incidents.spec_form import of_step
from incidents.workflow import ProcedureSpec
from members.actions import DEFAULT_ROLES, create_departments, create_posts, create_roles
from members.models import Department, Duty, Post, Role

OUT_OF_USE = {"is_active": False}  # what the plan has no longer, where the township left it as it was loaded
Posts = Sequence[Mapping[str, Any]]  # of a tier, as its row has them
SETTINGS = ("plan_number", "plan_title", "plan_hash", "expected")


@transaction.atomic
def set_up(
    *,
    code: str,
    name: str,
    villages: Iterable[tuple[str, str]] = (),
    plan: int | Preset,
    started_on: date | None = None,
) -> Township:
    """A real township, empty of people, under a plan. A second time adds the villages that are not there yet, with the posts
    of its own tiers; the rules stay as they are there, whatever the plan says (a later edition: `load_plan`)."""
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
        return township
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
    known = Township.objects.select_related("grid").select_for_update(of=("self",))
    township = known.filter(pk=township_code).first()
    if township is None:
        raise NotVisible(_("There is no township %(code)s.") % {"code": township_code})
    if township.plan_number not in {None, number}:
        detail = _("The township runs plan %(number)d already.") % {"number": township.plan_number}
        raise Conflict(detail, code="other_plan")
    merge = Merge(loaded=township.loaded_plan)
    changes = merge.changes
    _take_settings(township, preset, changes)
    _take_roles(township, preset, merge)
    _take_departments(township, preset, changes)
    _take_tiers(township, preset, merge)
    _take_rules(township, preset, merge)
    _take_procedures(township, preset, merge, user)
    _take_categories(township, preset, merge)
    _take_duties(township, preset, merge, since or clock.today())
    changes.added += [
        f"post {post}" for post in (*fill_posts(township=township), *_add_posts(township, changes))
    ]
    if "settings" in changes.updated or township.loaded_plan != merge.said:
        township.loaded_plan = merge.said
        township.save(update_fields=[*SETTINGS, "loaded_plan"])
    if changes:
        audit.record(
            AuditKind.PLAN, user=user, subject=preset.title, township_code=township.pk,
            plan=number, added=len(changes.added), updated=len(changes.updated),
            before=changes.side(0), after=changes.side(1),
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
    """Which plan, and which edition of it; saved with what was loaded."""
    wanted = (preset.number, preset.title, loader.hash_of(preset), preset.expected)
    pairs = {name: (getattr(township, name), value) for name, value in zip(SETTINGS, wanted, strict=True)}
    apart = {name: (old, new) for name, (old, new) in pairs.items() if old != new}
    for name, (old, new) in apart.items():
        setattr(township, name, new)
        shown = (str(old)[:12], str(new)[:12]) if name == "plan_hash" else (old, new)
        changes.updated.setdefault("settings", {})[name] = shown


def _take_roles(township: Township, preset: Preset, merge: Merge) -> None:
    """How the plan calls them. What they may do is the township's."""
    wanted = {
        str(code): {"name": preset.roles.get(code, name)} for code, (name, _verbs) in DEFAULT_ROLES.items()
    }
    made = {role.code for role in create_roles(township=township.grid, names=preset.roles)}
    there = Role.objects.filter(township=township.grid).exclude(code__in=made).select_for_update()
    rows = {role.code: role for role in there} if len(made) < len(wanted) else {}
    _update(Role, rows, merge.table("role", wanted=wanted, present=_as_it_is(rows, wanted)))


def _take_departments(township: Township, preset: Preset, changes: Changes) -> None:
    """Those the plan names and the township has never had; one that it gave up stays given up."""
    there = set(Department.objects.filter(township=township.grid).values_list("name", flat=True))
    missing = [name for name in preset.departments if name not in there]
    if missing:
        create_departments(township=township.grid, names=missing, from_plan=True)
        changes.added += [f"department {name}" for name in missing]


def _take_tiers(township: Township, preset: Preset, merge: Merge) -> None:
    wanted = {
        str(tier.depth): {
            "kind": tier.kind,
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
    rows = {str(tier.depth): tier for tier in Tier.objects.filter(township=township).select_for_update()}
    bare = {  # of an edition that did not keep the posts here
        depth: {**merge.loaded.get(f"tier {depth}", {}), "posts": []}
        for depth, tier in rows.items()
        if not tier.posts
    }
    follow = merge.table("tier", wanted=wanted, present=_as_it_is(rows, wanted), bases=bare)
    _update(Tier, rows, follow)
    _create(Tier, "depth", rows, wanted, township=township)


def _take_rules(township: Township, preset: Preset, merge: Merge) -> None:
    """The one table whose rows say themselves whether the township changed them."""
    wanted = {rule.id: {"clause": rule.clause(preset.title), "text": rule.text} for rule in preset.rules}
    rows = {rule.rule_id: rule for rule in Rule.objects.filter(township=township).select_for_update()}
    present = _as_it_is(rows, wanted)
    bases = {rule_id: {} if rule.changed_here else present[rule_id] for rule_id, rule in rows.items()}
    _update(Rule, rows, merge.table("rule", wanted=wanted, present=present, bases=bases))
    _create(Rule, "rule_id", rows, wanted, township=township)


def _take_procedures(township: Township, preset: Preset, merge: Merge, user: User | None) -> None:
    """The limits, which most townships set themselves, are one field and the way a matter goes another: who set limits gets
    a better way all the same, who changed the way keeps it whole."""
    wanted = {
        procedure.code: _procedure(procedure.name, procedure.rule or "", procedure.spec)
        for procedure in preset.procedures
    }
    rows = {row.code: row for row in Procedure.objects.filter(township=township.grid, is_current=True)}
    present = {code: _procedure(row.name, row.rule_id, row.spec) for code, row in rows.items()}
    follow = merge.table("procedure", wanted=wanted, present=present)
    new = [
        NewProcedure(code, it["name"], _data(it), it["rule_id"], based_on=rows[code].version)
        for code, it in ((code, {**present[code], **values}) for code, values in follow.items())
    ]
    if new:
        for it in new:
            _check(it)
        publish_procedures(township=township.grid, procedures=new, user=user)
    columns = {
        code: {"name": it["name"], "rule_id": it["rule_id"], "data": _data(it)} for code, it in wanted.items()
    }
    _create(Procedure, "code", rows, columns, township=township.grid)


def _check(new: NewProcedure) -> None:
    """What the township keeps may have been published before a check came, or not go with what follows the plan."""
    try:
        ProcedureSpec.model_validate(new.data)
    except ValidationError as error:
        problems = [of_step(*pair) for found in error.errors() for pair in loader.in_words(found)]
        said = {"procedure": new.name, "problem": "; ".join(problems)}
        text = _("What the township has of “%(procedure)s” does not go with this edition: %(problem)s")
        raise Invalid(text % said, code="bad_procedure") from error


def _procedure(name: str, rule_id: str, spec: ProcedureSpec) -> dict[str, Any]:
    data = spec.model_dump(mode="json", exclude_defaults=True)
    return {"name": name, "rule_id": rule_id, "limits": data.pop("limits", {}), "data": data}


def _data(values: Values) -> dict[str, Any]:
    return {**values["data"], "limits": values["limits"]} if values["limits"] else dict(values["data"])


def _take_categories(township: Township, preset: Preset, merge: Merge) -> None:
    current = Procedure.objects.filter(township=township.grid, is_current=True)
    procedures = {procedure.code: procedure for procedure in current}
    wanted = {
        category.code: {
            "name": category.name,
            "kind": category.kind,
            "procedure": category.procedure,
            "must_report": category.must_report,
            "is_active": category.active,
            "for_grids": category.for_grids,
            "is_public": category.public,
            "public_note": category.public_note,
            "rule_id": category.rule or "",
            "position": position,
        }
        for position, category in enumerate(preset.categories, start=1)
    }
    found = Category.objects.filter(township=township.grid).select_related("procedure")
    rows = {category.code: category for category in found.select_for_update(of=("self",))}
    present = {
        code: {**values, "procedure": rows[code].procedure.code}
        for code, values in _as_it_is(rows, wanted, merge.of("category")).items()
    }

    def columns(of: Rows) -> Rows:
        return {
            code: {it: procedures[to] if it == "procedure" else to for it, to in values.items()}
            for code, values in of.items()
        }

    follow = merge.table("category", wanted=wanted, present=present, dropped=OUT_OF_USE)
    _update(Category, rows, columns(follow))
    _create(Category, "code", rows, columns(wanted), township=township.grid)


def _take_duties(township: Township, preset: Preset, merge: Merge, since: date) -> None:
    wanted = {
        duty.rule: {
            "name": duty.name,
            "kind": duty.kind,
            "grid_kind": duty.grid_kind,
            "role_code": duty.role,
            "times": duty.times,
            "per": duty.per or "",
            "is_active": duty.active,
        }
        for duty in preset.duties
    }
    rows = {duty.rule_id: duty for duty in Duty.objects.filter(township=township.grid).select_for_update()}
    present = _as_it_is(rows, wanted, merge.of("duty"))
    follow = merge.table("duty", wanted=wanted, present=present, dropped=OUT_OF_USE)
    for code, values in follow.items():
        if (
            {"kind", "grid_kind", "per"} & values.keys()
            or values.get("is_active")
            or ("times" in values and not rows[code].times)
        ):
            values["since"] = since  # what falls due only now was not neglected before
            merge.changes.updated[f"duty {code}"]["since"] = (str(rows[code].since), str(since))
    _update(Duty, rows, follow)
    _create(Duty, "rule_id", rows, wanted, township=township.grid, since=since)


def _as_it_is(
    rows: Mapping[str, models.Model], wanted: Rows, loaded: Rows | None = None
) -> dict[str, Values]:
    """The fields that the plan says; of a row that it has no longer those that it said (`loaded`), and whether it is in use."""
    said = {code: {**values, **OUT_OF_USE} for code, values in (loaded or {}).items()} | {**wanted}
    return {code: {name: getattr(row, name) for name in said.get(code, ())} for code, row in rows.items()}


def _update(model: type[models.Model], rows: Mapping[str, Any], follow: Rows) -> None:
    """Many rows in one statement; none where nothing follows the plan."""
    for code, values in follow.items():
        for name, value in values.items():
            setattr(rows[code], name, value)
    names = sorted({name for values in follow.values() for name in values})
    if names:
        model._default_manager.bulk_update([rows[code] for code in follow], names)


def _create(
    model: type[models.Model], key: str, rows: Mapping[str, models.Model], wanted: Rows, **of: Any
) -> None:
    missing = {code: values for code, values in wanted.items() if code not in rows}
    model._default_manager.bulk_create(
        [model(**of, **{key: code}, **values) for code, values in missing.items()]
    )


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


def _add_posts(township: Township, changes: Changes) -> list[Post]:
    """What this edition adds to a tier, on its grids that have posts. One that the tier had before and a grid has not was
    abolished there. Who answers for a grid stays: a new post that is to answer does so only where no other does."""
    tiers: dict[int, tuple[Posts, Counter[str]]] = {}
    for name, apart in changes.updated.items():
        before, now = apart.get("posts", ((), ()))
        new = _titles(now) - _titles(before)
        if before and new:  # without any before: of an edition that did not keep the posts with the tier
            tiers[int(name.removeprefix("tier "))] = now, new
    if not tiers:
        return []
    grids = Grid.objects.active().filter(township_code=township.pk, depth__in=tiers).for_list()
    roles = {role.code: role for role in Role.objects.filter(township=township.grid)}
    made = []
    for grid in grids.prefetch_related("posts"):
        answered = any(post.is_responsible for post in grid.posts.all())
        for post in _lacking(grid, *tiers[grid.depth]):
            answers = post["responsible"] and not answered
            made.append(
                Post(grid=grid, role=roles[post["role"]], title=post["title"], is_responsible=answers)
            )
    return create_posts(posts=made)


def _lacking(grid: Grid, posts: Posts, new: Counter[str]) -> Iterator[Mapping[str, Any]]:
    """A title may be there more than once: two mediators."""
    have, wanted = _titles({"title": post.title} for post in grid.posts.all()), _titles(posts)
    for title, count in new.items():
        lacking = max(0, min(count, wanted[title] - have[title]))
        yield from [post for post in posts if post["title"] == title][:lacking]


def _titles(posts: Iterable[Mapping[str, Any]]) -> Counter[str]:
    return Counter(post["title"] for post in posts)
