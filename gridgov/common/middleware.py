"""A number for support on every answer, the language people chose (never Accept-Language: rules.md), and
a password of one's own before anything else.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation

from gridgov.common import clockguard
from gridgov.common.api.problems import MEDIA_TYPE, problem

Handler = Callable[[HttpRequest], HttpResponse]


class RequestMiddleware:
    """`X-Request-ID` on the way out; private answers are never cached; the client's address behind trusted proxies."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex[:12]  # type: ignore[attr-defined]
        self._believe_trusted_proxy(request)
        response = self.get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        if not request.path.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "no-store, private")
        return response

    @staticmethod
    def _believe_trusted_proxy(request: HttpRequest) -> None:
        """Only a proxy we name may say who the client is; a forged header from anyone else changes nothing."""
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if forwarded and request.META.get("REMOTE_ADDR") in settings.TRUSTED_PROXIES:
            hops = [hop.strip() for hop in forwarded.split(",")]
            outside = [hop for hop in hops if hop not in settings.TRUSTED_PROXIES]
            request.META["REMOTE_ADDR"] = outside[-1] if outside else hops[0]


class MethodMiddleware:
    """Pages are read and posted to. Django's own would take any other method for one of these; the API answers for itself."""

    TAKEN = ("GET", "HEAD", "POST", "OPTIONS")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self.TAKEN and not request.path.startswith("/api/"):
            return HttpResponseNotAllowed(self.TAKEN)
        return self.get_response(request)


class LanguageMiddleware:
    """Chinese until the user chooses English by the language cookie."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            if hasattr(response, "render") and callable(response.render) and not response.is_rendered:  # type: ignore[attr-defined]
                response.render()
        response.setdefault("Content-Language", language)
        return response


class PasswordMiddleware:
    """Whoever came in with a password that somebody else knows chooses one before any other page."""

    # REST has no session: there the token is refused.
    open_to_all = ("/password/", "/logout/", "/language/", "/api/", "/feedback/")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        if not request.path.startswith(self.open_to_all) and getattr(user, "must_change_password", False):
            return redirect("password_change")
        return self.get_response(request)


class ClockMiddleware:
    """While the system time is earlier than what is already recorded, nothing is written; pages can be read."""

    open_to_all = ("/login/", "/logout/", "/language/", "/clock/")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        writes = request.method not in ("GET", "HEAD", "OPTIONS", "TRACE")
        if not writes or request.path.startswith(self.open_to_all) or clockguard.written_later() is None:
            return self.get_response(request)
        if request.path.startswith("/api/"):
            error = clockguard.ClockBehind(clockguard.sentence())
            return JsonResponse(problem(error), status=error.status, content_type=MEDIA_TYPE)
        return render(request, "clock_behind.html", {"sentence": clockguard.sentence()}, status=503)
