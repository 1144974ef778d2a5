"""`make bench`: gridgov's speed as ratios to a floor measured in the same run, on SQLite and, where reachable, PostgreSQL.

SCALE=full takes 1,000,000 rows instead of 100,000 (several minutes more per database to fill); SCALE=huge measures the sweep alone,
with 10,000,000 open matters beside 1,000,000. Nothing is a timed test: the bars are printed beside the figures.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

SMALL = 10_000
LATE = 10_000
SIZES = {"": 100_000, "full": 1_000_000}
HUGE, BESIDE = 10_000_000, 1_000_000
LEDGERS = 100_000
WHO = ("township", "village", "worker", "department", "five_grants")
TOWNSHIPS = 20
FILTERS = ("all", "status", "category", "open", "overdue", "mine", "q")
# In every matter; in a fifth; in one of a hundred; in one of a thousand; in none; two at once; initials; a surname.
WORDS = ("路灯", "槐树", "鱼塘", "石磨", "水渠", "槐树 路灯", "鱼塘 石磨", "yt", "张")
DATABASE_URL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


@dataclass
class Asked:
    """A process on one database."""

    process: subprocess.Popen[str]

    def __call__(self, name: str, *arguments: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"gridgov bench: {name} ended with an error (see above)")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def process_on(database_url: str, folder: Path) -> Iterator[Asked]:
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "GRIDGOV_DATA": str(folder),
        "SECRET_KEY": "only-for-measuring",
        "LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.run"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Asked(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=60)


@contextmanager
def postgres(name: str) -> Iterator[str]:
    """A database of its own, dropped afterwards."""
    admin = psycopg2.connect(DATABASE_URL)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlsplit(DATABASE_URL)._replace(path=f"/{name}").geturl()
    finally:
        with admin.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        admin.close()


def row(text: str, figure: str, bar: str, *, met: bool) -> None:
    print(f"  {text:<52} {figure:<48} {bar:<28} {'ok' if met else 'NOT MET'}", flush=True)


@dataclass
class Pair:
    """The same world twice, on one kind of database."""

    big: Asked
    small: Asked
    size: int


def of_floor(found: dict[str, Any]) -> str:
    low, high = 1 / found["high"], 1 / found["low"]
    return f"{1 / found['ratio']:.2f} [{low:.2f} to {high:.2f}], {1 / found['cpu']:.2f} by CPU, {found['sql']} SQL"


def loading(pair: Pair) -> None:
    found = pair.big("loading", TOWNSHIPS)
    one = found["second"] / TOWNSHIPS
    row(
        f"loading {TOWNSHIPS} townships to {TOWNSHIPS} x one ({one:.0f} ms)",
        f"{found['ratio']:.2f} [{found['low']:.2f} to {found['high']:.2f}], {found['sql']} SQL for one",
        "<= 1.3x, <= 150 SQL",
        met=found["ratio"] <= 1.3 and found["sql"] <= 150,
    )


def report(pair: Pair) -> None:
    found = pair.big("create", 30)
    row(
        f"POST incidents/ ({found['first']:.1f} ms) of the floor ({found['second']:.1f})",
        of_floor(found),
        ">= 0.35, <= 14 SQL",
        met=found["ratio"] <= 1 / 0.35 and found["sql"] <= 14,
    )


def action(pair: Pair) -> None:
    found = pair.big("act", 30)
    row(
        f"accept ({found['first']:.1f} ms) of the floor's update ({found['second']:.1f})",
        of_floor(found),
        ">= 0.30",
        met=found["ratio"] <= 1 / 0.30,
    )


def lists(pair: Pair) -> None:
    for who, name in product(WHO, FILTERS):
        rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for number in range(7):
            order = (pair.big, pair.small) if number % 2 else (pair.small, pair.big)
            taken = {id(asked): asked("listing", who, name, 5) for asked in order}
            rounds.append((taken[id(pair.big)], taken[id(pair.small)]))
        large, little = (statistics.median(taken[side]["ms"] for taken in rounds) for side in (0, 1))
        ratios = [one["ms"] / other["ms"] for one, other in rounds]
        row(
            f"list of 50, {who}, {name}",
            f"{large:.1f} ms to {little:.1f} [{min(ratios):.2f} to {max(ratios):.2f}], {rounds[0][0]['sql']} SQL",
            "<= 1.3x or +2 ms, <= 8 SQL",
            met=(large <= 1.3 * little or large <= little + 2) and rounds[0][0]["sql"] <= 8,
        )


def searches(pair: Pair) -> None:
    """Words of one or two characters, common and rare; the index is made first, as the workers would."""
    for side in (pair.small, pair.big):
        made = side("index_all")
        print(
            f"  search index: {made['matters']:,} matters, {made['rows']:,} rows, {made['seconds']:.0f} s",
            flush=True,
        )
    for who in ("township", "village", "worker"):
        shown = [
            {words: side("listing", who, words, 1)["rows"] for words in WORDS}
            for side in (pair.big, pair.small)
        ]
        for words in WORDS:
            beside = _as_many(words, shown[0][words], shown[1])
            rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
            for number in range(7):
                asked = {id(pair.big): (pair.big, words), id(pair.small): (pair.small, beside)}
                order = (pair.big, pair.small) if number % 2 else (pair.small, pair.big)
                taken = {
                    id(side): asked[id(side)][0]("listing", who, asked[id(side)][1], 5) for side in order
                }
                rounds.append((taken[id(pair.big)], taken[id(pair.small)]))
            large, little = (statistics.median(taken[side]["ms"] for taken in rounds) for side in (0, 1))
            rows = f"{shown[0][words]} rows" + (
                f" to {shown[1][beside]} of {beside}" if beside != words else ""
            )
            row(
                f"search, {who}, {words}",
                f"{large:.1f} ms to {little:.1f}, {rows}, {rounds[0][0]['sql']} SQL",
                "<= 2x",
                met=large <= 2 * little,
            )


def _as_many(words: str, rows: int, shown: dict[str, int]) -> str:
    """The words whose page at the small size has as many rows: to show fifty takes longer than to show five, at any size.
    A rare word is its own measure only where it fills as much of the page."""
    if shown[words] >= rows:
        return words
    enough = [other for other in shown if shown[other] >= rows]
    return min(enough, key=lambda other: shown[other], default=max(shown, key=lambda other: shown[other]))


def sweep(pair: Pair) -> None:
    prepared = pair.big("make_late", LATE)
    found = pair.big("sweeping")
    row(
        f"sweep, {found['told']:,} late of {prepared['open']:,} open",
        f"{found['ratio']:.2f} x {found['second'] / 1000:.2f} s [{found['low']:.2f} to {found['high']:.2f}]",
        "<= 3 x bulk writes",
        met=found["ratio"] <= 3,
    )
    held = pair.big("memory")
    (few, little), (many, much) = held["few"], held["all"]
    row(
        f"sweep, most held at once, {many:,} to {few:,} late",
        f"{much:.1f} MB to {little:.1f}",
        "<= 1.3x",
        met=much <= 1.3 * little,
    )


def reckoning(pair: Pair) -> None:
    found = pair.big("reckoning", min(LEDGERS, pair.size))
    row(
        f"due times of {found['ledgers']:,} ledgers ({found['rows']:,} rows)",
        f"{found['ratio']:.2f} x {found['second'] / 1000:.2f} s [{found['low']:.2f} to {found['high']:.2f}]",
        "<= 2 x the pure function",
        met=found["ratio"] <= 2,
    )


def growth(pair: Pair) -> None:
    """The sweep's time grows with what is due, not with what is open."""
    rounds: list[tuple[float, float, float]] = []
    for number in range(8):
        order = [(pair.big, "all"), (pair.small, "all"), (pair.big, "few")]
        taken = {(id(asked), which): asked("swept", which) for asked, which in order[:: (-1) ** number]}
        if number:  # the first one warms up
            keys = [(id(asked), which) for asked, which in order]
            rounds.append(tuple(taken[key]["ms"] for key in keys))  # type: ignore[arg-type]
    told = pair.big("swept", "all")["told"], pair.big("swept", "few")["told"]
    large, little, few = (statistics.median(one[side] for one in rounds) for side in range(3))
    ratios = [one[0] / one[1] for one in rounds]
    row(
        f"sweep of {told[0]:,} due, {pair.size:,} open to {BESIDE:,}",
        f"{large:.0f} ms to {little:.0f} [{min(ratios):.2f} to {max(ratios):.2f}]",
        "<= 1.3x",
        met=large <= 1.3 * little,
    )
    row(
        f"sweep of {told[0]:,} due to {told[1]:,}, {pair.size:,} open",
        f"{large:.0f} ms to {few:.0f}, {large / few:.1f} x",
        f"<= {1.3 * told[0] / told[1]:.0f}x",
        met=large / few <= 1.3 * told[0] / told[1],
    )


