"""A fresh clone of the checkout, started the way a newcomer starts it: `make run`, nothing prepared."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.e2e.polling import until
from tests.e2e.processes import free_port, working_in

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 1200.0  # seconds to the first page; only there so that a start that hangs ends
READY = "gridgov ready: "
# What a developer's shell or the make above may have set, and a newcomer has not.
NOT_A_NEWCOMERS = {
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "DEBUG",
    "HOST",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "DJANGO_SETTINGS_MODULE",
}
NOT_A_NEWCOMERS_EITHER = ("GRIDGOV_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTEST_", "PYTHON")


def newcomers_environment() -> dict[str, str]:
    """Ours without what only we have: settings, and the checkout's own environment on PATH."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_A_NEWCOMERS and not name.startswith(NOT_A_NEWCOMERS_EITHER)
    }
    ours = str(ROOT / ".venv")
    env["PATH"] = os.pathsep.join(part for part in env["PATH"].split(os.pathsep) if not part.startswith(ours))
    return env


class Clone:
    """`E2E_FOLDER` names a folder to work in instead of a new one: its environment is kept for the next time."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "var"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = newcomers_environment() | {"PORT": str(self.port), "GRIDGOV_DEMO_PASSWORD": password}
        self.process: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def bring(self) -> None:
        """The last commit, and nothing that is not committed."""
        if (self.folder / ".git").exists():
            shutil.rmtree(self.data, ignore_errors=True)
            self._git("fetch", "--quiet", "origin", "HEAD")
            self._git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
            self._git("clean", "--quiet", "-d", "--force")
        else:
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], check=True, env=self.env)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), *arguments], check=True, env=self.env)

    def start(self) -> float:
        """`make run` until it says that the first page is there. Returns the seconds that took."""
        began = time.monotonic()
        self.said.clear()
        self.process = subprocess.Popen(
            ["make", "run"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        until(self._ready, seconds=PATIENCE, what="the line that says ready")
        return time.monotonic() - began

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            self.said += (line.rstrip() for line in lines)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"make run ended: {self.said[-20:]}"
        return f"{READY}{self.base}" in self.said

    def processes(self) -> dict[int, str]:
        """Web, worker, beat and what they started; not make, which only waits."""
        assert self.process is not None
        return {pid: command for pid, command in working_in(self.folder).items() if pid != self.process.pid}

    def pid_of(self, program: str) -> int | None:
        """As the supervisor wrote it down; None while the program is not there."""
        try:
            return int((self.data / "run" / f"{program}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def stop(self) -> None:
        """SIGTERM to what was started, as a service manager would."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.process = None

    def end_whatever_is_left(self) -> None:
        """After a failure: by number, and only what works in this folder."""
        for pid in working_in(self.folder):
            os.kill(pid, signal.SIGKILL)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the clone, with the clone's environment and data."""
        return subprocess.run(
            [self.folder / ".venv" / "bin" / "python", "manage.py", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
        )

    def log_tail(self, program: str, lines: int = 40) -> str:
        log = self.data / "logs" / f"{program}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
