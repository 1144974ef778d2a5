"""The board of what is open by level, the ledger, and the times that are shown without being judged."""

import re
from datetime import date
from io import BytesIO

import openpyxl
import pytest

from gridgov.common.enums import AuditKind
from gridgov.common.errors import Forbidden
from gridgov.common.models import AuditEvent
from grids.enums import Verb
from grids.querysets import places_of
from incidents.actions import NewProcedure, perform, publish_procedures, report, sweep
from incidents.board import behind, board, month_figures
from incidents.models import Incident
from incidents.search.similar import root_causes
from inspections.actions import record_patrol
from tests.factories import fresh, incident, login, township
from tests.incidents.acting import do
from tests.incidents.browsing import url_of
from tests.plans.walking import Walk

GROUP, VILLAGE, TOWNSHIP, DEPARTMENT = 15, 12, 9, 0


def sees(user):
    return places_of(fresh(user))[Verb.SEE]


@pytest.mark.requirement("R142")
def test_board_counts_by_the_level_that_answers(town, new, clock):
    new()  # at the group
    raised = do(new(), town.worker, "escalate", reason="够不着")  # at the village, passed up by a person
    handled = do(do(new("fire"), town.clerk, "accept"), town.clerk, "dispatch", to=town.department)
    to_feed_back = incident(town, "verified", requester={"name": "甲", "phone": "", "wants_feedback": True})
    to_visit = incident(town, "verified", category="fire")
    incident(town, "closed")
    told = incident(town, "verified", requester={"name": "乙", "phone": "", "wants_feedback": True})
    do(told, town.worker, "feed_back", note="已告知", channel="phone")  # awaits nothing but its close
    assert board(sees(town.clerk)) == {
        TOWNSHIP: {"open": 1, "late": 0, "raised": 0, "feedback": 0, "visit": 1},
        VILLAGE: {"open": 1, "late": 0, "raised": 1, "feedback": 0, "visit": 0},
        GROUP: {
            "open": 3,
            "late": 0,
            "raised": 0,
            "feedback": 1,
            "visit": 0,
        },  # the group closes its requests
        DEPARTMENT: {"open": 1, "late": 0, "raised": 0, "feedback": 0, "visit": 0},
    }
    assert behind(sees(town.clerk), TOWNSHIP, "visit") == [to_visit]
    assert behind(sees(town.clerk), GROUP, "feedback") == [to_feed_back]
    assert behind(sees(town.clerk), VILLAGE, "raised") == [raised]
    assert behind(sees(town.clerk), DEPARTMENT, "open") == [handled]


@pytest.mark.requirement("R58")
def test_the_month_counts_what_was_reported_and_closed_in_it_by_the_level_that_closed(town, new, clock):
    nothing = {"reported": 0, "closed": 0, "9": 0, "12": 0, "15": 0, "0": 0}
    old, kept = new(), new()
    do(new(), town.worker, "withdraw")
    clock("2026-12-01T09:00")
    do(old, town.worker, "settle", note="当场办结")  # reported in November, closed in December at the group
    new("fire")
    november, december = (month_figures(sees(town.clerk), date(2026, month, 15)) for month in (11, 12))
    assert november["request"] == nothing | {"reported": 2}
    assert december["request"] == nothing | {"closed": 1, "15": 1}
    assert sum(line["reported"] for line in december.values()) == 1
    assert sum(line["closed"] for line in december.values()) == 1
    assert kept.is_open


def test_the_boards_month_is_turned_back_and_never_ahead(town, new, client):
    new()
    login(client, town.clerk)
    page = client.get("/incidents/board/?month=2026-10").content.decode()
    assert "2026年10月" in page
    assert "?month=2026-09#month" in page
    assert "?month=2026-11#month" in page
    for asked in ("", "2027-01", "x", "2026-13"):
        page = client.get(f"/incidents/board/?month={asked}").content.decode()
        assert "2026年11月" in page
        assert "?month=2026-12" not in page


