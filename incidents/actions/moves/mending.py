"""What was wrong: merged with its double, withdrawn, void, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Conflict, Invalid
from gridgov.common.prepared import Prepared
from grids.enums import Verb
from grids.querysets import holds
from incidents.actions.case import Case, Given, MoveFunction
from incidents.enums import Status
from incidents.models import Incident
from incidents.permissions.conditions import may_merge
from incidents.querysets import last_step
from incidents.workflow import MERGED_IN, STAGE_STANDS, TAKEN_OUT, WITH_MAIN

MERGED = gettext_noop("%(number)s was merged with another matter: %(heading)s")
UNMERGED = gettext_noop("%(number)s is a matter of its own again: %(heading)s")
WITHDRAWN = gettext_noop("%(number)s was withdrawn: %(heading)s")
VOIDED = gettext_noop("%(number)s was made void: %(heading)s")


def _merge(case: Case, given: Given) -> dict[str, Any]:
    """A link to the main matter, with a step in both; whoever saw this one still does."""
    incident, main = case.incident, given["into"]
    refused = may_merge(case.person, incident, main)
    if refused is not None:
        raise refused
    case.set(merged_into=main)
    case.end_stage()
    case.state(Status.MERGED)
    case.others.append(Case(main, user=case.user, actor=case.actor, action=MERGED_IN, person=case.person))
    case.announce([incident.reporter, incident.responsible_member], MERGED)
    return {"into": str(main.pk), "number": main.number}


def _unmerge(case: Case, given: Given) -> dict[str, Any]:
    """The state before, and its clocks go on with the time they had left."""
    incident, main = case.incident, case.incident.merged_into
    merged = last_step(incident, "merge")
    case.set(merged_into=None)
    case.state(merged.from_status, reason=merged.note)
    case.continue_stage(case.current_stage())
    if merged.from_status in STAGE_STANDS:
        case.pause_stage(last_step(incident, "suspend").note)
    case.news = UNMERGED
    if main is None:
        return {}
    case.others.append(Case(main, user=case.user, actor=case.actor, action=TAKEN_OUT, person=case.person))
    return {"from": str(main.pk), "number": main.number}


def with_merged(case: Case) -> list[Case]:
    """What was merged into it hears that it moved on: a step of its own, and its reporter is told."""
    cases = [
        Case(row, user=case.user, actor=case.actor, action=WITH_MAIN, person=case.person)
        for row in MERGED_INTO(case.incident.pk)
    ]
    case.others += cases
    return cases


MERGED_INTO = Prepared(
    lambda incident: (
        Incident.objects.filter(merged_into=incident)
        .select_related("reporter", "procedure", "responsible_grid")
        .order_by("pk")
    )
)


def _withdraw(case: Case, given: Given) -> None:
    case.end_stage()
    case.state(Status.WITHDRAWN)
    case.announce([case.incident.responsible_member], WITHDRAWN)


def _void(case: Case, given: Given) -> None:
    """Out of every statistic; what was merged into it must be taken out first."""
    incident = case.incident
    if Incident.objects.filter(merged_into=incident).exists():
        raise Conflict(_("Other matters are merged into it; take them out first."), code="has_merged")
    if incident.is_open:
        case.end_stage()
    case.set(merged_into=None)
    case.state(Status.VOID)
    case.announce([incident.reporter, incident.responsible_member], VOIDED)


def _correct(case: Case, given: Given) -> dict[str, Any]:
    """Title, category or place, with what stood there before. The procedure that it began with stays; what turns out
    to be of a category that must be reported is urgent from then on."""
    incident = case.incident
    new = {name: given[name] for name in ("title", "category", "grid", "address") if name in given}
    before = {name: _said(getattr(incident, name)) for name in new}
    after = {name: _said(value) for name, value in new.items()}
    changed = [name for name in new if before[name] != after[name]]
    if not changed:
        text = _("Say what is to be corrected, and how.")
        raise Invalid(text, code="nothing_to_correct", errors={"title": [text]})
    category, grid = new.get("category"), new.get("grid")
    if category is not None and (category.township_id != incident.township_code or not category.is_active):
        text = _("This category is not in use here.")
        raise Invalid(text, code="invalid_arguments", errors={"category": [text]})
    if grid is not None and "grid" in changed:
        _check_place(case, grid)
        case.set(village_code=grid.village_code)
    case.set(**{name: new[name] for name in changed})
    if category is not None and category.must_report:
        case.set(important=True)
    return {
        "before": {name: before[name] for name in changed},
        "after": {name: after[name] for name in changed},
    }


def _check_place(case: Case, grid: Any) -> None:
    fits = grid.ended_on is None and grid.township_code == case.incident.township_code
    if not fits or not holds(case.person, Verb.COORDINATE, grid.code):
        text = _("A place is corrected to another grid that you co-ordinate.")
        raise Invalid(text, code="wrong_target", errors={"grid": [text]})


def _said(value: Any) -> str:
    return str(value)


MOVES: Mapping[str, MoveFunction] = {
    "merge": _merge,
    "unmerge": _unmerge,
    "withdraw": _withdraw,
    "void": _void,
    "correct": _correct,
}
