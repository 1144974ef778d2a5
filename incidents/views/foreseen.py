"""When would it be due: any category, any start, before anybody reports anything."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from gridgov.common import clock
from gridgov.common.admin import is_technical
from gridgov.common.forms import MomentField
from grids.models import Calendar
from grids.querysets import managed_townships
from incidents.due import foresee
from incidents.models import Category
from incidents.spec_form import LIMITS, VALUES


class ForeseenForm(forms.Form):
    category = forms.ModelChoiceField(label=gettext_lazy("category"), queryset=Category.objects.none())
    start = MomentField(label=gettext_lazy("Begin"))

    def __init__(self, data: Any, *, towns: list[str] | None) -> None:
        super().__init__(data)
        known = Category.objects.select_related("procedure", "township").order_by(
            "township", "position", "code"
        )
        field: Any = self.fields["category"]
        field.queryset = known if towns is None else known.filter(township__in=towns)
        if towns is None:
            field.label_from_instance = lambda row: f"{row.township} {row.name}"
        self.fields["start"].initial = clock.local(clock.now())


@login_required
@require_safe
def foreseen(request: HttpRequest) -> HttpResponse:
    """For whoever sets a township's limits and calendar."""
    user: Any = request.user
    towns = None if is_technical(user) else managed_townships(user)
    if towns is not None and not towns:
        raise PermissionDenied
    form = ForeseenForm(request.GET if "category" in request.GET else None, towns=towns)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        category, start = form.cleaned_data["category"], form.cleaned_data["start"]
        spec = category.procedure.spec
        calendar = Calendar.objects.of(str(category.township_id), spec.calendar)
        context |= {
            "rows": [(LIMITS.get(row.key, row.key), row) for row in foresee(spec, start, calendar)],
            "category": category,
            "which": VALUES["calendar", spec.calendar],
            "town": category.township_id,
        }
    return render(request, "incidents/foreseen.html", context, status=400 if form.errors else 200)
