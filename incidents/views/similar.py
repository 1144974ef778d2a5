"""While a report is typed: what is there already, and joining it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gridgov.common.errors import DomainError, Forbidden
from grids.enums import Verb
from grids.models import Grid, Rule
from grids.querysets import places_of
from incidents.actions import join
from incidents.forms import ReportForm
from incidents.models import Category, Upload
from incidents.search.similar import REPEATED_WITHIN, alike
from incidents.views.phone import PhoneForm
from incidents.views.scope import content_hash, seen
from incidents.views.uploads import keep

ENOUGH = 2  # characters before anything is looked for
LONGEST = 4000


@login_required
@require_safe
def similar(request: HttpRequest) -> HttpResponse:
    """Pieces of a page for the form that asks: what the plan says of the category, and what is there already once grid,
    category and words are."""
    user: Any = request.user
    if not places_of(user)[Verb.REPORT]:
        raise PermissionDenied
    grid, category = _place_and_kind(request)
    typed = [request.GET.get(name, "").strip()[:LONGEST] for name in ("description", "title", "address")]
    context: dict[str, Any] = {"found": None}
    if "place" not in request.GET:
        context |= {"says_basis": True, "basis": _basis(grid, category)}
    if grid is not None and category and len(typed[0]) >= ENOUGH:
        context |= {
            "found": alike(user, grid=grid, category=category, text="\n".join(typed)),
            "grid": grid,
            "category": category,
            "days": REPEATED_WITHIN.days,
            "may_join": "place" not in request.GET,  # a caller's name and phone would be lost in a note
        }
    return render(request, "incidents/similar.html", context)


def _basis(grid: Grid | None, category: str) -> Rule | None:
    """The rule of the plan behind a category: what to report of it, and what not."""
    if grid is None:
        return None
    known = Category.objects.filter(township=grid.township_code, code=category, is_active=True).first()
    if known is None or not known.rule_id:
        return None
    return Rule.objects.filter(township=grid.township_code, rule_id=known.rule_id).first()


def _place_and_kind(request: HttpRequest) -> tuple[Grid | None, str]:
    """Chosen in the report, typed in the form for phone calls."""
    user: Any = request.user
    if "place" in request.GET:
        form = PhoneForm(request.GET, user=user)
        form.is_valid()
        kind = form.cleaned_data.get("category")
        return form.cleaned_data.get("place"), kind.code if kind else ""
    code = request.GET.get("grid", "")
    grid = Grid.objects.named_by(user).filter(code=code).first() if code.isdigit() else None
    return grid, request.GET.get("category", "")


@login_required
@require_POST
def joined(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The form of a report, sent to a matter that is already there: what was typed becomes a note, the files come along."""
    user: Any = request.user
    incident = seen(user, pk)
    form = ReportForm(request.POST, request.FILES, user=user)
    form.is_valid()  # the matter has its own grid and category; what else is missing does not matter
    typed, call = form.cleaned_data, form.cleaned_data.get("client_uuid")
    note = typed.get("description") or typed.get("title") or ""
    files: list[UUID] = []
    if call is not None:
        files = keep(typed.get("photos") or (), user=user, call=call, incident_client_uuid=call)
        waiting = Upload.objects.filter(uploader=user, incident=None, incident_client_uuid=call)
        files = list({*files, *waiting.values_list("client_uuid", flat=True)})
    try:
        done = join(
            user=user,
            incident=incident,
            note=note,
            files=files,
            client_uuid=call,
            body_hash=content_hash(request, pk, "join"),
        )
    except Forbidden as error:
        raise PermissionDenied(str(error.detail)) from error
    except DomainError as error:
        messages.error(request, str(error.detail))
    else:
        messages.success(
            request,
            _("You have joined %(number)s; what you found stands there.") % {"number": done.incident.number},
        )
    return redirect("incidents:detail", pk)
