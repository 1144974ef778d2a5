"""Reporting from the browser."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gridgov.common.enums import FileKind
from gridgov.common.errors import DomainError, Invalid
from gridgov.common.forms import show_refusal
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.actions import report as report_it
from incidents.actions.result import replay_of
from incidents.forms import ReportForm
from incidents.models import Category, Incident, Upload
from incidents.querysets import UploadQuerySet
from incidents.views.scope import content_hash
from incidents.views.uploads import keep
from members.querysets import emergency_numbers, standing_of


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    """Photos are kept even when something else is missing: they need not be chosen again."""
    user: Any = request.user
    if standing_of(user).member is None or not places_of(user)[Verb.REPORT]:
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, ReportForm(user=user, grid=request.GET.get("grid", "")))
    form = ReportForm(request.POST, request.FILES, user=user)
    try:
        incident = _report(request, form)
    except DomainError as error:
        if not form.errors:
            show_refusal(form, error)
        return _page(request, form, status=error.status)
    messages.success(request, _("%(number)s is reported.") % {"number": incident.number})
    return redirect("incidents:detail", incident.pk)


def _report(request: HttpRequest, form: ReportForm) -> Incident:
    user: Any = request.user
    valid = form.is_valid()
    call, content = form.cleaned_data.get("client_uuid"), content_hash(request, "report")
    before = replay_of(Incident, "reporter_user", user, call, content)
    if before is not None:
        return before
    if call is not None:
        keep(form.cleaned_data.get("photos") or (), user=user, call=call, incident_client_uuid=call)
    if not valid:
        raise Invalid(_("Something is missing or not right."))
    arguments = form.arguments()
    grid = Grid.objects.named_by(user).get(pk=arguments.pop("grid"))
    category = (
        Category.objects.active()
        .select_related("procedure")
        .filter(township=grid.township_code, code=arguments.pop("category"))
        .first()
    )
    if category is None:
        text = _("This category is not in use here.")
        raise Invalid(text, errors={"category": [text]})
    return report_it(
        user=user,
        grid=grid,
        category=category,
        client_uuid=call,
        body_hash=content,
        photos_expected=_waiting(user, call).filter(kind=FileKind.PHOTO).count(),
        **arguments,
    ).incident


def _waiting(user: Any, call: Any) -> UploadQuerySet:
    return Upload.objects.filter(uploader=user, incident=None, incident_client_uuid=call)


def _page(request: HttpRequest, form: ReportForm, status: int = 200) -> HttpResponse:
    call = form.cleaned_data.get("client_uuid") if form.is_bound else None
    numbers = emergency_numbers(standing_of(request.user).member.township_code)  # type: ignore[arg-type, union-attr]
    form.show_kept(_waiting(request.user, call).order_by("created_at") if call else ())
    return render(request, "incidents/report.html", {"form": form, "numbers": numbers}, status=status)
