"""Where a matter begins by its procedure: with whom, who helps, who hears of it, and what its report has to say.

Asked when it arrives, and again when it turns out to be of another category before anybody began on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grids.enums import Kind
from grids.querysets import lineage
from incidents.models import Incident, Requester
from incidents.models.incident import TREND_FORECAST
from incidents.steps import REPORT, StepSpec, beside, digits, naming, place_at, stood_in
from incidents.workflow import ProcedureSpec
from members.enums import RoleCode
from members.models import Appointment
from members.querysets import standing_of


def stood_at(incident: Incident, reporter: Any) -> str:
    """Where on the line of the place the reporter works, the nearest first; empty: nowhere there, or the procedure does not
    ask."""
    spec = incident.procedure.spec
    reports = any(REPORT in step.by for step in spec.steps)
    if spec.start != "reporter" and not reports and incident.category.for_grids:
        return ""
    return stood_in(standing_of(reporter).units, str(incident.grid_id))


def first_unit(incident: Incident, stood: str, spec: ProcedureSpec | None = None) -> str:
    """Who receives the report: the township, the village, the reporter's own unit, or the grid named, which may lie above
    them all. `spec`: as if the procedure said so."""
    spec = spec or incident.procedure.spec
    if stood == incident.township_code and not incident.category.for_grids:
        return stood  # the township sends no such matter to the grids
    return spec.receiver(str(incident.grid_id), village=incident.village_code, stood=stood)


def helper_codes(incident: Incident, unit_code: str) -> list[str]:
    """Whose heads are told and kept in sight although they do not answer for it."""
    helpers = incident.procedure.spec.helpers
    codes = [incident.village_code] if Kind.VILLAGE in helpers else []
    if Kind.GROUP in helpers:  # each depth of groups on the line of the place
        codes += [code for code in lineage(str(incident.grid_id)) if len(code) > 12]
    return [code for code in codes if code and code != unit_code]


def leaders_told(incident: Incident) -> list[Appointment]:
    """Those of the township, where the procedure lets them hear of it at once."""
    if not incident.procedure.spec.tells_leaders:
        return []
    found = (
        Appointment.objects.current()
        .able()
        .filter(post__grid=incident.township_code, post__role__code=RoleCode.LEADER)
    )
    return list(found.select_related("member", "post__grid", "post__department").order_by("id"))


def step_of_report(incident: Incident, stood: str) -> dict[str, str]:
    """Which step the report is, as its row in the history names it: that of the level at which the reporter stands, in turn
    or beside. Whoever stands above them all has taken none of them."""
    place, every = str(incident.grid_id), incident.procedure.spec.steps
    steps = naming(every, REPORT)
    own = [
        step for step in (*steps, *beside(every, REPORT)) if place_at(step.level, place) == (stood or place)
    ]
    if stood and not own:
        steps = [step for step in steps if (digits(step.level) or 0) <= len(stood)]
    found = next(iter(own or steps), None)
    return {"step": found.code} if found else {}


def missing_of_report(incident: Incident) -> Iterator[tuple[str, StepSpec]]:
    """What the procedure asks of the report and it does not say, with the step that asks."""
    for step in naming(incident.procedure.spec.steps, REPORT):
        for name in step.asks(REPORT):
            if not _said(incident, name):
                yield name, step


def _said(incident: Incident, name: str) -> bool:
    """`requester` is kept beside the matter, and while it arrives not yet written."""
    if name == "requester":
        arriving = vars(incident).get("has_requester")
        return Requester.objects.filter(incident=incident).exists() if arriving is None else arriving
    return bool(incident.extra.get(name) if name == TREND_FORECAST else getattr(incident, name))
