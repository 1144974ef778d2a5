"""gridgov.settings for tests: a data folder of their own, a quick password hash, one of the two profiles.

GRIDGOV_TEST_PROFILE is `embedded` (SQLite, default) or `production` (PostgreSQL and Redis: TEST_DATABASE_URL,
TEST_REDIS_URL or the standard local ports). GRIDGOV_TEST_RUN tells runs on the same server apart.
"""

import atexit
import os
import shutil
import tempfile

PROFILE = os.environ.get("GRIDGOV_TEST_PROFILE", "embedded")
RUN = os.environ.setdefault("GRIDGOV_TEST_RUN", str(os.getpid()))

_data = tempfile.mkdtemp(prefix="gridgov-test-")
atexit.register(shutil.rmtree, _data, ignore_errors=True)

for _name in ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "DEBUG"):
    os.environ.pop(_name, None)
os.environ["GRIDGOV_DATA"] = _data
os.environ["SECRET_KEY"] = "only-for-tests"
if PROFILE == "production":
    os.environ["DATABASE_URL"] = os.environ.get(
        "TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"
    )
    os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")

from gridgov.settings import *  # noqa: E402, F403
from gridgov.settings import CACHES, DATABASES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}

DATABASES["default"]["CONN_MAX_AGE"] = 0
if PROFILE == "production":
    # The database of the address is only where the test runner connects to create its own; a program that skips the
    # runner meets a name that does not exist.
    _name = f"test_gridgov_{RUN}"
    DATABASES["default"] |= {"NAME": _name, "TEST": {"NAME": _name}}
    _worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    CACHES["default"]["KEY_PREFIX"] = f"gridgov-test-{RUN}-{_worker}"
else:
    # A file, not :memory:, so that tests with threads meet the same locks as a real run.
    DATABASES["default"]["TEST"] = {"NAME": f"{_data}/test.sqlite3"}
