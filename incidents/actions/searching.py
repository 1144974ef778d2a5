"""Keeps the search index up to what is written. Apart from the writing itself: a report stays quick, and what the index does
not know yet a search reads directly (`incidents.search.reading`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from gridgov.common import clock
from gridgov.common.models import Heartbeat
from grids.querysets import lineage
from incidents.models import Incident, Part, SearchBlock, SearchEntry
from incidents.models.people import people_of
from incidents.models.search import BLOCK, pack, unpack
from incidents.search.words import HANDLER, PLACE, SIGHT, grams, initial_grams, person_grams

MOST = 300  # matters in one transaction
AT_ONCE = 500  # rows in one statement
GROWING = (HANDLER, SIGHT)  # who once handled or saw it is found by it for good


@transaction.atomic
def index_waiting(*, most: int = MOST) -> int:
    """Takes up to `most` matters that the index does not know as they are, and new sights of others; how many it took.

    Whoever comes second leaves at once. What is interrupted leaves everything as it was, and is taken next time.
    """
    if not _alone():
        return 0
    rows = (
        Incident.objects.filter(search_stale=True)
        .select_related("requester")
        .prefetch_related("parties")
        .order_by("township_code", "reported_at", "id")
    )
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(of=("self",))
    stale = list(rows[:most])
    ids = [row.pk for row in stale]
    sights = list(Part.objects.filter(incident__in=ids))
    known = Part.objects.filter(in_search=False, incident__search_entry__isnull=False)
    sights += list(known.exclude(incident__in=ids).order_by("id")[:most])
    if not sights and not stale:
        return 0
    writing = _Writing(stale, sights)
    writing.write()
    for some in _chunks(ids):
        Incident.objects.filter(pk__in=some).update(search_stale=False)
    for some in _chunks([part.pk for part in sights]):
        Part.objects.filter(pk__in=some).update(in_search=True)
    return len(stale) + len(sights)


def _alone() -> bool:
    """Two who change the same rows would lose each other's bits."""
    Heartbeat.objects.get_or_create(name="search", defaults={"at": clock.now()})
    row = Heartbeat.objects.filter(name="search")
    if connection.features.has_select_for_update_skip_locked:
        row = row.select_for_update(skip_locked=True)
    return row.first() is not None


class _Writing:
    """Bits to set and to clear, gathered by block and gram."""

    def __init__(self, stale: list[Incident], sights: list[Part]) -> None:
        self.set: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.clear: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        self.entries: list[SearchEntry] = []
        ids = {row.pk for row in stale} | {part.incident_id for part in sights}
        self.known = {entry.pk: entry for some in _chunks(ids) for entry in _entries(some)}
        self.last = _last_numbers({row.township_code for row in stale})
        for row in stale:
            self._take(row)
        for part in sights:
            entry = self.known.get(part.incident_id)
            if entry is not None:
                self._add(entry, sight_gram(part))

    def _take(self, row: Incident) -> None:
        found = grams_of(row)
        fingerprint = blake2b("\n".join(sorted(found)).encode(), digest_size=16).hexdigest()
        entry = self.known.get(row.pk)
        if entry is None:
            self.last[row.township_code] += 1
            entry = SearchEntry(
                incident=row, township_code=row.township_code, number=self.last[row.township_code]
            )
            self.known[row.pk] = entry
        elif entry.fingerprint != fingerprint:
            self._forget(entry, found)
        if entry.fingerprint != fingerprint:
            entry.fingerprint = fingerprint
            self.entries.append(entry)
            for gram in found:
                self._add(entry, gram)
        for member in {row.responsible_member_id, row.handler_member_id} - {None}:
            self._add(entry, f"{HANDLER}{member.hex}")  # type: ignore[union-attr]

    def _add(self, entry: SearchEntry, gram: str) -> None:
        self.set[entry.township_code, entry.number // BLOCK][gram] |= 1 << entry.number % BLOCK

    def _forget(self, entry: SearchEntry, kept: set[str]) -> None:
        """What a corrected matter no longer has; the rows of its block say what it had."""
        place = (entry.township_code, entry.number // BLOCK)
        bit = 1 << entry.number % BLOCK
        rows = SearchBlock.objects.filter(township_code=place[0], block=place[1])
        for gram, matters in rows.values_list("gram", "matters").iterator():
            if gram not in kept and not gram.startswith(GROWING) and unpack(matters) & bit:
                self.clear[place][gram] = self.clear[place].get(gram, 0) | bit

    def write(self) -> None:
        SearchEntry.objects.bulk_create(
            self.entries,
            update_conflicts=True,
            unique_fields=["incident"],
            update_fields=["fingerprint"],
            batch_size=AT_ONCE,
        )
        for place in {*self.set, *self.clear}:
            self._write_block(place, self.set[place], self.clear[place])

    def _write_block(self, place: tuple[str, int], added: dict[str, int], cleared: dict[str, int]) -> None:
        township, block = place
        for some in _chunks({*added, *cleared}):
            there = SearchBlock.objects.filter(township_code=township, block=block, gram__in=some)
            before = {gram: unpack(matters) for gram, matters in there.values_list("gram", "matters")}
            SearchBlock.objects.bulk_create(
                [
                    SearchBlock(
                        township_code=township,
                        block=block,
                        gram=gram,
                        matters=pack(before.get(gram, 0) & ~cleared.get(gram, 0) | added.get(gram, 0)),
                    )
                    for gram in some
                ],
                update_conflicts=True,
                unique_fields=["township_code", "block", "gram"],
                update_fields=["matters"],
            )


def grams_of(row: Incident) -> set[str]:
    """Everything a matter is found by, but for who sees and who handles it."""
    found = grams(f"{row.number}\n{row.external_no}\n{row.title}\n{row.description}\n{row.address}")
    found |= initial_grams(f"{row.title}\n{row.address}")
    found |= {f"{PLACE}{code}" for code in lineage(str(row.grid_id))[1:]}
    for name, phone in people_of(row):
        found |= person_grams(name, phone)
    return found


def sight_gram(part: Part) -> str:
    return f"{SIGHT}{part.member_id.hex}" if part.member_id is not None else f"{SIGHT}{part.department_id}"


def _entries(ids: list[Any]) -> Iterable[SearchEntry]:
    return SearchEntry.objects.filter(pk__in=ids)


def _last_numbers(townships: set[str]) -> dict[str, int]:
    """The last number given in each township; before the first one stands -1."""
    rows = SearchEntry.objects.filter(township_code__in=townships).values("township_code")
    return dict.fromkeys(townships, -1) | dict(
        rows.annotate(last=Max("number")).values_list("township_code", "last")
    )


def _chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]
