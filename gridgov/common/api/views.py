"""The base of the API's views, and the answer to addresses that do not exist."""

from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from gridgov.common.errors import NotVisible

Serializer = type[serializers.Serializer[Any]]
Row = TypeVar("Row", bound=Model)


class View(APIView):
    """Fetch through scope, take what came in, call one action, answer."""

    http_method_names = ("get", "head", "post")

    def taken(self, shape: Serializer) -> dict[str, Any]:
        """The body, checked."""
        return checked(shape, self.request.data)

    def asked(self, shape: Serializer) -> dict[str, Any]:
        """The query, checked: unknown and repeated parameters are mistakes."""
        return checked(shape, self.request.query_params)


def one(rows: QuerySet[Row], **key: Any) -> Row:
    """The one row in scope; outside it and absent look the same."""
    try:
        return rows.get(**key)
    except ObjectDoesNotExist as error:
        raise NotVisible(_("There is no such thing here, or it is not yours to see.")) from error


def checked(shape: Serializer, data: Any) -> dict[str, Any]:
    """The input in this shape. Raises ValidationError."""
    if isinstance(data, MultiValueDict):  # a query or a form
        twice = [name for name, values in data.lists() if len(values) > 1]
        if twice:
            raise serializers.ValidationError({name: [_("Give this only once.")] for name in twice})
        data = data.dict()
    return dict(ready(shape).run_validation(data))


@cache
def ready(shape: Serializer) -> serializers.Serializer[Any]:
    """One instance per process, to check or to show with: neither keeps anything in it, and to make its fields anew took
    as long as the work itself."""
    return shape()


class AnyFormat(BaseContentNegotiation):
    """For files: they are what they are, whatever the client would rather have. Refusals stay JSON."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None


class Nothing(View):
    """Every address below /api/v1/ that is none."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    content_negotiation_class = AnyFormat
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.http_method_names = [(request.method or "get").lower()]
        return super().dispatch(request, *args, **kwargs)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotVisible(
            _("There is no such address. Addresses end with a slash; the list is at /api/v1/docs/.")
        )
