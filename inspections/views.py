"""Pages of patrols."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from gridgov.common import clock
from gridgov.common.api.repeat import body_hash
from gridgov.common.enums import Channel
from gridgov.common.errors import DomainError
from gridgov.common.paging import Key
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import places_of
from incidents.models import Incident
from inspections.actions import Outcome, record_patrol
from inspections.forms import FindingFormSet, PatrolForm, findings_of
from inspections.models import Patrol
from inspections.permissions import can_patrol_somewhere
from inspections.querysets import GridDuty, by_village, duty_figures


@login_required
@require_safe
def patrols(request: HttpRequest) -> HttpResponse:
    """The patrols one sees, newest first."""
    grid = _grid_asked(request)
    page = Patrol.objects.page_for(request.user, grid.code if grid else "", _key_asked(request))
    context = {
        "page": page,
        "grid": grid,
        "next": _page_url(request, page.next),
        "previous": _page_url(request, page.previous),
        "may_enter": can_patrol_somewhere(request.user),  # type: ignore[arg-type]
    }
    return render(request, "inspections/patrols.html", context)


@login_required
@require_safe
def patrol(request: HttpRequest, pk: UUID) -> HttpResponse:
    seen = Patrol.objects.visible_to(request.user).select_related(
        "grid", "grid__parent", "member", "entered_by", "duty"
    )
    found = get_object_or_404(seen, pk=pk)
    findings = list(found.findings.select_related("incident").order_by("pk"))
    visible = Incident.objects.visible_to(request.user).filter(pk__in=[one.incident_id for one in findings])
    context = {"patrol": found, "findings": findings, "visible": set(visible.values_list("pk", flat=True))}
    return render(request, "inspections/patrol.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_patrol(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not can_patrol_somewhere(user):  # type: ignore[arg-type]
        raise PermissionDenied
    form = PatrolForm(request.POST or None, user=user)
    findings = FindingFormSet(request.POST or None, prefix="findings", form_kwargs={"user": user})
    if request.method == "POST" and form.is_valid() and findings.is_valid():
        try:
            outcome = _record(request, form, findings)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The patrol is entered."))
            return redirect("inspections:patrol", pk=outcome.patrol.pk)
    status = 400 if request.method == "POST" else 200
    return render(
        request, "inspections/patrol_form.html", {"form": form, "findings": findings}, status=status
    )


def _record(request: HttpRequest, form: PatrolForm, findings: Any) -> Outcome:
    values = dict(form.cleaned_data)
    who = values.get("on_behalf_of")
    values["channel"] = values.get("channel") or Channel.SYSTEM
    found = findings_of(findings)
    content = [values["grid"].pk, values["started_at"], values["ended_at"], values["note"]]
    content += [who.pk, values["channel"]] if who else []
    rows = [[row["text"], row["category"].pk if row["category"] else None] for row in found]
    return record_patrol(
        user=request.user,  # type: ignore[arg-type]
        findings=found,
        body_hash=body_hash([*content, rows]),
        **values,
    )


@login_required
@require_safe
def duties(request: HttpRequest) -> HttpResponse:
    """The month's daily patrols: village by village, and for one village (or one's own grids) day by day."""
    first = _month_asked(request)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    grid = _grid_asked(request)
    places = places_of(request.user)[Verb.SEE]
    if grid is not None:
        places = Grid.objects.all().cut_down(places, grid.code)
    figures = duty_figures(places, first, last)
    villages = _villages(figures)
    context = {
        "first": first,
        "grid": grid,
        "months": _months(first),
        "total": (sum(len(one.done) for one in figures), sum(one.due for one in figures)),
        "villages": villages if len(villages) > 1 else [],
        "days": [first + timedelta(days=step) for step in range((last - first).days + 1)],
        "rows": [] if len(villages) > 1 else [(one, _marks(one, first, last)) for one in figures],
    }
    return render(request, "inspections/duties.html", context)


def _villages(figures: list[GridDuty]) -> list[dict[str, Any]]:
    counted = by_village(figures)
    names = dict(Grid.objects.filter(pk__in=counted).values_list("code", "name"))
    return [
        {"code": code, "name": names.get(code, code), "done": done, "due": due, "missing": due - done}
        for code, (done, due) in sorted(counted.items())
    ]


def _marks(figure: GridDuty, first: date, last: date) -> list[str]:
    """One word per day of the month: done, missing, or nothing where nothing was due."""
    words = dict.fromkeys(figure.done, "done") | dict.fromkeys(figure.missing, "missing")
    return [words.get(first + timedelta(days=step), "") for step in range((last - first).days + 1)]


def _month_asked(request: HttpRequest) -> date:
    """`?month=2026-10`; anything else is the running month."""
    try:
        return date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        return clock.today().replace(day=1)


def _months(chosen: date) -> list[date]:
    """The running month and the five before it, and the one chosen."""
    months = [clock.today().replace(day=1)]
    while len(months) < 6:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return sorted({*months, chosen}, reverse=True)


def _grid_asked(request: HttpRequest) -> Grid | None:
    """`?grid=` within what the user sees; another one is not found."""
    code = request.GET.get("grid", "")
    if not code:
        return None
    found = Grid.objects.visible_to(request.user).filter(code=code).first()  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _key_asked(request: HttpRequest) -> Key | None:
    try:
        return Key.decode(request.GET["cursor"]) if request.GET.get("cursor") else None
    except DomainError as error:
        raise BadRequest(error.detail) from error


def _page_url(request: HttpRequest, key: Key | None) -> str | None:
    if key is None:
        return None
    query = request.GET.copy()
    query["cursor"] = key.encode()
    return f"?{query.urlencode()}"
