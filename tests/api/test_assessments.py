"""Assessments over REST."""

import uuid
from datetime import date
from io import BytesIO

import openpyxl
import pytest

from assessments.actions import create_month, publish
from gridgov.common.enums import AuditKind
from gridgov.common.models import AuditEvent
from tests.api.conftest import API, problem
from tests.factories import township


@pytest.fixture
def draft(town, clock):
    return create_month(user=town.assessor, township=town.grid, month=date(2026, 10, 1))


def ids(client) -> list[str]:
    return [row["id"] for row in client.get(f"{API}assessments/").json()["results"]]


def test_draft_is_for_the_assessor_until_it_is_published(town, api, draft):
    assert ids(api(town.assessor)) == [str(draft.pk)]
    assert ids(api(town.village_head)) == []
    problem(api(town.village_head).get(f"{API}assessments/{draft.pk}/scores/"), 404, "not_found")
    problem(api(town.village_head).get(f"{API}assessments/{draft.pk}/sheet.xlsx"), 404, "not_found")
    publish(user=town.assessor, assessment=draft)
    assert ids(api(town.village_head)) == [str(draft.pk)]


def test_village_sees_its_own_scores_and_the_township_all(town, api, draft):
    publish(user=town.assessor, assessment=draft)

    def seen(user) -> set[str]:
        rows = api(user).get(f"{API}assessments/{draft.pk}/scores/").json()["results"]
        return {row["grid"]["code"] for row in rows}

    assert seen(town.village_head) == {town.villages[0].code}
    assert seen(town.clerk) == {village.code for village in town.villages}


def test_score_without_enough_cases_has_no_rate(town, api, draft):
    body = api(town.assessor).get(f"{API}assessments/{draft.pk}/scores/").json()
    assert body["assessment"]["status"] == "draft"
    row = next(row for row in body["results"] if row["indicator"] == "on_time")
    assert (row["numerator"], row["rate"], row["score"]) == ("0.00", None, None)


def test_sheet_is_a_workbook_and_its_taking_is_audited(town, api, draft):
    answer = api(town.assessor).get(f"{API}assessments/{draft.pk}/sheet.xlsx", HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
    assert answer["Content-Type"].endswith("spreadsheetml.sheet")
    assert answer["Content-Disposition"].startswith("attachment")
    texts = [
        str(cell) for row in openpyxl.load_workbook(BytesIO(answer.content)).active.values for cell in row
    ]
    assert town.villages[0].name in texts
    assert AuditEvent.objects.filter(kind=AuditKind.EXPORT, user=town.assessor).count() == 1


@pytest.mark.parametrize("who", ["admin", "auditor", "officer", "stranger"])
def test_others_see_no_assessment(town, api, draft, who):
    publish(user=town.assessor, assessment=draft)
    user = township("320371102", name="另一镇").clerk if who == "stranger" else getattr(town, who)
    assert ids(api(user)) == []
    theirs = api(user).get(f"{API}assessments/{draft.pk}/scores/")
    absent = api(user).get(f"{API}assessments/{uuid.uuid4()}/scores/")
    assert problem(theirs, 404, "not_found") == problem(absent, 404, "not_found")


def test_scores_take_the_same_statements_for_few_and_many(town, api, draft, counted):
    publish(user=town.assessor, assessment=draft)
    with counted() as one:
        api(town.village_head).get(f"{API}assessments/{draft.pk}/scores/")
    with counted() as many:
        api(town.clerk).get(f"{API}assessments/{draft.pk}/scores/")
    assert one.count == many.count
