"""One action on the matters picked in a list: which, with which words, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gridgov.common import clock
from gridgov.common.errors import DomainError, NotVisible
from gridgov.common.forms import show_refusal
from gridgov.common.models import User
from incidents.actions import Outcome, act_together, perform, undo_together
from incidents.actions.bulk import MOST_TOGETHER, Line
from incidents.forms import BulkForm
from incidents.models import Incident, Transition
from incidents.permissions import allowed_names, owed_before_closing, refusal
from incidents.permissions.conditions import UNDO_WITHIN
from incidents.querysets import RELATED
from incidents.views.matter import CLOSING, FIRST, UNDO, WARNINGS
from incidents.views.scope import content_hash
from incidents.workflow import TRANSITIONS
from members.forms import people_named
from members.models import Member
from members.permissions import enters_for_others

KEPT = "bulk"  # in the session: what the last batch could not do, and why
KEPT_AT = "bulk_at"


@dataclass(frozen=True)
class Row:
    """A matter on the page; `why`: what stands against the action. `picked`: its box is ticked."""

    matter: Incident
    why: str = ""
    picked: bool = True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: HttpRequest) -> HttpResponse:
    """Without `action`: which ones the matters allow. With it: its words and the matters; by POST it happens."""
    user: Any = request.user
    given = request.POST if request.method == "POST" else request.GET
    matters = _picked(user, given.getlist("ids"))
    if not matters:
        messages.info(request, _("Tick the matters first."))
        return redirect("incidents:list")
    if any(one.township_code != matters[0].township_code for one in matters):
        matters = [one for one in matters if one.township_code == matters[0].township_code]
        messages.warning(request, _("Only the matters of one township are taken together."))
    action = given.get("action", "")
    if action not in TRANSITIONS or action == UNDO:
        return render(request, "incidents/bulk.html", {"matters": matters, **_offered(user, matters)})
    if request.method != "POST":
        return _page(request, action, _rows(user, matters, action), _form(user, matters, action))
    form = _form(user, matters, action, request.POST)
    if not form.is_valid():
        return _page(request, action, [Row(one) for one in matters], form, status=400)
    batch = form.cleaned_data["client_uuid"]
    try:
        lines = _carry_out(request, matters, action, form)
    except DomainError as error:
        show_refusal(form, error)
        form.fresh()
        return _page(request, action, [Row(one) for one in matters], form, status=error.status)
    _keep(request, batch, lines)
    return redirect("incidents:bulk-done", batch)


@login_required
@require_safe
def done(request: HttpRequest, batch: UUID) -> HttpResponse:
    """What became of each matter of one's own batch."""
    user: Any = request.user
    refused = request.session.get(KEPT, {}).get(str(batch), {})
    steps = list(
        Transition.objects.filter(batch=batch, user=user).exclude(action=UNDO).order_by("entered_at", "pk")
    )
    if not steps and not refused:
        raise Http404
    keys = [*(step.incident_id for step in steps), *(UUID(key) for key in refused)]
    seen = {row.pk: row for row in Incident.objects.visible_to(user).for_list().filter(pk__in=keys)}
    undone = set(
        Transition.objects.filter(incident__in=seen, undoes__isnull=False).values_list("incident", "undoes")
    )
    taken = {step.incident_id: (step.incident_id, step.seq) in undone for step in steps}
    lines = [
        {"matter": seen.get(key), "undone": taken.get(key), "why": refused.get(str(key), "")}
        for key in dict.fromkeys(keys)
    ]
    still = [step for step in steps if not taken[step.incident_id]]
    context = {
        "batch": batch,
        "label": TRANSITIONS[steps[0].action].label if steps else "",
        "lines": lines,
        "done": len(still),
        "refused": sum(key not in taken for key in dict.fromkeys(keys)),
        "undone": len(steps) - len(still),
        "may_undo": any(clock.now() - step.entered_at <= UNDO_WITHIN for step in still),
        "undo_uuid": uuid4(),
    }
    return render(request, "incidents/bulk_done.html", context)


