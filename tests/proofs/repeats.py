"""T5: what phones kept offline comes five times over, in any order and at once, photos first, a restart in the middle.

`python -m tests.proofs.repeats`; GRIDGOV_REPEATS_REPORTS matters. Now and then another report comes under an id that was used
before: it is refused, and the first one stays as it was.
"""

import os
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.proofs.house import House, house
from tests.proofs.phone import Answer, Phone, Sent, left_of, picture, prepare, report_body

REPORTS = int(os.environ.get("GRIDGOV_REPEATS_REPORTS", "10000"))
TIMES = 5
SEED = os.environ.get("SEED", "20261124")
CLIENTS = 8
TOGETHER = 250  # reports whose posts are mixed with one another
OTHER = 0.02  # of the reports: another one comes under the same id


@dataclass
class Seen:
    """What was answered to the posts of one report."""

    ids: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)


class Queue:
    """All reports and what became of them."""

    def __init__(self, built: House, token: str, grid: str) -> None:
        self.chance, self.grid = random.Random(SEED), grid
        self.keys = [str(uuid.UUID(int=self.chance.getrandbits(128), version=4)) for _n in range(REPORTS)]
        self.seen = {key: Seen() for key in self.keys}
        self.sent, self.others, self.lock = Sent(), 0, threading.Lock()
        self.built, self.token = built, token

    def phone(self, name: str) -> Phone:
        return Phone(self.built, self.token, self.sent, random.Random(f"{SEED}:{name}"))

    def photo(self, number: int) -> None:
        key = self.keys[number]
        self.phone(f"photo {number}").photo(str(uuid.uuid5(uuid.UUID(key), "photo")), key, picture(number))

    def post(self, number: int, time_: int) -> None:
        key = self.keys[number]
        found = self.phone(f"{number}.{time_}").call(
            "incidents/", report_body(key, self.grid, f"第{number}件")
        )
        self._note(key, found)

    def other(self, number: int) -> None:
        """After the first has been answered."""
        key = self.keys[number]
        found = self.phone(f"other {number}").call("incidents/", report_body(key, self.grid, "另一件"))
        with self.lock:
            self.others += 1
        if found is None or found.status != 409:
            self.sent.problems.append(f"{key} with other content: {found}")

    def _note(self, key: str, found: Answer | None) -> None:
        if found is None or found.status not in (200, 201):
            self.sent.problems.append(f"{key}: {found}")
            return
        with self.lock:
            self.seen[key].ids.add(found.body["id"])
            self.seen[key].answers["again" if found.replayed else "new"] += 1
            self.sent.acknowledged[key] = found.body["id"]

    def jobs(self, first: int) -> list[list[Callable[[], None]]]:
        """Of the reports from `first` on: photos and posts in any order, then what comes under a used id."""
        numbers = range(first, min(first + TOGETHER, REPORTS))
        mixed: list[Callable[[], None]] = [
            lambda n=number, t=turn: self.post(n, t) for number in numbers for turn in range(TIMES)
        ]
        photos: list[Callable[[], None]] = [lambda n=number: self.photo(n) for number in numbers]
        self.chance.shuffle(mixed)
        self.chance.shuffle(photos)
        half = len(photos) // 2  # of one half the photo comes before the report is known
        second = [*mixed, *photos[half:]]
        self.chance.shuffle(second)
        others: list[Callable[[], None]] = [
            lambda n=number: self.other(n) for number in numbers if self.chance.random() < OTHER
        ]
        return [photos[:half], second, others]


def run(built: House, token: str, grid: str) -> bool:
    for name in ("web", *built.workers, *built.beats):
        built.start(name)
    built.await_("web")
    queue, began, restarted = Queue(built, token, grid), time.monotonic(), 0
    with ThreadPoolExecutor(CLIENTS) as pool:
        for first in range(0, REPORTS, TOGETHER):
            for part, jobs in enumerate(queue.jobs(first)):
                work = [pool.submit(job) for job in jobs]
                if part == 1 and first <= REPORTS // 2 < first + TOGETHER:
                    time.sleep(1)  # in the middle of it
                    built.kill("web")
                    built.tend()
                    restarted += 1
                for done in work:
                    done.result()
    return judge(built, queue, restarted, time.monotonic() - began)


def judge(built: House, queue: Queue, restarted: int, seconds: float) -> bool:
    from incidents.models import Incident

    left, sent = left_of(built, queue.sent), queue.sent
    of_two = [key for key, seen in queue.seen.items() if len(seen.ids) != 1]
    # An answer that the restart swallowed may have been the one that said "new".
    made = sum(seen.answers["new"] for seen in queue.seen.values())
    answered = sum(seen.answers.total() for seen in queue.seen.values())
    changed = Incident.objects.filter(description="另一件").count()
    good = (
        not (left or sent.problems or of_two or changed or sent.server_errors)
        and Incident.objects.count() == REPORTS
        and answered == REPORTS * TIMES
        and REPORTS - sent.lost_answers <= made <= REPORTS
    )
    print(
        f"T5 repeats: {'ok' if good else 'FAILED'}: {answered} posts answered, {made} as new, "
        f"{Incident.objects.count()} matters of {REPORTS} reports, answered with two ids {len(of_two)}; "
        f"{queue.others} of other content under a used id, {changed} of them taken; photos {len(sent.photos)}; {left}; "
        f"{restarted} restart, {sent.lost_answers} calls without an answer, {sent.server_errors} answered 5xx; "
        f"{seconds:.0f} s",
        flush=True,
    )
    for text in (*sent.problems[:5], *left.breaches[:5]):
        print(f"  {text}", flush=True)
    return good


def main() -> int:
    with house(workers=1, beats=1, seed=SEED) as built:
        token, grid = prepare(built)
        good = run(built, token, grid)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
