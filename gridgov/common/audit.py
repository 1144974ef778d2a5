"""The audit trail's only writer, and the receivers of Django's own login signals."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from gridgov.common.enums import AuditKind
from gridgov.common.models import AuditEvent, User


def record(
    kind: AuditKind,
    *,
    user: User | None,
    subject: str = "",
    township_code: str = "",
    request: HttpRequest | None = None,
    username: str = "",
    **detail: Any,
) -> AuditEvent:
    """One row of the audit trail."""
    return AuditEvent.objects.create(
        kind=kind,
        user=user,
        username=username or (user.username if user else ""),
        township_code=township_code,
        subject=subject[:200],
        detail=detail,
        ip_address=request.META.get("REMOTE_ADDR") or None if request is not None else None,
    )


@receiver(user_logged_in)
def _logged_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    record(AuditKind.LOGIN, user=user, request=request)


@receiver(user_logged_out)
def _logged_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record(AuditKind.LOGOUT, user=user, request=request)


@receiver(user_login_failed)
def _login_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kw: Any
) -> None:
    name = str(credentials.get("username", ""))[:150]
    record(AuditKind.LOGIN_FAILED, user=None, request=request, username=name)
