"""Files that wait for a decision: uploaded, looked through, taken or not. Only whoever brought one gets it back."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from gridgov.common import clock
from gridgov.common.errors import NotVisible

if TYPE_CHECKING:
    from uuid import UUID

    from gridgov.common.models import User

KEPT_FOR = timedelta(hours=12)


def keep(data: bytes, *, user: User) -> UUID:
    """Puts the bytes aside; the answer is the name under which the same user finds them."""
    name = uuid.uuid4()
    path = _path(user, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(data)
    path.chmod(0o600)
    return name


def kept(name: UUID, *, user: User) -> bytes:
    """Raises NotVisible where there is no such file, or it is somebody else's."""
    try:
        return _path(user, name).read_bytes()
    except FileNotFoundError as error:
        raise NotVisible("kept file is gone") from error


def drop(name: UUID, *, user: User) -> None:
    _path(user, name).unlink(missing_ok=True)


def drop_old() -> int:
    """What nobody decided about; returns how many."""
    limit = (clock.now() - KEPT_FOR).timestamp()
    old = [path for path in _folder().glob("*/*") if path.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "waiting"


def _path(user: User, name: UUID) -> Path:
    return _folder() / str(user.pk) / name.hex
