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
    request: Request,
    results: Sequence[Any],
    *,
    following: str | None,
    before: str | None,
    as_of: datetime,
    **more: Any,
) -> Response:
    """The answer of a list; `following` and `before` are cursors, `as_of` the moment the list was asked."""
    return Response(
        {
            "next": link(request, following),
            "previous": link(request, before),
            "results": results,
            "as_of": serializers.DateTimeField().to_representation(as_of),
            **more,
        }
    )


def page_of(
    item: type[serializers.BaseSerializer[Any]], **more: serializers.Field[Any, Any, Any, Any]
) -> type[serializers.Serializer[Any]]:
    """The schema of a page of `item`; `more` are fields of this list alone."""
    fields = {
        "next": serializers.CharField(allow_null=True, help_text=_("Address of the next page.")),
        "previous": serializers.CharField(allow_null=True, help_text=_("Address of the page before.")),
        "results": item(many=True),
        "as_of": serializers.DateTimeField(),
        **more,
    }
    return type(
        f"{item.__name__.removesuffix('Serializer')}PageSerializer", (serializers.Serializer,), fields
    )
