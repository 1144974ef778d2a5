"""The declared indicators: what each counts, for which village, and the very rows behind a figure.

An indicator names one queryset of rows, each row with the village it counts for and what it adds to numerator and
denominator. The figures are its sums, grouped by village; the records are its rows for one village. So they cannot differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Case, CharField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Length, Substr
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from assessments.enums import IndicatorCode
from assessments.models import Assessment
from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.xlsx import Kind, shown
from grids.enums import Kind as GridKind
from grids.models import VILLAGE_DIGITS, Grid
from grids.querysets import Place
from incidents.enums import Grade, Purpose, Status
from incidents.models import AssistTask, FeedbackRequest, Stage, Transition
from incidents.workflow import TRANSITIONS
from inspections.models import Patrol
from inspections.querysets import GridDuty, by_village, duty_figures

FEWEST_CASES = 3  # below that no rate: chance would decide
FULL = Decimal(100)
ONE, NOTHING = Value(1), Value(0)


@dataclass(frozen=True)
class Period:
    """The days assessed in one township, and the moment up to which data count (all in Asia/Shanghai)."""

    township_code: str
    starts_on: date
    ends_on: date  # the last day
    data_at: datetime

    @classmethod
    def month(cls, township_code: str, day: date, data_at: datetime | None = None) -> Period:
        """The calendar month in which `day` lies."""
        first, following = clock.month_of(day)
        return cls(township_code, first, following - timedelta(days=1), data_at or clock.now())

    @classmethod
    def of(cls, assessment: Assessment) -> Period:
        return cls(str(assessment.township_id), assessment.starts_on, assessment.ends_on, assessment.data_at)

    @property
    def start(self) -> datetime:
        return clock.start_of(self.starts_on)

    @property
    def closes_at(self) -> datetime:
        """The first moment after the period."""
        return clock.start_of(self.ends_on + timedelta(days=1))

    @property
    def end(self) -> datetime:
        """Up to when (exclusive) rows count: the close, or the moment of the data where the period still runs."""
        return min(self.closes_at, self.data_at)

    @cached_property
    def patrols_due(self) -> list[GridDuty]:
        last = min(self.ends_on, clock.local(self.data_at).date())
        return duty_figures([Place(self.township_code, GridKind.TOWNSHIP, leaf=False)], self.starts_on, last)


@dataclass(frozen=True)
class Figure:
    """Numerator and denominator; both 0 where nothing was counted."""

    numerator: int = 0
    denominator: int = 0

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.numerator + other.numerator, self.denominator + other.denominator)

    @property
    def quotient(self) -> Decimal | None:
        """None: fewer cases than would bear a rate."""
        if self.denominator < FEWEST_CASES:
            return None
        return Decimal(self.numerator) / self.denominator


class Indicator(ABC):
    """One declared indicator. `headings` title the numerator, the denominator and the rate."""

    code: ClassVar[IndicatorCode]
    definition: ClassVar[str | Promise]
    headings: ClassVar[tuple[str | Promise, str | Promise, str | Promise]]
    rate_kind: ClassVar[Kind] = Kind.PERCENT
    at: ClassVar[str]  # the column of a row's moment, by which its records are listed
    at_label: ClassVar[str | Promise] = _("When")

    @property
    def label(self) -> str:
        return str(self.code.label)

    @abstractmethod
    def says(self, row: Any) -> str:
        """What the row is, in the reader's words."""

    def unit(self, row: Any) -> str:
        """Which unit it counts for."""
        return str(row.grid or "")

    @abstractmethod
    def rows(self, period: Period) -> QuerySet[Any]:
        """What is counted in the township, annotated with `village`, `above` and `below`."""

    def figures(self, period: Period) -> dict[str, Figure]:
        """Village code -> figure: one query, grouped by village."""
        grouped = self.rows(period).order_by().values("village").annotate(n=Sum("above"), d=Sum("below"))
        return {row["village"]: Figure(row["n"] or 0, row["d"] or 0) for row in grouped}

    def records(self, assessment: Assessment, village_code: str) -> QuerySet[Any]:
        """The rows behind the figure of one village."""
        return self.rows(Period.of(assessment)).filter(village=village_code)

    def split(self, assessment: Assessment, village_code: str) -> list[tuple[str, Figure]]:
        """The figure of one village in parts that add up to it, each with its name; none where there is one part only."""
        return []

    def rate(self, figure: Figure) -> Decimal | None:
        return None if figure.quotient is None else rounded(figure.quotient, 4)

    def score(self, figure: Figure) -> Decimal | None:
        """0 to 100, or None without a rate. From the exact quotient, not from the rate as shown."""
        if figure.quotient is None:
            return None
        return rounded(min(max(self.worth(figure.quotient), Decimal(0)), FULL), 2)

    def worth(self, quotient: Decimal) -> Decimal:
        return FULL * quotient


