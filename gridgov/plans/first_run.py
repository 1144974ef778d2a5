"""An installation where nobody is yet: the code by which whoever reads the server's terminal makes the first account."""

import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from gridgov.common.errors import Conflict
from gridgov.common.models import User
from gridgov.common.passwords import readable_secret


def is_open() -> bool:
    """Nobody can log in, so somebody must be let in by the code."""
    return not User.objects.exists()


def code_file() -> Path:
    return Path(settings.GRIDGOV_DATA) / "setup-code.txt"


def make_code() -> str:
    """The code of this installation; made once, kept where only the owner may read."""
    path = code_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{readable_secret()}\n")
    except FileExistsError:
        pass
    return path.read_text().strip()


def is_right(code: str) -> bool:
    """Without a kept code nothing is right."""
    try:
        kept = code_file().read_text().strip()
    except OSError:
        return False
    given = "".join(code.lower().split())
    return bool(kept) and hmac.compare_digest(kept.encode(), given.encode())


@contextmanager
def spent() -> Iterator[None]:
    """The code is good once: of two who come at the same time one has it. It comes back if what it was for fails."""
    path = code_file()
    taken = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.rename(taken)
    except OSError as error:
        raise Conflict(_("This installation has an account already."), code="not_empty") from error
    try:
        yield
    except BaseException:
        taken.rename(path)
        raise
    taken.unlink()
