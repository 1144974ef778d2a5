"""Keyset lists as web pages: the place in the list is in the address, beside the filters."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from gridgov.common.errors import DomainError
from gridgov.common.paging import Key

CURSOR = "cursor"


def key_asked(request: HttpRequest, ids: type[UUID | int] = int) -> Key | None:
    """The place that the address names; `ids` is what the list's rows are numbered with. Raises BadRequest."""
    text = request.GET.get(CURSOR, "")
    if not text:
        return None
    try:
        key = Key.decode(text)
    except DomainError as error:
        raise BadRequest(error.detail) from error
    if not isinstance(key.id, ids):
        raise BadRequest("a cursor of another list")
    return key


def page_url(request: HttpRequest, key: Key | None) -> str | None:
    """The address of another page of the same list, with the same filters."""
    if key is None:
        return None
    query = request.GET.copy()
    query[CURSOR] = key.encode()
    return f"?{query.urlencode()}"
