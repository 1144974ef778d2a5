"""Reports by telephone, on the page of a matter."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from gridgov.common import clock
from gridgov.common.errors import DomainError
from gridgov.common.forms import MomentField
from incidents.actions import record_call
from incidents.models import Incident
from incidents.permissions import may_record_call
from incidents.views.scope import content_hash, seen
from members.models import Shift
from members.querysets import Telephone, emergency_numbers


class CallForm(forms.Form):
    whom = forms.CharField(label=gettext_lazy("Who was called"), max_length=40)
    answered = forms.ChoiceField(
        label=gettext_lazy("Did anybody answer?"),
        choices=[("1", gettext_lazy("yes")), ("", gettext_lazy("no"))],
        required=False,
        widget=forms.RadioSelect,
    )
    happened_at = MomentField(
        label=gettext_lazy("When"), help_text=gettext_lazy("Empty: now."), required=False
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=2000, required=False, widget=forms.Textarea({"rows": 2})
    )
    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    def clean_answered(self) -> bool:
        return bool(self.cleaned_data["answered"])


def call_form(user: Any, incident: Incident) -> CallForm | None:
    """For an open important matter, to whoever works on it; whoever is on duty stands in it already."""
    if not incident.is_open or not incident.important or not may_record_call(user, incident):
        return None
    shift = Shift.objects.at(incident.township_code, clock.now())
    return CallForm(
        initial={"client_uuid": uuid.uuid4(), "answered": "1", "whom": shift.officer.name if shift else ""}
    )


def numbers_for(incident: Incident) -> list[Telephone]:
    """Of an urgent matter that is still open."""
    return emergency_numbers(incident.township_code) if incident.important and incident.is_open else []


@login_required
@require_POST
def call(request: HttpRequest, pk: UUID) -> HttpResponse:
    user: Any = request.user
    incident = seen(user, pk)
    if not may_record_call(user, incident):
        raise PermissionDenied
    form = CallForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say who was called."))
        return redirect("incidents:detail", pk)
    try:
        record_call(
            user=user, incident=incident, body_hash=content_hash(request, pk, "call"), **form.cleaned_data
        )
    except DomainError as error:
        messages.error(request, str(error.detail))
    else:
        messages.success(request, _("The telephone report is noted."))
    return redirect("incidents:detail", pk)
