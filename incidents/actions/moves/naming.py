"""People whom a step names: who leads the case, who is responsible for it, who stays on as a helper."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Invalid
from incidents.actions.case import Case, Given, part_of
from incidents.enums import PartRole
from incidents.models import Part
from incidents.permissions.steps import may_be_named
from members.enums import MessageKind
from members.models import Member

NAMED = gettext_noop("You were named for %(number)s: %(heading)s")
ROLE_OF = {"case_leader": PartRole.CASE_LEADER, "responsible_person": PartRole.PERSON}


def name_people(case: Case, given: Given) -> dict[str, Any]:
    """Gives each a part and tells them. What the history keeps: argument -> name."""
    said: dict[str, Any] = {}
    for argument, role in ROLE_OF.items():
        member: Member | None = given.get(argument)
        if member is None:
            continue
        if not may_be_named(case.incident, argument, member):
            text = _("Nobody of this name can be named here.")
            raise Invalid(text, code="wrong_person", errors={argument: [text]})
        for part in Part.objects.filter(incident=case.incident, role=role, until=None).exclude(member=member):
            case.alter(part, until=case.now)
        take_part(case, role, member)
        case.announce([member], NAMED, MessageKind.ARRIVED)
        said[argument] = member.name
    return said


def take_part(case: Case, role: PartRole, member: Member) -> None:
    """A current part of this role, new or again."""
    known = Part.objects.filter(incident=case.incident, role=role, member=member).first()
    if known is None:
        case.make(part_of(case.incident, role, member_id=member.pk))
    elif known.until is not None:
        case.alter(known, since=case.now, until=None)
