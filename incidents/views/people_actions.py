"""What is done to the people of a matter on its page: parties, a look behind the mask, an answer taken down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gridgov.common.errors import DomainError, Forbidden
from incidents.actions import add_party, record_answer, remove_party, reveal
from incidents.models import Incident
from incidents.permissions import may_answer_for_requester, may_name_parties, may_reveal
from incidents.views.people import AnswerForm, PartyForm, RemovalForm, RevealForm
from incidents.views.scope import content_hash, seen


@login_required
@require_POST
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    incident = seen(request.user, pk)
    _let_pass(may_name_parties(request.user, incident))  # type: ignore[arg-type]
    return _carried_out(request, incident, PartyForm(request.POST), add_party, _("The party is named."))


@login_required
@require_POST
def answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    incident = seen(request.user, pk)
    _let_pass(may_answer_for_requester(request.user, incident))  # type: ignore[arg-type]
    return _carried_out(
        request, incident, AnswerForm(request.POST), record_answer, _("The answer is taken down.")
    )


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    incident = seen(request.user, pk)
    _let_pass(may_name_parties(request.user, incident))  # type: ignore[arg-type]
    return _carried_out(
        request, incident, RemovalForm(request.POST), remove_party, _("The party is struck."), once=False
    )


@login_required
@require_POST
def look(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Names and phones in full, on a page of their own that is kept nowhere."""
    user: Any = request.user
    incident = seen(user, pk)
    _let_pass(may_reveal(user, incident))
    form = RevealForm(request.POST)
    if not form.is_valid():
        return _back(request, incident, form)
    try:
        reveal(
            user=user, incident=incident, body_hash=content_hash(request, pk, "reveal"), **form.cleaned_data
        )
    except DomainError as error:
        messages.error(request, str(error.detail))
        return redirect("incidents:detail", pk)
    asked = getattr(incident, "requester", None)
    context = {
        "incident": incident,
        "requester": asked.shown(in_full=True, revealed=True) if asked is not None else None,
        "parties": [party.shown(in_full=True) for party in incident.parties.all()],
        "reason": form.cleaned_data["reason"],
    }
    return render(request, "incidents/revealed.html", context)


def _let_pass(refused: Forbidden | None) -> None:
    if refused is not None:
        raise PermissionDenied(str(refused.detail))


def _carried_out(
    request: HttpRequest,
    incident: Incident,
    form: forms.Form,
    action: Callable[..., Any],
    done: str,
    *,
    once: bool = True,
) -> HttpResponse:
    """One action with what the form has, and back to the matter; what stands in the way is said there."""
    if not form.is_valid():
        return _back(request, incident, form)
    given = dict(form.cleaned_data)
    if once:
        given["body_hash"] = content_hash(request, incident.pk, action.__name__)
    try:
        action(user=request.user, incident=incident, **given)
    except DomainError as error:
        messages.error(request, str(error.detail))
    else:
        messages.success(request, done)
    return redirect("incidents:detail", incident.pk)


def _back(request: HttpRequest, incident: Incident, form: forms.Form) -> HttpResponse:
    for name, errors in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        messages.error(
            request, f"{label}: {' '.join(map(str, errors))}" if label else " ".join(map(str, errors))
        )
    return redirect("incidents:detail", incident.pk)
