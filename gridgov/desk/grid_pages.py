"""Pages of the tree: the levels of the plan, the grids, and the people who answer for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from grids.enums import Kind, Verb
from grids.models import Grid, Tier, Township
from grids.querysets import holds, lineage, managed_townships, places_of
from members.models import Appointment, Post


@dataclass(frozen=True)
class Level:
    """A tier of the plan, with how many grids it expects and how many there are (R4)."""

    tier: Tier
    expected: int | None
    present: int

    @property
    def differs(self) -> bool:
        return self.expected is not None and self.expected != self.present


@dataclass
class Branch:
    """A grid with those below it; `responsible` is who answers for it today."""

    grid: Grid
    responsible: Appointment | None
    children: list[Branch] = field(default_factory=list)


@login_required
@require_safe
def tree(request: HttpRequest) -> HttpResponse:
    """The levels of the plan, then the grids one sees, each below the one it belongs to."""
    towns = sorted({place.code[:9] for place in places_of(request.user)[Verb.SEE]})
    township = Township.objects.filter(pk__in=towns).select_related("grid").first()
    grids = list(Grid.objects.visible_to(request.user).active().order_by("code"))  # type: ignore[arg-type]
    context = {
        "township": township,
        "sets": township is not None and township.pk in managed_townships(request.user),
        "levels": levels(township) if township else [],
        "branches": branches(grids),
    }
    return render(request, "grids/tree.html", context)


def levels(township: Township) -> list[Level]:
    active = Grid.objects.active().filter(township_code=township.pk)
    present = Counter(active.values_list("depth", flat=True))
    return [
        Level(tier, tier.expected_count or township.expected.get(tier.kind), present[tier.depth])
        for tier in Tier.objects.filter(township=township).order_by("depth")
    ]


def branches(grids: list[Grid]) -> list[Branch]:
    """Villages and groups as they lie below each other; the township itself stands in the heading."""
    holders = Appointment.objects.responsible_for_all([grid.code for grid in grids])
    made = {grid.code: Branch(grid, holders.get(grid.code)) for grid in grids if grid.kind != Kind.TOWNSHIP}
    roots: list[Branch] = []
    for branch in made.values():
        above = made.get(str(branch.grid.parent_id))
        (above.children if above else roots).append(branch)
    return roots


@login_required
@require_safe
def detail(request: HttpRequest, code: str) -> HttpResponse:
    user: Any = request.user
    grid = get_object_or_404(Grid.objects.visible_to(user), pk=code)
    names = Grid.objects.filter(pk__in=lineage(code)).order_by("code").values_list("code", "name")
    crumbs = [
        {"label": name, "url": f"/grids/{up}/" if up != code and holds(user, Verb.SEE, up) else ""}
        for up, name in names
    ]
    current = Appointment.objects.current().select_related("member").order_by("-is_main", "since", "pk")
    posts = Post.objects.filter(grid=grid).select_related("role").order_by("-is_responsible", "pk")
    children = list(Grid.objects.active().filter(parent=grid).order_by("code"))
    holders = Appointment.objects.responsible_for_all([child.code for child in children])
    context = {
        "grid": grid,
        "crumbs": crumbs,
        "tier": Tier.objects.filter(township=grid.township_code, depth=grid.depth).first(),
        "posts": posts.prefetch_related(Prefetch("appointments", current, to_attr="held")),
        "children": [Branch(child, holders.get(child.code)) for child in children],
    }
    return render(request, "grids/detail.html", context)
