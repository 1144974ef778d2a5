"""Orders from above: one number is one matter, a later list brings it up to date, and the reply goes back in its columns."""

import uuid
from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from gridgov.common import clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Forbidden, Invalid
from gridgov.common.models import AuditEvent
from incidents.actions import change_order, report, save_mapping
from incidents.loop_check import breaches
from incidents.models import Incident, OrderMapping
from incidents.workflow import ORDER_CHANGED
from tests.factories import fresh, incident, login
from tests.incidents.acting import do
from tests.incidents.browsing import url_of

HEADERS = ["序号", "工单编号", "诉求内容", "标题", "办理时限", "处理结果", "办结日期"]
KEYS = ["", "external_no", "description", "title", "external_due", "reply", "closed_at"]


def book(*rows, headers=HEADERS) -> SimpleUploadedFile:
    file, workbook = BytesIO(), openpyxl.Workbook()
    workbook.active.append(["某县热线工单（测试）"])
    workbook.active.append(list(headers))
    for row in rows:
        workbook.active.append(list(row))
    workbook.save(file)
    return SimpleUploadedFile("工单.xlsx", file.getvalue())


def row(number="GD-1", text="路灯不亮", title="", due=""):
    return ["1", number, text, title, due, "", ""]


@pytest.fixture
def mapping(town):
    columns = [{"header": header, "key": key} for header, key in zip(HEADERS, KEYS, strict=True)]
    usual = {"grid": town.code, "category": "request"}
    return save_mapping(
        user=fresh(town.clerk), township=town.grid, name="县热线工单", columns=columns, usual=usual
    )


