"""What can be wrong before Django starts is said in one line."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import python_check

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    # Not with the settings of the tests, which would find their database.
    given = {"DJANGO_SETTINGS_MODULE": "gridgov.settings", "GRIDGOV_DATA": str(folder), "HOST": "127.0.0.1"}
    env = os.environ | given | env
    command = [sys.executable, "-m", "deploy.run"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)


def refusal(answer: subprocess.CompletedProcess[str]) -> str:
    """The one line it said."""
    assert answer.returncode == 1
    assert answer.stdout == ""
    [line] = answer.stderr.splitlines()
    return line


def test_port_in_use_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        line = refusal(start(tmp_path, PORT=str(port)))
    assert f"cannot listen on 127.0.0.1:{port}" in line


def test_port_that_is_no_number_is_said_in_one_line(tmp_path):
    assert "PORT must be a number" in refusal(start(tmp_path, PORT="http"))


def test_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file where the folder should be")
    assert f"{in_the_way} is not writable" in refusal(start(in_the_way, PORT="0"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_said_in_one_line(tmp_path):
    tmp_path.chmod(0o500)
    assert "is not writable (Permission denied)" in refusal(start(tmp_path, PORT="0"))


def test_second_start_for_the_same_data_is_said_in_one_line(tmp_path):
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "supervisor.pid").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        assert f"already running for {tmp_path} (process 4711)" in refusal(start(tmp_path, PORT="0"))


def test_database_that_does_not_answer_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    line = refusal(start(tmp_path, PORT="0", DATABASE_URL=f"postgres://nobody@127.0.0.1:{port}/none"))
    assert "the database cannot be used" in line


@pytest.mark.parametrize(
    ("version", "has_venv", "sentence"),
    [
        ((3, 10, 4), True, "needs Python 3.11 or newer"),
        ((2, 7, 18), True, "is 2.7"),
        ((3, 11, 2), False, "apt install python3.11-venv"),
    ],
)
def test_unfit_python_is_said_in_one_line(version, has_venv, sentence):
    text = python_check.problem(version, has_venv)
    assert sentence in text
    assert "\n" not in text


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1)])
def test_fit_python_is_not_mentioned(version):
    assert python_check.problem(version, has_venv=True) == ""


def test_make_stops_with_one_line_for_an_old_python(tmp_path):
    """In a copy without environment, with a Python that says it is 3.9."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "python_check.py").write_bytes((ROOT / "deploy" / "python_check.py").read_bytes())
    old = tmp_path / "python3.9"
    old.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c \"import sys; sys.path.insert(0, 'deploy'); import python_check; "
        'print(python_check.problem((3, 9, 1), True))"\n'
    )
    old.chmod(0o755)
    command = ["make", "run", f"PYTHON={old}"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2
    [line] = answer.stderr.splitlines()
    assert "gridgov needs Python 3.11 or newer" in line
