"""What went up and why, and what will go up in the next hours if nobody acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from gridgov.common import clock
from grids.models import Grid
from grids.querysets import Place, any_of
from incidents.actions.sweeping import next_rungs
from incidents.due import moment
from incidents.models import Escalation, Incident, Transition

MOST = 200


@dataclass(frozen=True)
class Rising:
    """`at`: when it went up, or will."""

    at: datetime
    incident: Incident
    why: str
    is_red: bool = False


def will_go_up(places: Sequence[Place], *, hours: int = 24, most: int = MOST) -> list[Rising]:
    """Deadlines and cards that run out, the next first, with who is told then; four queries."""
    now = clock.now()
    towns = {place.code[:9] for place in places}
    rows = list(
        Incident.objects.filter(
            any_of(places),
            township_code__in=towns,
            escalate_at__gte=now,
            escalate_at__lt=now + timedelta(hours=hours),
        )
        .select_related("category", "responsible_grid", "responsible_department")
        .order_by("escalate_at", "id")[:most]
    )
    steps = next_rungs(rows)
    names = dict(
        Grid.objects.filter(pk__in={rung.code for rung in steps.values() if rung}).values_list("code", "name")
    )
    found = []
    for row in rows:
        rung = steps[row.pk]
        if rung is None or row.escalate_at is None:
            continue
        values = {"unit": row.unit, "told": names.get(rung.code, rung.code), "due": moment(row.due_at)}
        if rung.is_red and not row.is_late:
            text = _("due at %(unit)s; nobody stands above: a red card at %(told)s then, its leader is told")
        elif rung.is_red and row.is_supervised:
            text = _(
                "%(unit)s is late (due %(due)s) and under supervision; if that does not help, a red card at %(told)s, its leader is told"
            )
        elif rung.is_red:
            text = _(
                "%(unit)s is late (due %(due)s) and nobody above has acted: a red card at %(told)s, its leader is told"
            )
        elif row.is_late and row.is_supervised:
            text = _(
                "%(unit)s is late (due %(due)s) and under supervision; if that does not help, %(told)s is told next"
            )
        elif row.is_late:
            text = _("%(unit)s is late (due %(due)s) and the level told has not acted; %(told)s is told next")
        else:
            text = _("due at %(unit)s; %(told)s is told then")
        found.append(Rising(row.escalate_at, row, text % values, rung.is_red))
    return found


def went_up(places: Sequence[Place], most: int) -> list[Rising]:
    """The last 24 hours: what was told to the level above because it was late, and what a person passed up."""
    since = clock.now() - timedelta(hours=24)
    towns = {place.code[:9] for place in places}
    inside = any_of(places, prefix="incident__", grid="grid")
    cards = Escalation.objects.filter(inside, township_code__in=towns, told_at__gte=since)
    cards = cards.select_related("incident__category", "told_grid", "late_grid", "late_department").order_by(
        "-told_at"
    )
    passed = Transition.objects.passed_up().filter(
        inside, township_code__in=towns, happened_at__gte=since, user__isnull=False
    )
    passed = passed.select_related("incident__category", "to_grid", "actor").order_by("-happened_at")
    found = [Rising(card.told_at, card.incident, _why_told(card), card.is_red) for card in cards[:most]]
    found += [Rising(row.happened_at, row.incident, _why_passed(row)) for row in passed[:most]]
    return sorted(found, key=lambda one: one.at, reverse=True)[:most]


def red_cards(towns: Sequence[str], most: int) -> list[Rising]:
    """On the list of a township's leader until the unit has acted; the oldest first."""
    cards = Escalation.objects.filter(told_grid__in=list(towns), is_red=True, settled_at=None)
    cards = cards.select_related("incident__category", "told_grid", "late_grid", "late_department")
    return [
        Rising(card.told_at, card.incident, _why_told(card), is_red=True)
        for card in cards.order_by("told_at", "id")[:most]
    ]


def _why_told(card: Escalation) -> str:
    return _("%(unit)s is late (due %(due)s); %(told)s was told") % {
        "unit": card.late_grid or card.late_department,
        "due": moment(card.due_at),
        "told": card.told_grid,
    }


def _why_passed(row: Transition) -> str:
    values = {"person": row.actor, "unit": row.to_grid, "reason": row.note}
    return _("%(person)s passed it up to %(unit)s: %(reason)s") % values
