"""Words and grams: how a text becomes what the index keeps, and a question what it is asked for. Pure.

A text is cut into runs of Chinese characters, of letters and of digits. Chinese runs give each character and each pair, other
runs their beginnings. Names, titles and small places also give the pinyin initials of each pair, in every reading. What says who
asked or who quarrels stands apart behind a mark of its own, so that it can be asked for only where one works on the matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product

PLACE, HANDLER, SIGHT, INITIALS, PERSON, TAIL = "@", "&", "%", ".", "~", "#"  # marks; none is part of a run
BEGINNING = 8  # characters of a run of letters or digits
TAILS = range(4, 9)  # digits from the end of a phone number
MOST_WORDS = 6
LONGEST_QUESTION = 60  # characters
_CHINESE = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
RUN = re.compile(f"[0-9]+|[{_CHINESE}]+|[^\\W0-9_{_CHINESE}]+")


def plain(text: str) -> str:
    """Full width and capitals say the same as half width and small letters."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_chinese(run: str) -> bool:
    return re.match(f"[{_CHINESE}]", run) is not None


@lru_cache(maxsize=20_000)
def initials(character: str) -> frozenset[str]:
    """The first letters of all readings: 单 is d, s and c."""
    from pypinyin import Style, pinyin  # noqa: PLC0415  its tables take a quarter of a second: only who searches pays

    found = pinyin(character, style=Style.FIRST_LETTER, heteronym=True, errors="ignore")
    return frozenset(letter for letters in found for letter in letters)


@lru_cache(maxsize=20_000)
def usual_initials(text: str) -> str:
    """The first letters as most people would type them: 龙田村 is ltc. Other characters stay."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  see above

    return "".join(lazy_pinyin(plain(text), style=Style.FIRST_LETTER))


# --- what the index keeps ----------------------------------------------------------------------------------------


def grams(text: str) -> set[str]:
    found: set[str] = set()
    for run in RUN.findall(plain(text)):
        if is_chinese(run):
            found.update(run)
            found.update(a + b for a, b in pairwise(run))
        else:
            found.update(run[:length] for length in range(1, min(len(run), BEGINNING) + 1))
    return found


def initial_grams(text: str) -> set[str]:
    return {
        INITIALS + a + b
        for run in RUN.findall(plain(text))
        if is_chinese(run)
        for left, right in pairwise(run)
        for a, b in product(initials(left), initials(right))
    }


def digits_of(phone: str) -> str:
    return re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", phone))


def person_grams(name: str, phone: str) -> set[str]:
    digits = digits_of(phone)
    tails = {TAIL + digits[-length:] for length in TAILS if len(digits) >= length}
    return {PERSON + gram for gram in grams(name) | initial_grams(name) | tails}


# --- what is asked -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """One word of a question. Any one set of `anywhere`, or of `person` where one works on the matter, must be there whole.

    `handlers` and `places`: members and grids whose name has the word; filled in by whoever knows them.
    """

    text: str
    runs: tuple[str, ...]
    anywhere: tuple[frozenset[str], ...]
    person: tuple[frozenset[str], ...]
    handlers: frozenset[str] = field(default=frozenset())
    places: frozenset[str] = field(default=frozenset())

    @property
    def letters(self) -> str:
        """Letters that may be pinyin initials."""
        return self.text if len(self.text) > 1 and self.text.isascii() and self.text.isalpha() else ""

    @property
    def digits(self) -> str:
        """Digits that may end a phone number."""
        digits = digits_of(self.text)
        return digits if len(digits) >= TAILS.start and re.fullmatch(r"[0-9+ -]+", self.text) else ""

    def stands_in(self, text: str) -> bool:
        """Whether all of it is there: Chinese anywhere, others where a run begins."""
        there = RUN.findall(plain(text))
        return all(
            any(run in other if is_chinese(run) else other.startswith(run) for other in there)
            for run in self.runs
        )

    def abbreviates(self, text: str) -> bool:
        """Whether it is the pinyin initials of characters in a row."""
        letters = self.letters
        return bool(letters) and any(
            all(letter in initials(run[at + step]) for step, letter in enumerate(letters))
            for run in RUN.findall(plain(text))
            if is_chinese(run)
            for at in range(len(run) - len(letters) + 1)
        )

    def names(self, name: str) -> bool:
        return self.stands_in(name) or self.abbreviates(name)

    def ends(self, phone: str) -> bool:
        return bool(self.digits) and digits_of(phone).endswith(self.digits)


def asked(question: str) -> list[Word]:
    """The words of a question, at most six; nothing where there is no word in it."""
    parts = plain(question).replace("\0", " ").split()
    words = [_word(part, tuple(RUN.findall(part))) for part in parts]
    return [word for word in words if word.runs][:MOST_WORDS]


def _word(text: str, runs: tuple[str, ...]) -> Word:
    needed = frozenset(gram for run in runs for gram in _needed(run))
    bare = Word(text, runs, (needed,), (frozenset(PERSON + gram for gram in needed),))
    anywhere, person = list(bare.anywhere), list(bare.person)
    if bare.letters:
        pairs = frozenset(INITIALS + a + b for a, b in pairwise(bare.letters))
        anywhere.append(pairs)
        person.append(frozenset(PERSON + pair for pair in pairs))
    if bare.digits:
        person.append(frozenset({PERSON + TAIL + bare.digits[-(TAILS.stop - 1) :]}))
    return Word(text, runs, tuple(anywhere), tuple(person))


def _needed(run: str) -> Iterator[str]:
    """The fewest grams that a text with this run must have."""
    if not is_chinese(run):
        yield run[:BEGINNING]
    elif len(run) == 1:
        yield run
    else:
        yield from (a + b for a, b in pairwise(run))


def marked(text: str, words: Iterable[Word]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether a word was found there; for highlighting."""
    flags = [False] * len(text)
    lowered = text.casefold()
    for word in words:
        for run in word.runs:
            at = lowered.find(run)
            while at >= 0 and len(lowered) == len(text):
                flags[at : at + len(run)] = [True] * len(run)
                at = lowered.find(run, at + len(run))
    pieces: list[tuple[str, bool]] = []
    for character, flag in zip(text, flags, strict=True):
        if pieces and pieces[-1][1] is flag:
            pieces[-1] = (pieces[-1][0] + character, flag)
        else:
            pieces.append((character, flag))
    return pieces
