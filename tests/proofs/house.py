"""A whole installation of its own: PostgreSQL, Redis, web, workers and beats on free ports, in a folder that goes afterwards.

Only processes started here are ever killed, by the ids recorded here.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
import redis

ROOT = Path(__file__).resolve().parent.parent.parent
UNPRIVILEGED = "postgres"  # PostgreSQL does not run as root


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _program(name: str) -> str:
    known = shutil.which(name) or next(
        (str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), ""
    )
    if not known:
        sys.exit(f"gridgov chaos: {name} is not on this machine")
    return known


class House:
    """`start` what is named, `kill` it without warning, `tend` starts again what died."""

    def __init__(self, folder: Path, *, workers: int, beats: int, seed: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("postgres", "redis", "web")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.starts: dict[str, int] = {}
        self.workers = [f"worker{n}" for n in range(1, workers + 1)]
        self.beats = [f"beat{n}" for n in range(1, beats + 1)]
        self.env = os.environ | {
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{self.ports['postgres']}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "GRIDGOV_DATA": str(folder / "data"),
            "SECRET_KEY": f"proof-{seed}-0123456789-0123456789-0123456789-0123456789",
            "GRIDGOV_THROTTLE_USER": "1000000/min",
            "DJANGO_SETTINGS_MODULE": "gridgov.settings",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    def _as_postgres(self) -> dict[str, str]:
        return {"user": UNPRIVILEGED, "group": UNPRIVILEGED} if os.geteuid() == 0 else {}

    def build(self) -> None:
        """The empty database cluster and the folders."""
        for name in ("pg", "redis", "data", "logs"):
            (self.folder / name).mkdir()
        if os.geteuid() == 0:
            self.folder.chmod(0o711)
            shutil.chown(self.folder / "pg", UNPRIVILEGED, UNPRIVILEGED)
        subprocess.run(
            [_program("initdb"), "-D", str(self.folder / "pg"), "-A", "trust", "-U", "postgres", "-E", "UTF8"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as_postgres(),
        )  # fmt: skip
        for name in ("postgres", "redis"):
            self.start(name)
            self.await_(name)
        self.manage("migrate", "-v", "0")

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def _command(self, name: str) -> list[str]:
        celery = [sys.executable, "-m", "celery", "--app"]
        if name == "postgres":
            options = [
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"unix_socket_directories={self.folder / 'pg'}",
            ]
            return [
                _program("postgres"),
                "-D",
                str(self.folder / "pg"),
                "-p",
                str(self.ports[name]),
                *options,
            ]
        if name == "redis":
            folder = ["--dir", str(self.folder / "redis"), "--save", "", "--appendonly", "no"]
            return [_program("redis-server"), "--port", str(self.ports[name]), "--bind", "127.0.0.1", *folder]
        if name == "web":
            bind = ["--bind", f"127.0.0.1:{self.ports['web']}", "--workers", "2", "--threads", "2"]
            return [sys.executable, "-m", "gunicorn", *bind, "--timeout", "60", "gridgov.wsgi:application"]
        if name in self.beats:
            schedule = ["--schedule", str(self.folder / "data" / f"{name}-schedule")]
            return [*celery, "gridgov.beat", "beat", *schedule, "--loglevel", "WARNING"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        return [*celery, "gridgov", "worker", "--pool", "solo", "--hostname", f"{name}@proof", *quiet]

    def start(self, name: str) -> None:
        extra = self._as_postgres() if name == "postgres" else {}
        if name == "postgres":
            (self.folder / "pg" / "postmaster.pid").unlink(missing_ok=True)
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self._command(name), cwd="/" if name == "postgres" else ROOT, env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **extra,
            )  # fmt: skip
        self.starts[name] = self.starts.get(name, 0) + 1

    def kill(self, name: str) -> None:
        """kill -9 of the process and all that it started."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def tend(self) -> None:
        """Starts again what is not alive."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def await_(self, name: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._answers(name):
                return
            if self.processes[name].poll() is not None:
                self.start(name)
            time.sleep(0.1)
        sys.exit(f"gridgov chaos: {name} does not answer; see {self.folder / 'logs'}")

    def _answers(self, name: str) -> bool:
        try:
            if name == "postgres":
                psycopg2.connect(self.env["DATABASE_URL"], connect_timeout=1).close()
            elif name == "redis":
                redis.Redis.from_url(self.env["REDIS_URL"], socket_connect_timeout=1).ping()
            else:
                socket.create_connection(("127.0.0.1", self.ports[name]), timeout=1).close()
        except (OSError, psycopg2.Error, redis.RedisError):
            return False
        return True

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)


@contextmanager
def house(*, workers: int, beats: int, seed: str) -> Iterator[House]:
    """Ready to work with an empty database; afterwards nothing is left, but after a failure the logs (the path is printed)."""
    folder = Path(tempfile.mkdtemp(prefix="gridgov-proof-"))
    built = House(folder, workers=workers, beats=beats, seed=seed)
    try:
        built.build()
        yield built
    except BaseException:
        print(f"gridgov chaos: the logs are in {folder / 'logs'}", flush=True)
        built.stop()
        raise
    built.stop()
    shutil.rmtree(folder, ignore_errors=True)


def use(built: House) -> None:
    """Django in this process works on the house's database."""
    os.environ.update(
        {name: built.env[name] for name in built.env if name not in os.environ or name.isupper()}
    )
    import django

    django.setup()


def said(names: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
