"""T2: three beats, three workers, Redis emptied at random, longer than the visibility timeout: each level is told exactly once.

`python -m tests.proofs.beats`; GRIDGOV_BEATS_INCIDENTS matters, each late on three levels. SEED makes the moments.
"""

import os
import random
import sys
import time
from datetime import timedelta

import redis

from tests.proofs.house import House, house, use

INCIDENTS = int(os.environ.get("GRIDGOV_BEATS_INCIDENTS", "5000"))
SEED = os.environ.get("SEED", "20261124")
WITHIN = 90.0  # seconds in which 99 % must be told
LONGEST = float(os.environ.get("GRIDGOV_BEATS_SECONDS", "1800"))


def prepare(built: House) -> None:
    """Matters of a group, each with one minute and one more for each level above."""
    use(built)
    from incidents.actions import NewProcedure, publish_procedures, report
    from tests.factories import township

    town = township()
    category = town.categories["dispute"]
    minute = {"n": 1, "unit": "minutes"}
    data = {**category.procedure.data, "limits": {"group": minute, "card": minute}}
    publish_procedures(township=town.grid, procedures=[NewProcedure(category.procedure.code, "x", data)])
    category.refresh_from_db()
    for number in range(INCIDENTS):
        report(user=town.worker, grid=town.groups[0], category=category, description=f"第{number}件")


def run(built: House) -> bool:
    from django.db import connection

    from incidents.models import Escalation

    chance = random.Random(SEED)
    for name in (*built.workers, *built.beats):
        built.start(name)
    broker = redis.Redis.from_url(built.env["REDIS_URL"])
    began, emptied, wanted = time.monotonic(), 0, INCIDENTS * 3
    least = 130.0  # longer than the visibility timeout of 60 s, twice
    while time.monotonic() - began < LONGEST:
        time.sleep(chance.uniform(1, 15))
        broker.flushall()
        emptied += 1
        count = Escalation.objects.count()
        connection.close()
        if count >= wanted and time.monotonic() - began > least:
            break
    time.sleep(70)  # whatever would double has the time to do so
    rows = list(
        Escalation.objects.values_list(
            "incident", "stage_number", "level", "due_at", "told_at", "card_due_at"
        )
    )
    return judge(rows, emptied, time.monotonic() - began)


def judge(rows: list, emptied: int, seconds: float) -> bool:
    """Each matter on three levels once; how long each waited since its deadline or the card before it."""
    by_matter: dict = {}
    for row in rows:
        by_matter.setdefault(row[0], []).append(row)
    waits = []
    for told in by_matter.values():
        before = None
        for _pk, _stage, _level, due_at, told_at, card_due_at in sorted(told, key=lambda row: row[4]):
            waits.append(told_at - (before or due_at))
            before = card_due_at
    waits.sort()
    exact = len(rows) == INCIDENTS * 3 and all(len(told) == 3 for told in by_matter.values())
    p99 = waits[int(len(waits) * 0.99) - 1] if waits else timedelta.max
    good = exact and p99.total_seconds() <= WITHIN
    print(
        f"T2 beats: {'ok' if good else 'FAILED'}: {INCIDENTS} matters, {len(rows)} rows of {INCIDENTS * 3}, "
        f"99 % within {p99.total_seconds():.0f} s, the longest {waits[-1].total_seconds() if waits else 0:.0f} s; "
        f"3 beats, 3 workers, Redis emptied {emptied} times in {seconds:.0f} s",
        flush=True,
    )
    return good


def main() -> int:
    with house(workers=3, beats=3, seed=SEED) as built:
        prepare(built)
        good = run(built)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
