"""The sheet: the page and the workbook show the same, and the workbook's formulas come to what it shows."""

import io
import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assessments.actions import create_month, freeze, publish
from assessments.exports import export, sheet
from assessments.indicators import INDICATORS
from gridgov.common.models import AuditEvent
from incidents.models import FeedbackRequest
from tests.assessments.month import answer, october, stage, step
from tests.factories import fresh, login, township

pytestmark = pytest.mark.django_db
FIRST, LAST, TOWN = 5, 6, 7  # Excel rows: two villages and the town, below title, meta and two header rows
TOTAL, REMARK = 22, 23


@pytest.fixture
def town(clock):
    town = township()
    october(town)
    return town


@pytest.fixture
def published(town):
    user = fresh(town.assessor)
    return publish(user=user, assessment=create_month(user=user, township=town.grid, month=date(2026, 10, 1)))


def workbook(assessment, user, *, computed):
    _name, data = export(user=user, assessment=assessment)
    return openpyxl.load_workbook(io.BytesIO(data), data_only=computed).active


def test_rows_are_the_villages_by_code_and_the_town(town, published):
    lines = sheet(published).lines
    assert [line.cells[0].text for line in lines] == [*(village.name for village in town.villages), "徐庄镇"]
    assert [line.total for line in lines] == [False, False, True]
    assert [cell.text for cell in lines[0].cells] == [
        "一村", "3", "5", "60.0%", "60.00", "1", "10", "10.0%", "50.00", "230", "4", "57.50", "57.50",
        "0", "62", "0.0%", "0.00", "0", "0", "—", "—", "56.50", "",
    ]  # fmt: skip
    assert [cell.text for cell in lines[1].cells[:17]] == [
        "二村", "2", "2", "—", "—", "0", "3", "0.0%", "100.00", "100", "3", "33.33", "33.33", "0", "62", "0.0%", "0.00",
    ]  # fmt: skip
    assert lines[1].cells[21].text == "73.33"


def test_town_is_the_sum_of_its_villages_judged_as_one(published):
    cells = [cell.text for cell in sheet(published).lines[-1].cells]
    assert cells == [
        "徐庄镇", "5", "7", "71.4%", "71.43", "1", "13", "7.7%", "61.54", "330", "7", "47.14", "47.14",
        "0", "124", "0.0%", "0.00", "0", "0", "—", "—", "63.61", "",
    ]  # fmt: skip


def test_sheet_says_whose_weight_was_shared(published):
    first, second, _town = sheet(published).lines
    assert first.cells[-1].text == ""
    assert sheet(published).definitions[0][0] in second.cells[-1].text


def test_nothing_to_rate_shows_a_dash(town):
    empty = create_month(user=fresh(town.assessor), township=town.grid, month=date(2026, 8, 1))
    assert {line.cells[21].text for line in sheet(empty).lines} == {"—"}


def evaluate(formula, cells):
    """An independent, small reading of the formulas: ROUND((…)/(…),2) and SUM over a column."""

    def numbers(area):
        first, last = (area.split(":") * 2)[:2]
        found = [cells[cell].value for row in cells[first:last] for cell in (one.coordinate for one in row)]
        return [Decimal(str(one)) for one in found if isinstance(one, int | float)]

    def product(term):
        name, area, weight = re.fullmatch(r"(SUM|COUNT)\(([A-Z0-9:]+)\)(?:\*([\d.]+))?", term).groups()
        found = numbers(area)
        return (sum(found, Decimal(0)) if name == "SUM" else Decimal(len(found))) * Decimal(weight or 1)

    quotient = re.fullmatch(r"=ROUND\(\((.+)\)/\((.+)\),2\)", formula)
    if quotient is None:
        return product(formula.removeprefix("="))
    above, below = (sum(map(product, part.split("+")), Decimal(0)) for part in quotient.groups())
    return (above / below).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_formulas_come_to_the_values_that_are_kept_and_shown(town, published):
    live = workbook(published, fresh(town.assessor), computed=False)
    kept = workbook(published, fresh(town.assessor), computed=True)
    formulas = [cell for row in live.iter_rows() for cell in row if cell.data_type == "f"]
    assert len(formulas) == 3 + 10  # a total per row, and the town's numerators and denominators
    shown = [[cell.text for cell in line.cells] for line in sheet(published).lines]
    for cell in formulas:
        computed = evaluate(cell.value, kept)
        assert Decimal(str(kept[cell.coordinate].value)) == computed, cell.coordinate
        assert Decimal(shown[cell.row - FIRST][cell.column - 1]) == computed, cell.coordinate


