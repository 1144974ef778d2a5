"""Words that a person reads from one place and types in another."""

import secrets

# Without what looks alike on paper: 0 and o, 1 and l and i.
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def readable_secret(groups: int = 3) -> str:
    """A random word such as `k7m2-9xqd-4hvn`; 20 bits for each group."""
    return "-".join("".join(secrets.choice(LETTERS) for _place in range(4)) for _group in range(groups))
