"""Photos: re-encoded before anything is written, accepted before their report, found again when it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import images
from gridgov.common.errors import Invalid
from incidents.actions.result import replay_of
from incidents.models import Incident, Upload

if TYPE_CHECKING:
    from gridgov.common.models import User

KINDS = ("photo",)


def attach(
    *,
    user: User,
    client_uuid: UUID,
    sha256: str,
    file: BinaryIO,
    incident_client_uuid: UUID | None = None,
    kind: str = "photo",
) -> tuple[Upload, bool]:
    """Keeps one photo of `user`; (upload, replayed). `sha256` is what the client says of its bytes and must be true.

    The stored file is a new encoding without EXIF and place. Decoding happens before the transaction.
    """
    content_hash = hashlib.sha256(
        f"{sha256.lower()}|{kind}|{incident_client_uuid or ''}".encode()
    ).hexdigest()
    found = replay_of(Upload, "uploader", user, client_uuid, content_hash)
    if found is not None:
        return found, True
    if kind not in KINDS:
        raise Invalid(_("Only photos are taken here."), code="unknown_kind", errors={"kind": [_("Unknown.")]})
    data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256.lower():
        text = _("The file did not arrive whole; send it again.")
        raise Invalid(text, code="sha256_mismatch", errors={"sha256": [text]})
    picture = images.re_encode(data)  # BadImage is an Invalid
    upload = Upload(
        uploader=user,
        client_uuid=client_uuid,
        body_hash=content_hash,
        incident_client_uuid=incident_client_uuid,
        kind=kind,
        content_type=picture.content_type,
        size=len(picture.data),
        width=picture.width,
        height=picture.height,
        sha256=sha256.lower(),
    )
    upload.file.save("", ContentFile(picture.data), save=False)
    try:
        with transaction.atomic():
            if incident_client_uuid is not None:
                upload.incident = Incident.objects.filter(
                    reporter_user=user, client_uuid=incident_client_uuid
                ).first()
            upload.save(force_insert=True)
    except IntegrityError:
        upload.file.delete(save=False)
        found = replay_of(Upload, "uploader", user, client_uuid, content_hash)
        if found is None:
            raise
        return found, True
    return upload, False


def collect_waiting(*, user: User, incident: Incident) -> int:
    """Attaches what was sent before its report; returns how many."""
    waiting = Upload.objects.filter(uploader=user, incident=None, incident_client_uuid=incident.client_uuid)
    return waiting.update(incident=incident)


def take_files(*, user: User, incident: Incident, client_uuids: Sequence[UUID], seq: int) -> None:
    """Attaches the actor's own uploads to an action."""
    wanted = set(client_uuids)
    own = Upload.objects.filter(uploader=user, client_uuid__in=wanted).filter(
        Q(incident=None) | Q(incident=incident)
    )
    if own.update(incident=incident, history_seq=seq) != len(wanted):
        text = _("A file named here has not arrived.")
        raise Invalid(text, code="unknown_file", errors={"files": [text]})
