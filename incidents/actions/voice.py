"""The requester's one answer."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, NotVisible
from incidents.actions.case import Case
from incidents.actions.moves.ending import fail_visit
from incidents.enums import Grade, Status
from incidents.models import FeedbackRequest
from members.actions import tell
from members.enums import MessageKind
from members.models import Appointment

UNSOLVED = gettext_noop("%(number)s: the requester says it is not solved: %(heading)s")


@transaction.atomic
def answer_feedback(*, token: str, grade: int, solved: bool, comment: str = "") -> FeedbackRequest:
    """Takes one answer per link, for 30 days. "Not solved" before closing is a failed return visit; after closing it
    is an item for the township to reopen or explain. Raises NotVisible, Conflict."""
    now = clock.now()
    asked = FeedbackRequest.objects.select_related("incident").filter(token=token).first()
    if asked is None or asked.expires_at <= now:
        raise NotVisible(_("This link is not valid or no longer valid."))
    return take_answer(asked, grade=grade, solved=solved, comment=comment, channel=Channel.SYSTEM)


def take_answer(
    asked: FeedbackRequest, *, grade: int, solved: bool, comment: str, channel: str, **entered: Any
) -> FeedbackRequest:
    """The first answer counts, by link or entered by a clerk (`entered`: by whom). Raises Conflict."""
    taken = FeedbackRequest.objects.filter(pk=asked.pk, answered_at=None).update(
        answered_at=clock.now(),
        grade=Grade(grade),
        solved=solved,
        comment=comment.strip(),
        channel=channel,
        **entered,
    )
    if taken != 1:
        raise Conflict(_("Your answer has already arrived. Thank you."), code="already_answered")
    asked.refresh_from_db()
    if not solved:
        _not_solved(asked)
    return asked


def _not_solved(asked: FeedbackRequest) -> None:
    incident = asked.incident
    if incident.status == Status.VERIFIED:
        case = Case(incident, user=None, actor=None, action="return_visit")
        fail_visit(case)
        case.save(note=asked.comment, data={"happened": True, "solved": False, "feedback_request": asked.pk})
    elif not incident.is_open:
        duty = Appointment.objects.responsible(grid=incident.township_code)
        tell(
            members=[duty.member if duty else None],
            text=UNSOLVED,
            params={"number": incident.number, "heading": incident.heading},
            key=f"{incident.pk}:feedback:{asked.pk}",
            link=f"/incidents/{incident.pk}/",
            kind=MessageKind.WARNING,
        )
