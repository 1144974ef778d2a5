"""What is open, by the level that answers for it: late, gone up, waiting for an answer or a return visit. And what a
month brought, by kind of matter and by the level that closed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Length
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gridgov.common import clock
from grids.querysets import Place, any_of
from incidents.enums import CategoryKind, Status
from incidents.models import Escalation, Incident, Procedure, Requester, Transition

MOST = 50
DEPARTMENT = 0
# The length of the code of the unit that answers -> what such units are called.
LEVELS: Mapping[int, str | Promise] = {
    9: _("township"),
    12: _("village"),
    15: _("group"),
    DEPARTMENT: _("department"),
}
COLUMNS: Mapping[str, str | Promise] = {
    "open": _("Open"),
    "late": _("Late"),
    "raised": _("Went up"),
    "feedback": _("To feed back"),
    "visit": _("Return visit due"),
}

_LEVEL = Case(
    When(responsible_department__isnull=False, then=Value(DEPARTMENT)),
    default=Length("responsible_grid"),
    output_field=IntegerField(),
)


def board(places: Sequence[Place]) -> dict[int, dict[str, int]]:
    """Level -> column -> how many; levels below the group count with it. Six queries."""
    found = {level: dict.fromkeys(COLUMNS, 0) for level in LEVELS}
    for column, condition in _conditions(places).items():
        counted = _open(places).filter(condition).order_by().values("level").annotate(n=Count("pk"))
        for row in counted:
            found[min(row["level"], max(LEVELS))][column] += row["n"]
    return found


def behind(places: Sequence[Place], level: int, column: str) -> list[Incident]:
    """The matters of one figure, the most urgent first."""
    rows = _open(places).filter(_conditions(places)[column])
    rows = rows.filter(level__gte=level) if level == max(LEVELS) else rows.filter(level=level)
    return list(rows.for_list().order_by(F("due_at").asc(nulls_last=True), "reported_at", "id")[:MOST])


def month_figures(places: Sequence[Place], day: date) -> dict[str, dict[str, int]]:
    """Kind of category -> `reported` in the month of `day` (Asia/Shanghai), `closed` in it, and of these by the level that
    closed them, the group's own included (plan 3, second part). What is void, withdrawn or merged counts nowhere. Two
    queries."""
    found = {
        kind: dict.fromkeys(("reported", "closed", *map(str, LEVELS)), 0) for kind in CategoryKind.values
    }
    start, end = (clock.start_of(first) for first in clock.month_of(day))
    there = Incident.objects.filter(any_of(places)).order_by()
    gone = (Status.VOID, Status.WITHDRAWN, Status.MERGED)
    reported = there.filter(reported_at__gte=start, reported_at__lt=end).exclude(status__in=gone)
    for row in reported.values("category__kind").annotate(n=Count("pk")):
        found[row["category__kind"]]["reported"] += row["n"]
    closed = there.filter(status=Status.CLOSED, closed_at__gte=start, closed_at__lt=end).annotate(
        level=_LEVEL
    )
    for row in closed.values("category__kind", "level").annotate(n=Count("pk")):
        for column in ("closed", str(min(row["level"], max(LEVELS)))):
            found[row["category__kind"]][column] += row["n"]
    return found


def _open(places: Sequence[Place]) -> Any:
    return Incident.objects.open().filter(any_of(places)).annotate(level=_LEVEL)


def _conditions(places: Sequence[Place]) -> dict[str, Q]:
    told = Escalation.objects.filter(incident=OuterRef("pk"), stage_number=OuterRef("stage"))
    passed = Transition.objects.passed_up().filter(incident=OuterRef("pk"))
    asked = Requester.objects.filter(incident=OuterRef("pk"))
    asked_in_a_twin = Requester.objects.filter(incident__merged_into=OuterRef("pk"))
    answered = Transition.objects.standing().filter(incident=OuterRef("pk"), action="feed_back")
    asking = _procedures({place.code[:9] for place in places})
    return {
        "open": Q(),
        "late": Q(is_late=True),
        "raised": Q(Exists(told)) | Q(Exists(passed)),
        "feedback": Q(status=Status.VERIFIED, fed_back_at=None)
        & (
            Q(procedure__in=asking["requester"]) & (Q(Exists(asked)) | Q(Exists(asked_in_a_twin)))
            | Q(procedure__in=asking["step"]) & ~Q(Exists(answered))
        ),
        "visit": Q(status=Status.VERIFIED, visited_at=None)
        & (Q(procedure__in=asking["all"]) | Q(procedure__in=asking["important"], important=True)),
    }


def _procedures(towns: set[str]) -> dict[str, list[int]]:
    """Those that ask for something before closing: an answer where somebody asked (`requester`), one always, as a step of
    theirs (`step`), a return visit to `all` or to the `important` ones."""
    found: dict[str, list[int]] = {"requester": [], "step": [], "all": [], "important": []}
    for procedure in Procedure.objects.filter(township__in=towns):
        spec = procedure.spec
        if spec.return_visit in found:
            found[spec.return_visit].append(procedure.pk)
        if spec.feedback in found:
            found[spec.feedback].append(procedure.pk)
        if any(step.owed and "feed_back" in step.by for step in spec.steps):
            found["step"].append(procedure.pk)
    return found
