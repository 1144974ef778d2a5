"""Other frames on last month's matters, before they are saved."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from grids.forms import CalendarForm
from grids.models import Calendar
from grids.querysets import OFFICE, URGENT, contents, counting, managed_townships
from incidents.rehearsal import rehearse_calendar


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: HttpRequest, code: str) -> HttpResponse:
    """The form of the calendar's page, with what it would have meant; nothing is written."""
    user: Any = request.user
    if code not in managed_townships(user):
        raise Http404
    found = get_object_or_404(Calendar.objects.select_related("township"), pk=code)
    form = CalendarForm(request.POST if request.method == "POST" else None, calendar=found)
    rehearsal = None
    if form.is_valid():
        given = form.cleaned_data
        found.frames = [list(frame) for frame in given["frames"]]
        found.weekdays = sorted(given["weekdays"])
        found.urgent_frames = [list(frame) for frame in given["urgent_frames"]]
        changed = contents(found)
        try:
            office, urgent = counting(changed[OFFICE]), counting(changed[URGENT])
        except ValueError as error:
            form.add_error(None, _("This is no working time: %(reason)s") % {"reason": error})
        else:
            rehearsal = rehearse_calendar(township_code=code, office=office, urgent=urgent)
    context = {"calendar": found, "form": form, "rehearsal": rehearsal}
    return render(request, "incidents/rehearsal.html", context, status=400 if form.errors else 200)