@pytest.mark.requirement("R142")
def test_board_counts_what_is_late_and_was_told_above(town, new, clock):
    matter = new("quick")
    clock("2026-11-23T09:10")
    sweep()
    found = board(sees(town.village_head))[GROUP]
    assert (found["late"], found["raised"]) == (1, 1)
    assert behind(sees(town.village_head), GROUP, "late") == [matter]


@pytest.mark.requirement("R142")
def test_board_counts_the_answer_owed_to_a_twins_requester(town, new):
    twin = new(requester={"name": "甲", "phone": "", "wants_feedback": True})
    main = incident(town, "verified")
    do(twin, town.village_head, "merge", into=main)
    assert behind(sees(town.clerk), GROUP, "feedback") == [main]


@pytest.mark.requirement("R142")
def test_board_counts_no_answer_where_the_procedure_asks_for_none(town, new):
    procedure = town.categories["request"].procedure
    publish_procedures(
        township=town.grid,
        procedures=[NewProcedure(procedure.code, "改", {**procedure.data, "feedback": "none"})],
    )
    town.categories["request"].refresh_from_db()
    incident(town, "verified", requester={"name": "甲", "phone": "", "wants_feedback": True})
    assert board(sees(town.clerk))[GROUP] == {"open": 1, "late": 0, "raised": 0, "feedback": 0, "visit": 0}


@pytest.mark.requirement("R142")
def test_board_counts_the_report_back_that_the_plan_owes(db):
    """Plan 7: what came from above is reported back, though nobody of the place asked."""
    walk = Walk(7)
    town, director = walk.by("镇政府值班员"), walk.by("村（居）委会主任", walk.village)
    row = walk.report(town, "assigned", walk.village, source="above", external_no="县交办1号")
    walk.act(town, row, "accept")
    walk.act(town, row, "dispatch", to={"grid": walk.village.code})
    walk.act(director, row, "start")
    walk.act(director, row, "submit_result", note="已完成。")
    assert board(sees(town))[VILLAGE]["feedback"] == board(sees(town))[TOWNSHIP]["feedback"] == 0
    walk.act(town, row, "verify")
    assert [str(one.pk) for one in behind(sees(town), TOWNSHIP, "feedback")] == [row]
    walk.act(town, row, "feed_back", note="已向县里报告完成情况。", channel="paper")
    assert board(sees(town))[TOWNSHIP] == {"open": 1, "late": 0, "raised": 0, "feedback": 0, "visit": 0}


@pytest.mark.requirement("R142")
def test_board_page_shows_the_figures_line_by_line(client, town, new):
    do(new(), town.worker, "escalate", reason="够不着")
    new()
    login(client, town.clerk)
    page = client.get("/incidents/board/").text
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    shown = [re.findall(r">([^<>\s][^<>]*)<", line) for line in body.split("</tr>")[:-1]]
    assert shown == [
        ["乡镇", "0", "0", "0", "0", "0"],
        ["村（社区）", "1", "0", "1", "0", "0"],
        ["组（片）", "1", "0", "0", "0", "0"],
        ["站所", "0", "0", "0", "0", "0"],
        ["合计", "2", "0", "1", "0", "0"],
    ]


def test_board_holds_only_what_one_sees_by_place(client, town, new):
    other = township("320371102", name="邻镇")
    new()
    report(user=other.worker, grid=other.groups[0], category=other.categories["request"], description="路灯")
    assert sum(line["open"] for line in board(sees(town.village_head2)).values()) == 0
    assert sum(line["open"] for line in board(sees(town.clerk)).values()) == 1
    login(client, town.clerk)
    page = client.get("/incidents/board/?level=15&what=open")
    assert len(page.context["rows"]) == 1
    for odd in ("?level=99&what=open", "?level=15&what=nothing", "?level=²&what=open"):
        assert client.get(f"/incidents/board/{odd}").context["rows"] == []


