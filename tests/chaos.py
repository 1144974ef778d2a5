"""`python -m tests.chaos [proof ...]`: the full figures of the proofs; seeded, so that a run can be had again.

`make test` carries a slice of the tests, which run on both profiles. The proofs of tests/proofs start PostgreSQL and Redis of their
own. Without arguments all run; `SEED` chooses another run.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from tests.profiles import production_is_reachable

SEED = os.environ.get("SEED", "20261124")
# Proof -> what sets its size, and the tests that carry it.
PROOFS = {
    "machine": (
        {"GRIDGOV_MACHINE_EXAMPLES": "100", "GRIDGOV_MACHINE_STEPS": "200"},
        ["tests/incidents/test_state_machine.py"],
    ),
    "plans": ({"GRIDGOV_PLAN_EXAMPLES": "200"}, ["tests/plans/test_any_plan.py"]),
    "races": (
        {"GRIDGOV_RACE_PAIRS": "10000", "GRIDGOV_RACE_TENS": "1000"},
        ["tests/incidents/test_races.py"],
    ),
    "storm": ({"GRIDGOV_STORM_STEPS": "300"}, ["tests/incidents/test_storm.py"]),
    "clock": (
        {"GRIDGOV_CLOCK_CASES": "100000"},
        ["tests/common/test_worktime_laws.py", "tests/common/test_worktime.py"],
    ),
}
# Proof -> what sets its size, and the module that starts servers of its own and kills them.
LIVE = {
    "kills": ({"GRIDGOV_KILLS_REPORTS": "10000", "GRIDGOV_KILLS": "200"}, "tests.proofs.kills"),
    "repeats": ({"GRIDGOV_REPEATS_REPORTS": "10000"}, "tests.proofs.repeats"),
    "beats": ({"GRIDGOV_BEATS_INCIDENTS": "5000", "GRIDGOV_BEATS_SECONDS": "3600"}, "tests.proofs.beats"),
}
WITHOUT_DATABASE = ("clock",)


def run(proof: str, profile: str) -> int:
    """pytest's exit code; sizes that are set outside hold."""
    sizes, tests = PROOFS[proof]
    command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={SEED}", *tests]
    return _carried_out(f"{proof} on {profile}", sizes, command, {"GRIDGOV_TEST_PROFILE": profile})


def run_live(proof: str) -> int:
    sizes, module = LIVE[proof]
    return _carried_out(proof, sizes, [sys.executable, "-m", module], {"SEED": SEED})


def _carried_out(name: str, sizes: Mapping[str, str], command: list[str], more: Mapping[str, str]) -> int:
    environment = {**sizes, **os.environ, **more}
    said = " ".join(f"{size}={environment[size]}" for size in sizes)
    print(f"gridgov chaos: {name}, seed {SEED}, {said}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, env=environment, check=False).returncode
    print(f"gridgov chaos: {name}: {'ok' if code == 0 else 'FAILED'}, {time.monotonic() - began:.0f} s")
    return code


def main(asked: list[str]) -> int:
    known = {**PROOFS, **LIVE}
    unknown = set(asked) - set(known)
    if unknown:
        sys.exit(f"no such proof: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    profiles = ["embedded", "production"] if production_is_reachable() else ["embedded"]
    codes = []
    for proof in asked or known:
        if proof in LIVE:
            codes.append(run_live(proof))
        else:
            codes += [run(proof, it) for it in (profiles[:1] if proof in WITHOUT_DATABASE else profiles)]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
