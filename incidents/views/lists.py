"""The list of matters."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gridgov.common.pages import key_asked, page_url
from grids.enums import Verb
from grids.querysets import places_of
from incidents.filters import FilterForm, count_asked, counted, found_by_words, page_asked
from incidents.permissions import can_import
from incidents.views.bulk import last_batch
from incidents.views.found import answer_words
from members.querysets import standing_of


@login_required
@require_safe
def incidents(request: HttpRequest) -> HttpResponse:
    """What one sees, newest arrival first; with words, what they find."""
    user = request.user
    form = FilterForm(request.GET, user=user)
    key = key_asked(request, UUID)
    found = found_by_words(user, form, key)  # type: ignore[arg-type]
    if found is not None:
        return answer_words(request, form, found)
    page = page_asked(user, form, key)
    context = {
        "form": form,
        "page": page,
        "next": page_url(request, page.next),
        "previous": page_url(request, page.previous),
        "may_report": standing_of(user).member is not None and bool(places_of(user)[Verb.REPORT]),
        "may_import": can_import(user),
        "has_board": bool(places_of(user)[Verb.SEE]),
        "last_batch": last_batch(request),
        "may_act": standing_of(user).member is not None,
        **counted(count_asked(user, form)),
    }
    return render(request, "incidents/list.html", context)
