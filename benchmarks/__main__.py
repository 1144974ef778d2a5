"""`make bench`: gridgov's speed as ratios to a floor measured in the same run, on SQLite and, where reachable, PostgreSQL.

SCALE=full takes 1,000,000 rows instead of 100,000 (several minutes more per database to fill). Nothing is a timed test: the bars are
printed beside the figures.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

SMALL = 10_000
SIZES = {"": 100_000, "full": 1_000_000}
WHO = ("township", "village", "worker", "department", "five_grants")
FILTERS = ("all", "status", "category", "open", "overdue", "mine", "q")
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
    print(f"  {text:<46} {figure:<44} {bar:<28} {'ok' if met else 'NOT MET'}", flush=True)


def spread(found: dict[str, Any]) -> str:
    return f"[{found['low']:.2f} to {found['high']:.2f}]"


def writes(big: Asked) -> None:
    found = big("create", 30)
    ratio = 1 / found["ratio"]
    row(
        "POST incidents/ to the floor's two inserts",
        f"{ratio:.2f} of it, {found['first']:.2f} ms, {found['sql']} SQL",
        ">= 0.35, <= 14 SQL",
        met=ratio >= 0.35 and found["sql"] <= 14,
    )
    found = big("act", 30)
    ratio = 1 / found["ratio"]
    row(
        "an action (accept) to the floor's update",
        f"{ratio:.2f} of it, {found['first']:.2f} ms, {found['sql']} SQL",
        ">= 0.30",
        met=ratio >= 0.30,
    )


def lists(big: Asked, small: Asked, size: int) -> None:
    for who in WHO:
        for name in FILTERS:
            pairs = []
            for number in range(7):
                order = (big, small) if number % 2 else (small, big)
                taken = {asked.process.pid: asked("listing", who, name, 5) for asked in order}
                pairs.append((taken[big.process.pid], taken[small.process.pid]))
            large = statistics.median(pair[0]["ms"] for pair in pairs)
            little = statistics.median(pair[1]["ms"] for pair in pairs)
            sql = max(pair[0]["sql"] for pair in pairs)
            row(
                f"list of 50, {who}, {name}",
                f"{large:.2f} ms at {size:,}, {little:.2f} ms at {SMALL:,}, {sql} SQL",
                "<= 1.3x or +2 ms, <= 8 SQL",
                met=(large <= 1.3 * little or large <= little + 2) and sql <= 8,
            )


def sweep(big: Asked) -> None:
    prepared = big("make_late", 10_000)
    found = big("sweeping")
    row(
        f"sweep, {found['told']:,} late of {prepared['open']:,} open",
        f"{found['ratio']:.2f} x {found['second'] / 1000:.2f} s {spread(found)}, memory +{found['grown_mb']:.0f} MB",
        "<= 3 x bulk writes, flat",
        met=found["ratio"] <= 3,
    )


def measure(label: str, big_url: str, small_url: str, folder: Path, size: int) -> None:
    with process_on(big_url, folder / "big") as big, process_on(small_url, folder / "small") as small:
        start = time.monotonic()
        small("prepare", SMALL)
        big("prepare", size)
        print(f"\n{label}: {size:,} incidents, filled in {time.monotonic() - start:.0f} s", flush=True)
        lists(big, small, size)
        writes(big)
        sweep(big)


def main() -> None:
    scale = os.environ.get("SCALE", "")
    size = SIZES.get(scale) or int(scale)
    only = os.environ.get("PROFILE", "")
    folder = Path(tempfile.mkdtemp(prefix="gridgov-bench-"))
    try:
        for side in ("big", "small"):
            (folder / side).mkdir()
        if only in ("", "embedded"):
            measure(
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
                    measure("PostgreSQL", urls[0], urls[1], folder, size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
