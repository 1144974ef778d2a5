"""What a move asks for beyond state and standing, and the rule behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from gridgov.common.prepared import Prepared
from gridgov.common.worktime import due_at, is_late
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import holds
from incidents.enums import AssistKind
from incidents.models import AssistTask, Incident, Transition
from incidents.permissions.steps import (
    DEEPER,
    kept_from_grids,
    left_out,
    not_in_procedure,
    rule_of,
    rule_of_action,
    step_rule,
)
from incidents.permissions.taken import still_beside
from incidents.steps import StepSpec
from incidents.workflow import TRANSITIONS
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User


UNDO_WITHIN = timedelta(minutes=10)
ASSISTING_FIRST = gettext_lazy("The assisting units must have finished first, or be released.")


def _has_task(kind: str) -> Callable[[User, Incident], DomainError | None]:
    def refused(user: User, incident: Incident) -> DomainError | None:
        if AssistTask.objects.open_in(incident).of(standing_of(user)).filter(kind=kind).exists():
            return None
        return Conflict(_("Your unit has no open task of this kind here."), code="no_assist_task")

    return refused


def _is_assisted(_user: User, incident: Incident) -> DomainError | None:
    if incident.is_assisted:
        return None
    return Conflict(_("No assisting task is open."), code="no_assist_task")


def _needs_approval(incident: Incident) -> bool:
    return incident.procedure.spec.needs_approval(important=incident.important)


def _approved_first(_user: User, incident: Incident) -> DomainError | None:
    if _needs_approval(incident) and incident.approved_at is None:
        return Conflict(
            _("This needs the approval of the township before it is handled."),
            code="approval_required",
            rule=rule_of(incident, "approval"),
        )
    return None


def _settles(user: User, incident: Incident) -> DomainError | None:
    if incident.is_assisted:
        return Conflict(ASSISTING_FIRST, code="assisting_open", rule=rule_of(incident, "assisting"))
    owed = still_beside(incident)
    if owed is not None:
        text = step_first(owed)
        return Conflict(text, code=f"{owed.by[0]}_required", rule=step_rule(incident, owed))
    return _approved_first(user, incident)


def step_first(step: StepSpec) -> str:
    """Before the matter may end."""
    return _("“%(step)s” (%(actor)s) must have been done first.") % {"step": step.name, "actor": step.actor}


def not_admitted(incident: Incident, unit: Any) -> str:
    """Why the township does not send the matter to this unit. Empty: it may."""
    if not isinstance(unit, Grid) or unit.kind == Kind.TOWNSHIP or not kept_from_grids(incident):
        return ""
    return not_listed_for_grids(incident)


def not_listed_for_grids(incident: Incident) -> str:
    return _("“%(category)s” is not on the list of what is sent to the grids.") % {
        "category": incident.category
    }


def _asks_approval(_user: User, incident: Incident) -> DomainError | None:
    if _needs_approval(incident):
        return None
    return Conflict(_("The procedure of this matter asks for no approval."), code="no_approval_asked")


def _hands_over(_user: User, incident: Incident) -> DomainError | None:
    """From the township everything lies below; where the procedure begins nowhere there, nothing is handed over."""
    if incident.responsible_grid_id != incident.township_code:
        return None
    if kept_from_grids(incident):
        return Conflict(not_listed_for_grids(incident), code="not_admitted")
    below = [left_out(incident, incident.township_code + "000" * n) for n in DEEPER]
    step = below[0]
    if step is None or not all(below):
        return None
    return not_in_procedure(incident, step)


def _begins(user: User, incident: Incident) -> DomainError | None:
    return _ruled_first(user, incident) or _approved_first(user, incident)


def _ruled_first(_user: User, incident: Incident) -> DomainError | None:
    if incident.refused_at is None:
        return None
    return Conflict(_("It was refused; rule on the refusal first."), code="refusal_open")


def _may_refuse(user: User, incident: Incident) -> DomainError | None:
    """Once per matter and unit, and within the limit of the procedure (C22)."""
    if incident.refused_at is not None or incident.dispatcher_grid_id is None:
        return _ruled_first(user, incident) or Conflict(
            _("Nobody dispatched it to you."), code="not_dispatched"
        )
    rule = rule_of(incident, "refusal")
    refused = incident.history.standing().filter(
        action="refuse",
        from_grid=incident.responsible_grid_id,
        from_department=incident.responsible_department_id,
    )
    if refused.exists():
        text = _("A unit refuses a matter once; the ruling on it holds.")
        return Conflict(text, code="refused_before", rule=rule)
    limit = incident.procedure.spec.refusal_limit
    if limit is None:
        return None
    stage = incident.stages.get(number=incident.stage)
    if is_late(due_at(stage.started_at, limit, stage.calendar), clock.now()):
        text = _("The time within which it could be refused is over.")
        return Conflict(text, code="refusal_too_late", rule=rule)
    return None


def _may_rule(_user: User, incident: Incident) -> DomainError | None:
    if incident.refused_at is not None:
        return None
    return Conflict(_("Nobody has refused it."), code="no_refusal")


def _may_suspend(_user: User, incident: Incident) -> DomainError | None:
    if incident.is_late or is_late(incident.due_at, clock.now()):
        text = _("A late matter is not suspended: the lateness stays with the unit that had it.")
        return Conflict(text, code="late_not_suspended", rule=rule_of(incident, "suspend"))
    return None


def _may_refer(_user: User, incident: Incident) -> DomainError | None:
    if incident.unit_code == incident.township_code:
        return None
    text = _("Only the township refers to a superior body; pass it up to the township first.")
    rule = rule_of(incident, "level_by_level") or rule_of_action(incident, "refer_up")
    return Conflict(text, code="not_at_township", rule=rule)


def _may_ask_extension(_user: User, incident: Incident) -> DomainError | None:
    rule = rule_of(incident, "extension")
    if incident.extension_asked_at is not None:
        return Conflict(_("An extension is asked for already."), code="extension_open", rule=rule)
    if incident.due_at is None:
        return Conflict(_("There is no deadline to extend."), code="no_deadline", rule=rule)
    if incident.is_late or is_late(incident.due_at, clock.now()):
        return Conflict(_("An extension is asked for before the deadline."), code="too_late", rule=rule)
    if incident.external_due is not None and incident.external_due <= incident.due_at:
        text = _("The superior body set this deadline; nothing here moves it.")
        return Conflict(text, code="external_deadline", rule=rule)
    return None


def _may_decide_extension(_user: User, incident: Incident) -> DomainError | None:
    if incident.extension_asked_at is not None:
        return None
    return Conflict(_("No extension is asked for."), code="no_request")


def _may_list(_user: User, incident: Incident) -> DomainError | None:
    if incident.is_listed:
        return Conflict(
            _("It is on the rectification list already."),
            code="listed_already",
            rule=rule_of_action(incident, "list_for_rectification"),
        )
    return None


def _may_unlist(_user: User, incident: Incident) -> DomainError | None:
    if not incident.is_listed:
        return Conflict(
            _("It is not on the rectification list."),
            code="not_listed",
            rule=rule_of_action(incident, "list_for_rectification"),
        )
    return None


def _may_undo(user: User, incident: Incident) -> DomainError | None:
    found = step_to_undo(user, incident)
    return found if isinstance(found, DomainError) else None


def step_to_undo(user: User, incident: Incident) -> Transition | DomainError:
    """The last step that counts, if this person took it within ten minutes and nobody has acted since."""
    step = next(iter(LAST_STANDING(incident.pk)), None)
    if step is None or step.user_id != user.pk:
        return Conflict(_("Somebody has acted since; it cannot be taken back."), code="acted_since")
    if step.action not in TRANSITIONS or "fields" not in step.changed:
        return Conflict(_("There is nothing of yours to take back."), code="nothing_to_undo")
    if clock.now() - step.entered_at > UNDO_WITHIN:
        return Conflict(_("A step is taken back within 10 minutes."), code="undo_too_late")
    return step


LAST_STANDING: Prepared[Transition] = Prepared(
    lambda incident: Transition.objects.filter(incident=incident).standing().order_by("-seq")[:1]
)


def main_matter(user: User, incident: Incident, into: str) -> Incident | None:
    """The matter that this person names by number or id as the main one: of the same township, and visible."""
    seen = Incident.objects.visible_to(user).for_list().filter(township_code=incident.township_code)
    try:
        return seen.filter(pk=UUID(into)).first()
    except ValueError:
        return seen.filter(number=into.strip()).first()


def may_merge(user: User, incident: Incident, main: Incident) -> DomainError | None:
    """Into an open matter of the same township that is its own main; across villages by the township."""
    if main.pk == incident.pk or main.township_code != incident.township_code:
        text = _("There is no such matter here to merge into.")
        return Invalid(text, code="wrong_target", errors={"into": [text]})
    if not main.is_open:
        return Conflict(_("The main matter must be open."), code="main_not_open")
    if Incident.objects.filter(merged_into=incident).exists():
        text = _("Other matters are merged into this one; take them out first.")
        return Conflict(text, code="has_merged")
    codes = [incident.unit_code, main.unit_code]
    if main.village_code != incident.village_code:
        codes = [incident.township_code]
    if not all(holds(user, Verb.COORDINATE, code) for code in codes):
        return Forbidden(
            _("Matters of different villages are merged by the township."), code="across_villages"
        )
    return None


CONDITIONS: Mapping[str, Callable[[User, Incident], DomainError | None]] = {
    "review": _asks_approval,
    "approve": _asks_approval,
    "disapprove": _asks_approval,
    "start": _begins,
    "dispatch": _approved_first,
    "settle": _settles,
    "hand_over": _hands_over,
    "refuse": _may_refuse,
    "rule_refusal": _may_rule,
    "suspend": _may_suspend,
    "refer_up": _may_refer,
    "request_extension": _may_ask_extension,
    "decide_extension": _may_decide_extension,
    "list_for_rectification": _may_list,
    "unlist": _may_unlist,
    "undo": _may_undo,
    "report_in": _has_task(AssistKind.WHISTLE),
    "submit_assist": _has_task(AssistKind.ASSIST),
    "release_assist": _is_assisted,
}