class OnTime(Indicator):
    code = IndicatorCode.ON_TIME
    definition = _(
        "Handling stages of the village's units that ended in the period by their deadline, of those that ended in the "
        "period with a deadline and those past their deadline and still open at its end. Void matters do not count."
    )
    headings = (_("on time"), _("with a deadline"), _("rate"))
    at = "started_at"
    at_label = _("Began")

    def rows(self, period: Period) -> QuerySet[Stage]:
        ended = Q(ended_at__gte=period.start, ended_at__lt=period.end)
        open_late = Q(due_at__lt=period.end) & (Q(ended_at__gte=period.end) | Q(ended_at=None))
        stages = Stage.objects.filter(
            ended | open_late,
            township_code=period.township_code,
            purpose=Purpose.HANDLE,
            due_at__isnull=False,
            is_void=False,
        )
        kept = Q(ended_at__lte=F("due_at"))  # what ended after the period is here only if it was due in it
        return (
            stages.exclude(village_code="")
            .exclude(incident__status=Status.VOID)
            .select_related("incident", "grid")
            .annotate(
                village=F("village_code"),
                above=Case(When(kept, then=ONE), default=NOTHING),
                below=Value(1),
            )
        )

    def says(self, row: Stage) -> str:
        return _kept_or_late(row.due_at, row.ended_at)


def _kept_or_late(due_at: datetime | None, ended_at: datetime | None) -> str:
    due = shown(due_at, Kind.DATETIME)
    if ended_at is None:
        return gettext("late: due %(due)s, still open") % {"due": due}
    text = gettext("on time: due %(due)s, ended %(ended)s")
    if due_at is not None and ended_at > due_at:
        text = gettext("late: due %(due)s, ended %(ended)s")
    return text % {"due": due, "ended": shown(ended_at, Kind.DATETIME)}


class Assisting(Indicator):
    """A lateness stays with the unit that had it, whether it had the lead or assisted."""

    code = IndicatorCode.ASSISTING
    definition = _(
        "Assisting tasks and calls of the village's units that were done in the period by their deadline, of those done in "
        "the period with a deadline and those past their deadline and still open at its end. Released before the deadline, "
        "and void matters, do not count. Shown without weight."
    )
    headings = (_("on time"), _("with a deadline"), _("rate"))
    at = "asked_at"
    at_label = _("Asked")

    def rows(self, period: Period) -> QuerySet[AssistTask]:
        ended = Q(done_at__gte=period.start, done_at__lt=period.end)
        open_late = Q(due_at__lt=period.end) & (Q(done_at__gte=period.end) | Q(done_at=None))
        kept = Q(done_at__lte=F("due_at"), is_released=False)
        return (
            AssistTask.objects.filter(
                ended | open_late, township_code=period.township_code, due_at__isnull=False
            )
            .exclude(village_code="")
            .exclude(incident__status=Status.VOID)
            .exclude(incident__status=Status.SUSPENDED, done_at=None)  # stands still
            .exclude(is_released=True, done_at__lte=F("due_at"))
            .select_related("incident", "grid")
            .annotate(
                village=F("village_code"), above=Case(When(kept, then=ONE), default=NOTHING), below=Value(1)
            )
        )

    def says(self, row: AssistTask) -> str:
        return _kept_or_late(row.due_at, row.done_at)


