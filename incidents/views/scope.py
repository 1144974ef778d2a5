"""What every page of one matter begins with: the matter within scope, and what was sent as one figure."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest

from gridgov.common.api.repeat import body_hash
from gridgov.common.errors import NotVisible
from incidents.models import Incident
from incidents.permissions import seeing


def seen(user: Any, pk: UUID) -> Incident:
    """One matter within scope; outside is not found."""
    try:
        return seeing.seen(user, pk)
    except NotVisible as error:
        raise Http404 from error


def content_hash(request: HttpRequest, *about: Any) -> str:
    """Of everything that was typed and chosen: a double click is one call, something else under its name is not."""
    typed = {
        name: values
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", "version")
    }
    files = [[file.name, file.size] for name in request.FILES for file in request.FILES.getlist(name)]
    return body_hash([typed, files], *about)
