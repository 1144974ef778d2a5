"""The index, read block by block from the newest on: which numbers of a township's matters may have the words. Bits are matters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from gridgov.common.paging import Key, order
from incidents.models import Incident, SearchBlock, SearchEntry
from incidents.models.search import BLOCK, unpack
from incidents.search.words import Word

FIRST_BLOCKS, TIMES = 4, 8  # blocks read at first, and how many times more each time after
EVERYTHING = (1 << BLOCK) - 1
ANY = ""  # the gram that every matter has


@dataclass(frozen=True)
class Sought:
    """What is looked for in one township: words, in what one sees (`sight`), in people where one works (`works`)."""

    township: str
    words: tuple[Word, ...]
    sight: frozenset[str]
    works: frozenset[str]
    place: str = ANY

    @property
    def of_words(self) -> list[str]:
        needed = {
            gram for word in self.words for grams in (*word.anywhere, *word.person) for gram in grams
        }.union(*(word.handlers | word.places for word in self.words))
        return sorted(needed - {ANY})

    @property
    def of_scope(self) -> list[str]:
        return sorted((self.sight | self.works | {self.place}) - {ANY} - set(self.of_words))


def candidates(sought: Sought, start: int, *, backwards: bool) -> Iterator[int]:
    """Numbers that may fit, from `start` (not itself) to older ones, or `backwards` to newer ones."""
    last = last_number(sought.township) if backwards else start - 1
    if last is None or last < 0:
        return
    blocks = range(start // BLOCK, last // BLOCK + 1) if backwards else range(last // BLOCK, -1, -1)
    width, at = FIRST_BLOCKS, 0
    while at < len(blocks):
        some = blocks[at : at + width]
        at, width = at + width, width * TIMES
        rows = _read(sought.township, some, sought.of_words)
        known = {block: _Block(rows[block]) for block in some if block in rows}
        # Of most blocks nothing has a rare word: what one sees there need not be read.
        hits = [block for block, its in known.items() if its.words(sought.words, EVERYTHING)]
        for block, of_scope in _read(sought.township, hits, sought.of_scope).items():
            known[block].rows |= of_scope
        for block in hits:
            found, base = known[block].fitting(sought), block * BLOCK
            if backwards:
                yield from _rising(found & EVERYTHING << max(start - base + 1, 0), base)
            else:
                yield from _falling(found & (1 << min(start - base, BLOCK)) - 1, base)


def _read(
    township: str, blocks: Sequence[int], grams: Sequence[str]
) -> Mapping[int, dict[str, bytes | memoryview]]:
    found: dict[int, dict[str, bytes | memoryview]] = defaultdict(dict)
    if blocks and grams:
        rows = SearchBlock.objects.filter(township_code=township, block__in=blocks, gram__in=grams)
        for block, gram, matters in rows.values_list("block", "gram", "matters"):
            found[block][gram] = matters
    return found


class _Block:
    """The rows of one block. The shortest are looked at first: where they have nothing in common the others stay packed."""

    def __init__(self, rows: dict[str, bytes | memoryview]) -> None:
        self.rows = rows
        self.known: dict[str, int] = {ANY: EVERYTHING}

    def fitting(self, sought: Sought) -> int:
        seen = self._bits(sought.place) & self._union(sought.sight)
        return seen and seen & self.words(sought.words, self._union(sought.works))

    def words(self, words: Sequence[Word], works: int) -> int:
        """What has all of them; `works`: of which matters people are looked at."""
        found = EVERYTHING
        for word in words:
            found &= self._word(word, works)
            if not found:
                return 0
        return found

    def _word(self, word: Word, works: int) -> int:
        found = self._union(word.handlers) | self._union(word.places)
        for grams in word.anywhere:
            found |= self._all(grams)
        for grams in word.person:
            found |= works and self._all(grams) & works
        return found

    def _bits(self, gram: str) -> int:
        if gram not in self.known:
            self.known[gram] = unpack(self.rows[gram]) if gram in self.rows else 0
        return self.known[gram]

    def _union(self, grams: Iterable[str]) -> int:
        found = 0
        for gram in grams:
            found |= self._bits(gram)
        return found

    def _all(self, grams: frozenset[str]) -> int:
        if not all(gram in self.rows for gram in grams):
            return 0
        found = EVERYTHING
        for gram in sorted(grams, key=lambda gram: len(self.rows[gram])):
            found &= self._bits(gram)
            if not found:
                break
        return found


def _falling(bits: int, base: int) -> Iterator[int]:
    while bits:
        place = bits.bit_length() - 1
        yield base + place
        bits ^= 1 << place


def _rising(bits: int, base: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield base + lowest.bit_length() - 1
        bits ^= lowest


# --- numbers -----------------------------------------------------------------------------------------------------


def last_number(township: str) -> int | None:
    entries = SearchEntry.objects.filter(township_code=township).order_by("-number")
    return entries.values_list("number", flat=True).first()


def position(township: str, key: Key | None) -> int | None:
    """From which number to look: the key's own matter, else the nearest older one; without a key from the newest on."""
    if key is None:
        last = last_number(township)
        return None if last is None else last + 1
    entries = SearchEntry.objects.filter(township_code=township)
    own = entries.filter(pk=UUID(str(key.id))).values_list("number", flat=True).first()
    if own is not None:
        return own
    older = replace(key, backwards=False).condition()
    rows = Incident.objects.filter(older, township_code=township, search_entry__isnull=False)
    below = rows.order_by(*order(backwards=False)).values_list("search_entry__number", flat=True).first()
    if key.backwards:
        return -1 if below is None else below
    return None if below is None else below + 1
