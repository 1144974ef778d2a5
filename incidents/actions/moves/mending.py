"""What was wrong: merged with its double, withdrawn, void, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Conflict, Invalid
from gridgov.common.prepared import Prepared
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import holds
from incidents.actions.beginning import (
    first_unit,
    helper_codes,
    leaders_told,
    missing_of_report,
    step_of_report,
    stood_at,
)
from incidents.actions.case import ARRIVED, Case, Given, MoveFunction
from incidents.actions.moves.naming import call_beside, take_part
from incidents.enums import PartRole, Status
from incidents.models import Incident, Procedure
from incidents.models.incident import TREND_FORECAST
from incidents.permissions.conditions import may_merge
from incidents.permissions.steps import step_rule
from incidents.querysets import last_step
from incidents.steps import REPORT, owed_beside
from incidents.workflow import (
    CALLED,
    JOIN,
    MERGED_IN,
    PARTIES,
    PHONE_REPORT,
    STAGE_STANDS,
    TAKEN_OUT,
    WITH_MAIN,
    YEAR_IMPORTED,
)
from members.enums import MessageKind
from members.models import Appointment
from members.querysets import person_of

# What may have happened to a matter on which nobody began.
NO_WORK = {
    REPORT,
    "accept",
    "correct",
    "add_note",
    PARTIES,
    JOIN,
    PHONE_REPORT,
    CALLED,
    "remind",
    YEAR_IMPORTED,
}
CORRECTED = ("title", "category", "grid", "address", TREND_FORECAST)
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
    """Title, category, place or outlook, with what stood there before. What turns out to be of a category that must be
    reported is urgent from then on; the procedure of the right category is followed as long as nobody began on it."""
    incident = case.incident
    new = {name: given[name] for name in CORRECTED if name in given}
    before = {name: _said(_as_it_is(incident, name)) for name in new}
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
    if TREND_FORECAST in changed:
        case.set(extra={**incident.extra, TREND_FORECAST: new[TREND_FORECAST]})
    case.set(**{name: new[name] for name in changed if name != TREND_FORECAST})
    if category is not None and category.must_report:
        case.set(important=True)
    data: dict[str, Any] = {
        "before": {name: before[name] for name in changed},
        "after": {name: after[name] for name in changed},
    }
    if (
        "category" in changed
        and given["category"].procedure.code != incident.procedure.code
        and _nobody_began(case)
    ):
        former = incident.procedure
        begun = _begin_anew(case, given["category"].procedure)
        if begun is not None:
            data |= begun
            data["before"]["procedure"], data["after"]["procedure"] = former.name, incident.procedure.name
    return data


def _as_it_is(incident: Incident, name: str) -> Any:
    return incident.extra.get(name, "") if name == TREND_FORECAST else getattr(incident, name)


def _nobody_began(case: Case) -> bool:
    """It was reported, perhaps accepted, corrected or talked about; what was taken back does not count."""
    incident = case.incident
    if incident.status not in (Status.REPORTED, Status.ACCEPTED) or not case.is_first_run():
        return False
    return set(incident.history.standing().values_list("action", flat=True)) <= NO_WORK


def _begin_anew(case: Case, procedure: Procedure) -> dict[str, Any] | None:
    """As if it had been reported as what it is: with whoever receives that, within its limits, told to whom it is told. None:
    its report has to say what a correction cannot add, so that the matter stays with its own procedure."""
    incident, former = case.incident, case.incident.procedure
    case.set(procedure=procedure)
    missing = list(missing_of_report(incident))
    if any(name not in CORRECTED for name, _step in missing):
        case.set(procedure=former)
        return None
    vars(incident).pop("clauses", None)
    if missing:
        raise Invalid(
            _("Something is missing or not right."),
            code="invalid_arguments",
            errors={
                name: [_("This is needed for “%(action)s”.") % {"action": step.name}]
                for name, step in missing
            },
            rule=step_rule(incident, missing[0][1]),
        )
    if procedure.spec.important:
        case.set(important=True)
    stood = stood_at(incident, person_of(incident.reporter))
    unit_code = first_unit(incident, stood)
    if unit_code != incident.responsible_grid_id:
        case.set(acceptor_grid=None)
        case.assign(Grid.objects.get(pk=unit_code))
        case.state(Status.REPORTED)
    case.follow_procedure()
    helping = helper_codes(incident, unit_code)
    holders = Appointment.objects.responsible_for_all(helping)
    helpers = list(dict.fromkeys(holders[code].member for code in helping if code in holders))
    for member in helpers:
        take_part(case, PartRole.HELPER, member)
    leaders = leaders_told(incident)
    hear = [incident.responsible_member, *helpers, *(held.member for held in leaders)]
    case.announce(hear, ARRIVED, MessageKind.ARRIVED)
    told = {"told": [str(held.post) for held in leaders]} if leaders else {}
    step = step_of_report(incident, stood)
    call_beside(case, owed_beside(incident.procedure.spec.steps, set(step.values())))
    return step | told


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
