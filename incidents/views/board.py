"""The board of open matters by level, and the ledger (台账) as a workbook."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from grids.enums import Verb
from grids.querysets import places_of
from incidents.board import COLUMNS, LEVELS, behind, board, month_figures
from incidents.enums import CategoryKind
from incidents.exports import write_ledger
from incidents.filters import FilterForm
from incidents.views.importing import workbook


@login_required
@require_safe
def by_level(request: HttpRequest) -> HttpResponse:
    """Figures of what one sees by place; each opens to its matters."""
    places = places_of(request.user)[Verb.SEE]
    if not places:
        raise Http404
    counted = board(places)
    level, column = request.GET.get("level", ""), request.GET.get("what", "")
    chosen = level.isascii() and level.isdigit() and int(level) in LEVELS and column in COLUMNS
    context = {
        "columns": COLUMNS.values(),
        "lines": [
            {
                "label": label,
                "cells": [{"url": f"?level={key}&what={name}", "n": n} for name, n in counted[key].items()],
            }
            for key, label in LEVELS.items()
        ],
        "sums": [sum(line[name] for line in counted.values()) for name in COLUMNS],
        "shown": f"{LEVELS[int(level)]} · {COLUMNS[column]}" if chosen else "",
        "rows": behind(places, int(level), column) if chosen else [],
        "month": _month(places, request.GET.get("month", "")),
    }
    return render(request, "incidents/board.html", context)


def _month(places: Any, asked: str) -> dict[str, Any]:
    """`asked`: 2026-11; the running month without one, or where it says none that has begun."""
    today = clock.today()
    try:
        first, following = clock.month_of(min(date.fromisoformat(f"{asked}-01"), today))
    except ValueError:
        first, following = clock.month_of(today)
    figures = month_figures(places, first)
    return {
        "first": first,
        "before": first - timedelta(days=1),
        "after": following if following <= today else None,
        "levels": LEVELS.values(),
        "lines": [(CategoryKind(kind).label, line.values()) for kind, line in figures.items()],
        "sums": [sum(column) for column in zip(*(line.values() for line in figures.values()), strict=True)],
    }


@login_required
@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """What the list shows, narrowed in the same way, as a workbook without people's names. Noted in the audit trail."""
    user: Any = request.user
    form = FilterForm(request.GET, user=user)
    target = BytesIO()
    rows = write_ledger(target, user=user, filters=form.filters)
    towns = sorted({place.code[:9] for place in places_of(user)[Verb.SEE]})
    audit.record(
        AuditKind.EXPORT,
        user=user,
        request=request,
        subject="ledger",
        township_code=towns[0] if towns else "",
        rows=rows,
    )
    return workbook(target, f"ledger-{clock.today():%Y%m%d}.xlsx")
