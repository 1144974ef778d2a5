"""What goes up, looked at before it does."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from grids.enums import Kind, Verb
from grids.querysets import places_of
from incidents.rising import MOST, red_cards, went_up, will_go_up


@login_required
@require_safe
def rising(request: HttpRequest) -> HttpResponse:
    """In the places one sees: what will go up within a day, the open red cards, what went up and why."""
    places = places_of(request.user)[Verb.SEE]
    if not places:
        raise PermissionDenied
    towns = [place.code for place in places if place.kind == Kind.TOWNSHIP]
    context = {
        "coming": will_go_up(places),
        "red": red_cards(towns, MOST) if towns else None,
        "went_up": went_up(places, MOST),
        "most": MOST,
    }
    return render(request, "incidents/rising.html", context)
