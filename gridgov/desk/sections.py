"""The pieces of the desk: each appears where a person's grants make it something to act on or to open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assessments.enums import IndicatorCode
from assessments.indicators import INDICATORS, Figure, Period, villages_of
from gridgov.common import clock, clockguard
from gridgov.common.admin import is_technical
from gridgov.common.models import OutboxMessage, SetAside
from gridgov.desk.neglected import counts_of, towns_to_watch
from gridgov.desk.waiting import counters
from grids.enums import Kind, Verb
from grids.models import Calendar, Grid
from grids.querysets import Place, any_of, managed_townships, places_of
from incidents.beside import waiting_beside
from incidents.enums import PartRole, Status
from incidents.models import AssistTask, Incident, Part, Transition
from incidents.querysets import ListFilters
from incidents.receipts import receipts_of
from incidents.rising import red_cards, went_up
from incidents.search.similar import root_causes
from incidents.steps import REPORT
from inspections.permissions import can_patrol_somewhere
from inspections.querysets import duty_figures
from members.models import Appointment
from members.querysets import standing_of

if TYPE_CHECKING:
    from gridgov.common.models import User

TASKS = 10
FROM_MONTH = 11  # in which the State Council publishes the next year's holidays
TREND_DAYS = 30
MANY = 1000


def sections_of(user: User) -> dict[str, Any]:
    """Everything the desk of this person shows, by name."""
    places, standing = places_of(user), standing_of(user)
    sees = places[Verb.SEE]
    towns = [place.code for place in sees if place.kind == Kind.TOWNSHIP]
    villages = [place for place in sees if place.kind == Kind.VILLAGE]
    serves = bool(standing.units or standing.departments)
    coordinates = bool(places[Verb.COORDINATE])
    found: dict[str, Any] = {
        "may_report": standing.member is not None and bool(places[Verb.REPORT]),
        "may_patrol": can_patrol_somewhere(user),
        "in_the_field": bool(places[Verb.REPORT]) and not coordinates,
        "scores": bool(places[Verb.SCORE]),
        "audits": bool(places[Verb.AUDIT]),
        "technical": standing.member is None,
        "years_missing": years_missing(user),
        "trouble": trouble(user),
    }
    if serves:
        found |= {"figures": figures_of_waiting(user), "tasks": most_urgent(user)}
        found["assisting"] = list(AssistTask.objects.open().of(standing).for_list()[:TASKS])
        found["beside"] = waiting_beside(user, TASKS)
    elif sees:
        found |= {"figures": figures_of_area(user), "late": late_in_area(user)}
    if found["in_the_field"] and standing.member is not None:
        found["own_reports"] = own_reports(standing.member.pk)
        found["receipt"] = receipts_of(user, clock.today())
    if villages:
        found["groups"] = groups_of(villages)
    if towns or villages:
        found |= {"went_up": went_up(sees, TASKS), "causes": root_causes(sees)}
    watched = towns_to_watch(user)
    if watched:
        found["red_cards"] = red_cards(watched, TASKS)
        found["neglected"] = counts_of(watched)
    if towns:
        found |= {"trend": trend(towns[0]), "villages": villages_side_by_side(towns[0])}
    return found


# --- the calendar ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MissingYear:
    """A year whose official holidays are not in; the deadlines that reach into it are only assumed."""

    township: Grid
    year: int


def years_missing(user: User) -> list[MissingYear]:
    """The running year, and from November the next, for whoever sets the calendar; two queries."""
    managed = managed_townships(user)
    rows = Calendar.objects.all() if is_technical(user) else Calendar.objects.filter(pk__in=managed)
    if not managed and not is_technical(user):
        return []
    towns = list(rows.select_related("township").prefetch_related("years").order_by("pk"))
    today = clock.today()
    wanted = [today.year, *([today.year + 1] if today.month >= FROM_MONTH else [])]
    known = {(row.pk, found.year) for row in towns for found in row.years.all()}
    return [
        MissingYear(row.township, year) for row in towns for year in wanted if (row.pk, year) not in known
    ]


# --- what the technical administrator must look at ---------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    text: str
    url: str


def trouble(user: User) -> list[Trouble]:
    """Rows that recurring work put aside, messages given up, a clock that went back; nothing for others."""
    if not is_technical(user):
        return []
    found = []
    if aside := SetAside.objects.count():
        text = ngettext(
            "%(n)d row could not be handled by recurring work and was put aside.",
            "%(n)d rows could not be handled by recurring work and were put aside.",
            aside,
        )
        found.append(Trouble(text % {"n": aside}, "/admin/common/setaside/"))
    if dead := OutboxMessage.objects.filter(dead_at__isnull=False).count():
        text = ngettext(
            "%(n)d message could not be sent and was given up.",
            "%(n)d messages could not be sent and were given up.",
            dead,
        )
        found.append(Trouble(text % {"n": dead}, "/admin/common/outboxmessage/"))
    if clockguard.written_later() is not None:
        found.append(Trouble(clockguard.sentence(), "/clock/"))
    return found


# --- what waits --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    label: str
    value: int | str
    url: str
    tone: str = ""
    icon: str = ""


def figures_of_waiting(user: User) -> list[Card]:
    """Each opens exactly the list that it counts."""
    counted = counters(user)
    waiting = Incident.objects.waiting_for(user)
    to_follow_up = waiting.filter(status=Status.VERIFIED).order_by().count()
    return [
        Card(_("Waits for me"), counted["open"] + counted["assisting"], listed(mine=1)),
        Card(
            _("Late"),
            counted["late"] + counted["assisting_late"],
            listed(mine=1, overdue=1),
            "late",
            "exclamation-triangle",
        ),
        Card(_("Due today"), counted["due_today"], listed(due="today"), "soon", "clock-history"),
        Card(_("To feed back"), to_follow_up, listed(mine=1, status=Status.VERIFIED), "wait", "megaphone"),
    ]


def figures_of_area(user: User) -> list[Card]:
    """For who looks on without handling: what is open in the area, what is late, what waits for an answer."""

    def count(**filters: Any) -> int | str:
        found = Incident.objects.count_for(user, ListFilters(**filters), ceiling=MANY)
        return f"{MANY}+" if found > MANY else found

    return [
        Card(_("Open"), count(open=True), listed(open=1)),
        Card(_("Late"), count(overdue=True), listed(overdue=1), "late", "exclamation-triangle"),
        Card(
            _("To feed back"),
            count(status=Status.VERIFIED),
            listed(status=Status.VERIFIED),
            "wait",
            "megaphone",
        ),
    ]


def listed(**filters: Any) -> str:
    return f"/incidents/?{urlencode(filters)}"


def most_urgent(user: User) -> list[Incident]:
    """What waits for the units one serves on: late first, then what is due soonest, then the oldest."""
    waiting = Incident.objects.waiting_for(user).for_list()
    return list(waiting.order_by(F("due_at").asc(nulls_last=True), "reported_at", "id")[:TASKS])


def late_in_area(user: User) -> Sequence[Incident]:
    return Incident.objects.page_for(user, ListFilters(overdue=True), size=TASKS).rows


def own_reports(member_id: Any) -> list[Incident]:
    parts = Part.objects.filter(member=member_id, role=PartRole.REPORTER).order_by(
        "-reported_at", "-incident"
    )
    ids = list(parts.values_list("incident", flat=True)[: TASKS // 2])
    return list(Incident.objects.filter(pk__in=ids).for_list())


# --- a village and its groups ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GroupRow:
    grid: Grid
    responsible: Appointment | None
    open: int
    late: int
    missing: int | None  # days of this month without the daily patrol; None: none is due there


def groups_of(villages: Sequence[Place]) -> list[GroupRow]:
    """The grids of the villages with what is open and what is missing this month; seven queries."""
    grids = list(Grid.objects.active().filter(any_of(villages, grid="code")).order_by("code"))
    open_ones = Incident.objects.open().filter(any_of(villages)).order_by()
    counted = {
        row["grid"]: (row["open"], row["late"])
        for row in open_ones.values("grid").annotate(
            open=Count("pk"), late=Count("pk", filter=Q(is_late=True))
        )
    }
    missing = {duty.grid.code: len(duty.missing) for duty in month_of_patrols(villages)}
    holders = Appointment.objects.responsible_for_all([grid.code for grid in grids])
    return [
        GroupRow(grid, holders.get(grid.code), *counted.get(grid.code, (0, 0)), missing.get(grid.code))
        for grid in grids
    ]


def month_of_patrols(places: Iterable[Place]) -> list[Any]:
    today = clock.today()
    return duty_figures(places, today.replace(day=1), today)


# --- the township ------------------------------------------------------------------------------------------------


def trend(township_code: str) -> dict[str, Any]:
    """Reported and closed per day, the last thirty days with today."""
    first = clock.today() - timedelta(days=TREND_DAYS - 1)
    days = [first + timedelta(days=step) for step in range(TREND_DAYS)]
    rows = Transition.objects.standing().filter(
        township_code=township_code, happened_at__gte=clock.start_of(first)
    )
    reported = _per_day(rows.filter(action=REPORT))
    closed = _per_day(rows.filter(action__in=("close", "settle")))
    labels = [date_format(day, "MONTH_DAY_FORMAT") for day in days]
    came, went = ([counted.get(day, 0) for day in days] for counted in (reported, closed))
    chart = {
        "kind": "line",
        "title": _("Reported and closed per day"),
        "labels": labels,
        "series": [
            {"name": _("reported"), "data": came},
            {"name": _("closed"), "data": went, "tone": "done"},
        ],
    }
    return {"chart": chart, "rows": list(zip(labels, came, went, strict=True))[::-1]}


def _per_day(rows: Any) -> dict[date, int]:
    days = rows.order_by().annotate(day=TruncDate("happened_at", tzinfo=clock.SHANGHAI))
    return {row["day"]: row["n"] for row in days.values("day").annotate(n=Count("pk"))}


@dataclass(frozen=True)
class VillageRow:
    grid: Grid
    figure: Figure

    @property
    def percent(self) -> int | None:
        if not self.figure.denominator:
            return None
        return round(100 * self.figure.numerator / self.figure.denominator)

    @property
    def url(self) -> str:
        return listed(grid=self.grid.code)


def villages_side_by_side(township_code: str) -> dict[str, Any]:
    """This month's stages kept, of all with a deadline; the same figures as the month's sheet."""
    month = Period.month(township_code, clock.today())
    figures = INDICATORS[IndicatorCode.ON_TIME].figures(month)
    rows = [VillageRow(grid, figures.get(grid.code, Figure())) for grid in villages_of(month)]
    chart = {
        "kind": "bar",
        "title": _("Done on time this month"),
        "labels": [row.grid.name for row in rows],
        "series": [{"name": _("on time"), "data": [row.percent for row in rows]}],
        "unit": "%",
        "urls": [row.url for row in rows],
    }
    return {"rows": rows, "chart": chart}
