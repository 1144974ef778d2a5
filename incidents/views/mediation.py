"""Mediations of a dispute: entered and put right on pages of their own."""

from __future__ import annotations

import uuid
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from gridgov.common.errors import DomainError
from gridgov.common.forms import MomentField, show_refusal
from incidents.actions import correct_mediation, record_mediation
from incidents.actions.mediation import Said
from incidents.enums import MediationOutcome
from incidents.models import Incident, Mediation
from incidents.permissions import may_mediate
from incidents.views.scope import content_hash, seen


class MediationForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is said of one mediation; `version` is that of the record which is put right."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    held_at = MomentField(label=gettext_lazy("When"))
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), choices=MediationOutcome.choices)
    performance_due = forms.DateField(
        label=gettext_lazy("to be performed by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    told_other_ways = forms.BooleanField(
        label=gettext_lazy(
            "The parties were told of the other ways: arbitration, the administration, the court."
        ),
        required=False,
    )

    class Meta:
        model = Mediation
        fields = tuple(Said.__annotations__)
        widgets = {
            "record": forms.Textarea(attrs={"rows": 8}),
            "terms": forms.Textarea(attrs={"rows": 5}),
        }
        help_texts = {
            "mediator": gettext_lazy("Several with 、 between them."),
            "terms": gettext_lazy("As they are to stand in the agreement, point by point."),
            "performance": gettext_lazy(
                "For example: paid at once in cash, handed over at the village office."
            ),
        }

    def _post_clean(self) -> None:
        """What may be said together is the action's to know."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def mediation(request: HttpRequest, pk: UUID, mediation_pk: UUID | None = None) -> HttpResponse:
    """A new record, or one that is put right."""
    user: Any = request.user
    incident = seen(user, pk)
    if not may_mediate(user, incident):
        raise PermissionDenied
    before = get_object_or_404(Mediation, pk=mediation_pk, incident=incident) if mediation_pk else None
    initial = {"client_uuid": uuid.uuid4(), "version": before.version if before else None}
    if before is None:
        initial["mediator"] = user.member.name
    form = MediationForm(request.POST or None, instance=before, initial=initial)
    status = 200
    if request.method == "POST":
        try:
            done = _take(request, incident, before, form)
        except DomainError as error:
            status = error.status
            show_refusal(form, error)
        else:
            if done is not None:
                messages.success(request, _("Mediation %(number)s is entered.") % {"number": done.number})
                return redirect("incidents:detail", incident.pk)
            status = 400
    context = {"incident": incident, "form": form, "before": before}
    return render(request, "incidents/mediation.html", context, status=status)


def _take(
    request: HttpRequest, incident: Incident, before: Mediation | None, form: MediationForm
) -> Mediation | None:
    if not form.is_valid():
        return None
    given = form.cleaned_data
    said = cast(Said, {name: given[name] for name in Said.__annotations__})
    user: Any = request.user
    if before is None:
        content = content_hash(request, incident.pk, "mediation")
        return record_mediation(
            user=user, incident=incident, client_uuid=given["client_uuid"], body_hash=content, **said
        )
    before.refresh_from_db()
    return correct_mediation(user=user, mediation=before, version=given["version"] or 0, **said)