ROWS: tuple[Callable[[Pair], None], ...] = (
    lists,
    searches,
    report,
    action,
    reckoning,
    sweep,  # changes what those before it read
    loading,
)


def measure(label: str, big_url: str, small_url: str, folder: Path, size: int) -> None:
    with process_on(big_url, folder / "big") as big, process_on(small_url, folder / "small") as small:
        start = time.monotonic()
        small("prepare", SMALL)
        big("prepare", size)
        took = time.monotonic() - start
        print(f"\n{label}: {size:,} incidents to {SMALL:,}, filled in {took:.0f} s", flush=True)
        for measured in ROWS:
            measured(Pair(big, small, size))
        print(f"  {time.monotonic() - start:.0f} s; load of the machine {os.getloadavg()[0]:.1f}", flush=True)


def measure_huge(label: str, big_url: str, small_url: str, folder: Path, size: int) -> None:
    with process_on(big_url, folder / "big") as big, process_on(small_url, folder / "small") as small:
        start = time.monotonic()
        small("prepare_waiting", min(BESIDE, size), LATE)
        big("prepare_waiting", size, LATE)
        took = time.monotonic() - start
        print(f"\n{label}: {size:,} open incidents, filled in {took:.0f} s", flush=True)
        growth(Pair(big, small, size))
        print(f"  {time.monotonic() - start:.0f} s; load of the machine {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    scale = os.environ.get("SCALE", "")
    size = HUGE if scale == "huge" else SIZES.get(scale) or int(scale)
    measured = measure_huge if scale == "huge" else measure
    only = os.environ.get("PROFILE", "")
    folder = Path(tempfile.mkdtemp(prefix="gridgov-bench-"))
    try:
        for side in ("big", "small"):
            (folder / side).mkdir()
        if only in ("", "embedded"):
            measured(
                "SQLite",
                f"sqlite:///{folder}/big/b.sqlite3",
                f"sqlite:///{folder}/small/s.sqlite3",
                folder,
                size,
            )
        if only in ("", "production"):
            with ExitStack() as stack:
                try:
                    urls = [
                        stack.enter_context(postgres(f"gridgov_bench_{os.getpid()}_{side}")) for side in "bs"
                    ]
                except psycopg2.OperationalError as error:
                    print(f"\nPostgreSQL: not measured ({str(error).splitlines()[0]})")
                else:
                    measured("PostgreSQL", urls[0], urls[1], folder, size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
