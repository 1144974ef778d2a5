"""Files of matters: looked at before anything is written, accepted before their report, found again when it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from gridgov.common import images
from gridgov.common.enums import FileKind
from gridgov.common.errors import Forbidden, Invalid
from gridgov.common.files import BadFile, clean_name, file_type
from gridgov.common.turns import take_turn, turn_of
from gridgov.common.writing import update
from incidents.actions.result import replay_of
from incidents.models import Incident, Upload
from incidents.permissions import may_send_files

if TYPE_CHECKING:
    from gridgov.common.models import User


def attach(
    *,
    user: User,
    client_uuid: UUID,
    sha256: str,
    file: BinaryIO,
    incident_client_uuid: UUID | None = None,
    kind: str = "",
    name: str = "",
) -> tuple[Upload, bool]:
    """Keeps one file of `user`; (upload, replayed). `sha256` is what the client says of its bytes and must be true, and so
    must `kind` where one is given.

    A photo is stored as a new encoding without EXIF and place, anything else as it came, under its cleaned `name`.
    Looking at it happens before the transaction. Raises Forbidden, BadFile, BadImage, Invalid.
    """
    content_hash = hashlib.sha256(
        f"{sha256.lower()}|{kind}|{incident_client_uuid or ''}".encode()
    ).hexdigest()
    found = replay_of(Upload, "uploader", user, client_uuid, content_hash)
    if found is not None:
        return found, True
    if not may_send_files(user):
        raise Forbidden(_("You neither report nor work on matters here."))
    if sha256_of(file) != sha256.lower():
        text = _("The file did not arrive whole; send it again.")
        raise Invalid(text, code="sha256_mismatch", errors={"sha256": [text]})
    upload = Upload(
        uploader=user,
        client_uuid=client_uuid,
        body_hash=content_hash,
        incident_client_uuid=incident_client_uuid,
        sha256=sha256.lower(),
    )
    _store(upload, file, kind, name)
    try:
        with transaction.atomic():
            if incident_client_uuid is not None:
                take_turn(turn_of_report(user, incident_client_uuid))
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


def _store(upload: Upload, file: BinaryIO, kind: str, name: str) -> None:
    found = file_type(file)
    if kind and kind != found.kind:
        text = _("The file is something else: %(kind)s.") % {"kind": found.kind.label}
        raise BadFile(text, code="wrong_kind", errors={"kind": [text]})
    upload.kind = found.kind
    content: File[bytes] = File(file)
    upload.content_type = found.content_type
    if found.kind == FileKind.PHOTO:
        picture = images.re_encode(file)
        content = ContentFile(picture.data)
        upload.width, upload.height = picture.width, picture.height
    else:
        upload.name = clean_name(name, found.suffix)
    upload.size = content.size
    upload.file.save("", content, save=False)


def sha256_of(file: BinaryIO) -> str:
    """Of the whole file, a piece at a time."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def discard(*, upload: Upload) -> bool:
    """Drops a file that its sender took away again, as long as it belongs to nothing; whether it did."""
    gone, _by_model = Upload.objects.filter(pk=upload.pk, incident=None).delete()
    if gone:
        upload.file.delete(save=False)
    return bool(gone)


def collect_waiting(*, user: User, incident: Incident) -> int:
    """Attaches what was sent before its report, whose turn is taken; returns how many."""
    waiting = {"uploader": user.pk, "incident": None, "incident_client_uuid": incident.client_uuid}
    return update(Upload, waiting, {"incident": incident.pk})


def turn_of_report(user: User, client_uuid: UUID) -> int:
    """A file and its report that are written in the same moment would not see each other: they take turns."""
    return turn_of("report", user.pk, client_uuid)


def take_files(
    *,
    user: User,
    incident: Incident,
    client_uuids: Sequence[UUID],
    seq: int,
    argument: str = "files",
    paper: str = "",
) -> None:
    """Attaches the actor's own uploads to an action; `paper`: the title under which its step asked for them. What came with
    an earlier action stays with that."""
    wanted = set(client_uuids)
    own = Upload.objects.filter(uploader=user, client_uuid__in=wanted).filter(
        Q(incident=None) | Q(incident=incident, history_seq=None) | Q(incident=incident, history_seq=seq)
    )
    if own.update(incident=incident, history_seq=seq, paper=paper) != len(wanted):
        text = _("A file named here has not arrived.")
        raise Invalid(text, code="unknown_file", errors={argument: [text]})