def test_changing_a_score_changes_the_total_that_the_formula_gives(town, published):
    """The formula is alive: it refers to the score cells, not to their values."""
    live = workbook(published, fresh(town.assessor), computed=False)
    kept = workbook(published, fresh(town.assessor), computed=True)
    total = live.cell(FIRST, TOTAL).value
    kept.cell(FIRST, 5).value = 100
    assert evaluate(total, kept) == Decimal("76.50")
    kept.cell(FIRST, 5).value = "—"
    assert evaluate(total, kept) == Decimal("53.00")  # (50 × 30 + 57.5 × 20) / 50


def test_workbook_shows_what_the_page_shows(town, published):
    kept = workbook(published, fresh(town.assessor), computed=True)
    for row, line in enumerate(sheet(published).lines, start=FIRST):
        for column, cell in enumerate(line.cells, start=1):
            found = kept.cell(row, column)
            if not cell.numeric:
                assert (found.value or "") == cell.text
                continue
            percent = cell.text.endswith("%")
            shown = Decimal(cell.text.rstrip("%")) / (100 if percent else 1)
            places = {"0": "1", "0.00": "0.01", "0.0%": "0.001"}[found.number_format]
            assert Decimal(str(found.value)).quantize(Decimal(places), ROUND_HALF_UP) == shown


def test_workbook_says_whose_it_is_of_when_and_where_to_sign(town, published):
    page = workbook(published, fresh(town.assessor), computed=True)
    texts = [str(cell.value) for row in page.iter_rows() for cell in row if cell.value]
    whole = "\n".join(texts)
    for expected in ("徐庄镇", "2026", published.hash, town.assessor.member.name, published.scheme.name):
        assert expected in whole, expected
    assert page.freeze_panes == "B5"
    assert page.page_setup.orientation == "landscape"
    assert "____" in texts[-1]


def test_frozen_workbook_is_the_same_bytes_each_time(town, published):
    user = fresh(town.assessor)
    frozen = freeze(user=user, assessment=published)
    first = export(user=user, assessment=frozen)
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00")
    assert export(user=fresh(town.clerk), assessment=frozen) == first


# --- pages -------------------------------------------------------------------------------------------------------
def test_page_shows_each_figure_with_its_records(town, published, client):
    login(client, town.assessor)
    page = client.get(f"/assessments/{published.pk}/").content.decode()
    for line in sheet(published).lines:
        for cell in line.cells:
            assert cell.text in page
    address = f"/assessments/{published.pk}/{town.villages[0].code}/rework/"
    assert address in page
    records = client.get(address)
    assert len(records.context["lines"]) == 11
    assert all(line["incident"].number in records.content.decode() for line in records.context["lines"])


def test_page_takes_the_same_queries_for_one_village_and_three(client, clock):
    counts = []
    for code, villages in (("320371103", 1), ("320371104", 3)):
        town = township(code, villages=villages, groups_per_village=1)
        made = create_month(user=fresh(town.assessor), township=town.grid, month=date(2026, 10, 1))
        login(client, town.assessor)
        for address in (
            f"/assessments/{made.pk}/",
            f"/assessments/{made.pk}/{town.villages[0].code}/on_time/",
        ):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.append(len(queries))
    assert counts[:2] == counts[2:], [query["sql"] for query in queries.captured_queries]


def test_records_page_takes_the_same_queries_for_one_row_and_three(town, published, client):
    login(client, town.assessor)
    group = town.groups_of(town.villages[1])[1]
    address = f"/assessments/{published.pk}/{town.villages[1].code}/rework/"
    counts = []
    for rows in (1, 2):
        for _row in range(rows):
            step(town, group, "submit_result", "10-10 09:00")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1], [query["sql"] for query in queries.captured_queries]


def test_records_say_when_they_changed_since(town, published, client):
    login(client, town.assessor)
    address = f"/assessments/{published.pk}/{town.villages[0].code}/on_time/"
    assert client.get(address).context["now"].denominator == 5
    stage(town, town.groups[0], due="10-08 09:00", ended="10-09 09:00")
    page = client.get(address)
    assert (page.context["score"].denominator, page.context["now"].denominator) == (5, 6)
    assert "message-info" in page.content.decode()


@pytest.mark.parametrize("indicator", ["on_time", "rework", "satisfaction", "patrol", "assisting"])
def test_records_are_open_within_one_s_own_place(town, published, client, indicator):
    first, second = (f"/assessments/{published.pk}/{village.code}/{indicator}/" for village in town.villages)
    expected = {
        "assessor": (200, 200),
        "clerk": (200, 200),
        "leader": (200, 200),
        "village_head": (200, 404),
        "village_head2": (404, 200),
        "contact_leader": (200, 404),
        "worker": (404, 404),
        "officer": (404, 404),
        "auditor": (404, 404),
        "admin": (404, 404),
    }
    for name, statuses in expected.items():
        login(client, getattr(town, name))
        assert (client.get(first).status_code, client.get(second).status_code) == statuses, name


