"""The supervisor with stand-ins for its programs, as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.supervisor import LOGS_KEPT, pause_before_restart, rotate

ROOT = Path(__file__).resolve().parents[2]


def wait_for(condition, seconds: float = 15):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def supervised(tmp_path):
    """The stub under supervision: (process, folder). Killed with everything it began if the test fails."""
    for name in ("run", "logs"):
        (tmp_path / name).mkdir()
    command = [sys.executable, "tests/deploy/stub.py", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    yield process, tmp_path
    if process.poll() is None:
        process.terminate()
        process.wait(15)
    process.stdout.close()


def pids(folder: Path) -> tuple[int, int]:
    """The living program and its grandchild."""
    log = folder / "logs" / "lives.log"
    found = wait_for(lambda: log.exists() and re.search(r"child (\d+)", log.read_text()))
    return int((folder / "run" / "lives.pid").read_text()), int(found[1])


def test_pause_doubles_to_half_a_minute_and_is_forgotten_after_a_healthy_minute():
    pauses, pause = [], 0.0
    for _ in range(7):
        pause = pause_before_restart(pause, lived=1)
        pauses.append(pause)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert pause_before_restart(30, lived=61) == 1


def test_dying_program_is_restarted_after_a_pause(supervised):
    process, folder = supervised
    first, second = process.stdout.readline(), process.stdout.readline()
    assert re.match(r"dies ended \(exit 3\), again in 1 s; see .*dies\.log", first)
    assert "again in 2 s" in second
    assert (folder / "logs" / "dies.log").read_text() == "born\nborn\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sigterm_leaves_nothing_behind(supervised):
    process, folder = supervised
    program, grandchild = pids(folder)
    started = time.monotonic()
    process.terminate()
    assert process.wait(15) == 0
    assert time.monotonic() - started < 6
    assert not is_alive(program)
    assert not is_alive(grandchild)
    assert list((folder / "run").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_programs_end_when_the_supervisor_is_killed(supervised):
    process, folder = supervised
    program, grandchild = pids(folder)
    process.kill()
    try:
        wait_for(lambda: not is_alive(program))
    finally:
        os.kill(grandchild, signal.SIGKILL)  # the stubborn one of the stub; ours do not ignore SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_killed_program_comes_back_with_a_new_process(supervised):
    process, folder = supervised
    program, _ = pids(folder)
    os.kill(program, signal.SIGKILL)
    pid_file = folder / "run" / "lives.pid"
    assert wait_for(lambda: pid_file.exists() and (text := pid_file.read_text()) and int(text) != program)
    assert any("lives ended (SIGKILL)" in process.stdout.readline() for _ in range(4))


def test_full_log_is_copied_aside_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "web.log"
    with log.open("a") as writer:
        for number in range(LOGS_KEPT + 2):
            writer.write(f"{number} " + "x" * 100)
            writer.flush()
            rotate(log, limit=50)
        writer.write("after")
    assert log.read_text() == "after"
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["web.log", "web.log.1", "web.log.2", "web.log.3"]
    assert (tmp_path / "web.log.1").read_text().startswith(f"{LOGS_KEPT + 1} ")
