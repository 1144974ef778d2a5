"""`python -m deploy.run` (make run): checks the machine, prepares the database, then web, worker and beat.

Everything that can be wrong before Django starts is said in one line. Standard library only.
"""

import fcntl
import http.client
import os
import secrets
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TextIO

from deploy.supervisor import GRACE, TICK, Program, StopFlag, Supervisor, adopt_orphans, end_orphans, spawn

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds without a first page before we point to the log


def say(text: str) -> None:
    print(f"gridgov {text}" if text.startswith("ready") else f"gridgov: {text}", flush=True)


def give_up(problem: str) -> NoReturn:
    sys.exit(f"gridgov: {problem}")


def data_folder() -> Path:
    """GRIDGOV_DATA with its sub-folders, proven writable by writing."""
    folder = Path(os.environ.get("GRIDGOV_DATA") or ROOT / "var").resolve()
    try:
        for name in ("", "run", "logs"):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / "run" / "writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        give_up(
            f"the data folder {folder} is not writable ({error.strerror}); name another with GRIDGOV_DATA"
        )
    return folder


def only_one(folder: Path) -> TextIO:
    """The lock that makes this the only supervisor for the folder; held until the process ends."""
    lock = (folder / "run" / "supervisor.pid").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        give_up(f"already running for {folder} (process {lock.read().strip()})")
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def listen() -> socket.socket:
    """The bound socket. The supervisor keeps it, so the port stays ours while the web processes restart."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not port.isdigit() or int(port) > 65535:
        give_up(f"PORT must be a number up to 65535, not {port}")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=512)
    except OSError as error:
        give_up(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); choose another port: make run PORT=8001"
        )


def url_of(listener: socket.socket) -> str:
    """An address a browser on this machine can open."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def programs(folder: Path, listener: socket.socket) -> list[Program]:
    python = sys.executable
    celery = [python, "-m", "celery", "--app"]
    embedded = not os.environ.get("REDIS_URL")
    concurrency = os.environ.get("CELERY_CONCURRENCY") or ("1" if embedded else "2")
    # One at a time needs no second process; together they would hold the code twice.
    pool = ["--pool", "solo"] if concurrency == "1" else ["--pool", "prefork", "--concurrency", concurrency]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    timetable = ["--schedule", str(folder / "run" / "beat-schedule"), "--loglevel", "WARNING"]
    web = [python, "-m", "gunicorn", "--config", "deploy/gunicorn_conf.py", "gridgov.wsgi:application"]
    return [
        Program("web", web, pass_fds=[listener.fileno()]),
        Program("worker", [*celery, "gridgov", "worker", *pool, *quiet]),
        Program("beat", [*celery, "gridgov.beat", "beat", *timetable]),
    ]


def empty_spool(folder: Path) -> None:
    """The embedded broker begins with nothing: the database is the truth, the broker only a bell."""
    shutil.rmtree(folder / "spool", ignore_errors=True)
    for name in ("messages", "control"):
        (folder / "spool" / name).mkdir(mode=0o700, parents=True)


def prepare(env: dict[str, str], stop: StopFlag) -> None:
    """Migrations and, once, the demo township; its words go to the terminal."""
    process = spawn([sys.executable, "-m", "deploy.prepare"], env=env)
    while process.poll() is None and not stop.raised:
        time.sleep(TICK)
    if stop.raised:
        process.terminate()
        until = time.monotonic() + GRACE
        while process.poll() is None and time.monotonic() < until:
            time.sleep(TICK)
        end_orphans()
        sys.exit(0)
    if process.returncode:
        sys.exit(process.returncode)


def answers(url: str, run_id: str | None = None) -> bool:
    """Whether a page is there (redirects followed); with `run_id`, only if this very run gave it."""
    allowed = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip(" .*")
    request = urllib.request.Request(url, headers={"Host": allowed} if allowed else {})  # noqa: S310  our own http
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with browser.open(request, timeout=5) as answer:
            return run_id is None or answer.headers.get("X-Gridgov-Run") == run_id
    except (OSError, http.client.HTTPException):
        return False


def announce(url: str, run_id: str, logs: Path) -> Callable[[], None]:
    """Called at each tick: says once that the first page is there, or once that it takes too long."""
    started, said = time.monotonic(), set[str]()

    def tick() -> None:
        if "ready" in said:
            return
        if answers(f"{url}/healthz", run_id) and answers(f"{url}/"):
            said.add("ready")
            say(f"ready: {url}")
        elif "late" not in said and time.monotonic() - started > PATIENCE:
            said.add("late")
            say(f"no page after {PATIENCE:.0f} s; see {logs / 'web.log'}")

    return tick


def main() -> None:
    os.chdir(ROOT)
    folder = data_folder()
    lock = only_one(folder)
    listener = listen()
    stop = StopFlag()
    stop.listen()
    adopt_orphans()

    run_id = secrets.token_hex(8)
    env = os.environ | {
        "GRIDGOV_DATA": str(folder),
        "GRIDGOV_RUN_ID": run_id,
        "GRIDGOV_LISTEN_FD": str(listener.fileno()),
        "PORT": str(listener.getsockname()[1]),
        "PYTHONUNBUFFERED": "1",
    }
    empty_spool(folder)
    prepare(env, stop)
    supervisor = Supervisor(programs(folder, listener), folder=folder, env=env, stop=stop, say=say)
    supervisor.run(announce(url_of(listener), run_id, folder / "logs"))
    lock.close()


if __name__ == "__main__":
    main()
