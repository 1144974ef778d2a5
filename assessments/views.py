"""Pages of the monthly assessment."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from assessments import actions
from assessments.exports import CONTENT_TYPE, export, sheet
from assessments.forms import MonthForm
from assessments.indicators import INDICATORS, Figure, Indicator, Period
from assessments.models import Assessment, Score
from assessments.permissions import can_score, townships_to_score
from gridgov.common.errors import DomainError, Forbidden
from gridgov.common.paging import PAGE_SIZE, Key, order, page_of
from grids.models import Grid
from incidents.models import Incident
from inspections.models import Patrol

MONTHS_SHOWN = 120


@dataclass(frozen=True)
class Step:
    """What the assessor may do with the sheet in a state; `warning` says what will happen."""

    verb: str
    label: Any
    warning: Any = ""


STEPS: Mapping[str, tuple[Step, ...]] = {
    "draft": (
        Step("recompute", gettext_lazy("Compute again")),
        Step(
            "publish",
            gettext_lazy("Publish"),
            gettext_lazy(
                "Everybody who works in the township will see this sheet, and its figures will stand."
            ),
        ),
    ),
    "published": (
        Step(
            "freeze",
            gettext_lazy("Freeze"),
            gettext_lazy("The sheet is closed for good. A correction will be a new version."),
        ),
    ),
}
DONE: Mapping[str, tuple[Callable[..., Assessment], Any]] = {
    "recompute": (actions.recompute, gettext_lazy("The sheet is computed again.")),
    "publish": (actions.publish, gettext_lazy("The sheet is published.")),
    "freeze": (actions.freeze, gettext_lazy("The sheet is frozen.")),
}


@login_required
@require_safe
def assessments(request: HttpRequest) -> HttpResponse:
    """The months one may see; the form for the next one where one may score."""
    rows = list(Assessment.objects.visible_to(request.user).for_list()[:MONTHS_SHOWN])
    user: Any = request.user
    form = MonthForm(user=user) if townships_to_score(user) else None
    return render(request, "assessments/assessments.html", {"rows": rows, "form": form})


@login_required
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not townships_to_score(user):
        raise PermissionDenied
    form = MonthForm(request.POST, user=user)
    if form.is_valid():
        try:
            made = actions.create_month(user=user, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error.detail))
        else:
            messages.success(request, _("The draft is computed."))
            return redirect("assessments:sheet", pk=made.pk)
    rows = list(Assessment.objects.visible_to(user).for_list()[:MONTHS_SHOWN])
    return render(request, "assessments/assessments.html", {"rows": rows, "form": form}, status=400)


@login_required
@require_safe
def sheet_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    assessment = _seen(request, pk)
    user: Any = request.user

    mine = Score.objects.visible_to(user).filter(assessment=assessment)
    opened = set(mine.values_list("village_code", flat=True))

    def link(village: Grid, indicator: str) -> str:
        if village.code not in opened:
            return ""
        return reverse("assessments:records", args=(assessment.pk, village.code, indicator))

    scores = can_score(user, str(assessment.township_id))
    context = {
        "assessment": assessment,
        "table": sheet(assessment, link),
        "steps": STEPS.get(assessment.status, ()) if scores else (),
    }
    return render(request, "assessments/sheet.html", context)


@login_required
@require_safe
def download(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    user: Any = request.user
    name, data = export(user=user, assessment=_seen(request, pk), request=request)
    return FileResponse(io.BytesIO(data), as_attachment=True, filename=name, content_type=CONTENT_TYPE)


@login_required
@require_POST
def step(request: HttpRequest, pk: UUID, verb: str) -> HttpResponse:
    """One of the assessor's steps; a refusal is told on the sheet."""
    assessment = _seen(request, pk)
    act, done = DONE[verb]
    try:
        act(user=request.user, assessment=assessment)
    except Forbidden as error:
        raise PermissionDenied(error.detail) from error
    except DomainError as error:
        messages.error(request, str(error.detail))
    else:
        messages.success(request, done)
    return redirect("assessments:sheet", pk=pk)


@login_required
@require_safe
def records(request: HttpRequest, pk: UUID, village: str, indicator: str) -> HttpResponse:
    """The rows behind one figure, newest first."""
    assessment = _seen(request, pk)
    scores = Score.objects.visible_to(request.user).filter(assessment=assessment).select_related("grid")
    score = get_object_or_404(scores, village_code=village, indicator=indicator)
    measured = INDICATORS[indicator]
    page = _page(request, measured.records(assessment, village), measured)
    context = {
        "assessment": assessment,
        "score": score,
        "indicator": measured,
        "as_percent": measured.rate_kind == "percent",
        "now": _figure_now(assessment, measured, village),
        "split": measured.split(assessment, village),
        "lines": [_line(row, measured) for row in page.rows],
        "seen": _links(request, page.rows),
        "next": page.next and f"?cursor={page.next.encode()}",
        "previous": page.previous and f"?cursor={page.previous.encode()}",
    }
    return render(request, "assessments/records.html", context)


def _page(request: HttpRequest, rows: Any, measured: Indicator) -> Any:
    try:
        key = Key.decode(request.GET["cursor"]) if request.GET.get("cursor") else None
    except DomainError as error:
        raise BadRequest(error.detail) from error
    if key is not None:
        rows = rows.filter(key.condition(at=measured.at, pk="pk"))
    backwards = key is not None and key.backwards
    ordered = rows.order_by(*order(backwards=backwards, at=measured.at, pk="pk"))
    return page_of(list(ordered[: PAGE_SIZE + 1]), key, PAGE_SIZE, at=measured.at)


def _line(row: Any, measured: Indicator) -> dict[str, Any]:
    return {
        "at": getattr(row, measured.at),
        "says": measured.says(row),
        "unit": measured.unit(row),
        "incident": getattr(row, "incident", None),
        "patrol": row if isinstance(row, Patrol) else None,
    }


def _links(request: HttpRequest, rows: list[Any]) -> set[Any]:
    """Of the matters and patrols behind these rows, those that the viewer may open; the others stay masked."""
    matters = [row.incident_id for row in rows if hasattr(row, "incident_id")]
    patrols = [row.pk for row in rows if isinstance(row, Patrol)]
    found: set[Any] = set()
    if matters:
        found |= set(
            Incident.objects.visible_to(request.user).filter(pk__in=matters).values_list("pk", flat=True)
        )
    if patrols:
        found |= set(
            Patrol.objects.visible_to(request.user).filter(pk__in=patrols).values_list("pk", flat=True)
        )
    return found


def _figure_now(assessment: Assessment, measured: Indicator, village: str) -> Figure:
    """What the same rows give today; it differs from the sheet where records were changed since."""
    return measured.figures(Period.of(assessment)).get(village, Figure())


def _seen(request: HttpRequest, pk: UUID) -> Assessment:
    return get_object_or_404(Assessment.objects.visible_to(request.user).for_list(), pk=pk)
