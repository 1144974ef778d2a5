"""The OpenAPI document: every refusal that can occur is in it, without a word in the views."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from gridgov.common.api.fields import Strict, Writing
from gridgov.common.api.problems import MEDIA_TYPE
from gridgov.common.api.repeat import REPLAYED


class RuleSerializer(serializers.Serializer[Any]):
    """The clause behind a requirement."""

    id = serializers.CharField()
    clause = serializers.CharField()
    text = serializers.CharField(required=False)


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text=_("Stable name for programs."))
    detail = serializers.CharField(help_text=_("A sentence for people."))
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text=_("What is wrong, by field.")
    )
    rule = RuleSerializer(required=False)
    request_id = serializers.CharField(required=False)


PROBLEMS = {
    "400": _("Something in the input is wrong or missing."),
    "401": _("Not logged in, or the token is not valid."),
    "403": _("Visible, but not yours to do."),
    "404": _("Absent, or not yours to see."),
    "406": _("The answer does not exist in the format asked for."),
    "409": _("Not from this state, somebody else was first, or the client_uuid came with other content."),
    "413": _("The request is too large."),
    "415": _("The body has a format that this call does not read."),
    "429": _("Too many requests; Retry-After says when to come back."),
}


def repeatable(body: Any) -> dict[int, Any]:
    """The good answers of a writing call."""
    return {201: body, 200: OpenApiResponse(body, description=_("It came before, with the same content."))}


REPLAYED_HEADER = OpenApiParameter(
    REPLAYED,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200],
    enum=["true"],
    description=_("A repeat."),
)


class Schema(AutoSchema):  # type: ignore[misc]
    """Adds the problems that an operation can answer, and says that unknown fields are refused."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        reference = self.resolve_serializer(ProblemSerializer, "response").ref
        for code in self.problem_codes():
            bodies.setdefault(
                code, {"description": PROBLEMS[code], "content": {MEDIA_TYPE: {"schema": reference}}}
            )
        return dict(sorted(bodies.items()))

    def problem_codes(self) -> set[str]:
        """What this operation can refuse, as far as its form tells; a view adds what only it knows (`problems`)."""
        codes = {"406", "429", *getattr(self.view, "problems", ())}
        asks = any(parameter["in"] == "query" for parameter in self._get_parameters())
        body = self.get_request_serializer() if self.method == "POST" else None
        if self.view.authentication_classes:
            codes.add("401")
        if "{" in self.path:
            codes.add("404")
        if asks or body is not None:
            codes.add("400")
        if body is not None:
            codes |= {"413", "415"}
        if isinstance(body, type) and issubclass(body, Writing):
            codes |= {"403", "409"}
        return codes

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> Any:  # noqa: FBT001, FBT002
        schema = super()._map_serializer(serializer, direction, bypass_extensions)
        instance = serializer() if isinstance(serializer, type) else serializer
        if direction == "request" and isinstance(instance, Strict):
            schema["additionalProperties"] = False
        return schema


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    target_class = "gridgov.common.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`, from POST auth/token/",
        }
