"""Lists: keyset pages with addresses that keep the filters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

CURSOR = "cursor"


def link(request: Request, cursor: str | None) -> str | None:
    """The address of another page of the same list, without the host."""
    if cursor is None:
        return None
    query = request.query_params.copy()
    query[CURSOR] = cursor
    return f"{request.path}?{query.urlencode()}"


def listing(
    request: Request, results: Sequence[Any], *, next: str | None, previous: str | None, as_of: datetime  # noqa: A002
) -> Response:
    """The answer of a list; `next` and `previous` are cursors, `as_of` the moment the list was asked."""
    return Response(
        {
            "next": link(request, next),
            "previous": link(request, previous),
            "results": results,
            "as_of": serializers.DateTimeField().to_representation(as_of),
        }
    )


def page_of(item: type[serializers.BaseSerializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The schema of a page of `item`."""
    fields = {
        "next": serializers.CharField(allow_null=True, help_text=_("Address of the next page.")),
        "previous": serializers.CharField(allow_null=True, help_text=_("Address of the page before.")),
        "results": item(many=True),
        "as_of": serializers.DateTimeField(),
    }
    return type(f"{item.__name__.removesuffix('Serializer')}PageSerializer", (serializers.Serializer,), fields)
