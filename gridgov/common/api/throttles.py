"""How often one may ask: an atomic counter per window. It keeps a mistake from becoming a flood; it is no lock."""

import logging
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from gridgov.common import clock

log = logging.getLogger(__name__)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Window(BaseThrottle):
    """So many requests per fixed window, as the rate of the scope says ("600/min")."""

    scope = ""

    def allow_request(self, request: Request, view: Any) -> bool:
        number, per = str(api_settings.DEFAULT_THROTTLE_RATES[self.scope]).split("/")
        seconds = SECONDS[per[0]]
        window, elapsed = divmod(int(clock.now().timestamp()), seconds)
        self._wait = seconds - elapsed
        return _count(f"throttle:{self.scope}:{self.ident(request)}:{window}", seconds) <= int(number)

    def ident(self, request: Request) -> str:
        """The client's address; the middleware has already read what trusted proxies say."""
        return str(request.META.get("REMOTE_ADDR", ""))

    def wait(self) -> float | None:
        return self._wait


def _count(key: str, seconds: int) -> int:
    try:
        try:
            return cache.incr(key)
        except ValueError:  # the first of its window
            return 1 if cache.add(key, 1, seconds) else cache.incr(key)
    except Exception:  # a cache that is down must not keep reports away
        log.warning("throttle: the cache does not answer", exc_info=True)
        return 0


class UserThrottle(Window):
    """Per login; per address where nobody is logged in."""

    scope = "user"

    def ident(self, request: Request) -> str:
        user = getattr(request.user, "pk", None)
        return f"u{user}" if user is not None else super().ident(request)


class LoginThrottle(Window):
    """Attempts to log in, per address. Guessing one account is stopped by its own lock."""

    scope = "login"
