"""A list of matters from a workbook: looked through first, taken only when somebody says so."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from gridgov.common import keeping
from gridgov.common.answers import lines, workbook
from gridgov.common.errors import DomainError, NotVisible
from gridgov.common.xlsx import LIMITS, write_errors
from incidents.exports import write_import_template
from incidents.imports import COLUMNS, MatterFile, read_matters, take_in
from incidents.permissions import can_import

SHOWN = 200  # rows that a page lists; the workbook has all


class ListForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Workbook"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv"}),
        help_text=gettext_lazy("xlsx or csv, at most 2000 rows and 10 MB."),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Takes a file and looks through it; nothing is written yet."""
    user = _importer(request)
    form = ListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(LIMITS.file + 1)
        try:
            read_matters(BytesIO(data), user=user)
        except DomainError as error:
            form.add_error("file", str(error.detail))
        else:
            return redirect("incidents:import-check", keeping.keep(data, user=user))
    status = 400 if form.errors else 200
    return render(request, "incidents/import.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is in the file and what would happen; by POST it happens."""
    user = _importer(request)
    found = _read(user, pk)
    if request.method == "POST" and (found.new or found.changed) and not found.errors:
        return _take(request, pk, found)
    context = {
        "pk": pk,
        "found": found,
        "errors": lines(found.errors)[:SHOWN],
        "known": sorted(found.known.items())[:SHOWN],
        "new": found.new[:SHOWN],
        "changed": found.changed[:SHOWN],
        "shown": SHOWN,
    }
    return render(request, "incidents/import_check.html", context)


def _take(request: HttpRequest, pk: UUID, found: MatterFile) -> HttpResponse:
    user: Any = request.user
    taken = take_in(found, user=user)
    done = len(taken.done)
    if done:
        text = ngettext("%(n)s matter is reported.", "%(n)s matters are reported.", done)
        messages.success(request, text % {"n": done})
    if taken.changed:
        text = ngettext(
            "%(n)s matter is brought up to date.", "%(n)s matters are brought up to date.", len(taken.changed)
        )
        messages.success(request, text % {"n": len(taken.changed)})
    if taken.errors:
        context = {"errors": lines(taken.errors)}
        return render(request, "incidents/import_refused.html", context, status=400)
    keeping.drop(pk, user=user)
    return redirect("incidents:list")


@login_required
@require_safe
def errors(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same file back, with a column 错误原因."""
    user = _importer(request)
    found = _read(user, pk)
    target = BytesIO()
    write_errors(BytesIO(keeping.kept(pk, user=user)), target, found.errors, columns=COLUMNS)
    return workbook(target, "matters-errors.xlsx")


@login_required
@require_safe
def template(request: HttpRequest) -> HttpResponse:
    """The empty workbook, with the grids and categories of the township."""
    target = BytesIO()
    write_import_template(target, user=_importer(request))
    return workbook(target, "matters-template.xlsx")


def _importer(request: HttpRequest) -> Any:
    user: Any = request.user
    if not can_import(user):
        raise PermissionDenied
    return user


def _read(user: Any, pk: UUID) -> MatterFile:
    try:
        return read_matters(BytesIO(keeping.kept(pk, user=user)), user=user)
    except NotVisible as error:
        raise Http404(_("This file is no longer here; choose it again.")) from error