@pytest.fixture
def desk(client, town, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return login(client, town.clerk)


def look(desk, mapping, *rows):
    """Sends the list; the page that says what would happen."""
    answer = desk.post("/incidents/orders/", {"file": book(*rows), "mapping": mapping.pk})
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def take(desk, mapping, *rows):
    address = look(desk, mapping, *rows)
    return desk.post(address, follow=True).content.decode()


def order(town, **given):
    given = {"external_no": "GD-1", "source": "above", "description": "路灯不亮"} | given
    return report(
        user=fresh(town.clerk), grid=town.grid, category=town.categories["request"], **given
    ).incident


# --- one number, one matter --------------------------------------------------------------------------------------


def test_second_report_of_the_same_number_is_refused_and_names_the_first(town):
    first = order(town)
    with pytest.raises(Conflict) as refusal:
        order(town)
    assert refusal.value.code == "known_external_no"
    assert first.number in str(refusal.value.detail)


def test_database_refuses_a_second_matter_of_the_same_number(town):
    first, second = order(town), order(town, external_no="GD-2")
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.filter(pk=second.pk).update(external_no=first.external_no)


def test_same_number_of_another_source_or_of_none_is_another_matter(town):
    order(town)
    order(town, source="resident")
    order(town, external_no="")
    order(town, external_no="")
    assert Incident.objects.count() == 4


def test_repeat_of_the_same_call_is_answered_before_the_number_is_looked_at(town):
    call = uuid.uuid4()
    first = order(town, client_uuid=call, body_hash="x")
    assert order(town, client_uuid=call, body_hash="x").pk == first.pk


# --- a later list ------------------------------------------------------------------------------------------------


def test_list_is_taken_in_by_its_own_columns(desk, town, mapping):
    page = take(desk, mapping, row(title="路灯", due="2026-11-30"), row("GD-2", "井盖缺失"))
    assert "已登记新件 2 件" in page
    found = Incident.objects.get(external_no="GD-1")
    assert (found.source, found.title, found.grid_id) == ("above", "路灯", town.code)
    assert clock.local(found.external_due).isoformat() == "2026-12-01T00:00:00+08:00"


def test_same_list_again_changes_nothing_and_says_so(desk, town, mapping):
    take(desk, mapping, row())
    page = desk.get(look(desk, mapping, row())).content.decode()
    assert "已登记，编号" in page
    assert Incident.objects.count() == 1


def test_later_list_brings_title_words_and_deadline_up_to_date_and_says_so(desk, town, mapping):
    take(desk, mapping, row(title="路灯", due="2026-11-30"))
    address = look(desk, mapping, row(text="路灯和井盖", title="路灯井盖", due="2026-11-28"))
    shown = desk.get(address).content.decode()
    assert "路灯 → 路灯井盖" in shown
    page = desk.post(address, follow=True).content.decode()
    assert "更新 1 件" in page
    found = Incident.objects.get()
    assert (found.title, found.description) == ("路灯井盖", "路灯和井盖")
    last = found.history.order_by("-seq").first()
    assert (last.action, last.data["changed"]["title"]) == (ORDER_CHANGED, ["路灯", "路灯井盖"])
    story = desk.get(url_of(found)).content.decode()
    assert "按上级清单更新：标题" in story
    assert list(breaches()) == []


def test_what_the_town_put_right_outlives_the_same_list(desk, town, mapping):
    take(desk, mapping, row(text="张某家漏水", title="张某家"))
    Incident.objects.update(title="漏水")
    page = desk.get(look(desk, mapping, row(text="张某家漏水", title="张某家"))).content.decode()
    assert "张某家 →" not in page
    assert "→ 张某家" not in page


def test_what_the_list_leaves_empty_stays(town):
    found = order(town, title="路灯")
    assert change_order(user=fresh(town.clerk), incident=found, description="路灯不亮").version == 1
    assert found.title == "路灯"


@pytest.mark.requirement("R67")
def test_deadline_from_above_counts_when_it_is_the_earliest_and_no_internal_one_moves_it(town):
    found = order(town)
    inside, soon = found.due_at, clock.now() + timedelta(hours=2)
    change_order(user=fresh(town.clerk), incident=found, external_due=soon)
    assert Incident.objects.get().due_at == soon
    change_order(
        user=fresh(town.clerk), incident=Incident.objects.get(), external_due=inside + timedelta(days=9)
    )
    assert Incident.objects.get().due_at == inside
    assert list(breaches()) == []


def test_later_deadline_takes_the_lateness_away(town, clock):
    from incidents.actions import sweep

    moment = clock("2026-11-23T09:00")
    found = order(town, external_due=moment + timedelta(hours=1))
    clock("2026-11-23T10:30")
    sweep()
    assert Incident.objects.get().is_late
    change_order(
        user=fresh(town.clerk), incident=Incident.objects.get(), external_due=moment + timedelta(hours=5)
    )
    found = Incident.objects.get()
    assert not found.is_late
    assert found.escalate_at == found.due_at == moment + timedelta(hours=5)


def test_errors_come_in_the_lists_own_rows_and_the_file_comes_back(desk, town, mapping):
    address = look(desk, mapping, row(due="明天"), row("GD-2", ""))
    page = desk.get(address).content.decode()
    assert "有 2 行填写有误" in page
    assert desk.post(address).status_code == 200
    assert not Incident.objects.exists()
    back = openpyxl.load_workbook(BytesIO(desk.get(f"{address}errors/").content)).active
    assert back.cell(2, 8).value == "错误原因"
    assert "明天" in back.cell(3, 8).value


# --- the mapping -------------------------------------------------------------------------------------------------


def test_new_list_has_its_columns_named_once_and_kept(desk, town):
    answer = desk.post("/incidents/orders/", {"file": book(row()), "mapping": ""})
    page = desk.get(answer["Location"]).content.decode()
    assert "工单编号" in page
    chosen = {f"column_{place}": key for place, key in enumerate(KEYS)}
    answer = desk.post(
        answer["Location"], chosen | {"name": "县工单", "grid": town.code, "category": "request"}
    )
    kept = OrderMapping.objects.get()
    assert [one["header"] for one in kept.columns] == HEADERS
    assert desk.post(answer["Location"], follow=True).status_code == 200
    assert Incident.objects.get().external_no == "GD-1"


def test_mapping_needs_number_and_words_and_no_column_twice(town):
    def save(*keys):
        columns = [{"header": str(place), "key": key} for place, key in enumerate(keys)]
        save_mapping(user=fresh(town.clerk), township=town.grid, name="x", columns=columns, usual={})

    for keys in (("external_no",), ("description",), ("external_no", "description", "description")):
        with pytest.raises(Invalid):
            save(*keys)
    save("external_no", "description", "", "")


def test_orders_are_the_townships_clerks_business(client, town, mapping):
    for user in (town.village_head, town.worker, town.leader, town.officer, town.auditor):
        login(client, user)
        assert client.get("/incidents/orders/").status_code == 403
        assert client.get(f"/incidents/orders/{mapping.pk}/replies/?since=2026-01-01").status_code == 403
    with pytest.raises(Forbidden):
        change_order(user=fresh(town.village_head), incident=order(town), title="x")


def test_forgotten_mapping_leaves_its_matters(desk, town, mapping):
    take(desk, mapping, row())
    assert desk.post(f"/incidents/orders/{mapping.pk}/drop/").status_code == 302
    assert not OrderMapping.objects.exists()
    assert Incident.objects.count() == 1


# --- the reply ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R67")
def test_reply_goes_back_in_the_columns_of_the_list(desk, town, mapping):
    take(desk, mapping, row(title="路灯"), row("GD-2", "井盖缺失"))
    found = Incident.objects.get(external_no="GD-1")
    for action in ("accept", "start"):
        do(found, fresh(town.clerk), action)
    do(found, fresh(town.clerk), "submit_result", note="=已更换灯泡")
    answer = desk.get(f"/incidents/orders/{mapping.pk}/replies/?since=2026-11-01")
    sheet = openpyxl.load_workbook(BytesIO(answer.content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert list(rows[0]) == HEADERS
    assert [line[1] for line in rows[1:]] == ["GD-1", "GD-2"]
    assert rows[1][5] == "=已更换灯泡"
    assert sheet["F2"].data_type == "s", "a text, not a formula"
    event = AuditEvent.objects.get(kind=AuditKind.EXPORT)
    assert event.detail["rows"] == 2
    assert "已更换灯泡" in desk.get(url_of(found)).content.decode().partition('id="reply-text"')[2]
    only = desk.get(f"/incidents/orders/{mapping.pk}/replies/?since=2026-11-01&only_closed=on")
    assert openpyxl.load_workbook(BytesIO(only.content)).active.max_row == 1


def test_reply_text_is_only_for_orders_with_a_result(client, town):
    login(client, town.village_head)
    assert b'id="reply-text"' not in client.get(url_of(incident(town, "closed"))).content
