"""T1: kill -9 of web, worker, beat, Redis and PostgreSQL at seeded moments while reports with photos arrive, a tenth sent again.

`python -m tests.proofs.kills`; GRIDGOV_KILLS_REPORTS and GRIDGOV_KILLS are its size. A client keeps what it sends until it is
acknowledged, as the phone does; whatever was acknowledged must be there once, with its photo.
"""

import os
import random
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.proofs.house import House, house
from tests.proofs.phone import Phone, Sent, left_of, picture, prepare, report_body

REPORTS = int(os.environ.get("GRIDGOV_KILLS_REPORTS", "10000"))
KILLS = int(os.environ.get("GRIDGOV_KILLS", "200"))
SEED = os.environ.get("SEED", "20261124")
CLIENTS = 4


@dataclass
class Killed:
    """By name of the process; `again`: reports that were sent twice on purpose."""

    names: Counter[str] = field(default_factory=Counter)
    again: int = 0

    @property
    def total(self) -> int:
        return self.names.total()


class Reporter:
    """Sends its reports one by one, each with a photo before or after it."""

    def __init__(self, phone: Phone, grid: str, killed: Killed) -> None:
        self.phone, self.grid, self.killed = phone, grid, killed
        self.sent, self.chance = phone.sent, phone.chance

    def _wait_for_kills(self) -> None:
        """Reports go on only as far as kills have come, so that these lie over the whole of the run."""
        while (
            self.killed.total < KILLS
            and len(self.sent.acknowledged) > (self.killed.total + 1) * REPORTS / KILLS
        ):
            time.sleep(0.05)

    def report(self, number: int) -> None:
        self._wait_for_kills()
        key, photo_key = (str(uuid.UUID(int=self.chance.getrandbits(128), version=4)) for _n in range(2))
        body, photo = report_body(key, self.grid, f"第{number}件"), picture(number)
        first = self.chance.random() < 0.5
        if first:
            self.phone.photo(photo_key, key, photo)
        found = self.phone.done("incidents/", body)
        if not first:
            self.phone.photo(photo_key, key, photo)
        if self.chance.random() < 0.1:
            again = self.phone.done("incidents/", body)
            self.phone.photo(photo_key, key, photo)
            self.killed.again += 1
            if again.get("id") != found.get("id"):
                self.sent.problems.append(f"{key} was answered as two matters")
        if "id" in found:
            with self.sent.lock:
                self.sent.acknowledged[key] = found["id"]


def run(built: House, token: str, grid: str) -> bool:
    chance, sent, killed = random.Random(SEED), Sent(), Killed()
    for name in ("web", *built.workers, *built.beats):
        built.start(name)
    built.await_("web")
    began = time.monotonic()
    numbers = [range(client, REPORTS, CLIENTS) for client in range(CLIENTS)]
    reporters = [
        Reporter(Phone(built, token, sent, random.Random(f"{SEED}:{client}")), grid, killed)
        for client in range(CLIENTS)
    ]
    with ThreadPoolExecutor(CLIENTS) as pool:
        work = [
            pool.submit(lambda one=reporter, mine=own: [one.report(number) for number in mine])
            for reporter, own in zip(reporters, numbers, strict=True)
        ]
        while killed.total < KILLS or not all(job.done() for job in work):
            if killed.total < KILLS and len(sent.acknowledged) >= killed.total * REPORTS / KILLS:
                name = chance.choice(sorted(built.processes))
                built.kill(name)
                killed.names[name] += 1
            time.sleep(chance.uniform(0.2, 1.5))
            built.tend()
        for job in work:
            job.result()
    built.tend()
    for name in ("postgres", "redis", "web"):
        built.await_(name)
    return judge(built, sent, killed, time.monotonic() - began)


def judge(built: House, sent: Sent, killed: Killed, seconds: float) -> bool:
    left = left_of(built, sent)
    good = not (left or sent.problems) and len(sent.acknowledged) == REPORTS
    print(
        f"T1 kills: {'ok' if good else 'FAILED'}: {len(sent.acknowledged)} of {REPORTS} reports acknowledged, "
        f"{killed.total} kills ({', '.join(f'{name} {n}' for name, n in sorted(killed.names.items()))}), "
        f"{killed.again} sent again, photos {len(sent.photos)}; {left}; "
        f"{sent.lost_answers} calls without an answer, {sent.server_errors} answered 5xx; {seconds:.0f} s",
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
