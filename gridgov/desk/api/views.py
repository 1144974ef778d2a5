"""Logging in and out, who one is, and what waits."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from gridgov.common import clock
from gridgov.common.api.auth import issue_token, revoke_token
from gridgov.common.api.problems import NotLoggedIn, TooOften
from gridgov.common.api.throttles import LoginThrottle
from gridgov.common.api.views import AnyFormat, View
from gridgov.common.errors import Forbidden
from gridgov.desk.api.serializers import (
    CredentialsSerializer,
    EmptySerializer,
    MeSerializer,
    TasksSerializer,
    TokenSerializer,
)
from gridgov.desk.waiting import counters, waiting
from members.models import Appointment, InboxMessage
from members.querysets import emergency_numbers, standing_of


class Login(View):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)
    problems = ("401", "403")

    @extend_schema(operation_id="log_in", request=CredentialsSerializer, responses=TokenSerializer)
    def post(self, request: Request) -> Response:
        """A token for a user name and its password. Five wrong ones lock the account for 15 minutes (429)."""
        given = self.taken(CredentialsSerializer)
        plain = request._request  # noqa: SLF001  the lock counts on Django's own request
        user = authenticate(request=plain, **given)
        locked, plain.axes_locked_out = getattr(plain, "axes_locked_out", False), False  # type: ignore[attr-defined]
        if locked:
            raise TooOften(
                _("Too many wrong passwords. Try again in 15 minutes."), code="locked_out", wait=900
            )
        if user is None:
            raise NotLoggedIn(_("User name or password is wrong."), code="bad_credentials")
        if user.must_change_password:  # type: ignore[attr-defined]
            detail = _("Choose a password of your own first: log in on the web pages once.")
            raise Forbidden(detail, code="password_to_be_changed")
        token, text = issue_token(user=user)  # type: ignore[arg-type]
        user_logged_in.send(sender=type(user), request=plain, user=user)
        return Response(TokenSerializer({"token": text, "expires_at": token.expiry}).data)


class Logout(View):
    @extend_schema(operation_id="log_out", request=EmptySerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Ends the token that this call carries; others of the same person stay."""
        self.taken(EmptySerializer)
        revoke_token(token=request.auth)
        user_logged_out.send(sender=type(request.user), request=request._request, user=request.user)  # noqa: SLF001
        return Response(status=204)


class Me(View):
    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who I am, the posts I hold, how much waits."""
        user = request.user
        held = Appointment.objects.current().filter(member__user=user.pk)
        rows = held.select_related("post__grid", "post__department", "post__role", "leave__member").order_by(
            "-is_main", "since", "id"
        )
        member = standing_of(user).member
        unread = InboxMessage.objects.visible_to(user).unread().count()
        body = {
            "username": user.username,
            "member": member,
            "appointments": rows,
            "counters": {**counters(user), "unread": unread},
            "emergency": emergency_numbers(member.township_code) if member is not None else [],
        }
        return Response(MeSerializer(body).data)


class Tasks(View):
    @extend_schema(operation_id="tasks", responses=TasksSerializer)
    def get(self, request: Request) -> Response:
        """What waits for me: late, due today, and the rest."""
        as_of = clock.now()
        body = {"counters": counters(request.user), **waiting(request.user), "as_of": as_of}
        return Response(TasksSerializer(body, context={"request": request}).data)


class OpenAPI(View):
    """This API as an OpenAPI 3 document."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    content_negotiation_class = AnyFormat
    schema = None

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(
            document(translation.get_language() or settings.LANGUAGE_CODE),
            content_type="application/vnd.oai.openapi+json",
        )


@cache
def document(language: str) -> str:
    """Made once per language and process."""
    with translation.override(language):
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
        return json.dumps(schema, cls=DjangoJSONEncoder, ensure_ascii=False)
