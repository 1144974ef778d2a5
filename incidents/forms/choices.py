"""Whom and what somebody may name in a matter's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext as _

from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import any_of, lineage, places_of
from incidents.models import AssistTask, Category, Incident
from incidents.permissions.steps import DEEPER, kept_from_grids, left_out, people_to_name
from members.models import Department

if TYPE_CHECKING:
    from gridgov.common.models import User

Choices = list[tuple[str, Any]]


def targets(user: User, incident: Incident, action: str) -> Choices:
    """Whom this person may name: for `dispatch` what lies below, by the township also departments; for `hand_over`
    the other grids one co-ordinates."""
    places = [place for place in places_of(user)[Verb.COORDINATE] if place.code[:9] == incident.township_code]
    if action == "dispatch":
        places = [place for place in places if place.covers(incident.unit_code)]
    grids = Grid.objects.active().filter(any_of(places, grid="code"))
    if action == "dispatch":
        grids = grids.exclude(pk__in=[place.code for place in places])
    else:
        unit = incident.unit_code
        above = [code for code in lineage(unit)[:-1] if left_out(incident, code)]
        grids = grids.exclude(pk__in=[str(incident.responsible_grid_id), *above])
        own = len(lineage(unit)) - 1
        grids = grids.exclude(depth__in=[own + n for n in DEEPER if left_out(incident, unit + "000" * n)])
    if kept_from_grids(incident):
        grids = grids.filter(kind=Kind.TOWNSHIP)
    found = by_village(grids)
    if action == "dispatch" and any(place.kind == Kind.TOWNSHIP for place in places):
        departments = Department.objects.active().filter(township_code=incident.township_code).order_by("pk")
        rows = [(f"department:{pk}", name) for pk, name in departments.values_list("pk", "name")]
        found = [(_("Departments"), rows), *found]
    return [("", _("– choose –")), *found]


def _assistants(_user: User, incident: Incident, action: str) -> Choices:
    """Departments and villages of the township; for a release those whose task is open."""
    if action == "release_assist":
        tasks = AssistTask.objects.open_in(incident)
        return [
            (f"department:{t.department_id}" if t.department_id else f"grid:{t.grid_id}", str(t.unit))
            for t in tasks
        ]
    town = {"township_code": incident.township_code}
    departments = Department.objects.active().filter(**town).order_by("pk").values_list("pk", "name")
    villages = (
        Grid.objects.active().filter(kind=Kind.VILLAGE, **town).order_by("pk").values_list("pk", "name")
    )
    found = [(_("Departments"), [(f"department:{pk}", name) for pk, name in departments])]
    if action == "whistle" or kept_from_grids(incident):
        return found
    return [*found, (_("Villages"), [(f"grid:{pk}", name) for pk, name in villages])]


def _people(argument: str) -> Callable[[User, Incident, str], Choices]:
    """Whom a step may name."""

    def choices(_user: User, incident: Incident, _action: str) -> Choices:
        held = people_to_name(incident, argument).select_related("member", "post__grid", "post__department")
        named = {str(row.member_id): f"{row.member.name}（{row.post.called}）" for row in held.order_by("id")}
        return [("", _("– choose –")), *named.items()]

    return choices


def _categories(user: User, incident: Incident, _action: str) -> Choices:
    rows = Category.objects.active().filter(township=incident.township_code)
    return [
        (incident.category.code, str(incident.category)),
        *((row.code, row.name) for row in rows if row.pk != incident.category_id),
    ]


def _places(user: User, incident: Incident, _action: str) -> Choices:
    places = [place for place in places_of(user)[Verb.COORDINATE] if place.code[:9] == incident.township_code]
    return by_village(
        Grid.objects.active().filter(any_of(places, grid="code") | Q(pk=incident.grid_id)), value="%s"
    )


def by_village(grids: Any, value: str = "grid:%s", first: Sequence[str] = ()) -> Choices:
    """Grids as choices in groups: those of `first` on top, then one group per village."""
    rows = list(grids.order_by("code").values_list("code", "name", "kind", "village_code"))
    names = {code: name for code, name, kind, _village in rows if kind == Kind.VILLAGE}
    on_top = [(value % code, name) for code, name, *_rest in rows if code in first]
    groups: dict[str, Choices] = {}
    for code, name, _kind, village in rows:
        groups.setdefault(names.get(village, _("Township") if not village else _("Grids")), []).append(
            (value % code, name)
        )
    return ([(_("Mine"), on_top)] if on_top else []) + list(groups.items())


CHOICES: Mapping[str, Callable[[User, Incident, str], Choices]] = {
    "to": targets,
    "category": _categories,
    "grid": _places,
    "assisting": _assistants,
    "case_leader": _people("case_leader"),
    "responsible_person": _people("responsible_person"),
}
NAMED = ("to", "into", "category", "grid", "assisting", "case_leader", "responsible_person")
