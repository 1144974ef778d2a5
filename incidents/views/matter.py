"""The page of one matter, and the actions that are taken there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from gridgov.common import clock
from gridgov.common.errors import DomainError, Invalid
from gridgov.common.forms import show_refusal
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import holds, lineage
from incidents.actions import copied_notice, perform
from incidents.actions.notices import notice_about, notice_text
from incidents.actions.result import replay_of
from incidents.due import explain
from incidents.enums import CategoryKind
from incidents.exports import replies_to
from incidents.forms import ActionForm, NoticeForm
from incidents.forms.fields import FILES
from incidents.models import FeedbackRequest, Incident, Mediation, Supervision, Transition
from incidents.permissions import (
    Owed,
    allowed_actions,
    at_unit,
    may_mediate,
    may_notify,
    may_see_requester,
    obligatory,
    owed_before_closing,
    refusal,
)
from incidents.permissions.steps import current_step, step_rule
from incidents.templatetags.matters import times_of
from incidents.views import papers
from incidents.views.people import people_section
from incidents.views.scope import content_hash, seen
from incidents.views.timeline import story
from incidents.views.uploads import files_of, keep
from incidents.views.urgent import call_form, numbers_for
from incidents.workflow import JOIN, TRANSITIONS
from members.forms import people_named
from members.models import Member
from members.permissions import acting, enters_for_others
from members.querysets import person_of

# Dangerous ones stand apart; what will happen is said before it does.
WARNINGS = {
    "reject": gettext_lazy("The matter ends here as rejected, and its reporter is told."),
    "reopen": gettext_lazy("The matter starts again at the unit that accepted it, with a new clock."),
    "merge": gettext_lazy("This matter ends here; what becomes of it is decided in the main matter."),
    "withdraw": gettext_lazy("The matter ends here; the unit that received it is told."),
    "mark_accountable": gettext_lazy("The mark stays in the history, and the unit is told."),
    "void": gettext_lazy("The matter leaves every statistic, and its reporter is told."),
}
CLOSING = gettext_lazy("The matter ends here and leaves the lists of what is open.")
MOST_MERGED = 50
UNDO = "undo"  # stands beside what it takes back
SUPPLEMENT = "add_note"  # has a place of its own below the story: material comes at any time
# What stands beside the way of the matter is folded away.
ASIDE = (
    "arrive", "hand_over", "request_extension", "suspend", "refer_up", "remind", "supervise",
    "list_for_rectification", "unlist", "correct", "unmerge",
)  # fmt: skip
FIRST = ("accept", "dispatch", "start", "submit_result", "verify", "close")


@dataclass(frozen=True)
class Offer:
    """An action on the page. `refused`: it cannot be sent any more, what was typed is still shown."""

    name: str
    label: str
    form: ActionForm
    is_main: bool = False
    is_open: bool = False
    warning: Any = ""
    refused: bool = False
    for_other: bool = False  # only somebody else can do it, and the user may enter it for them


@login_required
@require_safe
def matter(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, seen(request.user, pk))


@login_required
@require_POST
def act(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """One action. Refusals come back with the page, with what was typed: 403, 409 or 400."""
    if action not in TRANSITIONS:
        raise Http404
    user: Any = request.user
    incident = seen(user, pk)
    form = ActionForm(
        request.POST,
        request.FILES,
        user=user,
        incident=incident,
        action=action,
        requires=obligatory(incident, action, user),
        people=people_near(user, incident),
    )
    try:
        done = take(request, incident, action, form)
    except DomainError as error:
        if not form.errors:
            show_refusal(form, error)
        form.fresh()
        return _page(request, incident, refused=(action, form), rule=error.rule, status=error.status)
    label = done.procedure.spec.word_for(action)
    messages.success(request, _("%(number)s: %(action)s is done.") % {"number": done.number, "action": label})
    return redirect("incidents:detail", done.pk)


@login_required
@require_POST
def copied(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Notes that the short text was copied. A script that copied it wants no page."""
    user: Any = request.user
    incident = seen(user, pk)
    if not may_notify(user, incident):
        raise PermissionDenied
    form = NoticeForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    copied_notice(
        user=user,
        incident=incident,
        action=form.cleaned_data["about"],
        client_uuid=form.cleaned_data["client_uuid"],
    )
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    messages.success(request, _("Noted: the text was copied for %(unit)s.") % {"unit": incident.unit})
    return redirect("incidents:detail", incident.pk)


