"""A township's villages and groups from a workbook: looked through first, taken only when somebody says so."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from gridgov.common import audit, keeping
from gridgov.common.admin import is_technical
from gridgov.common.answers import lines, workbook
from gridgov.common.enums import AuditKind
from gridgov.common.errors import DomainError, NotVisible
from gridgov.common.xlsx import LIMITS, write_errors
from grids.actions import add_grids
from grids.exports import write_tree
from grids.forms import TreeForm
from grids.imports import COLUMNS, GridFile, read_grids
from grids.models import Grid, Township
from grids.querysets import managed_townships

SHOWN = 200  # rows that a page lists; the workbook has all


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, code: str) -> HttpResponse:
    """Takes a file and looks through it; nothing is written yet."""
    township = _own(request, code)
    form = TreeForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"].read(LIMITS.file + 1)
        try:
            read_grids(BytesIO(data), township_code=code)
        except DomainError as error:
            form.add_error("file", str(error.detail))
        else:
            return redirect("grids-import-check", code, keeping.keep(data, user=_user(request)))
    status = 400 if request.method == "POST" else 200
    return render(request, "grids/import.html", {"township": township, "form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, code: str, pk: UUID) -> HttpResponse:
    """What is in the file and what would happen; by POST it happens."""
    township = _own(request, code)
    found, _data = _kept(request, code, pk)
    if request.method == "POST" and found.new and not found.errors and _take(request, found):
        keeping.drop(pk, user=_user(request))
        return redirect("grids")
    context = {
        "township": township,
        "pk": pk,
        "found": found,
        "new": found.new[:SHOWN],
        "shown": SHOWN,
        "errors": lines(found.errors)[:SHOWN],
    }
    return render(
        request, "grids/import_check.html", context, status=400 if request.method == "POST" else 200
    )


@login_required
@require_safe
def errors(request: HttpRequest, code: str, pk: UUID) -> HttpResponse:
    """The same file back, with a column 错误原因."""
    _own(request, code)
    found, data = _kept(request, code, pk)
    target = BytesIO()
    write_errors(BytesIO(data), target, found.errors, columns=COLUMNS)
    return workbook(target, "grids-errors.xlsx")


@login_required
@require_safe
def tree_workbook(request: HttpRequest, code: str) -> HttpResponse:
    """The grids that there are, in the columns that come back with further rows."""
    _own(request, code)
    target = BytesIO()
    write_tree(target, township_code=code)
    return workbook(target, f"grids-{code}.xlsx")


def _take(request: HttpRequest, found: GridFile) -> bool:
    try:
        made = add_grids(grids=found.new, township_code=found.township_code)
    except DomainError as error:  # somebody else was quicker
        messages.error(request, str(error.detail))
        return False
    audit.record(
        AuditKind.SETTINGS,
        user=_user(request),
        subject=str(Grid._meta.verbose_name_plural),
        township_code=found.township_code,
        request=request,
        what=f"added {len(made)}",
    )
    text = ngettext(
        "%(n)d grid is added. Its posts are vacant and can be filled now.",
        "%(n)d grids are added. Their posts are vacant and can be filled now.",
        len(made),
    )
    messages.success(request, text % {"n": len(made)})
    return True


def _user(request: HttpRequest) -> Any:
    return request.user


def _own(request: HttpRequest, code: str) -> Township:
    """The township, for its office and the technical administrator; else 404."""
    user = _user(request)
    found = Township.objects.filter(pk=code).select_related("grid").first()
    if found is None or not (code in managed_townships(user) or is_technical(user)):
        raise Http404
    return found


def _kept(request: HttpRequest, code: str, pk: UUID) -> tuple[GridFile, bytes]:
    try:
        data = keeping.kept(pk, user=_user(request))
        return read_grids(BytesIO(data), township_code=code), data
    except NotVisible as error:
        raise Http404(_("This file is no longer here; choose it again.")) from error
    except DomainError as error:  # a file of another list
        raise Http404 from error