@login_required
@require_POST
def undo(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Takes the batch back as far as nobody has acted."""
    user: Any = request.user
    try:
        call = UUID(request.POST.get("client_uuid", ""))
        lines = undo_together(user=user, batch=batch, call=call)
    except (ValueError, NotVisible) as error:
        raise Http404 from error
    _keep(request, batch, lines, more=True)
    taken = sum(line.problem is None for line in lines)
    messages.success(request, _("Taken back: %(n)s of %(all)s.") % {"n": taken, "all": len(lines)})
    return redirect("incidents:bulk-done", batch)


def _picked(user: User, values: Sequence[str]) -> list[Incident]:
    """The matters of these ids that one sees, in the order of the list; others are as if not named."""
    keys = []
    for value in values[:MOST_TOGETHER]:
        try:
            keys.append(UUID(value))
        except ValueError:
            continue
    found = {
        row.pk: row for row in Incident.objects.visible_to(user).select_related(*RELATED).filter(pk__in=keys)
    }
    return [found[key] for key in dict.fromkeys(keys) if key in found]


def _offered(user: User, matters: Sequence[Incident]) -> dict[str, Any]:
    """The actions by how many of the matters allow them; those of others, whose state fits, apart."""
    names = [allowed_names(user, one) for one in matters]
    moves = [move for move in TRANSITIONS.values() if move.name != UNDO]
    offers = [_offer(move, sum(move.name in allowed for allowed in names), len(matters)) for move in moves]
    own = sorted((one for one in offers if one["n"]), key=_usual_first)
    shown = {one["name"] for one in own}
    theirs = [
        _offer(move, sum(one.status in move.sources for one in matters), len(matters))
        for move in moves
        if move.name not in shown
    ]
    return {
        "offers": own,
        "for_others": [one for one in theirs if one["n"]] if enters_for_others(user) else [],
    }


def _usual_first(offer: dict[str, Any]) -> tuple[Any, ...]:
    return (offer["is_danger"], -offer["n"], offer["name"] not in FIRST)


def _offer(move: Any, n: int, every: int) -> dict[str, Any]:
    return {
        "name": move.name,
        "label": move.label,
        "n": n,
        "is_all": n == every,
        "is_danger": move.name in WARNINGS,
    }


def _rows(user: User, matters: Sequence[Incident], action: str) -> list[Row]:
    """Each with what stands against the action; where one may enter it for somebody else, that is only said."""
    found = []
    for one in matters:
        refused = refusal(user, one, TRANSITIONS[action])
        why = _said(refused) if refused else ""
        if not why and action == "close":
            why = next((owed.text for owed in owed_before_closing(one)), "")
        found.append(Row(one, why, picked=not why))
    return found


def _form(user: User, matters: Sequence[Incident], action: str, data: Any = None) -> BulkForm:
    """Whom and what may be named is that of the first matter that allows the action."""
    move = TRANSITIONS[action]
    people: dict[str, Member] = people_named(user) if enters_for_others(user) else {}
    first = next((one for one in matters if refusal(user, one, move) is None), matters[0])
    return BulkForm(data, user=user, incident=first, action=action, requires=move.requires, people=people)


def _page(
    request: HttpRequest, action: str, rows: Sequence[Row], form: BulkForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "action": action,
        "label": TRANSITIONS[action].label,
        "rows": rows,
        "form": form,
        "people": form.people,
        "warning": CLOSING if action == "close" else WARNINGS.get(action, ""),
        "is_danger": action in WARNINGS,
        "is_possible": bool(form.entry) or any(not row.why for row in rows),
    }
    return render(request, "incidents/bulk_form.html", context, status=status)


def _carry_out(request: HttpRequest, matters: Sequence[Incident], action: str, form: BulkForm) -> list[Line]:
    user: Any = request.user
    batch, arguments = form.cleaned_data["client_uuid"], form.arguments()
    content = content_hash(request, "bulk")

    def take(incident: Incident, call: UUID) -> Outcome:
        return perform(
            user=user, incident=incident, action=action, client_uuid=call, body_hash=content, batch=batch, **arguments
        )  # fmt: skip

    keys = [one.pk for one in matters]
    return act_together(user=user, incidents=keys, batch=batch, body_hash=content, take=take)


def _keep(request: HttpRequest, batch: UUID, lines: Sequence[Line], *, more: bool = False) -> None:
    """The reasons, for the page that follows; those of the last batch are enough."""
    before = request.session.get(KEPT, {}).get(str(batch), {}) if more else {}
    now = {str(line.pk): _said(line.problem) for line in lines if line.problem is not None}
    request.session[KEPT] = {str(batch): before | now}
    if not more:
        request.session[KEPT_AT] = clock.now().isoformat()


def last_batch(request: HttpRequest) -> str:
    """The batch that this person can still take back, for the list; empty: none."""
    kept, at = request.session.get(KEPT, {}), request.session.get(KEPT_AT, "")
    if not kept or not at or clock.now() - datetime.fromisoformat(at) > UNDO_WITHIN:
        return ""
    return str(next(iter(kept)))


def _said(problem: DomainError) -> str:
    """The sentence, what is wrong with which argument, and the rule behind it."""
    said = [str(text) for texts in problem.errors.values() for text in texts] or [str(problem.detail)]
    if problem.rule and problem.rule.get("clause"):
        said.append(_("Basis:") + " " + problem.rule["clause"])
    return " ".join(said)
