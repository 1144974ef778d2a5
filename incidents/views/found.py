"""What a search finds, as a page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from gridgov.common.masking import mask_name, mask_phone
from gridgov.common.pages import page_url
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import holds
from incidents.filters import FilterForm
from incidents.models import Incident
from incidents.models.people import people_of
from incidents.search.reading import Found
from incidents.search.words import Word, marked
from members.models import Member

IN_SHORT = 5  # grids and people beside the matters
BEFORE, AROUND = 12, 60  # characters of the text around what was found


def answer_words(request: HttpRequest, form: FilterForm, found: Found) -> HttpResponse:
    """A number that is found leads straight to its matter."""
    user: Any = request.user
    page = found.page
    if found.exact and len(page.rows) == 1:
        return redirect("incidents:detail", page.rows[0].pk)
    context = {
        "form": form,
        "page": page,
        "hits": [hit(row, found.question.words) for row in page.rows],
        "more": found.more,
        "next": page_url(request, page.next),
        "previous": page_url(request, page.previous),
        "grids": _grids(user, found) if not page.previous else [],
        "people": _people(user, found) if not page.previous else [],
    }
    return render(request, "incidents/found.html", context)


def hit(row: Incident, words: tuple[Word, ...]) -> dict[str, Any]:
    """A matter with what was found in it marked. People stay masked, and are named only if the matter was found by them."""
    people = [
        f"{mask_name(name)} {mask_phone(phone)}".strip()
        for name, phone in (people_of(row) if getattr(row, "found_by_people", False) else ())
        if any(word.names(name) or word.ends(phone) for word in words)
    ]
    return {
        "row": row,
        "number": marked(row.number, words),
        "heading": marked(row.heading, words),
        "text": marked(_around(row, words), words),
        "address": marked(row.address, words),
        "people": people,
    }


def _around(row: Incident, words: tuple[Word, ...]) -> str:
    """The part of the text in which the first of the words stands."""
    text = " ".join(row.description.split())
    at = min((at for word in words for run in word.runs if (at := text.casefold().find(run)) >= 0), default=0)
    start = max(at - BEFORE, 0) if at > AROUND - BEFORE else 0
    end = start + AROUND
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _grids(user: Any, found: Found) -> list[Grid]:
    return [grid for grid in found.question.grids if holds(user, Verb.SEE, grid.code)][:IN_SHORT]


def _people(user: Any, found: Found) -> list[Member]:
    named = [member.pk for member in found.question.members]
    return (
        list(Member.objects.visible_to(user).filter(pk__in=named[:50]).order_by("id")[:IN_SHORT])
        if named
        else []
    )