@pytest.mark.requirement("R145")
def test_delay_of_the_report_and_handling_time_are_shown_without_a_limit(client, clock, db):
    happened = clock("2026-11-23T07:00")
    clock("2026-11-23T09:00")
    town = township("320371103", limits=False)
    matter = incident(town, occurred_at=happened)
    assert matter.due_at is None
    clock("2026-11-26T12:00")
    login(client, town.worker)
    page = client.get(url_of(matter))
    assert page.context["handling"] == {"reporting": "2 小时", "handling": "3 天"}
    assert "<dt>发生至上报用时</dt><dd>2 小时</dd>" in unspaced(page.text)
    assert "<dt>上报至今（办结）用时</dt><dd>3 天</dd>" in unspaced(page.text)
    assert sweep() == 0
    assert not Incident.objects.get(pk=matter.pk).is_late
    do(matter, town.worker, "settle", note="已修好")
    clock("2026-12-20T12:00")
    assert client.get(url_of(matter)).context["handling"]["handling"] == "3 天"  # it ends with the matter


def unspaced(text):
    return text.replace("\xa0", " ")


@pytest.mark.requirement("R75")
def test_problem_is_screened_listed_analysed_entered_and_solved(client, town, clock):
    """A patrol finds it, the list holds it, what comes again is shown as a cause, the ledger has its line until it is solved."""
    end = clock("2026-11-23T09:30")
    began = clock("2026-11-23T09:00")
    clock("2026-11-23T09:40")
    for _n in range(3):
        record_patrol(
            user=fresh(town.worker), grid=town.groups[0], started_at=began, ended_at=end,
            findings=[{"text": "垃圾清运不及时", "category": town.categories["request"]}],
        )  # fmt: skip
    rows = list(Incident.objects.order_by("number"))
    assert {row.source for row in rows} == {"patrol"}
    assert [cause.count for cause in root_causes(sees(town.clerk))] == [3]
    do(rows[0], town.worker, "accept")
    do(rows[0], town.worker, "settle", note="已清运")
    do(rows[1], town.village_head, "list_for_rectification", reason="需添置清运车")
    login(client, town.clerk)
    lines = ledger(client)
    assert lines[0][:9] == (
        "编号",
        "上报时间",
        "来源",
        "网格",
        "类别",
        "标题",
        "责任单位",
        "状态",
        "到期时间",
    )
    assert sorted(line[0] for line in lines[1:]) == [row.number for row in rows]
    states = {line[0]: (line[7], line[10], line[13]) for line in lines[1:]}
    assert states[rows[0].number] == ("已办结", "", "已清运")
    assert states[rows[1].number][1] == "是"
    assert [line[0] for line in ledger(client, "?mark=listed")[1:]] == [rows[1].number]


def ledger(client, query=""):
    answer = client.get(f"/incidents/ledger/{query}")
    return list(openpyxl.load_workbook(BytesIO(answer.content)).active.iter_rows(values_only=True))


def test_ledger_names_nobody_and_is_audited(client, town, new):
    new(requester={"name": "甲某某", "phone": "13812345678"}, title="=1+1")
    login(client, town.clerk)
    lines = ledger(client)
    assert "甲某某" not in str(lines)
    assert "13812345678" not in str(lines)
    assert lines[1][5] == "=1+1"  # a text, not a formula
    assert AuditEvent.objects.get(kind=AuditKind.EXPORT).detail["rows"] == 1


@pytest.mark.requirement("R67")
def test_order_from_above_is_done_confirmed_and_reported_back(town):
    order = report(
        user=fresh(town.clerk), grid=town.villages[0], category=town.categories["request"], description="路灯不亮",
        source="above", external_no="GD-9",
    ).incident  # fmt: skip
    for user, action, given in (
        (town.village_head, "accept", {}),
        (town.village_head, "start", {}),
        (town.village_head, "submit_result", {"note": "已更换灯泡"}),
    ):
        order = do(order, user, action, **given)
    assert order.status == "resolved"  # done, and not yet confirmed
    with pytest.raises(Forbidden):
        perform(user=fresh(town.village_head), incident=order, action="verify")
    order = do(order, town.clerk, "verify")
    order = do(order, town.village_head, "close")
    assert (order.status, order.closed_at is not None) == ("closed", True)
