"""`python -m tests.profiles [pytest arguments]`: the tests on SQLite, then on PostgreSQL and Redis where reachable.

What is marked `once` proves rules, not SQL, and runs on SQLite only. With CI=true a server that is there but cannot be used
is a failure, never a silent skip.
"""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import psycopg2
import redis

DATABASE_URL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
ASKED_FOR = bool(os.environ.get("TEST_DATABASE_URL") or os.environ.get("TEST_REDIS_URL"))


class Unusable(Exception):
    """The server answers, but tests cannot run on it."""


class Absent(Exception):
    """No server there."""


def _try_database() -> None:
    where = urlsplit(DATABASE_URL)
    try:
        connection = psycopg2.connect(DATABASE_URL, connect_timeout=3)
    except psycopg2.OperationalError as error:
        refused = "refused" in str(error) or "could not translate" in str(error) or "timeout" in str(error)
        raise (Absent if refused else Unusable)(
            f"PostgreSQL at {where.hostname}:{where.port or 5432}"
        ) from error
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        allowed = cursor.fetchone()[0]
    connection.close()
    if not allowed:
        raise Unusable(f"PostgreSQL at {where.hostname}: this user may not create a database")


def _try_redis() -> None:
    where = urlsplit(REDIS_URL)
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=3).ping()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Absent(f"Redis at {where.hostname}:{where.port or 6379}") from error
    except redis.RedisError as error:
        raise Unusable(f"Redis at {where.hostname}: {error}") from error


def production_is_reachable() -> bool:
    """Says in one line why not. Exits where that must not pass unseen."""
    problems = []
    must_fail = ASKED_FOR
    for attempt in (_try_database, _try_redis):
        try:
            attempt()
        except Absent as error:
            problems.append(f"no {error}")
        except Unusable as error:
            problems.append(str(error))
            must_fail = True
    if not problems:
        return True
    print(f"gridgov: not tested on PostgreSQL and Redis ({'; '.join(problems)})", flush=True)
    if must_fail and os.environ.get("CI") == "true":
        sys.exit("gridgov: with CI=true that is a failure")
    return False


def run(profile: str, arguments: list[str]) -> int:
    """pytest's own exit code."""
    print(f"gridgov: tests on the {profile} profile", flush=True)
    environment = os.environ | {"GRIDGOV_TEST_PROFILE": profile}
    chosen = ["-m", "not once"] if profile == "production" else []
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *chosen, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def main(arguments: list[str]) -> int:
    """Both profiles run even if the first fails: one round shows everything. The last line is pytest's summary."""
    profiles = ["production", "embedded"] if production_is_reachable() else ["embedded"]
    results = [run(profile, arguments) for profile in profiles]
    return next((code for code in results if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