def take(request: HttpRequest, incident: Incident, action: str, form: ActionForm) -> Incident:
    """In the order of rules.md: replay, not yours, state, what is missing."""
    user: Any = request.user
    valid = form.is_valid()
    call, content = form.cleaned_data.get("client_uuid"), content_hash(request, incident.pk, action)
    if replay_of(Transition, "user", user, call, content) is not None:
        return incident
    if "on_behalf_of" in form.errors:
        raise Invalid(_("Something is missing or not right."))
    person = acting(user, form.cleaned_data.get("on_behalf_of"))
    refused = refusal(person, incident, TRANSITIONS[action])
    if refused is not None:
        raise refused
    if not valid or call is None:
        raise Invalid(_("Something is missing or not right."))
    arguments = form.arguments()
    for name in FILES:
        if form.cleaned_data.get(name):
            arguments[name] = keep(form.cleaned_data[name], user=user, call=call)
    return perform(
        user=user,
        incident=incident,
        action=action,
        client_uuid=call,
        body_hash=content,
        version=form.cleaned_data["version"],
        **arguments,
    ).incident


# --- the page ----------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    incident: Incident,
    *,
    refused: tuple[str, ActionForm] | None = None,
    rule: Any = None,
    status: int = 200,
) -> HttpResponse:
    user: Any = request.user
    files = files_of(incident)
    owed = owed_before_closing(incident) if incident.is_open else []
    people = people_near(user, incident)
    offers = offers_for(user, incident, owed, refused, people)
    own = [offer for offer in offers if not offer.for_other]
    works_on_it = may_see_requester(user, incident)
    asked = list(FeedbackRequest.objects.filter(incident=incident).order_by("created_at"))
    context = {
        "incident": incident,
        "crumbs": _crumbs(user, incident),
        "reported": files[0],
        "story": story(incident, files),
        "why": explain(incident) if incident.is_open else None,
        "owed": owed,
        "persons": people_section(user, incident),
        "numbers": numbers_for(incident),
        "call_form": call_form(user, incident),
        "joined": incident.history.filter(action=JOIN).count(),
        "slip": works_on_it and any(one.answered_at is None for one in asked),
        "offers": [offer for offer in own if offer.name not in (*WARNINGS, *ASIDE, SUPPLEMENT, UNDO)],
        "aside_open": any(offer.name in (*ASIDE, *WARNINGS) and offer.is_open for offer in own),
        "others_open": any(offer.for_other and offer.is_open for offer in offers),
        "handling": times_of(incident),
        "aside": [offer for offer in own if offer.name in ASIDE],
        "undo": _undo(incident, own),
        "main": _main_of(user, incident),
        "merged": _merged_into(user, incident),
        "supervisions": _supervisions(incident),
        "supplement": next((offer for offer in own if offer.name == SUPPLEMENT), None),
        "dangerous": [offer for offer in own if offer.name in WARNINGS],
        "for_others": [offer for offer in offers if offer.for_other],
        "done_by": incident.responsible_member,
        "people": people,
        "assisting": list(incident.assist_tasks.select_related("grid", "department", "member")),  # type: ignore[attr-defined]
        "rule": rule,
        "turn": turn_of(incident),
        "notice": _notice(user, incident),
        "reply": _reply(incident) if works_on_it else "",
        "papers": papers.offered(user, incident),
        "may_mediate": may_mediate(user, incident),
        "mediations": _mediations(incident),
    }
    return render(request, "incidents/matter.html", context, status=status)


def turn_of(incident: Incident) -> dict[str, Any] | None:
    """The step whose turn it is, with the clause behind it."""
    step = current_step(incident)
    return {"step": step, "rule": step_rule(incident, step)} if step is not None else None


def people_near(user: User, incident: Incident) -> dict[str, Member]:
    """For whom the user may enter something here: the people of the units the matter lies with or comes from."""
    if not enters_for_others(user):
        return {}
    parts = incident.parts.exclude(department=None).values_list("department", flat=True)  # type: ignore[attr-defined]
    grids = {*lineage(str(incident.grid_id)), *lineage(incident.unit_code)}
    return people_named(user, grids=grids, departments=parts)


