"""Looking up words: newest matters first, through scope, and people's names and phones only where one works on the matter.

The index proposes, block by block from the newest on, and stops as soon as a page is full; `visible_to` and the words of the row
itself decide. What the index does not know yet is read directly. (docs/adr/0017)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q, prefetch_related_objects

from gridgov.common.paging import PAGE_SIZE, Key, Page, page_of
from grids.enums import Kind, Verb
from grids.models import Grid
from grids.querysets import Place, fold, next_code, places_of
from incidents.models import Incident, Part, SearchEntry
from incidents.models.people import people_of
from incidents.permissions import works_at
from incidents.querysets import RELATED, ListFilters, part_conditions
from incidents.search.scanning import ANY, Sought, candidates, position
from incidents.search.words import HANDLER, PLACE, SIGHT, Word, asked, digits_of
from members.models import Member
from members.querysets import standing_of

MOST_EXAMINED = 2000  # matters read for one page: more words, or a place, find what lies deeper
MOST_WAITING = 200
NUMBER_LENGTH = 8  # from here on digits may be a whole number


A_NUMBER = re.compile(r"\d{8}-\d{4,}")  # of a matter here: nothing else is looked for


@dataclass(frozen=True)
class Question:
    """What is asked, with the people and grids whose names have the words."""

    words: tuple[Word, ...]
    grids: tuple[Grid, ...] = ()
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Found:
    """`more`: the page is not full, but older matters have not been looked at; `page.next` leads on."""

    page: Page[Incident]
    question: Question
    more: bool = False
    exact: bool = False  # a whole number was asked for


def search(user: Any, filters: ListFilters, key: Key | None = None, size: int = PAGE_SIZE) -> Found:
    """One page of what the user may see and the words fit. An exact number is found by itself."""
    if len(digits_of(filters.q)) >= NUMBER_LENGTH:
        page = Incident.objects.page_for(user, filters, key, size)
        if page.rows or A_NUMBER.fullmatch(filters.q.strip()):
            return Found(page, Question(tuple(asked(filters.q))), exact=True)
    question = _named(user, asked(filters.q))
    if not question.words:
        return Found(Page([], None, None), question)
    look = _Look(user, question, filters, size)
    rows, more = look.rows(key)
    backwards = key is not None and key.backwards
    rows.sort(key=lambda row: (row.reported_at, row.pk), reverse=not backwards)
    page = page_of(rows[: size + 1], key, size)
    if page.next is None and look.last is not None and not backwards:
        page = replace(page, next=look.last)
    return Found(page, question, more)


# --- names that are not in the index: they change, and few are asked -----------------------------------------------


def _named(user: Any, words: list[Word]) -> Question:
    """Each word with the grids and members of the townships one works in whose names have it."""
    towns = _townships(user)
    if not words:
        return Question(())
    grids = list(Grid.objects.active().filter(township_code__in=towns).order_by("code"))
    members = list(Member.objects.filter(township_code__in=towns).only("name", "township_code"))
    named, all_grids, all_members = [], [], []
    for word in words:
        places = [grid for grid in grids if grid.kind != Kind.TOWNSHIP and word.names(grid.name)]
        people = [member for member in members if word.names(member.name)]
        all_grids += places
        all_members += people
        named.append(
            replace(
                word,
                places=frozenset(f"{PLACE}{grid.code}" for grid in places),
                handlers=frozenset(f"{HANDLER}{member.pk.hex}" for member in people),
            )
        )
    return Question(tuple(named), tuple(dict.fromkeys(all_grids)), tuple(dict.fromkeys(all_members)))


def _townships(user: Any) -> list[str]:
    seen = {place.code[:9] for place in places_of(user)[Verb.SEE]}
    return sorted(seen | set(standing_of(user).townships))


# --- one look ----------------------------------------------------------------------------------------------------


class _Look:
    def __init__(self, user: Any, question: Question, filters: ListFilters, size: int) -> None:
        self.user, self.question, self.filters, self.size = user, question, filters, size
        self.last: Key | None = None  # the oldest matter that was examined
        standing, places = standing_of(user), places_of(user)
        self.sight = places[Verb.SEE]
        self.works = fold([*places[Verb.HANDLE], *places[Verb.COORDINATE]])
        serving = [standing.member.pk.hex] if standing.member else []
        self.parts = frozenset(f"{SIGHT}{key}" for key in (*serving, *standing.departments))
        self.on_row = filters.on_row()
        if filters.category:
            self.on_row &= Q(category__code=filters.category)
        if filters.mine:
            units = Q(responsible_grid__in=standing.units)
            self.on_row &= Q(is_open=True) & (units | Q(responsible_department__in=standing.departments))
        if filters.grid:
            self.on_row &= Q(grid__gte=filters.grid, grid__lt=next_code(filters.grid))

    def rows(self, key: Key | None) -> tuple[list[Incident], bool]:
        """A page and one more where there is one, and whether the look ended before everything was examined."""
        kept: dict[UUID, Incident] = {}
        if key is None:
            kept |= {row.pk: row for row in self._waiting()}
        more = False
        for township in _townships(self.user):
            found, stopped = self._in_township(township, key)
            more = more or stopped
            kept |= {row.pk: row for row in found}
        rows = list(kept.values())
        if self.last is not None and not (key and key.backwards):
            end = (self.last.at, self.last.id)
            rows = [row for row in rows if (row.reported_at, row.pk) >= end]
        return rows, more

    def _waiting(self) -> list[Incident]:
        """What the index does not know as it is."""
        rows = Incident.objects.filter(search_stale=True, township_code__in=_townships(self.user))
        ids = list(rows.order_by("-reported_at", "-id").values_list("pk", flat=True)[:MOST_WAITING])
        return self._fitting(Q(pk__in=ids)) if ids else []

    def _in_township(self, township: str, key: Key | None) -> tuple[list[Incident], bool]:
        backwards = key is not None and key.backwards
        start = position(township, key)
        if start is None:
            return [], False
        numbered = candidates(self._sought(township), start, backwards=backwards)
        kept: list[Incident] = []
        examined, wanted = 0, self.size + 1
        while len(kept) <= self.size:
            numbers = list(islice(numbered, wanted))
            if not numbers:
                return kept, False
            kept += self._fitting(Q(search_entry__township_code=township, search_entry__number__in=numbers))
            examined += len(numbers)
            wanted = min(wanted * 4, 500)
            if examined >= MOST_EXAMINED and len(kept) <= self.size:
                self._note_last(township, numbers[-1])
                return kept, True
        return kept, False

    def _note_last(self, township: str, number: int) -> None:
        entry = SearchEntry.objects.filter(township_code=township, number=number)
        at = entry.values_list("incident__reported_at", "incident").first()
        if at is not None and (self.last is None or at[0] > self.last.at):
            self.last = Key(*at)

    def _sought(self, township: str) -> Sought:
        place = self.filters.grid if len(self.filters.grid) > len(township) else ""
        return Sought(
            township,
            self.question.words,
            _grams(self.sight, township) | self.parts,
            _grams(self.works, township) | self.parts,
            f"{PLACE}{place}" if place else ANY,
        )

    # --- the rows decide ---
    def _fitting(self, which: Q) -> list[Incident]:
        """Those of the rows that the user sees, that pass the filters and have every word. Three queries at most."""
        rows = Incident.objects.visible_to(self.user).filter(self.on_row, which)
        seen = list(rows.select_related(*RELATED, "requester").order_by("-reported_at", "-id"))
        words = self.question.words
        doubtful = [row for row in seen if not all(self._stands_openly(word, row) for word in words)]
        if not doubtful:
            return seen
        works = {row.pk for row in doubtful if works_at(self.user, row)} | self._parts_in(doubtful)
        prefetch_related_objects([row for row in doubtful if row.pk in works], "parties")
        by_people = {row.pk for row in doubtful if row.pk in works and self._fits_with_people(row)}
        for row in seen:
            row.found_by_people = row.pk in by_people  # type: ignore[attr-defined]
        out = {row.pk for row in doubtful} - by_people
        return [row for row in seen if row.pk not in out]

    def _parts_in(self, rows: list[Incident]) -> set[UUID]:
        mine = Q(pk__in=[])
        for condition in part_conditions(standing_of(self.user)):
            mine |= condition
        current = Part.objects.current().filter(mine, incident__in=[row.pk for row in rows])
        return set(current.values_list("incident", flat=True))

    def _stands_openly(self, word: Word, row: Incident) -> bool:
        texts = f"{row.number}\n{row.external_no}\n{row.title}\n{row.description}\n{row.address}"
        return (
            word.stands_in(texts)
            or word.abbreviates(f"{row.title}\n{row.address}")
            or any(row.grid_id.startswith(place[1:]) for place in word.places)
            or any(
                member is not None and f"{HANDLER}{member.hex}" in word.handlers
                for member in (row.responsible_member_id, row.handler_member_id)
            )
        )

    def _fits_with_people(self, row: Incident) -> bool:
        people = people_of(row)
        return all(
            self._stands_openly(word, row)
            or any(word.names(name) or word.ends(phone) for name, phone in people)
            for word in self.question.words
        )


def _grams(places: Iterable[Place], township: str) -> frozenset[str]:
    """The grams of places in the township; the whole of it is everything."""
    codes = [place.code for place in places if place.code.startswith(township)]
    return frozenset(ANY if code == township else f"{PLACE}{code}" for code in codes)
