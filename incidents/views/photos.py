"""Photos in the browser: kept through actions, served through scope only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from gridgov.common import images
from gridgov.common.models import User
from incidents.actions import attach
from incidents.api.views import serve
from incidents.models import Incident, Upload

KEPT_BY_BROWSER = "private, max-age=3600"  # a photo never changes; another person's browser asks anew


@login_required
@require_safe
def photo(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    response = serve(_seen(request, pk))
    response["Cache-Control"] = KEPT_BY_BROWSER
    return response


@login_required
@require_safe
def small_photo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """480 pixels a side, for the page of the matter."""
    upload = _seen(request, pk)
    try:
        with upload.file.open("rb") as file:
            data = images.thumbnail(file.read())
    except FileNotFoundError as error:
        raise Http404 from error
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": KEPT_BY_BROWSER}
    return HttpResponse(data, content_type="image/jpeg", headers=headers)


def _seen(request: HttpRequest, pk: UUID) -> Upload:
    return get_object_or_404(Upload.objects.visible_to(request.user), pk=pk)


def photos_of(incident: Incident) -> dict[int, list[dict[str, Any]]]:
    """Step -> its photos for templates/components/photo_grid.html; 0: those of the report."""
    found: dict[int, list[dict[str, Any]]] = {}
    for upload in Upload.objects.filter(incident=incident).order_by("created_at", "id"):
        shown = {
            "url": reverse("incidents:photo", args=[upload.pk]),
            "thumbnail_url": reverse("incidents:small-photo", args=[upload.pk]),
            "caption": "",
        }
        found.setdefault(upload.history_seq or 0, []).append(shown)
    return found


def keep(
    files: Iterable[Any], *, user: User, call: UUID, incident_client_uuid: UUID | None = None
) -> list[UUID]:
    """Keeps each file; the same file of the same call is one. Before any transaction: decoding takes time."""
    kept = []
    for file in files:
        sha256 = hashlib.sha256(file.read()).hexdigest()
        file.seek(0)
        name = uuid5(call, sha256)
        attach(
            user=user, client_uuid=name, sha256=sha256, file=file, incident_client_uuid=incident_client_uuid
        )
        kept.append(name)
    return kept
