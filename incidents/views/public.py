"""The requester's page, open to whoever holds the link, and the slip that carries it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from gridgov.common import clock
from gridgov.common.errors import DomainError
from incidents.actions import answer_feedback
from incidents.models import FeedbackRequest
from incidents.permissions import may_see_requester
from incidents.views.people import FeedbackForm
from incidents.views.scope import seen

TRIES_PER_MINUTE = 30


@require_http_methods(["GET", "HEAD", "POST"])
def feedback(request: HttpRequest, token: str) -> HttpResponse:
    """Number and title, no names; one answer. Not for search engines, and not to be guessed."""
    if _too_often(request):
        return _answer(request, "incidents/feedback_later.html", {}, status=429)
    asked = FeedbackRequest.objects.select_related("incident__category").filter(token=token).first()
    if asked is None or asked.expires_at <= clock.now():
        return _answer(request, "incidents/feedback_gone.html", {}, status=404)
    if asked.answered_at is not None:
        return _answer(request, "incidents/feedback_thanks.html", {"asked": asked})
    form = FeedbackForm(request.POST if request.method == "POST" else None)
    context = {"asked": asked, "about": asked.incident.title or asked.incident.category, "form": form}
    if request.method != "POST":
        return _answer(request, "incidents/feedback.html", context)
    if not form.is_valid():
        return _answer(request, "incidents/feedback.html", context, status=400)
    try:
        asked = answer_feedback(token=token, **form.cleaned_data)
    except DomainError as error:
        return _answer(request, "incidents/feedback_gone.html", {"detail": error.detail}, status=error.status)
    return _answer(request, "incidents/feedback_thanks.html", {"asked": asked})


def _answer(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"  # the address is the key
    return response


def _too_often(request: HttpRequest) -> bool:
    """So many looks per address and minute."""
    key = f"feedback:{request.META.get('REMOTE_ADDR', '')}:{clock.now():%H%M}"
    cache.add(key, 0, timeout=120)
    try:
        return bool(cache.incr(key) > TRIES_PER_MINUTE)
    except ValueError:  # it expired in between
        return False


@login_required
@require_safe
def slip(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A sheet for the requester with the link as QR; only for who works on the matter."""
    incident = seen(request.user, pk)
    open_ones = FeedbackRequest.objects.filter(
        incident=incident, answered_at=None, expires_at__gt=clock.now()
    )
    asked = open_ones.order_by("-created_at").first()
    if asked is None or not may_see_requester(request.user, incident):  # type: ignore[arg-type]
        raise Http404
    url = settings.PUBLIC_URL + reverse("feedback", args=[asked.token])
    qr = segno.make(url, error="m").svg_data_uri(scale=4, border=2)
    return render(
        request, "incidents/slip.html", {"incident": incident, "asked": asked, "url": url, "qr": qr}
    )