def offers_for(
    user: User,
    incident: Incident,
    owed: list[Owed],
    refused: tuple[str, ActionForm] | None,
    people: Mapping[str, Member] = MappingProxyType({}),
) -> list[Offer]:
    """The allowed actions; where it is one's own turn, the one that comes next is first. Then those of the responsible
    member, where the user may enter them. A refused one keeps its words."""
    allowed = {one.name: one for one in allowed_actions(user, incident)}
    mine, done_by = set(allowed), _label_of(incident.responsible_member, people)
    if done_by:
        theirs = allowed_actions(person_of(people[done_by]), incident)
        allowed |= {one.name: one for one in theirs if one.name not in (*mine, UNDO)}
    own = at_unit(user, incident, (Verb.HANDLE, Verb.COORDINATE))
    following = (*FIRST, *(one.action for one in owed)) if own else ("accept",)
    main = next((name for name in following if name in mine), "")
    offers = []
    for name, one in allowed.items():
        again = refused is not None and refused[0] == name
        form = (
            refused[1]
            if refused is not None and again
            else ActionForm(
                user=user,
                incident=incident,
                action=name,
                requires=one.requires,
                rules=one.rules,
                people=people,
                done_by="" if name in mine else done_by,
            )
        )
        warning = CLOSING if name == "close" else WARNINGS.get(name, "")
        is_open = again or (refused is None and name == main)
        offers.append(
            Offer(name, one.label, form, name == main, is_open, warning, for_other=name not in mine)
        )
    if refused is not None and refused[0] not in allowed:
        name, form = refused
        offers.append(Offer(name, incident.procedure.spec.word_for(name), form, is_open=True, refused=True))
    return sorted(offers, key=lambda offer: (not offer.refused, not offer.is_main))


def _undo(incident: Incident, offers: list[Offer]) -> dict[str, Any] | None:
    """The line that takes back one's last step: for ten minutes, while nobody has acted since."""
    offer = next((one for one in offers if one.name == UNDO and not one.refused), None)
    if offer is None:
        return None
    step = incident.history.standing().latest("seq")  # type: ignore[attr-defined]
    return {
        "url": reverse("incidents:act", args=[incident.pk, UNDO]),
        "label": _("Undo “%(action)s”") % {"action": incident.procedure.spec.word_for(step.action)},
        "fields": [("client_uuid", uuid4()), ("version", incident.version)],
    }


def _main_of(user: User, incident: Incident) -> dict[str, str] | None:
    """The matter that it was merged into; a link where one sees it."""
    main = incident.merged_into
    if main is None:
        return None
    sees = Incident.objects.visible_to(user).filter(pk=main.pk).exists()
    return {"number": main.number, "url": reverse("incidents:detail", args=[main.pk]) if sees else ""}


def _merged_into(user: User, incident: Incident) -> list[Incident]:
    return list(
        Incident.objects.visible_to(user)
        .filter(merged_into=incident)
        .order_by("reported_at", "id")[:MOST_MERGED]
    )


def _supervisions(incident: Incident) -> list[Supervision]:
    rows = incident.supervisions.select_related("given_by", "grid", "department", "replied_by")  # type: ignore[attr-defined]
    return list(rows.order_by("id"))


def _mediations(incident: Incident) -> list[Mediation]:
    if incident.category.kind != CategoryKind.DISPUTE:
        return []
    return list(incident.mediations.order_by("held_at", "id"))  # type: ignore[attr-defined]


def _label_of(member: Member | None, people: Mapping[str, Member]) -> str:
    return next((label for label, person in people.items() if person == member), "")


def _reply(incident: Incident) -> str:
    """What the superior body is told of its order, as a text to paste into its own system."""
    if not incident.external_no:
        return ""
    said = replies_to([incident]).get(incident.pk, "")
    if not said:
        return ""
    lines = [f"{incident.external_no} {incident.heading}", said]
    if incident.closed_at:
        lines.append(_("Closed on %(at)s.") % {"at": f"{clock.local(incident.closed_at):%Y-%m-%d %H:%M}"})
    return "\n".join(lines)


def _notice(user: User, incident: Incident) -> dict[str, Any] | None:
    """The short text for the responsible unit, for whoever may send it."""
    if not may_notify(user, incident):
        return None
    about = notice_about(incident)
    form = NoticeForm(initial={"client_uuid": uuid4(), "about": about}, auto_id="notice_%s")
    return {"form": form, "text": notice_text(incident, about)}


def _crumbs(user: User, incident: Incident) -> list[dict[str, str]]:
    """Where it is, from the township down; what one may open is a link."""
    names = (
        Grid.objects.filter(pk__in=lineage(str(incident.grid_id)))
        .order_by("code")
        .values_list("code", "name")
    )
    return [
        {"label": name, "url": f"/grids/{code}/" if holds(user, Verb.SEE, code) else ""}
        for code, name in names
    ]
