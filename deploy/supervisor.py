"""Keeps programs running: starts them, restarts what dies, keeps their logs, leaves nothing behind.

Standard library only. On Linux the kernel helps twice: children get SIGTERM when the supervisor itself is killed
(PR_SET_PDEATHSIG), and grandchildren whose parent died come to the supervisor (PR_SET_CHILD_SUBREAPER), which ends
them too. Elsewhere process groups alone must do.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TICK = 0.1  # seconds between two looks
GRACE = 5.0  # seconds to end by oneself; Celery, polling, needs up to 4.7
LONGEST_PAUSE = 30.0
HEALTHY_AFTER = 60.0  # seconds of life after which the next death starts at the shortest pause again
LOG_BYTES = 5 * 1024 * 1024
LOGS_KEPT = 3

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def pause_before_restart(previous: float, lived: float) -> float:
    """1, 2, 4 ... 30 seconds; back to 1 after a healthy life."""
    if not previous or lived >= HEALTHY_AFTER:
        return 1.0
    return min(previous * 2, LONGEST_PAUSE)


def rotate(log: Path, limit: int = LOG_BYTES) -> None:
    """Copies a full log aside and empties it in place: its writer keeps the file open, in append mode."""
    if not log.exists() or log.stat().st_size < limit:
        return
    for number in range(LOGS_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def adopt_orphans() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with(parent: int) -> None:
    """In the child, before it becomes the program."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], log: Path | None = None, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """The command in a process group of its own; output to `log`, or to where the supervisor's goes."""
    parent = os.getpid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else None
    try:
        return subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            pass_fds=pass_fds,
            process_group=0,
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509  the supervisor has one thread
        )
    finally:
        if output is not None:
            os.close(output)


def signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone, or a zombie on macOS
        os.killpg(leader, number)


def orphans() -> list[int]:
    """Living children of this process, adopted ones included (Linux)."""
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]


class StopFlag:
    """SIGTERM and SIGINT only raise this flag, so that no signal lands in the middle of a start."""

    def __init__(self) -> None:
        self.raised = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._raise)

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        self.raised = True


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    pass_fds: Sequence[int] = ()


class Keeper:
    """One program and its present process."""

    def __init__(self, program: Program, *, folder: Path, env: Mapping[str, str]) -> None:
        self.program = program
        self.env = env
        self.log = folder / "logs" / f"{program.name}.log"
        self.pid_file = folder / "run" / f"{program.name}.pid"
        self.process: subprocess.Popen[bytes] | None = None
        self.pause = 0.0
        self.started_at = 0.0
        self.start_at = 0.0  # monotonic moment of the next start

    def start_if_due(self) -> None:
        if self.process is None and time.monotonic() >= self.start_at:
            rotate(self.log)
            command, fds = self.program.command, self.program.pass_fds
            self.process = spawn(command, env=self.env, log=self.log, pass_fds=fds)
            self.started_at = time.monotonic()
            self.pid_file.write_text(f"{self.process.pid}\n")

    def ended(self, status: int) -> str:
        """Plans the restart; the sentence that says so."""
        assert self.process is not None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        signal_group(
            self.process.pid, signal.SIGKILL
        )  # what it left of its group must not meet its successor
        lived = time.monotonic() - self.started_at
        self.pause = pause_before_restart(self.pause, lived)
        self.start_at = time.monotonic() + self.pause
        how = f"{self.program.name} ended ({_reason(self.process.returncode)})"
        self.forget()
        return f"{how}, again in {self.pause:.0f} s; see {self.log}"

    def forget(self) -> None:
        self.process = None
        self.pid_file.unlink(missing_ok=True)


def _reason(code: int) -> str:
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


class Supervisor:
    """`run` returns when the flag is raised and everything has ended."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        folder: Path,
        env: Mapping[str, str],
        stop: StopFlag,
        say: Callable[[str], None],
    ) -> None:
        self.keepers = [Keeper(program, folder=folder, env=env) for program in programs]
        self.stop = stop
        self.say = say

    def run(self, each_tick: Callable[[], None] = lambda: None) -> None:
        look_at_logs = 0.0
        try:
            while not self.stop.raised:
                for keeper in self.keepers:
                    keeper.start_if_due()
                each_tick()
                for pid, status in self._reap():
                    self._ended(pid, status)
                if time.monotonic() >= look_at_logs:
                    look_at_logs = time.monotonic() + 10
                    for keeper in self.keepers:
                        rotate(keeper.log)
                time.sleep(TICK)
        finally:
            self.end()

    def end(self) -> None:
        """SIGTERM to each leader, after GRACE SIGKILL to whatever is left."""
        alive = {keeper.process.pid: keeper for keeper in self.keepers if keeper.process}
        for pid in alive:
            os.kill(pid, signal.SIGTERM)  # not reaped yet, so the number is still its own
        until = time.monotonic() + GRACE
        while self._living(alive) and time.monotonic() < until:
            time.sleep(TICK / 2)
        for pid, keeper in alive.items():
            signal_group(pid, signal.SIGKILL)
            keeper.forget()
        end_orphans()

    def _living(self, alive: Mapping[int, Keeper]) -> list[int]:
        for pid, status in self._reap():
            if pid in alive and (process := alive[pid].process):
                process.returncode = os.waitstatus_to_exitcode(status)
        return [pid for pid, keeper in alive.items() if keeper.process and keeper.process.returncode is None]

    def _ended(self, pid: int, status: int) -> None:
        for keeper in self.keepers:
            if keeper.process and keeper.process.pid == pid:
                self.say(keeper.ended(status))

    @staticmethod
    def _reap() -> list[tuple[int, int]]:
        """Everyone who has died since the last look, adopted orphans too."""
        dead: list[tuple[int, int]] = []
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                dead.append(found)
        return dead


def end_orphans() -> None:
    """Kills and reaps the last descendants; children of a killed one arrive here by adoption."""
    until = time.monotonic() + GRACE
    while (left := orphans()) and time.monotonic() < until:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
