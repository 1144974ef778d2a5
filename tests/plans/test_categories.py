"""What a plan counts and offers: expected grids; categories on and off, admitted to the grids or not, and what must be reported shows how late it was."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from gridgov.common import clock
from incidents.models import Category
from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("R82")
@pytest.mark.parametrize(("number", "code"), [(8, "litter"), (9, "environment_problem"), (3, "policy")])
def test_a_category_is_switched_off_and_on_again_by_the_office(number, code):
    walk = Walk(number)
    head = walk.by({8: "网格员", 9: "社长", 3: "驻组村干部"}[number], walk.group)
    office = walk.by({8: "工作小组值班员", 9: "公共事务服务中心值班员", 3: "乡综治办值班员"}[number])
    client = Client()
    client.force_login(office)
    row = Category.objects.get(township=walk.town.grid, code=code)
    address = f"/admin/incidents/category/{row.pk}/change/"
    form = {"name": row.name, "procedure": row.procedure_id, "for_grids": "on", "public_note": ""}
    assert client.post(address, form).status_code == 302
    answer = walk.send(head, code, walk.group)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"category"})
    assert client.post(address, form | {"is_active": "on"}).status_code == 302
    assert walk.send(head, code, walk.group).status_code == 201


@pytest.mark.requirement("R82")
def test_what_is_not_admitted_is_not_sent_to_the_grids():
    walk = Walk(8)
    town = walk.by("工作小组值班员")
    Category.objects.filter(township=walk.town.grid, code="litter").update(for_grids=False)
    rows = {}
    for code in ("litter", "sewage"):
        rows[code] = walk.report(walk.by("网格员", walk.group), code, walk.group, escalate=True)
        walk.act(walk.by("村级网格长", walk.village), rows[code], "escalate", reason="报镇里。")
        walk.act(town, rows[code], "accept")
    walk.refused(town, rows["litter"], "dispatch", "not_admitted", None, to={"grid": walk.group.code})
    walk.act(town, rows["sewage"], "dispatch", to={"grid": walk.group.code})


@pytest.mark.requirement("R71", "R145")
@pytest.mark.parametrize(
    ("number", "title", "code", "office"),
    [
        (3, "驻组村干部", "dispute_major", "乡综治办值班员"),
        (6, "网格员", "fire", "网格化管理办公室值班员"),
        (10, "村民代表", "major_event", "乡社会服务管理中心值班员"),
    ],
)
def test_how_late_a_must_report_came_is_shown(number, title, code, office):
    walk = Walk(number)
    at = walk.deepest
    happened = (clock.now() - timedelta(minutes=90)).isoformat()
    row = walk.report(walk.by(title, at), code, at, occurred_at=happened, trend_forecast="可能升级。")
    client = Client()
    client.force_login(walk.by(office))
    page = client.get(f"/incidents/{row}/").content.decode()
    assert "发生至上报用时" in page
    assert "1 小时" in page
    assert "重要" in page
    untimed = walk.report(walk.by(title, at), code, at, trend_forecast="可能升级。")
    page = client.get(f"/incidents/{untimed}/").content.decode()
    assert "发生至上报用时" not in page
    assert "上报时未写明" in page


@pytest.mark.requirement("R3", "R4", "R5", "R6")
@pytest.mark.parametrize(
    ("number", "lines"),
    [
        (4, [["二级网格（社区（村））", "37 其中先行试点3个（1个社区、2个村）", "35", "0"]]),
        (6, [["二级网格（行政村）", "22", "20", "0"], ["三级网格（村民小组）", "143", "137", "0"]]),
        (
            9,
            [
                ["一级网格（总网格）（镇）", "1", "0", "0"],
                ["二级网格（大网格）（行政村）", "8", "6", "0"],
                ["三级网格（小网格）（社）", "58", "52", "0"],
            ],
        ),
        (10, [["一级网格（行政村）", "9", "7", "0"]]),
    ],
)
def test_expected_counts_are_shown_beside_what_is_there(number, lines):
    """Two villages of three groups each: tier, expected, missing, too many."""
    walk = Walk(number, groups=6)
    title = {
        4: "镇网格中心值班员",
        6: "网格化管理办公室值班员",
        9: "公共事务服务中心值班员",
        10: "乡社会服务管理中心值班员",
    }[number]
    client = Client()
    client.force_login(walk.by(title))
    page = client.get(f"/setup/plans/?counts={walk.town.pk}").content.decode()
    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    shown = [re.findall("<td>(.*?)</td>", line) for line in re.findall("<tr>(.*?)</tr>", table)]
    assert [[" ".join(re.sub("<[^>]+>", " ", cell).split()) for cell in line] for line in shown] == lines