def test_matter_outside_one_s_area_is_masked(town, published, client):
    """Village 2 held a stage of a matter of village 1; its head sees the stage, not the matter."""
    made = stage(
        town, town.groups[0], due="10-08 09:00", ended="10-09 09:00", village_code=town.villages[1].code
    )
    login(client, town.village_head2)
    page = client.get(f"/assessments/{published.pk}/{town.villages[1].code}/on_time/")
    assert made in [line["incident"] for line in page.context["lines"]]
    assert made.number not in page.content.decode()


def test_village_head_sees_the_published_sheet_and_links_of_the_own_village(town, published, client):
    login(client, town.village_head)
    page = client.get(f"/assessments/{published.pk}/").content.decode()
    assert f"/{town.villages[0].code}/on_time/" in page
    assert f"/{town.villages[1].code}/on_time/" not in page
    assert "/publish/" not in page


def test_draft_is_not_found_by_others(town, client):
    draft = create_month(user=fresh(town.assessor), township=town.grid, month=date(2026, 9, 1))
    for name in ("village_head", "clerk", "worker", "admin"):
        login(client, getattr(town, name))
        for tail in ("", "sheet.xlsx", f"{town.villages[0].code}/on_time/"):
            assert client.get(f"/assessments/{draft.pk}/{tail}").status_code == 404
        assert client.post(f"/assessments/{draft.pk}/publish/").status_code == 404
    client.logout()
    assert client.get(f"/assessments/{draft.pk}/").status_code == 302


def test_whole_way_in_the_browser(town, client):
    login(client, town.assessor)
    form = client.get("/assessments/").context["form"]
    month = form.fields["month"].choices[0][0]
    assert month == "2026-10-01"
    made = client.post("/assessments/new/", {"township": town.code, "month": month})
    assert made.status_code == 302
    address = made.headers["Location"]
    for verb, status in (
        ("recompute", "draft"),
        ("publish", "published"),
        ("freeze", "frozen"),
        ("publish", "frozen"),
    ):
        assert client.post(f"{address}{verb}/").status_code == 302
        assert client.get(address).context["assessment"].status == status
    assert client.post("/assessments/new/", {"township": town.code, "month": month}).status_code == 302
    assert client.post("/assessments/new/", {"township": town.code, "month": month}).status_code == 400
    assert client.post("/assessments/new/", {"township": "320371999", "month": month}).status_code == 400


def test_who_does_not_score_changes_nothing(town, published, client):
    login(client, town.clerk)
    assert client.post(f"/assessments/{published.pk}/freeze/").status_code == 403
    assert client.post("/assessments/new/", {"township": town.code, "month": "2026-09-01"}).status_code == 403
    assert client.get(f"/assessments/{published.pk}/freeze/").status_code == 405
    published.refresh_from_db()
    assert published.status == "published"


def test_download_is_audited(town, published, client):
    login(client, town.village_head)
    answer = client.get(f"/assessments/{published.pk}/sheet.xlsx")
    assert answer.status_code == 200
    assert openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active.max_row > TOWN
    event = AuditEvent.objects.filter(kind="export").get()
    assert (event.user, event.township_code, event.detail["month"]) == (
        town.village_head,
        town.code,
        "2026-10",
    )


def test_unknown_records_are_not_found(town, published, client):
    login(client, town.assessor)
    for tail in (
        f"{town.villages[0].code}/nonsense/",
        "320371999001/on_time/",
        f"{town.groups[0].code}/on_time/",
    ):
        assert client.get(f"/assessments/{published.pk}/{tail}").status_code == 404


def test_satisfaction_is_split_by_the_way_answers_came(town, client):
    group = town.groups[0]
    FeedbackRequest.objects.all().delete()
    for grade, channel in ((1, "system"), (2, "phone"), (3, "phone"), (5, "in_person")):
        made = answer(town, group, grade, "10-22 09:00")
        FeedbackRequest.objects.filter(pk=made.pk).update(channel=channel)
    month = create_month(user=town.assessor, township=town.grid, month=date(2026, 10, 1))
    parts = INDICATORS["satisfaction"].split(month, group.village_code)
    assert {way: (part.numerator, part.denominator) for way, part in parts} == {
        "通过链接": (100, 1), "电话": (130, 2), "当面": (0, 1),
    }  # fmt: skip
    assert INDICATORS["on_time"].split(month, group.village_code) == []
    page = login(client, town.assessor).get(f"/assessments/{month.pk}/{group.village_code}/satisfaction/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "电话" in text
