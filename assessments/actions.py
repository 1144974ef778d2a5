"""The only place that writes schemes, assessments and scores. What is published is never changed: a correction is a new version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from assessments.enums import AssessmentStatus, IndicatorCode
from assessments.indicators import Judged, Period, compute
from assessments.models import Assessment, Scheme, Score
from assessments.permissions import can_score
from gridgov.common import clock
from gridgov.common.errors import Conflict, Forbidden, Invalid
from grids.models import Grid

if TYPE_CHECKING:
    from gridgov.common.models import User

MONTHLY = "monthly"
MONTHLY_NAME = "月度村级考核(演示自设,非方案规定)"
MONTHLY_ITEMS = (
    (IndicatorCode.ON_TIME, 50),
    (IndicatorCode.REWORK, 30),
    (IndicatorCode.SATISFACTION, 20),
    (IndicatorCode.PATROL, 0),
    (IndicatorCode.ASSISTING, 0),
)


def ensure_scheme(township: Grid) -> Scheme:
    """The township's monthly scheme; the first time the demo's own, which no plan names."""
    found = (
        Scheme.objects.filter(township=township, code=MONTHLY, is_current=True).order_by("-version").first()
    )
    return (
        found
        or Scheme.objects.get_or_create(
            township=township,
            code=MONTHLY,
            version=1,
            defaults={
                "name": MONTHLY_NAME,
                "items": [{"indicator": str(code), "weight": weight} for code, weight in MONTHLY_ITEMS],
                "from_plan": False,
            },
        )[0]
    )


def create_month(*, user: User, township: Grid, month: date) -> Assessment:
    """A draft for the calendar month in which `month` lies, computed from what is known now.

    Where the month was published before, this is its next version. Raises Forbidden, Invalid, Conflict.
    """
    _must_score(user, township.code)
    period = Period.month(township.code, month)
    if period.starts_on > clock.today():
        raise Invalid(
            _("This month has not begun."),
            code="month_ahead",
            errors={"month": [_("This month has not begun.")]},
        )
    scheme = ensure_scheme(township)
    latest = Assessment.objects.filter(scheme=scheme, starts_on=period.starts_on).order_by("-version").first()
    if latest is not None and latest.status == AssessmentStatus.DRAFT:
        raise Conflict(_("There is a draft of this month; compute that one again."), code="draft_exists")
    judged = compute(period, scheme.weights)
    try:
        with transaction.atomic():
            made = Assessment.objects.create(
                township=township,
                scheme=scheme,
                starts_on=period.starts_on,
                ends_on=period.ends_on,
                version=latest.version + 1 if latest else 1,
                data_at=period.data_at,
                computed_by=user,
            )
            _write_scores(made, judged)
    except IntegrityError as error:
        raise Conflict(_("Somebody else made this month's draft just now."), code="draft_exists") from error
    return made


def recompute(*, user: User, assessment: Assessment) -> Assessment:
    """A draft computed again from what is known now. Raises Forbidden, Conflict."""
    _must_score(user, str(assessment.township_id))
    period = Period.month(str(assessment.township_id), assessment.starts_on)
    judged = compute(period, assessment.scheme.weights)
    with transaction.atomic():
        _move(assessment, AssessmentStatus.DRAFT, data_at=period.data_at, computed_by=user)
        assessment.scores.all().delete()
        _write_scores(assessment, judged)
    return assessment


@transaction.atomic
def publish(*, user: User, assessment: Assessment) -> Assessment:
    """Shows the sheet to everybody who works in the township; from now on its figures stand. Raises Forbidden, Conflict."""
    _must_score(user, str(assessment.township_id))
    Assessment.objects.select_for_update().get(
        pk=assessment.pk
    )  # a recomputation at the same moment waits or was first
    if assessment.data_at < Period.of(assessment).closes_at:
        raise Conflict(
            _("The figures are from before the end of the month; compute them again once it is over."),
            code="month_runs",
        )
    return _move(
        assessment,
        AssessmentStatus.DRAFT,
        status=AssessmentStatus.PUBLISHED,
        published_at=clock.now(),
        hash=fingerprint(assessment),
    )


@transaction.atomic
def freeze(*, user: User, assessment: Assessment) -> Assessment:
    """Closes the period for good. Raises Forbidden, Conflict (also if the figures are no longer those published)."""
    _must_score(user, str(assessment.township_id))
    if assessment.status == AssessmentStatus.PUBLISHED and fingerprint(assessment) != assessment.hash:
        raise Conflict(_("The figures are not those that were published."), code="figures_changed")
    return _move(
        assessment, AssessmentStatus.PUBLISHED, status=AssessmentStatus.FROZEN, frozen_at=clock.now()
    )


def fingerprint(assessment: Assessment) -> str:
    """SHA-256 over the canonical JSON of scheme, period and scores; the same on every database."""
    scheme = assessment.scheme
    rows = assessment.scores.order_by("village_code", "indicator").values_list(
        "village_code", "indicator", "numerator", "denominator", "rate", "score", "weight", "points"
    )
    content = {
        "scheme": {
            "township": scheme.township_id,
            "code": scheme.code,
            "version": scheme.version,
            "name": scheme.name,
            "items": scheme.items,
            "from_plan": scheme.from_plan,
        },
        "period": [assessment.starts_on.isoformat(), assessment.ends_on.isoformat(), assessment.version],
        "scores": [[_canonical(value) for value in row] for row in rows],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> str | None:
    """Decimals without the zeros that one database keeps and the other drops."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return None if value is None else str(value)


def _must_score(user: User, township_code: str) -> None:
    if not can_score(user, township_code):
        raise Forbidden(_("The assessment is made by whoever scores the township."), code="not_assessor")


def _move(assessment: Assessment, expected: AssessmentStatus, **values: Any) -> Assessment:
    """Changes the row if it is still in the expected state."""
    if not Assessment.objects.filter(pk=assessment.pk, status=expected).update(**values):
        raise Conflict(_("Not possible in this state; look at it again."), code="wrong_state")
    for name, value in values.items():
        setattr(assessment, name, value)
    return assessment


def _write_scores(assessment: Assessment, judged: Mapping[Grid, Iterable[Judged]]) -> None:
    Score.objects.bulk_create(
        Score(
            assessment=assessment,
            grid=village,
            township_code=village.township_code,
            village_code=village.village_code,
            indicator=one.indicator.code,
            numerator=one.figure.numerator,
            denominator=one.figure.denominator,
            rate=one.rate,
            score=one.score,
            weight=one.weight,
            points=one.points,
        )
        for village, row in judged.items()
        for one in row
    )
