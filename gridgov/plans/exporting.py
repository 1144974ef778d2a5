"""A township's own copy of its plan as a file that loads elsewhere, and what differs between two plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.utils.translation import gettext as _
from pydantic import ValidationError

from gridgov.common.errors import Conflict
from gridgov.plans.schema import Preset
from gridgov.simulation.seed import DEPARTMENTS as DEMO_DEPARTMENTS
from grids.models import Rule, Tier, Township
from incidents.models import Category, Procedure
from incidents.spec_form import said
from incidents.workflow import ProcedureSpec
from members.models import Department, Duty, Role

OWN_NUMBER = 99  # of a township that runs no plan with a number


def plan_of(township: Township) -> Preset:
    """What stands in the township now: its changes too, the demo's own additions not. Raises Conflict where what was
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
        "departments": _departments(township),
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
    unnamed = _posts_of_no_tier(data["tiers"], data["procedures"])
    if unnamed:
        raise Conflict(" ".join(unnamed), code="no_such_post")
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        said = {"township": township, "problem": "; ".join(found["msg"] for found in error.errors())}
        raise Conflict(
            _("The plan of %(township)s cannot be written: %(problem)s") % said, code="no_plan"
        ) from error


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


def _departments(township: Township) -> list[str]:
    """The plan's and the township's own; a township that was set up from the file has them from its plan."""
    rows = Department.objects.filter(township=township.grid, is_active=True)
    if township.is_demo:
        rows = rows.exclude(from_plan=False, name__in=DEMO_DEPARTMENTS)
    return list(rows.order_by("pk").values_list("name", flat=True))


def _tier(row: Tier) -> dict[str, Any]:
    names = ("depth", "kind", "label", "name", "head_title", "expected_count", "count_note", "posts")
    return {name: getattr(row, name) for name in names} | {"rule": row.rule or None}


def _procedure(row: Procedure) -> dict[str, Any]:
    return {"code": row.code, "name": row.name, "rule": row.rule_id or None, "spec": row.data}


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


# --- what differs -------------------------------------------------------------------------------------------------


@dataclass
class Part:
    """One part of two plans: what each says where they do not say the same. Empty: only the other has it."""

    title: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)


def differences(first: Preset, second: Preset) -> list[Part]:
    """Part by part; what is the same in both is left out."""
    parts = [
        Part(_("Tiers"), _rows(_tiers(first), _tiers(second))),
        Part(
            _("Departments"),
            _rows({it: it for it in first.departments}, {it: it for it in second.departments}),
        ),
        Part(_("Categories"), _rows(_categories(first), _categories(second))),
        Part(_("Procedures"), list(_procedures(first, second))),
        Part(_("What recurs"), _rows(_duties(first), _duties(second))),
    ]
    if first.number == second.number:  # clauses of different plans have nothing in common
        parts.append(Part(_("Rules"), _rows(_rules(first), _rules(second))))
    return [part for part in parts if part.rows]


def _rows(one: Mapping[str, str], other: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What it is called, and what each says beside that; the codes are ours and nobody's word."""
    keys = [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]
    return [_apart(one.get(key, ""), other.get(key, "")) for key in keys]


def _apart(one: str, other: str) -> tuple[str, str, str]:
    """The name that both have is said once."""
    name = (one or other).partition(" · ")[0]
    if all(text.partition(" · ")[0] == name for text in (one, other) if text):
        one, other = ((text.partition(" · ")[2] or name) if text else "" for text in (one, other))
    return name, one, other


def _tiers(plan: Preset) -> dict[str, str]:
    return {
        str(tier.depth): " · ".join(
            filter(None, [tier.label, tier.name, tier.head_title, *(post.title for post in tier.posts)])
        )
        for tier in plan.tiers
    }


def _categories(plan: Preset) -> dict[str, str]:
    names = {procedure.code: procedure.name for procedure in plan.procedures}
    marks = {True: _("must be reported at once"), False: ""}
    return {
        it.code: " · ".join(
            filter(
                None,
                [
                    it.name,
                    str(it.kind.label),
                    names[it.procedure],
                    str(marks[it.must_report]),
                    "" if it.active else _("not in use"),
                    "" if it.for_grids else _("not sent to the grids"),
                ],
            )
        )
        for it in plan.categories
    }


def _duties(plan: Preset) -> dict[str, str]:
    return {it.name: f"{it.name} · {it.times or '–'}/{it.per.label if it.per else '–'}" for it in plan.duties}


def _rules(plan: Preset) -> dict[str, str]:
    return {it.id: f"{it.clause(plan.title)} {it.text}" for it in plan.rules}


def _procedures(first: Preset, second: Preset) -> Iterator[tuple[str, str, str]]:
    one, other = ({it.code: it for it in plan.procedures} for plan in (first, second))
    for code in dict.fromkeys([*one, *other]):
        a, b = one.get(code), other.get(code)
        if a is None or b is None:
            yield (a or b).name, _whole(a), _whole(b)  # type: ignore[union-attr]
            continue
        if a.spec == b.spec and a.name == b.name:
            continue
        lines = [(_("name"), a.name, b.name), (_("steps"), _steps(a.spec), _steps(b.spec))]
        lines += [
            (str(label), was, now) for (label, was), (_x, now) in zip(said(a.spec), said(b.spec), strict=True)
        ]
        told = [(label, was, now) for label, was, now in lines if was != now]
        for label, was, now in told or [(_("steps"), _("other requirements or clauses"), "")]:
            yield f"{a.name} · {label}", was, now


def _whole(procedure: Any) -> str:
    return f"{procedure.name}：{_steps(procedure.spec)}" if procedure is not None else ""


def _steps(spec: ProcedureSpec) -> str:
    return " → ".join(f"{step.name}（{step.actor}）" for step in spec.steps) or "–"
