"""People whom a step names: who leads the case, who is responsible for it, who stays on as a helper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common.errors import Invalid
from incidents.actions.case import Case, Given, part_of
from incidents.enums import PartRole
from incidents.models import Part
from incidents.permissions.steps import holders_of, may_be_named
from incidents.steps import StepSpec
from members.enums import MessageKind
from members.models import Member

BESIDE = gettext_noop("“%(step)s” of %(number)s is yours: %(heading)s")
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


def call_beside(case: Case, steps: Iterable[StepSpec]) -> None:
    """Whoever owes these steps beside the way from now on hears of it and has a part in the matter."""
    for step in steps:
        holders = holders_of(case.incident, step)
        for member in holders:
            take_part(case, PartRole.HELPER, member)
        case.announce(holders, BESIDE, MessageKind.ARRIVED, step=step.name)


def take_part(case: Case, role: PartRole, member: Member) -> None:
    """A current part of this role, new or again; one, however often the same step names the person."""
    if any(isinstance(row, Part) and (row.role, row.member_id) == (role, member.pk) for row in case.new):
        return
    known = Part.objects.filter(incident=case.incident, role=role, member=member).first()
    if known is None:
        case.make(part_of(case.incident, role, member_id=member.pk))
    elif known.until is not None:
        case.alter(known, since=case.now, until=None)
