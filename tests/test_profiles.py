"""Which profiles `make test` runs, and when it must not pass in silence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def ask(**env: str) -> subprocess.CompletedProcess[str]:
    """The answer to "is the production profile reachable?" as a process, so that each has its own environment."""
    code = "from tests.profiles import production_is_reachable; print(production_is_reachable())"
    clean = {name: value for name, value in os.environ.items() if name not in {"CI", "TEST_REDIS_URL"}}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=clean | env, capture_output=True, text=True, timeout=30)


def test_absent_database_is_said_in_one_line():
    address = f"127.0.0.1:{closed_port()}"
    answer = ask(TEST_DATABASE_URL=f"postgres://nobody@{address}/none")
    said, reachable = answer.stdout.splitlines()
    assert "not tested on PostgreSQL and Redis" in said
    assert f"no PostgreSQL at {address}" in said
    assert reachable == "False"


def test_database_that_was_named_must_be_there_in_ci():
    answer = ask(TEST_DATABASE_URL=f"postgres://nobody@127.0.0.1:{closed_port()}/none", CI="true")
    assert answer.returncode == 1
    assert "a failure" in answer.stderr