class Rework(Indicator):
    code = IndicatorCode.REWORK
    definition = _(
        "Results sent back and return visits that failed in the period, of the results submitted in it, for the village "
        "whose unit handled the matter. 0 gives 100 points, 20 % and more give none, in between linearly. Void matters "
        "do not count."
    )
    headings = (_("sent back"), _("results"), _("rate"))
    at = "happened_at"
    nothing_from = Decimal("0.2")

    def rows(self, period: Period) -> QuerySet[Transition]:
        submitted = Q(action="submit_result")
        failed = Q(action="send_back") | Q(action="return_visit", to_status=Status.IN_PROGRESS)
        handler = Case(
            When(submitted, then=F("from_grid_id")),
            default=F("to_grid_id"),
            output_field=CharField(max_length=30),
        )
        return (
            Transition.objects.standing()
            .filter(
                submitted | failed,
                township_code=period.township_code,
                action__in=("submit_result", "send_back", "return_visit"),
                happened_at__gte=period.start,
                happened_at__lt=period.end,
                entered_at__lte=period.data_at,
            )
            .exclude(incident__status=Status.VOID)
            .select_related("incident", "from_grid", "to_grid")
            .annotate(handler=handler)
            .annotate(
                village=Substr("handler", 1, VILLAGE_DIGITS),
                above=Case(When(failed, then=ONE), default=NOTHING),
                below=Case(When(submitted, then=ONE), default=NOTHING),
            )
            .annotate(digits=Length("village"))
            .filter(digits=VILLAGE_DIGITS)
        )

    def worth(self, quotient: Decimal) -> Decimal:
        return FULL * (1 - quotient / self.nothing_from)

    def says(self, row: Transition) -> str:
        if row.action == "return_visit":
            return gettext("return visit: not solved")
        return str(TRANSITIONS[row.action].done)

    def unit(self, row: Transition) -> str:
        return str((row.from_grid if row.action == "submit_result" else row.to_grid) or "")


class Satisfaction(Indicator):
    code = IndicatorCode.SATISFACTION
    definition = _(
        "Mean of the requesters' answers of the period: very satisfied 100, satisfied 80, basically satisfied 50, "
        "dissatisfied and very dissatisfied 0. Void matters do not count."
    )
    headings = (_("points"), _("answers"), _("mean"))
    rate_kind = Kind.NUMBER
    at = "answered_at"
    points: ClassVar[Mapping[int, int]] = {
        Grade.VERY_SATISFIED: 100,
        Grade.SATISFIED: 80,
        Grade.BASICALLY_SATISFIED: 50,
        Grade.DISSATISFIED: 0,
        Grade.VERY_DISSATISFIED: 0,
    }

    def rows(self, period: Period) -> QuerySet[FeedbackRequest]:
        worth = [When(grade=grade, then=Value(points)) for grade, points in self.points.items()]
        return (
            FeedbackRequest.objects.filter(
                township_code=period.township_code,
                answered_at__gte=period.start,
                answered_at__lt=period.end,
                grade__isnull=False,
            )
            .exclude(village_code="")
            .exclude(incident__status=Status.VOID)
            .select_related("incident", "incident__grid")
            .annotate(
                village=F("village_code"),
                above=Case(*worth, default=NOTHING),
                below=Value(1),
            )
        )

    def worth(self, quotient: Decimal) -> Decimal:
        return quotient

    def says(self, row: FeedbackRequest) -> str:
        return f"{row.get_grade_display()} · {way_of(row.channel)}"

    def split(self, assessment: Assessment, village_code: str) -> list[tuple[str, Figure]]:
        """By the way the answer came: by link, on the phone, in person."""
        grouped = self.records(assessment, village_code).order_by("channel").values("channel")
        counted = grouped.annotate(n=Sum("above"), d=Sum("below"))
        return [(way_of(row["channel"]), Figure(row["n"] or 0, row["d"] or 0)) for row in counted]

    def unit(self, row: FeedbackRequest) -> str:
        return str(row.incident.grid)


