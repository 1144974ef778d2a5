"""Notices through other people's channels: robots of WeCom, DingTalk and Feishu, and mail. The library that knows them is
apprise; here stands which of its many kinds are taken, and that nothing secret comes back out.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import apprise
from django.utils.translation import gettext as _

from gridgov.common.errors import Invalid
from gridgov.common.outgoing import NotDelivered, is_named, resolved

# Fixed addresses of the three services; mail and json name a machine, which is judged like that of a webhook.
SERVICES = ("wecombot", "dingtalk", "feishu")
NAMING_A_MACHINE = {"mailto": 587, "mailtos": 587, "json": 80, "jsons": 443}


def checked_channel(url: str) -> None:
    """Raises Invalid for what is no address of a channel that is taken."""
    _instance(url)


def send_notice(url: str, *, title: str, text: str) -> None:
    """Raises NotDelivered, NotAllowed, Invalid; none of them says the address."""
    channel = _instance(url)
    scheme = _scheme(url)
    if scheme in NAMING_A_MACHINE:
        host = getattr(channel, "smtp_host", "") or channel.host
        port = channel.port or NAMING_A_MACHINE[scheme]
        addresses = resolved(host, int(port))
        if scheme == "json" and not all(map(is_named, addresses)):
            raise NotDelivered(
                _("Without https only addresses inside are written to, and only those that are allowed.")
            )
    channel.redirects = False
    try:
        taken = channel.notify(body=text, title=title)
    except Exception as error:  # noqa: BLE001  each service raises its own, with addresses in the text
        raise NotDelivered(_("No answer: %(error)s") % {"error": type(error).__name__}) from None
    if not taken:
        raise NotDelivered(_("The channel did not take it."))


def shown(url: str) -> str:
    """The address as a page may show it: which kind, and nothing that opens it."""
    return f"{_scheme(url)}://****"


def _scheme(url: str) -> str:
    return urlsplit(url).scheme.lower() if "://" in url else ""


def _instance(url: str) -> Any:
    scheme = _scheme(url)
    if scheme not in (*SERVICES, *NAMING_A_MACHINE):
        known = "、".join(f"{name}://" for name in (*SERVICES, "mailtos", "jsons"))
        raise Invalid(
            _("The address must begin with one of these: %(known)s") % {"known": known},
            code="unknown_channel",
        )
    channel = apprise.Apprise.instantiate(url)
    if channel is None:
        raise Invalid(_("This address is not complete."), code="unknown_channel")
    return channel
