"""A township's working time as pages: frames, special days, the official table of a year."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from gridgov.common import audit
from gridgov.common.admin import is_technical
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError
from gridgov.common.forms import show_refusal
from gridgov.common.xlsx import LIMITS
from grids.actions import change_calendar, import_year, table_problems
from grids.forms import CalendarForm, YearForm
from grids.imports import YearTable, read_lines, read_year
from grids.models import Calendar
from grids.querysets import managed_townships


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: HttpRequest, code: str) -> HttpResponse:
    """Posted is one of the two forms, told by the button: the frames, or a year's table to look through or to import."""
    user: Any = request.user
    if not (code in managed_townships(user) or is_technical(user)):
        raise Http404
    found = Calendar.objects.filter(pk=code).select_related("township").first()
    if found is None:
        raise Http404
    asked = request.POST.get("do", "") if request.method == "POST" else ""
    frames = CalendarForm(request.POST if asked == "frames" else None, calendar=found)
    year = YearForm(request.POST if asked in ("look", "import") else None, request.FILES or None)
    table: YearTable | None = None
    if asked == "frames" and frames.is_valid() and _changed(request, code, frames):
        return redirect("calendar", code)
    if asked in ("look", "import") and year.is_valid():
        table, year = _looked_through(year)
        if (
            asked == "import"
            and table is not None
            and not year.errors
            and _imported(request, code, year, table)
        ):
            return redirect("calendar", code)
    context = {
        "calendar": found,
        "frames": frames,
        "rehearses": code in managed_townships(user),
        "year": year,
        "table": table if table is not None and not year.errors else None,
        "years": found.years.order_by("year"),
        "days": found.days.order_by("-day")[:60],
    }
    refused = request.method == "POST" and (frames.errors or year.errors or asked != "look")
    return render(request, "grids/calendar.html", context, status=400 if refused else 200)


def _changed(request: HttpRequest, code: str, form: CalendarForm) -> bool:
    try:
        change_calendar(township_code=code, **form.cleaned_data)
    except DomainError as error:
        show_refusal(form, error)
        return False
    _note(request, code, "frames")
    messages.success(request, _("Working time is changed. Running deadlines stay as they are."))
    return True


def _looked_through(form: YearForm) -> tuple[YearTable | None, YearForm]:
    """What the file says stands in the lines afterwards, so that it can be read and changed before it is imported."""
    given = form.cleaned_data
    try:
        file = given["file"]
        table = read_year(BytesIO(file.read(LIMITS.file + 1))) if file else read_lines(given["lines"])
    except DomainError as error:
        form.add_error("file", str(error.detail))
        return None, form
    for number, texts in table.errors.items():
        for text in texts:
            line = _("Row %(number)d: %(text)s") % {"number": number, "text": text}
            form.add_error("file" if given["file"] else "lines", line)
    if not form.errors:
        for text in table_problems(given["year"], table.days):
            form.add_error("lines", text)
    if given["file"] and not table.errors:
        form.data = {**form.data.dict(), "lines": table.lines}  # type: ignore[attr-defined]
    return table, form


def _imported(request: HttpRequest, code: str, form: YearForm, table: YearTable) -> bool:
    given = form.cleaned_data
    try:
        moved = import_year(township_code=code, year=given["year"], days=table.days, source=given["source"])
    except DomainError as error:
        form.add_error(None, str(error.detail))
        return False
    _note(request, code, str(given["year"]))
    if not moved:
        text = _("The holidays of %(year)s are in. No open matter has another deadline by that.")
        messages.success(request, text % {"year": given["year"]})
        return True
    text = ngettext(
        "The holidays of %(year)s are in. %(n)d open matter has another deadline now; its people are told.",
        "The holidays of %(year)s are in. %(n)d open matters have another deadline now; their people are told.",
        moved,
    )
    messages.success(request, text % {"year": given["year"], "n": moved})
    return True


def _note(request: HttpRequest, code: str, what: str) -> None:
    user: Any = request.user
    audit.record(
        AuditKind.SETTINGS,
        user=user,
        subject=str(Calendar._meta.verbose_name),
        township_code=code,
        request=request,
        what=what,
    )
