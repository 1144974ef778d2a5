"""Files in the browser: sent one by one while the form is filled in, kept through actions, served through scope only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from gridgov.common import images
from gridgov.common.enums import FileKind
from gridgov.common.errors import DomainError
from gridgov.common.models import User
from incidents.actions import attach, discard
from incidents.actions.files import sha256_of
from incidents.api.views import serve
from incidents.forms import UploadForm, in_drop
from incidents.models import Incident, Upload

KEPT_BY_BROWSER = "private, max-age=3600"  # a photo never changes; another person's browser asks anew


@login_required
@require_POST
def receive(request: HttpRequest) -> JsonResponse:
    """One file of a form that is still being filled in. Sent again under the same `client_uuid` it is the same file."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        texts = [text for texts in form.errors.values() for text in texts]
        return JsonResponse({"detail": " ".join(map(str, texts))}, status=400)
    given = form.cleaned_data
    file = given["file"]
    try:
        upload, _replayed = attach(
            user=request.user,  # type: ignore[arg-type]
            client_uuid=given["client_uuid"],
            incident_client_uuid=given["incident_client_uuid"],
            sha256=sha256_of(file),
            file=file,
            name=file.name,
        )
    except DomainError as error:
        return JsonResponse({"detail": str(error.detail)}, status=error.status)
    return JsonResponse(in_drop(upload), status=201)


@login_required
@require_POST
def drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Takes a file of one's own away again before it is sent with its form."""
    upload = get_object_or_404(Upload, pk=pk, uploader=request.user, incident=None)
    discard(upload=upload)
    return HttpResponse(status=204)


@login_required
@require_safe
def photo(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The file: a photo in place, anything else as a download."""
    response = serve(_seen(request, pk))
    response["Cache-Control"] = KEPT_BY_BROWSER
    return response


@login_required
@require_safe
def small_photo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """480 pixels a side, for the page of the matter."""
    upload = _seen(request, pk)
    if upload.kind != FileKind.PHOTO:
        raise Http404
    try:
        with upload.file.open("rb") as file:
            data = images.thumbnail(file.read())
    except FileNotFoundError as error:
        raise Http404 from error
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": KEPT_BY_BROWSER}
    return HttpResponse(data, content_type="image/jpeg", headers=headers)


def _seen(request: HttpRequest, pk: UUID) -> Upload:
    return get_object_or_404(Upload.objects.visible_to(request.user), pk=pk)


@dataclass
class Shown:
    """The files of one step: photos for components/photo_grid.html, others for components/file_list.html."""

    photos: list[dict[str, Any]] = field(default_factory=list)
    files: list[Upload] = field(default_factory=list)


def files_of(incident: Incident) -> dict[int, Shown]:
    """Step -> its files; 0: those of the report."""
    found: dict[int, Shown] = {0: Shown()}
    for upload in Upload.objects.filter(incident=incident).order_by("created_at", "id"):
        shown = found.setdefault(upload.history_seq or 0, Shown())
        if upload.kind == FileKind.PHOTO:
            url = reverse("incidents:photo", args=[upload.pk])
            small = reverse("incidents:small-photo", args=[upload.pk])
            shown.photos.append({"url": url, "thumbnail_url": small, "caption": upload.paper})
        else:
            shown.files.append(upload)
    return found


def keep(
    files: Iterable[Any], *, user: User, call: UUID, incident_client_uuid: UUID | None = None
) -> list[UUID]:
    """Keeps what came with the form itself; what was sent before it is named by its id already. The same file of the same
    call is one. Before any transaction: decoding takes time."""
    kept = []
    for file in files:
        name = file
        if not isinstance(file, UUID):
            sha256 = sha256_of(file)
            name = uuid5(call, sha256)
            attach(
                user=user,
                client_uuid=name,
                sha256=sha256,
                file=file,
                incident_client_uuid=incident_client_uuid,
                name=file.name,
            )
        kept.append(name)
    return kept