def way_of(channel: str) -> str:
    """How an answer came; in gridgov only the link brings one."""
    return gettext("by link") if channel == Channel.SYSTEM else str(Channel(channel).label)


class PatrolCompletion(Indicator):
    """Its denominator is what fell due, which no table holds; so it sums the duty figures of inspections."""

    code = IndicatorCode.PATROL
    definition = _(
        "Days with a patrol, of the days on which one was due, summed over the grids of the village. Several patrols of "
        "a grid on one day count once. Shown without weight: what is missing is a warning."
    )
    headings = (_("done"), pgettext_lazy("patrols", "due"), _("rate"))
    at = "started_at"
    at_label = _("Began")

    def rows(self, period: Period) -> QuerySet[Patrol]:
        return (
            Patrol.objects.filter(
                township_code=period.township_code, day__gte=period.starts_on, day__lte=period.ends_on
            )
            .select_related("grid", "member")
            .annotate(village=F("village_code"))
        )

    def says(self, row: Patrol) -> str:
        return f"{clock.local(row.started_at):%H:%M}–{clock.local(row.ended_at):%H:%M}"

    def figures(self, period: Period) -> dict[str, Figure]:
        return {village: Figure(done, due) for village, (done, due) in by_village(period.patrols_due).items()}


INDICATORS: Mapping[str, Indicator] = {
    indicator.code: indicator
    for indicator in (OnTime(), Rework(), Satisfaction(), PatrolCompletion(), Assisting())
}


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, as people and Excel round."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@dataclass(frozen=True)
class Judged:
    """What one indicator says of one unit. `weight` is what it carries after the sharing out of those without a rate;
    `points` is what it adds to a total of 100."""

    indicator: Indicator
    figure: Figure
    base_weight: Decimal
    weight: Decimal
    rate: Decimal | None
    score: Decimal | None

    @property
    def points(self) -> Decimal:
        return rounded((self.score or Decimal(0)) * self.weight / FULL, 2)


def judge(figures: Mapping[str, Figure], weights: Mapping[str, Decimal]) -> list[Judged]:
    """One unit: what has too few cases gives its weight to the others, in proportion to theirs."""
    scores = {code: INDICATORS[code].score(figures[code]) for code in weights}
    carried = sum((weight for code, weight in weights.items() if scores[code] is not None), Decimal(0))
    return [
        Judged(
            indicator=INDICATORS[code],
            figure=figures[code],
            base_weight=weight,
            weight=Decimal(0) if scores[code] is None or not carried else rounded(weight / carried * FULL, 2),
            rate=INDICATORS[code].rate(figures[code]),
            score=scores[code],
        )
        for code, weight in weights.items()
    ]


def total(judged: list[Judged]) -> Decimal | None:
    """The weighted mean of the scores there are; None where none of them carries weight."""
    scored = [(one.score, one.base_weight) for one in judged if one.score is not None]
    carried = sum((weight for _, weight in scored), Decimal(0))
    if not carried:
        return None
    return rounded(sum((score * weight for score, weight in scored), Decimal(0)) / carried, 2)


def villages_of(period: Period) -> QuerySet[Grid]:
    """Villages that stood in the period, in order of code."""
    stood = Grid.objects.filter(
        township_code=period.township_code, kind=GridKind.VILLAGE, started_on__lte=period.ends_on
    )
    return stood.filter(Q(ended_on=None) | Q(ended_on__gt=period.starts_on)).order_by("code")


def compute(period: Period, weights: Mapping[str, Decimal]) -> dict[Grid, list[Judged]]:
    """Every village of the township judged by every indicator of the scheme, in a constant number of queries."""
    counted = {code: INDICATORS[code].figures(period) for code in weights}
    return {
        village: judge({code: counted[code].get(village.code, Figure()) for code in weights}, weights)
        for village in villages_of(period)
    }
