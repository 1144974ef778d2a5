"""gunicorn under the supervisor: the socket is handed over bound, so the port is never anyone else's."""

import os
from collections.abc import Callable, Iterable
from typing import Any

_embedded = os.environ.get("DATABASE_URL", "sqlite").startswith("sqlite")

bind = f"fd://{os.environ['GRIDGOV_LISTEN_FD']}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads have a bad tail on SQLite, where writers wait for each other inside the process too.
worker_class = "sync" if _embedded else "gthread"
threads = 1 if _embedded else 4
preload_app = True  # workers share the loaded code: a third of the memory
timeout = 120
graceful_timeout = 3
control_socket_disable = True  # it would be written into the home folder
errorlog = "-"
loglevel = "warning"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _signed(application: Application, run_id: str) -> Application:
    """/healthz carries this run's id, by which the supervisor knows its own answer."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Gridgov-Run", run_id)], *rest)

        return application(environ, start if environ["PATH_INFO"] == "/healthz" else start_response)

    return answer


def post_worker_init(worker: Any) -> None:
    worker.wsgi = _signed(worker.wsgi, os.environ["GRIDGOV_RUN_ID"])
