"""The demo accounts' passwords: given, or random, shown once and kept beside the data."""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password

from gridgov.simulation.seed import ACCOUNTS


def passwords() -> dict[str, str]:
    """Account -> password: GRIDGOV_DEMO_PASSWORD for all of them, else one of its own for each."""
    given = settings.GRIDGOV_DEMO_PASSWORD
    return {name: given or secrets.token_urlsafe(9) for name in ACCOUNTS}


def hashes(words: dict[str, str]) -> dict[str, str]:
    """Account -> hash; a password shared by all is hashed once."""
    once = {word: make_password(word) for word in set(words.values())}
    return {name: once[word] for name, word in words.items()}


def keep(words: dict[str, str]) -> Path:
    """Writes them where only the owner may read. Returns the file."""
    path = Path(settings.GRIDGOV_DATA) / "demo-accounts.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name} {word}\n" for name, word in words.items())
    return path
