"""The short text that goes to a chat group by hand: what it says, and who copied it for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.errors import Forbidden
from grids.models import Township
from incidents.enums import Status
from incidents.models import CopiedNotice, Incident, Transition
from incidents.permissions import may_notify
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

# Number, category, grid, unit, deadline and link: no title, words, names or places that a person could be known by.
TEXTS: Mapping[str, str] = {
    "dispatch": gettext_noop("[%(office)s] %(number)s (%(category)s, %(grid)s) was dispatched to %(unit)s.%(due)s %(url)s"),
    "remind": gettext_noop("[%(office)s] Reminder: %(unit)s, please handle %(number)s (%(category)s, %(grid)s).%(due)s %(url)s"),
    "supervise": gettext_noop(
        "[%(office)s] Supervised: %(unit)s, handle %(number)s (%(category)s, %(grid)s) and reply.%(due)s %(url)s"
    ),
}  # fmt: skip


def notice_about(incident: Incident) -> str:
    """Which of TEXTS fits now: the last of these actions, else the state."""
    last = Transition.objects.standing().filter(incident=incident, action__in=TEXTS).order_by("-seq").first()
    if last is not None and (last.action != "dispatch" or incident.status == Status.DISPATCHED):
        return last.action
    return "remind"


def notice_text(incident: Incident, action: str) -> str:
    township = Township.objects.select_related("grid").get(pk=incident.township_code)
    due = ""
    if incident.due_at is not None:
        due = _(" Due by %(at)s.") % {"at": f"{clock.local(incident.due_at):%Y-%m-%d %H:%M}"}
    return _(TEXTS[action]) % {
        "office": township.office_name or township.grid.name,
        "number": incident.number,
        "category": incident.category.name,
        "grid": incident.grid.name,
        "unit": incident.unit,
        "due": due,
        "url": f"{settings.PUBLIC_URL}/incidents/{incident.pk}/",
    }


def copied_notice(*, user: User, incident: Incident, action: str, client_uuid: UUID) -> CopiedNotice:
    """Notes that `user` copied the text for the responsible unit; the same click twice is once. Raises Forbidden."""
    member = standing_of(user).member
    if member is None or not may_notify(user, incident):
        raise Forbidden(_("This is for whoever co-ordinates or supervises the responsible unit."))
    try:
        with transaction.atomic():
            return CopiedNotice.objects.create(
                incident=incident,
                action=action,
                user=user,
                member=member,
                to_grid=incident.responsible_grid,
                to_department=incident.responsible_department,
                to_member=incident.responsible_member,
                client_uuid=client_uuid,
            )
    except IntegrityError:
        return CopiedNotice.objects.get(user=user, client_uuid=client_uuid)
