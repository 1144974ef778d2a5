"""How each kind of matter goes: the procedures of the townships one works in, each with its diagram and its clauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from gridgov.common.admin import is_technical
from grids.admin import managed_townships
from grids.models import Rule, Tier
from incidents.due import limit_text
from incidents.models import Category, Incident, Procedure
from incidents.spec_form import asked_in_words, said
from incidents.steps import CLOSE, REPORT, Steps, StepSpec, edges, level_at
from incidents.workflow import TRANSITIONS, ProcedureSpec

# Where a step is taken that is at no level of the tree.
PLACES: Mapping[str, Any] = {
    "department": gettext_lazy("department"),
    "unit": gettext_lazy("the unit it was sent to"),
    "acceptor": gettext_lazy("the unit that accepted it, or above"),
    "above": gettext_lazy("the unit above"),
}
LANE, COLUMN, BOX_W, BOX_H, LEFT, LINE = 92, 168, 136, 52, 132, 9


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    lines: Sequence[str]
    beside: bool

    @property
    def texts(self) -> list[tuple[int, int, str]]:
        """(x, y, line), centred in the box."""
        top = self.y + BOX_H // 2 + 5 - 9 * (len(self.lines) - 1)
        return [(self.x + BOX_W // 2, top + 18 * place, line) for place, line in enumerate(self.lines)]


@dataclass(frozen=True)
class Diagram:
    """Lanes from the township down, steps from left to right in their order; sizes in px."""

    width: int
    height: int
    lanes: Sequence[tuple[int, str]]
    boxes: Sequence[Box]
    arrows: Sequence[tuple[str, bool]]  # path, whether it is the way of success
    end: tuple[int, int]
    box: tuple[int, int] = (BOX_W, BOX_H)


@login_required
@require_safe
def procedures(request: HttpRequest) -> HttpResponse:
    """The current ones, with the categories that go this way."""
    user: Any = request.user
    rows = Category.objects.visible_to(user).active().select_related("procedure").order_by("position", "code")
    found: dict[int, tuple[Procedure, list[str]]] = {}
    for row in rows:
        found.setdefault(row.procedure_id, (row.procedure, []))[1].append(row.name)
    context = {
        "procedures": list(found.values()),
        "may_compare": is_technical(user) or bool(managed_townships(user)),
    }
    return render(request, "incidents/procedures.html", context)


@login_required
@require_safe
def procedure(request: HttpRequest, pk: int) -> HttpResponse:
    """One version. An older one is there for the matters that began with it."""
    user: Any = request.user
    row = get_object_or_404(Procedure.objects.select_related("township"), pk=pk)
    categories = Category.objects.visible_to(user).filter(township=row.township_id)
    if (
        not is_technical(user)
        and not categories.exists()
        and not Incident.objects.visible_to(user).filter(procedure=row).exists()
    ):
        raise Http404
    levels = level_names(str(row.township_id))
    rules = {rule.rule_id: rule for rule in Rule.objects.filter(township=row.township_id)}
    spec = row.spec
    context = {
        "procedure": row,
        "crumbs": [{"label": _("Procedures"), "url": reverse("incidents:procedures")}, {"label": row.name}],
        "basis": rules.get(row.rule_id),
        "diagram": diagram(spec.steps, levels) if spec.steps else None,
        "steps": [_shown(step, spec, levels, rules) for step in spec.steps],
        "said": list(said(spec)),
        "clauses": [rules[key] for key in dict.fromkeys(spec.rules.values()) if key in rules],
        "categories": [one.name for one in categories.active().filter(procedure__code=row.code)],
    }
    return render(request, "incidents/procedure.html", context)


def level_names(township_code: str) -> dict[str, str]:
    """Level -> the plan's own word for it, from the township down, then where no level of the tree is meant."""
    found: dict[str, str] = {}
    for tier in Tier.objects.filter(township=township_code).order_by("depth"):
        found[level_at(tier.depth)] = (
            f"{tier.label}（{tier.name}）" if tier.label != tier.name else tier.label
        )
    return found | {key: str(text) for key, text in PLACES.items()}


def _shown(
    step: StepSpec, spec: ProcedureSpec, levels: Mapping[str, str], rules: Mapping[str, Rule]
) -> dict[str, Any]:
    steps, words = spec.steps, spec.words
    names = {one.code: one.name for one in steps} | {CLOSE: _("the matter ends")}
    follows = {success: end for start, end, success in edges(steps) if start == step.code}
    return {
        "step": step,
        "level": levels.get(step.level, step.level),
        "by": "、".join(words.get(name) or action_name(name) for name in step.actions),
        "asks": asked_in_words(step),
        "after": "、".join(names[code] for code in step.after),
        "success": names.get(follows.get(True, ""), ""),
        "failure": names.get(follows.get(False, ""), ""),
        "limit": limit_text(step.limit.limit) if step.limit else "",
        "rule": rules.get(step.rule),
    }


def action_name(name: str) -> str:
    return str(_("Report") if name == REPORT else TRANSITIONS[name].label)


def diagram(steps: Steps, levels: Mapping[str, str]) -> Diagram:
    used = [key for key in levels if any(step.level == key for step in steps)]
    used += [
        step.level for step in steps if step.level not in levels
    ]  # a tier that this township does not have
    used = list(dict.fromkeys(used))
    turn = [step for step in steps if not step.parallel]
    beside = [step for step in steps if step.parallel]
    boxes: dict[str, Box] = {}
    for place, step in enumerate([*turn, *beside]):
        x, y = LEFT + place * COLUMN, 20 + used.index(step.level) * LANE
        boxes[step.code] = Box(x, y, _lines(step.name), step.parallel)
    last = boxes[turn[-1].code] if turn else next(iter(boxes.values()))
    width = LEFT + (len(steps) + 1) * COLUMN
    end = (width - COLUMN // 2, last.y + BOX_H // 2)
    arrows = []
    for start, target, success in edges(steps):
        one, to = boxes[start], boxes.get(target)
        x, y = (end[0] - 26, end[1]) if to is None else (to.x, to.y + BOX_H // 2)
        lane = [box for box in boxes.values() if box.y == one.y and box is not to and not box.beside]
        between = any(one.x < box.x < x for box in lane)
        arrows.append((_curve(one, x, y, between=between), success))
    lanes = [(20 + place * LANE + BOX_H // 2, levels.get(key, key)) for place, key in enumerate(used)]
    return Diagram(width, 20 + len(used) * LANE, lanes, list(boxes.values()), arrows, end)


def _curve(box: Box, x: int, y: int, *, between: bool) -> str:
    """From the right side of a box to a point; below the boxes of its lane that lie between, and so back to the left."""
    x1, y1 = box.x + BOX_W, box.y + BOX_H // 2
    if x > x1 and between:
        middle, low = box.x + BOX_W // 2, box.y + BOX_H + 56
        return f"M{middle} {box.y + BOX_H} C{middle} {low} {x - COLUMN} {low} {x} {y}"
    if x > x1:
        bend = (x - x1) // 2
        return f"M{x1} {y1} C{x1 + bend} {y1} {x - bend} {y} {x} {y}"
    return f"M{box.x + BOX_W // 2} {box.y + BOX_H} C{box.x} {box.y + BOX_H + 50} {x - 50} {y + 50} {x} {y}"


def _lines(name: str) -> list[str]:
    if len(name) <= LINE:
        return [name]
    half = (len(name) + 1) // 2
    return [name[:half], name[half:]]
