"""A township's own copy of its plan as a file that loads elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from django.utils.translation import gettext as _
from pydantic import ValidationError

from gridgov.common.errors import Conflict
from gridgov.plans.loader import in_words
from gridgov.plans.schema import Preset
from gridgov.simulation.seed import DEPARTMENTS as DEMO_DEPARTMENTS
from grids.models import Grid, Rule, Tier, Township
from incidents.models import Category, Procedure
from incidents.spec_form import of_step
from incidents.steps import level_at
from members.models import Department, Duty, Post, Role

OWN_NUMBER = 99  # of a township that runs no plan with a number


def plan_of(township: Township, *, own_departments: bool = True) -> Preset:
    """What stands in the township now: its changes too, the demo's own additions not. `own_departments`: those that the
    township added itself, which not everybody who looks after its plan may see. Raises Conflict where what was
    changed there fits together no longer, so that no file of it would load."""
    grid = township.grid
    categories = list(Category.objects.filter(township=grid).select_related("procedure"))
    demo = {row.procedure.code for row in categories if row.is_demo} - {
        row.procedure.code for row in categories if not row.is_demo
    }
    data: dict[str, Any] = {
        "number": township.plan_number or OWN_NUMBER,
        "title": township.plan_title or str(township),
        "roles": dict(Role.objects.filter(township=grid).values_list("code", "name")),
        "departments": _departments(township, own=own_departments),
        "tiers": [_tier(row) for row in Tier.objects.filter(township=township).order_by("depth")],
        "procedures": [
            _procedure(row)
            for row in Procedure.objects.filter(township=grid, is_current=True).order_by("pk")
            if row.code not in demo
        ],
        "categories": [
            _category(row)
            for row in sorted(categories, key=lambda row: (row.position, row.code))
            if not row.is_demo
        ],
        "duties": [
            _duty(row) for row in Duty.objects.filter(township=grid).exclude(rule_id="").order_by("pk")
        ],
        "rules": [
            {"id": row.rule_id, "cite": row.clause, "text": row.text}
            for row in Rule.objects.filter(township=township).order_by("pk")
        ],
    }
    _add_posts_of_steps(township, data["tiers"], data["procedures"])
    unnamed = _posts_of_no_tier(data["tiers"], data["procedures"])
    if unnamed:
        raise Conflict(" ".join(unnamed), code="no_such_post")
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        problems = [of_step(*pair) for found in error.errors() for pair in in_words(found)]
        said = {"township": township, "problem": "; ".join(problems)}
        raise Conflict(
            _("The plan of %(township)s cannot be written: %(problem)s") % said, code="no_plan"
        ) from error


def _add_posts_of_steps(township: Township, tiers: Sequence[Any], procedures: Sequence[Any]) -> None:
    """Posts that the township added itself, where a step is bound to them: without them its file would not load."""
    depths = {level_at(tier["depth"]): tier["depth"] for tier in tiers}
    named = {
        (depths[step["level"]], title)
        for procedure in procedures
        for step in procedure["spec"].get("steps", ())
        for title in step.get("posts", ())
        if step["level"] in depths
    }
    said = {(tier["depth"], post["title"]) for tier in tiers for post in tier["posts"]}
    lacking = named - said
    if not lacking:
        return
    posts = Post.objects.filter(grid__in=Grid.objects.active().filter(township_code=township.pk))
    found = posts.order_by("-pk").values_list("grid__depth", "title", "role__code")
    roles = {(depth, title): role for depth, title, role in found if (depth, title) in lacking}
    for tier in tiers:
        own = [
            {"title": title, "role": role}
            for (depth, title), role in sorted(roles.items())
            if depth == tier["depth"]
        ]
        tier["posts"] = [*tier["posts"], *own]


def _posts_of_no_tier(tiers: Sequence[Any], procedures: Sequence[Any]) -> list[str]:
    titles = {post["title"] for tier in tiers for post in tier["posts"]}
    return [
        _(
            "Step “%(step)s” of “%(procedure)s” is taken by the post %(post)s, which no tier of the plan has any more. "
            "Choose another post for the step in the procedure."
        )
        % {"step": step["name"], "procedure": procedure["name"], "post": title}
        for procedure in procedures
        for step in procedure["spec"].get("steps", ())
        for title in step.get("posts", ())
        if title not in titles
    ]


def as_yaml(plan: Preset) -> str:
    """As `load_plan FILE` reads it."""
    data = plan.model_dump(mode="json", exclude_defaults=True)
    text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120)
    return text


def _departments(township: Township, *, own: bool) -> list[str]:
    """The plan's and the township's own; a township that was set up from the file has them from its plan."""
    rows = Department.objects.filter(township=township.grid, is_active=True)
    if not own:
        rows = rows.filter(from_plan=True)
    if township.is_demo:
        rows = rows.exclude(from_plan=False, name__in=DEMO_DEPARTMENTS)
    return list(rows.order_by("pk").values_list("name", flat=True))


def _tier(row: Tier) -> dict[str, Any]:
    names = ("depth", "kind", "label", "name", "head_title", "expected_count", "count_note", "posts")
    return {name: getattr(row, name) for name in names} | {"rule": row.rule or None}


def _procedure(row: Procedure) -> dict[str, Any]:
    spec = row.spec.model_dump(mode="json", exclude_defaults=True)
    return {"code": row.code, "name": row.name, "rule": row.rule_id or None, "spec": spec}


def _category(row: Category) -> dict[str, Any]:
    return {
        "code": row.code,
        "name": row.name,
        "kind": row.kind,
        "procedure": row.procedure.code,
        "must_report": row.must_report,
        "active": row.is_active,
        "for_grids": row.for_grids,
        "public": row.is_public,
        "public_note": row.public_note,
        "rule": row.rule_id or None,
    }


def _duty(row: Duty) -> dict[str, Any]:
    return {
        "rule": row.rule_id,
        "name": row.name,
        "kind": row.kind,
        "grid_kind": row.grid_kind,
        "role": row.role_code,
        "times": row.times,
        "per": row.per or None,
        "active": row.is_active,
    }
