"""`python -m tests.chaos [proof ...]`: the full figures of the proofs, on both profiles; seeded, so that a run can be had again.

`make test` carries a slice of the same tests. Without arguments all proofs run; `SEED` chooses another run.
"""

import os
import subprocess
import sys
import time

from tests.profiles import production_is_reachable

SEED = os.environ.get("SEED", "20261124")
# Proof -> what sets its size, and the tests that carry it.
PROOFS = {
    "machine": (
        {"GRIDGOV_MACHINE_EXAMPLES": "100", "GRIDGOV_MACHINE_STEPS": "200"},
        ["tests/incidents/test_state_machine.py"],
    ),
    "races": (
        {"GRIDGOV_RACE_PAIRS": "10000", "GRIDGOV_RACE_TENS": "1000"},
        ["tests/incidents/test_races.py"],
    ),
}


def run(proof: str, profile: str) -> int:
    """pytest's exit code; sizes that are set outside hold."""
    sizes, tests = PROOFS[proof]
    environment = sizes | os.environ | {"GRIDGOV_TEST_PROFILE": profile}
    said = " ".join(f"{name}={environment[name]}" for name in sizes)
    print(f"gridgov chaos: {proof} on {profile}, seed {SEED}, {said}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={SEED}", *tests]
    code = subprocess.run(command, env=environment, check=False).returncode
    print(
        f"gridgov chaos: {proof} on {profile}: {'ok' if code == 0 else 'FAILED'}, {time.monotonic() - began:.0f} s"
    )
    return code


def main(asked: list[str]) -> int:
    unknown = set(asked) - set(PROOFS)
    if unknown:
        sys.exit(f"no such proof: {', '.join(sorted(unknown))}; there are {', '.join(PROOFS)}")
    profiles = ["embedded", "production"] if production_is_reachable() else ["embedded"]
    codes = [run(proof, profile) for proof in asked or PROOFS for profile in profiles]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
