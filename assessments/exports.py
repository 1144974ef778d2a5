"""The month's sheet: one definition, read by the page and by the workbook, so that both show the same."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from assessments.enums import AssessmentStatus
from assessments.indicators import FEWEST_CASES, INDICATORS, Figure, Judged, judge, total
from assessments.models import Assessment
from gridgov.common import audit
from gridgov.common.enums import AuditKind
from gridgov.common.xlsx import (
    Cell,
    Column,
    Formula,
    HeaderGroup,
    Kind,
    Meta,
    Table,
    TableRow,
    total_of,
    write_sheet,
)
from grids.models import Grid, Township

if TYPE_CHECKING:
    from gridgov.common.models import User

NONE = "—"
CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PER_INDICATOR = 4  # numerator, denominator, rate, score
Link = Callable[[Grid, str], str]


def export(*, user: User, assessment: Assessment, request: HttpRequest | None = None) -> tuple[str, bytes]:
    """File name and workbook; that it was taken away stands in the audit trail."""
    file = io.BytesIO()
    write_sheet(file, table=sheet(assessment))
    audit.record(
        AuditKind.EXPORT,
        user=user,
        subject=f"assessments/{assessment.pk}",
        township_code=str(assessment.township_id),
        request=request,
        month=f"{assessment.starts_on:%Y-%m}",
        version=assessment.version,
        hash=assessment.hash,
    )
    return file_name(assessment), file.getvalue()


def file_name(assessment: Assessment) -> str:
    return f"{assessment.township.name}-{assessment.starts_on:%Y-%m}-v{assessment.version}.xlsx"


def sheet(assessment: Assessment, link: Link | None = None) -> Table:
    """The sheet as data. `link` gives the address of the records behind a village's indicator, "" where there is none."""
    weights = assessment.scheme.weights
    villages = judged_by_village(assessment)
    rows = [_row(village.name, row, partial(link, village) if link else None) for village, row in villages]
    return Table(
        title=_title(assessment),
        meta=_meta(assessment),
        groups=_groups(weights),
        rows=[*rows, _town_row(assessment, town_of(villages, weights))],
        definitions=_definitions(assessment, weights),
        signatures=(_("Reviewed by"), _("Approved by")),
        fingerprint=assessment.hash,
        sheet_name=f"{assessment.starts_on:%Y-%m}",
    )


Villages = list[tuple[Grid, list[Judged]]]


def judged_by_village(assessment: Assessment) -> Villages:
    """The stored figures, in order of village code; one query. Nothing is judged again: what is frozen stays."""
    weights = assessment.scheme.weights
    stored: dict[Grid, dict[str, Judged]] = {}
    for score in assessment.scores.select_related("grid").order_by("village_code"):
        stored.setdefault(score.grid, {})[score.indicator] = Judged(
            indicator=INDICATORS[score.indicator],
            figure=Figure(int(score.numerator), int(score.denominator)),
            base_weight=weights[score.indicator],
            weight=score.weight,
            rate=score.rate,
            score=score.score,
        )
    return [(village, [row[code] for code in weights]) for village, row in stored.items()]


def town_of(villages: Villages, weights: Mapping[str, Decimal]) -> list[Judged]:
    """The town: numerators and denominators of its villages added up, then judged as one."""
    added = {code: Figure() for code in weights}
    for _village, row in villages:
        for one in row:
            added[one.indicator.code] += one.figure
    return judge(added, weights)


def _groups(weights: Mapping[str, Decimal]) -> list[HeaderGroup]:
    groups = [HeaderGroup([Column(_("Village"), width=14)])]
    for code, weight in weights.items():
        indicator = INDICATORS[code]
        above, below, rate = indicator.headings
        columns = [
            Column(above, Kind.INTEGER, width=8),
            Column(below, Kind.INTEGER, width=8),
            Column(rate, indicator.rate_kind, width=8),
            Column(_("score"), Kind.NUMBER, width=8),
        ]
        title = _("%(indicator)s (weight %(weight)s)") % {
            "indicator": indicator.label,
            "weight": _plain(weight),
        }
        groups.append(HeaderGroup(columns, title=title))
    groups.append(HeaderGroup([Column(_("Total"), Kind.NUMBER, width=8)]))
    groups.append(HeaderGroup([Column(_("Remark"), width=24)]))
    return groups


