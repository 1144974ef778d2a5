"""A month from its draft to its freezing: who may, what stands, what the hash says."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assessments.actions import create_month, ensure_scheme, fingerprint, freeze, publish, recompute
from assessments.models import Assessment, Scheme, Score
from gridgov.common.errors import Conflict, Forbidden, Invalid
from tests.assessments.month import october, stage
from tests.factories import fresh, township

pytestmark = pytest.mark.django_db
OCTOBER = date(2026, 10, 15)


@pytest.fixture
def town(clock):
    return township()


@pytest.fixture
def assessor(town):
    return fresh(town.assessor)


def made(town, month=OCTOBER):
    return create_month(user=fresh(town.assessor), township=town.grid, month=month)


def figures(assessment):
    return list(
        assessment.scores.order_by("village_code", "indicator").values_list(
            "indicator", "numerator", "denominator"
        )
    )


def test_scheme_is_made_once_and_says_that_no_plan_names_it(town):
    scheme = ensure_scheme(town.grid)
    assert ensure_scheme(town.grid) == scheme
    assert not scheme.from_plan
    assert scheme.weights == {"on_time": 50, "rework": 30, "satisfaction": 20, "patrol": 0, "assisting": 0}


def test_draft_holds_every_indicator_of_every_village(town):
    october(town)
    draft = made(town)
    assert (draft.status, draft.starts_on, draft.ends_on) == ("draft", date(2026, 10, 1), date(2026, 10, 31))
    assert draft.scores.count() == 10
    score = draft.scores.get(grid=town.villages[1], indicator="satisfaction")
    assert (score.numerator, score.denominator) == (100, 3)
    assert [score.rate, score.score, score.weight, score.points] == [
        Decimal(one) for one in ("33.3333", "33.33", "40.00", "13.33")
    ]


def test_only_the_assessor_computes_publishes_and_freezes(town):
    draft = made(town)
    for name in (
        "worker",
        "village_head",
        "clerk",
        "leader",
        "contact_leader",
        "officer",
        "auditor",
        "admin",
    ):
        user = fresh(getattr(town, name))
        for act in (recompute, publish, freeze):
            with pytest.raises(Forbidden):
                act(user=user, assessment=draft)
        with pytest.raises(Forbidden):
            create_month(user=user, township=town.grid, month=date(2026, 9, 1))
    assert Assessment.objects.get().status == "draft"


def test_assessor_of_one_township_does_not_score_another(town, assessor):
    other = township("320371102", name="邻镇")
    with pytest.raises(Forbidden):
        create_month(user=assessor, township=other.grid, month=OCTOBER)


def test_month_that_has_not_begun_is_refused(town):
    with pytest.raises(Invalid):
        made(town, date(2026, 12, 1))


def test_running_month_is_computed_but_not_published(town, assessor, clock):
    draft = made(town, date(2026, 11, 23))
    with pytest.raises(Conflict):
        publish(user=assessor, assessment=draft)
    clock("2026-12-01T00:00")
    with pytest.raises(Conflict):  # over now, but its figures are from before
        publish(user=assessor, assessment=draft)
    publish(user=assessor, assessment=recompute(user=assessor, assessment=draft))
    assert Assessment.objects.get().status == "published"


def test_one_draft_per_month(town):
    made(town)
    with pytest.raises(Conflict):
        made(town)
    assert Assessment.objects.count() == 1


def test_recomputing_a_draft_replaces_its_figures(town, assessor):
    draft = made(town)
    stage(town, town.groups[0], due="10-08 09:00", ended="10-07 09:00")
    recompute(user=assessor, assessment=draft)
    assert draft.scores.get(grid=town.villages[0], indicator="on_time").denominator == 1
    assert draft.scores.count() == 10


def test_what_is_published_or_frozen_never_changes(town, assessor):
    october(town)
    assessment = publish(user=assessor, assessment=made(town))
    before = figures(assessment)
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00")
    with pytest.raises(Conflict):
        recompute(user=assessor, assessment=assessment)
    frozen = freeze(user=assessor, assessment=assessment)
    for act in (recompute, publish, freeze):
        with pytest.raises(Conflict):
            act(user=assessor, assessment=frozen)
    frozen.refresh_from_db()
    assert (frozen.status, figures(frozen), fingerprint(frozen)) == ("frozen", before, frozen.hash)


def test_draft_is_not_frozen_before_it_is_published(town, assessor):
    with pytest.raises(Conflict):
        freeze(user=assessor, assessment=made(town))


def test_correction_is_a_new_version_beside_the_old_one(town, assessor):
    october(town)
    old = freeze(user=assessor, assessment=publish(user=assessor, assessment=made(town)))
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00")
    new = publish(user=assessor, assessment=made(town))
    assert (old.version, new.version) == (1, 2)
    assert old.hash == Assessment.objects.get(pk=old.pk).hash != new.hash
    assert fingerprint(old) == old.hash


def test_figures_changed_behind_the_actions_are_not_frozen(town, assessor):
    october(town)
    assessment = publish(user=assessor, assessment=made(town))
    Score.objects.filter(assessment=assessment, indicator="on_time").update(numerator=5)
    with pytest.raises(Conflict):
        freeze(user=assessor, assessment=assessment)


def test_late_publishing_of_an_old_reading_is_refused(town, assessor):
    draft = made(town)
    stale = Assessment.objects.get(pk=draft.pk)
    publish(user=assessor, assessment=draft)
    with pytest.raises(Conflict):
        publish(user=assessor, assessment=stale)


def test_hash_is_the_same_on_every_database(town, assessor):
    """Literal on purpose: the other profile must come to the same figure."""
    october(town)
    assessment = publish(user=assessor, assessment=made(town))
    assert assessment.hash == "900144aaab788880893e98bd6b11e23bfda4c1f9eec693d69be0cd1c320ad2b5"


@pytest.mark.parametrize(
    "change",
    [
        lambda it: Score.objects.filter(assessment=it, indicator="rework").update(score=Decimal("50.01")),
        lambda it: Score.objects.filter(assessment=it, indicator="patrol").update(denominator=61),
        lambda it: Scheme.objects.update(items=[{"indicator": "on_time", "weight": 100}]),
        lambda it: Assessment.objects.update(ends_on=date(2026, 10, 30)),
    ],
)
def test_hash_covers_scheme_period_and_scores(town, change):
    october(town)
    assessment = made(town)
    before = fingerprint(assessment)
    change(assessment)
    assert fingerprint(Assessment.objects.select_related("scheme").get()) != before


def test_making_a_month_takes_the_same_queries_whatever_the_size(clock):
    counts = []
    for code, villages in (("320371101", 1), ("320371102", 3)):
        town = township(code, villages=villages, groups_per_village=1)
        user, _scheme = fresh(town.assessor), ensure_scheme(town.grid)
        with CaptureQueriesContext(connection) as queries:
            create_month(user=user, township=town.grid, month=OCTOBER)
        counts.append(len(queries))
    assert counts[0] == counts[1], [query["sql"] for query in queries.captured_queries]


def test_drafts_are_seen_by_the_assessor_only(town, assessor):
    draft = made(town)
    everybody = ("worker", "village_head", "clerk", "leader", "contact_leader", "officer", "auditor", "admin")

    def sees(name):
        return Assessment.objects.visible_to(fresh(getattr(town, name))).exists()

    assert sees("assessor")
    assert [name for name in everybody if sees(name)] == []
    publish(user=assessor, assessment=draft)
    assert [name for name in everybody if sees(name)] == [
        "worker",
        "village_head",
        "clerk",
        "leader",
        "contact_leader",
    ]
