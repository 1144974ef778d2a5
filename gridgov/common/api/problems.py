"""Refusals as RFC 9457 problem details: the same form for every error of the API."""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelError
from django.core.signals import got_request_exception
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from gridgov.common.api.parsing import TooLarge
from gridgov.common.errors import DomainError, Invalid, NotVisible

log = logging.getLogger("gridgov.api")
MEDIA_TYPE = "application/problem+json"


class NotLoggedIn(DomainError):
    """Nobody, or not with these credentials."""

    status = 401
    code = "not_logged_in"


class TooOften(DomainError):
    """Come back later; `wait` in seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, detail: Any, *, wait: float | None = None, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.wait = wait


class Refused(DomainError):
    """A refusal of the protocol: method, media type, format."""

    def __init__(self, detail: Any, *, status: int, code: str) -> None:
        super().__init__(detail, code=code)
        self.status = status


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's hook: whatever was raised becomes a problem; what nobody foresaw is logged, as 500."""
    request = context.get("request")
    found = as_domain_error(error)
    if found is None:
        body = _unforeseen(error, getattr(request, "_request", request))
        return Response(body, status=500, content_type=MEDIA_TYPE)
    headers = {}
    if found.status == 401:
        headers["WWW-Authenticate"] = "Token"
    if isinstance(found, TooOften) and found.wait:
        headers["Retry-After"] = str(int(found.wait) or 1)
    allowed = getattr(context.get("view"), "allowed_methods", None)
    if found.status == 405 and allowed:
        headers["Allow"] = ", ".join(allowed)
    return Response(problem(found), status=found.status, headers=headers, content_type=MEDIA_TYPE)


def problem_of(error: Exception, request: Any) -> dict[str, Any]:
    """The body for one of several things in a call, whatever was raised; `request` is Django's own."""
    found = as_domain_error(error)
    return problem(found) if found is not None else _unforeseen(error, request)


def problem(error: DomainError) -> dict[str, Any]:
    """The body. `code` is the stable name for programs, `detail` a sentence for people in their language."""
    body: dict[str, Any] = {
        "type": f"urn:gridgov:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": str(error.detail),
        "errors": {name: [str(text) for text in texts] for name, texts in error.errors.items()},
    }
    if error.rule:
        body["rule"] = error.rule
    return body


def as_domain_error(error: Exception) -> DomainError | None:
    """The refusal behind an exception; None for a fault of ours."""
    match error:
        case DomainError():
            return error
        case Http404():
            return NotVisible(_("There is no such thing here, or it is not yours to see."))
        case PermissionDenied():
            return Refused(_("Not allowed."), status=403, code="forbidden")
        case RequestDataTooBig():
            return TooLarge(_("The request is too large."))
        case SuspiciousOperation() | MultiPartParserError() | UnreadablePostError():
            return Invalid(_("The request could not be read."), code="unreadable")
        case ModelError():
            return Invalid(_("Something in the input is wrong or missing."), errors=_of_model(error))
        case exceptions.APIException():
            return _of_framework(error)
    return None


def _of_framework(error: exceptions.APIException) -> DomainError:
    match error:
        case exceptions.ValidationError():
            return Invalid(
                _("Something in the input is wrong or missing."), errors=dict(flatten(error.detail))
            )
        case exceptions.ParseError():
            return Invalid(error.detail, code="unreadable")
        case exceptions.AuthenticationFailed():
            return NotLoggedIn(error.detail, code="bad_token")
        case exceptions.NotAuthenticated():
            return NotLoggedIn(_("Log in first: send a token."))
        case exceptions.Throttled():
            return TooOften(_("Too many requests; wait a moment."), wait=getattr(error, "wait", None))
        case exceptions.NotFound():
            return NotVisible(_("There is no such thing here, or it is not yours to see."))
    return Refused(error.detail, status=error.status_code, code=str(error.default_code))


def _of_model(error: ModelError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return {"" if name == "__all__" else name: texts for name, texts in error.message_dict.items()}
    return {"": error.messages}


def flatten(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Nested errors by path: `requester.phone`, `findings[2].text`; the empty path is the whole body."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flatten(inner, _deeper(path, name))
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        for index, inner in enumerate(detail):
            yield from flatten(inner, f"{path}[{index}]")
    elif detail:
        yield path, [str(text) for text in (detail if isinstance(detail, list) else [detail])]


def _deeper(path: str, name: str | int) -> str:
    if name == "non_field_errors":
        return path
    if isinstance(name, int):  # the place in a list
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _unforeseen(error: Exception, request: Any) -> dict[str, Any]:
    number = getattr(request, "request_id", "")
    log.error("request %s failed: %s %s", number, request.method, request.path, exc_info=error)
    got_request_exception.send(sender=problem_handler, request=request)
    return {
        "type": "urn:gridgov:problem:server_error",
        "title": HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
        "status": 500,
        "code": "server_error",
        "detail": _("Something went wrong here. Tell your administrator the number %(number)s.")
        % {"number": number},
        "errors": {},
        "request_id": number,
    }