def _row(name: str, row: list[Judged], link: Callable[[str], str] | None = None) -> TableRow:
    cells = [Cell(name)]
    for one in row:
        address = link(one.indicator.code) if link else ""
        cells += [
            Cell(one.figure.numerator, address),
            Cell(one.figure.denominator, address),
            Cell(NONE if one.rate is None else one.rate),
            Cell(NONE if one.score is None else one.score),
        ]
    return TableRow([*cells, Cell(_total(row)), Cell(_remark(row))])


def _town_row(assessment: Assessment, row: list[Judged]) -> TableRow:
    """Numerators and denominators are live sums of the column; what follows from them is as for a village."""
    cells = list(_row(assessment.township.name, row).cells)
    for place, one in enumerate(row):
        column = 1 + place * PER_INDICATOR
        cells[column] = Cell(total_of(column, one.figure.numerator))
        cells[column + 1] = Cell(total_of(column + 1, one.figure.denominator))
    return TableRow(cells, total=True)


def _total(row: list[Judged]) -> Formula | str:
    """The weighted mean over the row's score cells. A cell without a score counts neither above nor below the line,
    which shares its weight among the others."""
    value = total(row)
    if value is None:
        return NONE
    carrying = [
        (f"{{c{(place + 1) * PER_INDICATOR}}}{{row}}", _plain(one.base_weight))
        for place, one in enumerate(row)
        if one.base_weight
    ]
    above = "+".join(f"SUM({cell})*{weight}" for cell, weight in carrying)
    below = "+".join(f"COUNT({cell})*{weight}" for cell, weight in carrying)
    return Formula(f"ROUND(({above})/({below}),2)", value)


def _remark(row: list[Judged]) -> str:
    few = [one.indicator.label for one in row if one.score is None and one.base_weight]
    if not few:
        return ""
    return _("Too few cases, weight shared: %(indicators)s") % {"indicators": _("; ").join(few)}


def _definitions(assessment: Assessment, weights: Mapping[str, Decimal]) -> list[tuple[str, str]]:
    found = [(INDICATORS[code].label, str(INDICATORS[code].definition)) for code in weights]
    shared = _(
        "With fewer than %(fewest)s cases no rate is given; the weight is shared by the other indicators in proportion."
    ) % {"fewest": FEWEST_CASES}
    found.append((_("Few cases"), shared))
    if not assessment.scheme.from_plan:
        found.append((_("Basis"), _("The scheme is the township's own; the plan does not name one.")))
    return found


def _title(assessment: Assessment) -> str:
    title = f"{assessment.township.name} {assessment.scheme.name}"
    marks = []
    if assessment.status == AssessmentStatus.DRAFT:
        marks.append(_("draft"))
    if assessment.version > 1:
        marks.append(_("version %(version)s") % {"version": assessment.version})
    return f"{title} ({', '.join(marks)})" if marks else title


def _meta(assessment: Assessment) -> Meta:
    settings = Township.objects.filter(grid=assessment.township_id).first()
    maker = assessment.computed_by
    member = getattr(maker, "member", None)
    return Meta(
        unit=(settings.office_name if settings else "") or assessment.township.name,
        period=date_format(assessment.starts_on, "YEAR_MONTH_FORMAT"),
        made_by=str(member or maker or ""),
        made_at=assessment.data_at,
        data_time=assessment.data_at,
    )


def _plain(number: Decimal) -> str:
    """50.00 as 50, 33.30 as 33.3."""
    return f"{number.normalize():f}"
