"""What an action may answer instead of doing its work. Web pages, REST and commands render the same errors.

Order in which they are looked for (rules.md): not visible, replay, not yours, state or version, what is missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class DomainError(Exception):
    """`code` is a stable name for programs, `detail` a sentence for people, `errors` more of it, by field."""

    status = 400
    code = "invalid"

    def __init__(
        self,
        detail: Any,
        *,
        code: str | None = None,
        errors: Mapping[str, Sequence[Any]] | None = None,
        rule: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = dict(errors or {})
        self.rule = (
            dict(rule) if rule else None
        )  # {"id": "P6-C1", "clause": "..."}: the rule behind a requirement


class Invalid(DomainError):
    """Something in the input is wrong or missing."""


class Forbidden(DomainError):
    """Visible, but not this person's to do."""

    status = 403
    code = "forbidden"


class NotVisible(DomainError):
    """Absent, or outside scope: both look the same."""

    status = 404
    code = "not_found"


class Conflict(DomainError):
    """Not from this state, or somebody else was first."""

    status = 409
    code = "conflict"


class IdempotencyConflict(Conflict):
    """The same client_uuid came before with other content."""

    code = "idempotency_conflict"
