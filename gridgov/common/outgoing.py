"""HTTP to addresses that somebody typed in: never to machines inside, unless whoever operates gridgov allowed them.

The name is looked up once, every address it has is judged, and the connection goes to an address that was judged: a name that
answers differently the second time gains nothing. Redirects are not followed, no proxy is used, little is read, and what the
other side says is not shown to anybody: only the status.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from gridgov.common.errors import Invalid

SECONDS = 10  # for connecting and for each answer
SECONDS_IN_ALL = 20
MOST_READ = 4096

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 that carries an IPv4 address inside: NAT64, 6to4, Teredo. What it leads to is not visible from here.
_TUNNELS = tuple(
    ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class NotAllowed(Invalid):
    """An address that gridgov does not write to."""

    code = "address_not_allowed"


class NotDelivered(Exception):
    """The other side did not take it. The text says no more than may be shown and kept."""


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer, 200 to 299. Raises NotAllowed, NotDelivered."""
    parts, address = checked(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    kind = _PinnedTLS if secure else _Pinned
    connection = kind(str(parts.hostname), port, address=str(address))
    limit = Timer(SECONDS_IN_ALL, connection.cut)
    limit.daemon = True
    limit.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(MOST_READ)
    except (OSError, HTTPException, UnicodeError, ValueError) as error:
        raise NotDelivered(_("No answer: %(error)s") % {"error": type(error).__name__}) from None
    finally:
        limit.cancel()
        connection.close()
    if not 200 <= answer.status < 300:
        raise NotDelivered(_("Answered with status %(status)s") % {"status": answer.status})
    return answer.status


def checked(url: str) -> tuple[SplitResult, Address]:
    """The parts of a URL and the address that it may be written to. Raises NotAllowed, NotDelivered (no such name)."""
    parts = well_formed(url)
    host = str(parts.hostname)
    addresses = resolved(host, parts.port or (443 if parts.scheme == "https" else 80))
    if parts.scheme == "http" and not all(map(is_named, addresses)):
        raise NotAllowed(
            _("Without https only addresses inside are written to, and only those that are allowed.")
        )
    return parts, addresses[0]


def well_formed(url: str) -> SplitResult:
    """Raises NotAllowed for what no address of ours looks like; looks nothing up."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAllowed(_("This is no address (https://…).")) from None
    plain = all("!" <= letter <= "~" for letter in url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.fragment:
        raise NotAllowed(_("This is no address (https://…)."))
    if parts.username is not None or parts.password is not None:
        raise NotAllowed(_("An address with a user name or password in it is not taken."))
    if port is not None and port not in (80, 443) and port < 1024:
        raise NotAllowed(_("This port is not written to."))
    return parts


def resolved(host: str, port: int) -> list[Address]:
    """All addresses of a host, each of which may be written to. Raises NotAllowed, NotDelivered."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDelivered(_("The name of the machine is not known.")) from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(map(may_reach, addresses)):
        raise NotAllowed(_("This address lies inside the network and is not allowed."))
    return addresses


def may_reach(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return may_reach(address.ipv4_mapped)
        if any(address in net for net in _TUNNELS):
            return is_named(address)
    outside = address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )
    return outside or is_named(address)


def is_named(address: Address) -> bool:
    """Whether the settings name its network as one to write to."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    nets = (ipaddress.ip_network(net, strict=False) for net in settings.GRIDGOV_WEBHOOK_ALLOW)
    return any(address in net for net in nets)


class _Pinned(HTTPConnection):
    """Goes to the address that was judged, under the name that was typed."""

    def __init__(self, host: str, port: int, *, address: str) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), SECONDS)

    def cut(self) -> None:
        """From another thread, when it takes too long in all."""
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


class _PinnedTLS(_Pinned, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
