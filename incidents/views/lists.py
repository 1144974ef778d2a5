"""The list of matters."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from gridgov.common.pages import key_asked, page_url
from grids.enums import Verb
from grids.querysets import places_of
from incidents.filters import FilterForm, count_asked, counted, page_asked
from incidents.permissions import can_import
from members.querysets import standing_of


@login_required
@require_safe
def incidents(request: HttpRequest) -> HttpResponse:
    """What one sees, newest arrival first. A number that is found leads straight to its matter."""
    user = request.user
    form = FilterForm(request.GET, user=user)
    page = page_asked(user, form, key_asked(request, UUID))
    if form.asked.get("q") and len(page.rows) == 1:
        return redirect("incidents:detail", page.rows[0].pk)
    context = {
        "form": form,
        "page": page,
        "next": page_url(request, page.next),
        "previous": page_url(request, page.previous),
        "may_report": standing_of(user).member is not None and bool(places_of(user)[Verb.REPORT]),
        "may_import": can_import(user),
        **counted(count_asked(user, form)),
    }
    return render(request, "incidents/list.html", context)
