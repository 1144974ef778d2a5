"""The story of a township's day, told in order: each chapter stands on what the ones before left behind.

Over REST and in Chromium, against `make run` in a fresh clone. Names that a person sees are Chinese data or translations
and may change; the story finds its way by addresses, field names and what REST says.
"""

from __future__ import annotations

import io
import os
import re
import signal
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import openpyxl
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Error

from gridgov.common.clock import SHANGHAI
from tests.e2e.api import send
from tests.e2e.browser import Complaints, Visitor
from tests.e2e.conftest import PASSWORD, Story
from tests.e2e.polling import until
from tests.e2e.processes import is_free, pss_mib, working_in

TOWNSHIP = "320371101"
REQUESTER = {"name": "赵甲", "phone": "00000000001", "wants_feedback": True}
GOES_UP_AFTER = 120 + 60  # seconds: the category's two minutes, and a sweep every minute
SAME_IN_CHINESE = {"English", "Excel", "gridgov", "admin"}  # names, not words
ROLES = ("township", "village", "worker", "department", "leader", "supervisor", "auditor", "admin")


def photo() -> bytes:
    """A field with a ditch that overflows, drawn; with the place in its metadata, as phones write it."""
    picture = Image.new("RGB", (640, 480), "#cfe0ea")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 200, 640, 480), fill="#9fb46a")
    draw.polygon([(280, 200), (340, 200), (470, 480), (150, 480)], fill="#7d6b52")
    draw.polygon([(295, 200), (325, 200), (420, 480), (200, 480)], fill="#5f93a8")
    draw.ellipse((330, 300, 620, 400), fill="#6f9fb2")
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif)
    return file.getvalue()


def action_names(matter: dict[str, Any]) -> set[str]:
    return {allowed["name"] for allowed in matter["allowed_actions"]}


def detail(story: Story, name: str, *, as_: str) -> dict[str, Any]:
    """A matter of the story as it stands now, in somebody's eyes."""
    found: dict[str, Any] = story.api(as_).get(f"incidents/{story.matters[name]['id']}/")
    return found


def answer_feedback(story: Story, clerk: Visitor, incident: str) -> None:
    """The slip's link, opened by somebody who is nobody to gridgov."""
    clerk.open(f"/incidents/{incident}/slip/")
    link = re.search(r"/feedback/[^/\s<\"]+/", clerk.page.content())
    assert link, "the slip shows no link"
    requester = Visitor(story.browser, story.clone.base, story.complaints, "requester")
    requester.open(link[0])
    requester.shoot(story.shots, "feedback")
    requester.fill("main form", grade="1", solved="yes", comment="很快就修好了")
    requester.press("main form.plain-form button[type=submit]")
    requester.must_be_done("feedback")
    requester.open(link[0])
    assert requester.page.locator("[name=grade]").count() == 0, "a link is good for one answer"
    requester.context.close()


# --- 1 -----------------------------------------------------------------------------------------------------------


def test_worker_reports_over_rest(story: Story) -> None:
    worker = story.api("worker")
    me = worker.get("me/")
    group = me["appointments"][0]["grid"]["code"]
    assert me["username"] == "worker" and len(group) == 15
    assert {row["code"] for row in worker.get("grids/")["results"]} >= {group}
    categories = {row["code"]: row for row in worker.get("categories/")}
    assert categories["fire"]["must_report"] and categories["quick"]["limits"]["group"] == {
        "n": 2,
        "unit": "minutes",
    }

    # the one that is left lying: its two minutes run while the story goes on
    story.matters["forgotten"] = worker.report(
        grid=group, category="quick", description="演示：没有人处理的事项", title="被遗忘的事项"
    )

    # a photo, then the report it belongs to, then the same report again
    client_uuid = str(uuid.uuid4())
    picture = worker.upload(photo(), incident_client_uuid=client_uuid).must(201)
    body = {
        "client_uuid": client_uuid,
        "grid": group,
        "category": "dispute",
        "title": "水渠漏水引起纠纷",
        "description": "村民组水渠漏水，两户因灌溉发生争执，需要村里协调。",
        "requester": REQUESTER,
        "latitude": 34.51,
        "longitude": 117.42,
        "accuracy_m": 12,
        "photos_expected": 1,
        "escalate": True,
    }
    story.matters["canal"] = reported = worker.post("incidents/", body).must(201)
    again = worker.post("incidents/", body)
    assert again.must(200)["id"] == reported["id"] and again.headers["Idempotent-Replayed"] == "true"
    assert worker.post("incidents/", body | {"title": "另一件事"}).must(409)["code"] == "idempotency_conflict"

    canal = detail(story, "canal", as_="worker")
    assert canal["photos"] == {"expected": 1, "arrived": 1, "missing": 0}
    assert canal["responsible"]["grid"] == group[:12], "passed up at once, to the village and no further"
    served = send(
        "GET", story.clone.base + picture["url"], headers={"Authorization": f"Token {worker.token}"}
    )
    assert served.status == 200 and not dict(Image.open(io.BytesIO(served.content)).getexif())

    # a patrol with a finding that becomes a matter
    now = datetime.now(SHANGHAI)
    finding = {"text": "路口井盖破损", "category": "request", "description": "路口井盖破损，车辆绕行。"}
    patrol = {
        "client_uuid": str(uuid.uuid4()),
        "grid": group,
        "started_at": (now - timedelta(minutes=30)).isoformat(),
        "ended_at": now.isoformat(),
        "findings": [finding, {"text": "一切正常"}],
    }
    walked = worker.post("patrols/", patrol).must(201)
    assert worker.post("patrols/", patrol).must(200)["id"] == walked["id"]
    story.matters["manhole"] = worker.get(f"incidents/{walked['findings'][0]['incident']}/")
    assert story.matters["manhole"]["source"] == "patrol" and walked["findings"][1]["incident"] is None
    duties = worker.get(f"duties/?period={walked['day']}")["results"]
    assert [duty["done"] for duty in duties if duty["grid"]["code"] == group] == [1]


# --- 2 -----------------------------------------------------------------------------------------------------------


def test_work_goes_on_when_the_worker_process_is_killed(story: Story) -> None:
    clone, worker = story.clone, story.api("worker")
    killed = clone.pid_of("worker")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    group = worker.get("me/")["appointments"][0]["grid"]["code"]
    story.matters["meanwhile"] = worker.report(grid=group, category="request", description="停电时也能上报")
    began = time.monotonic()
    until(lambda: clone.pid_of("worker") not in (None, killed), seconds=60, what="a new worker process")
    story.figure(f"worker process killed, there again after {time.monotonic() - began:.1f} s")
    assert any("worker ended (SIGKILL)" in line for line in clone.said)
    assert killed not in working_in(clone.folder)


# --- 3 -----------------------------------------------------------------------------------------------------------


def test_village_head_handles_what_was_passed_up(story: Story) -> None:
    worker, village = story.api("worker"), story.at_browser("village")
    canal = story.matters["canal"]["id"]
    group = worker.get("me/")["appointments"][0]["grid"]["code"]

    village.open("/")
    assert f"/incidents/{canal}/" in village.links("main a") or village.links("main .figure")
    village.open("/incidents/?mine=1")
    assert f"/incidents/{canal}/" in village.links("table.rows a")
    village.open(f"/incidents/{canal}/")
    pictures = "[...document.images].map(one => one.complete && one.naturalWidth > 0)"
    until(lambda: all(village.page.evaluate(pictures)), seconds=10, what="all photos shown")
    village.shoot(story.shots, "matter-reported")

    village.open("/admin/incidents/incident/")
    assert f"/admin/incidents/incident/{canal}/change/" in village.links("#result_list a")
    village.act_in_admin(canal, "accept", important=True, note="村里协调")
    village.act_in_admin(canal, "dispatch", to=f"grid:{group}", note="请网格员现场处理")
    assert detail(story, "canal", as_="worker")["responsible"]["grid"] == group

    worker.act(canal, "start")
    after = worker.upload(photo(), incident_client_uuid=story.matters["canal"]["client_uuid"]).must(201)
    worker.act(canal, "submit_result", note="水渠已修好，两户已和解。", files=[after["client_uuid"]])
    assert detail(story, "canal", as_="worker")["status"] == "resolved"

    village.act_in_admin(canal, "verify", note="现场看过")
    owed = worker.post(f"incidents/{canal}/actions/close/", {"client_uuid": str(uuid.uuid4())})
    assert owed.status in (400, 403), "not closed before feedback and return visit"
    village.act_in_admin(canal, "feed_back", note="已告知当事人", channel="phone")
    answer_feedback(story, village, canal)
    village.act_in_admin(
        canal, "return_visit", happened="yes", solved="yes", note="当事人满意", channel="in_person"
    )
    village.shoot(story.shots, "matter-verified")
    village.act_in_admin(canal, "close", note="办结")
    closed = detail(story, "canal", as_="village")
    assert closed["status"] == "closed" and closed["fed_back_at"] and closed["visited_at"]
    village.shoot(story.shots, "matter-closed")


# --- 4 -----------------------------------------------------------------------------------------------------------


def test_township_has_a_fire_handled_by_a_department(story: Story) -> None:
    worker, clerk = story.api("worker"), story.at_browser("township")
    group = worker.get("me/")["appointments"][0]["grid"]["code"]
    story.matters["fire"] = reported = worker.report(
        grid=group,
        category="fire",
        title="柴草堆起火",
        description="村口柴草堆起火，已扑灭，需要排查隐患。",
        requester=REQUESTER,
    )
    fire = reported["id"]
    assert reported["responsible"]["grid"] == TOWNSHIP and reported["important"], (
        "a must-report matter starts at the township"
    )

    clerk.open("/")
    clerk.open("/incidents/?mine=1")
    assert f"/incidents/{fire}/" in clerk.links("table.rows a")

    clerk.act(fire, "accept")
    form = f'form[action="/incidents/{fire}/actions/dispatch/"]'
    clerk.act(fire, "dispatch", to=clerk.first_option(form, "to", "department:"), note="请派出所处理")

    officer = story.at_browser("department")
    officer.open("/")
    assert f"/incidents/{fire}/" in officer.links("main a")
    officer.act(fire, "start")
    officer.act(fire, "submit_result", note="已排查，隐患已消除。")
    officer.shoot(story.shots, "matter-handled")

    clerk.act(fire, "verify")
    clerk.act(fire, "feed_back", note="已回电", channel="phone")
    second = story.at_browser("township2")
    second.act(fire, "return_visit", happened="yes", solved="yes", channel="phone", note="属实，已解决")
    clerk.act(fire, "close")
    assert detail(story, "fire", as_="township")["status"] == "closed"
    steps = [row["action"] for row in clerk_history(story, fire)]
    assert steps == [
        "report",
        "accept",
        "dispatch",
        "start",
        "submit_result",
        "verify",
        "feed_back",
        "return_visit",
        "close",
    ]


def clerk_history(story: Story, incident: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = story.api("township").get(f"incidents/{incident}/history/")["results"]
    return rows


def test_township_finds_its_way_in_the_list(story: Story) -> None:
    clerk = story.at_browser("township")
    clerk.open("/incidents/?category=fire")
    found = clerk.links("table.rows td.main a")
    assert f"/incidents/{story.matters['fire']['id']}/" in found
    asked = {row["id"] for row in story.api("township").get("incidents/?category=fire")["results"]}
    assert {href.split("/")[2] for href in found} == asked

    clerk.open("/incidents/")
    clerk.page.fill("[data-search]", story.matters["canal"]["number"])
    with clerk.page.expect_navigation():
        clerk.page.press("[data-search]", "Enter")
    assert clerk.page.url.endswith(f"/incidents/{story.matters['canal']['id']}/")

    clerk.open("/incidents/")
    first = clerk.links("table.rows td.main a")
    clerk.press("a[rel=next]")
    second = clerk.links("table.rows td.main a")
    assert first and second and not set(first) & set(second)
    clerk.press("a[rel=prev]")
    assert clerk.links("table.rows td.main a") == first
    clerk.shoot(story.shots, "incidents")


# --- 5 -----------------------------------------------------------------------------------------------------------


def test_a_forgotten_matter_goes_up_by_itself(story: Story) -> None:
    forgotten = story.matters["forgotten"]["id"]
    group = story.matters["forgotten"]["responsible"]["grid"]
    assert len(group) == 15
    until(
        lambda: (
            detail(story, "forgotten", as_="village")["late"]
            and any(row["action"] == "overdue" for row in clerk_history(story, forgotten))
        ),
        seconds=GOES_UP_AFTER + 60,
        every=1,
        what="a late matter that went up",
    )
    told = next(row for row in clerk_history(story, forgotten) if row["action"] == "overdue")
    waited = datetime.fromisoformat(told["entered_at"]) - datetime.fromisoformat(
        story.matters["forgotten"]["reported_at"]
    )
    story.figure(
        f"left lying with a limit of 120 s, told to the level above after {waited.total_seconds():.0f} s"
    )
    assert timedelta(seconds=120) < waited < timedelta(seconds=GOES_UP_AFTER + 30)

    village = story.at_browser("village")
    village.open("/inbox/")
    assert (
        f"/incidents/{forgotten}/" in " ".join(village.links("main a"))
        or village.page.locator("main form").count()
    )
    village.shoot(story.shots, "inbox")
    village.open("/")
    assert f"/incidents/{forgotten}/" in village.links("aside a"), "the desk shows what went up"
    village.act(forgotten, "accept", note="村里接手")
    taken = detail(story, "forgotten", as_="village")
    assert taken["status"] == "accepted" and taken["responsible"]["grid"] == group[:12], (
        "responsibility moved"
    )
    assert not taken["late"]


# --- 6 -----------------------------------------------------------------------------------------------------------


def test_assessor_takes_the_months_sheet(story: Story) -> None:
    assessor = story.at_browser("supervisor")
    assessor.open("/assessments/")
    sheet = next(href for href in assessor.links("table.rows td.main a"))
    assessor.open(sheet)
    assessor.shoot(story.shots, "sheet")
    shown = assessor.page.locator(".sheet tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    with assessor.page.expect_download() as taken:
        assessor.page.click(f'a[href="{sheet}sheet.xlsx"]')
    content = taken.value.path().read_bytes()
    formulas, values = (
        openpyxl.load_workbook(io.BytesIO(content), data_only=data_only).active for data_only in (False, True)
    )
    assert formulas is not None and values is not None

    villages = story.api("township").every("grids/?kind=village")
    names = [village["name"] for village in sorted(villages, key=lambda village: village["code"])]
    assert len(names) == 22 and [row[0] for row in shown[:-1]] == names, "one row per village, by code"
    start = next(cell.row for cell in values["A"] if cell.value == names[0])
    total = len(shown[0]) - 1  # the column before the remark, counted from 1
    for offset, row in enumerate(shown):
        written, counted = (page.cell(start + offset, total).value for page in (formulas, values))
        assert values.cell(start + offset, 1).value == row[0]
        if row[total - 1] == "—":
            continue
        assert str(written).startswith("="), f"{row[0]}: the total is no formula: {written}"
        assert float(row[total - 1]) == pytest.approx(float(counted)), row[0]
    assert any(
        str(formulas.cell(start + offset, total).value).startswith("=") for offset in range(len(names))
    )
    town = start + len(names)
    for column, text in enumerate(shown[-1][1:3], start=2):
        assert str(formulas.cell(town, column).value).startswith("=SUM(")
        assert int(text.replace(",", "")) == values.cell(town, column).value


# --- 7 -----------------------------------------------------------------------------------------------------------


def test_everything_is_there_after_a_restart(story: Story) -> None:
    clone = story.clone
    running = clone.processes()
    shares = {pid: pss_mib(pid) for pid in running}
    story.figure(f"memory (PSS): {sum(shares.values()):.0f} MiB in {len(shares)} processes")
    for pid, command in running.items():
        story.figure(f"  {shares[pid]:6.1f} MiB  {command[-90:]}")
    before = {name: detail(story, name, as_="township") for name in story.matters}

    clone.stop()
    assert not working_in(clone.folder), "something was left behind"
    assert is_free(clone.port)

    story.figure(f"second start: {clone.start():.1f} s")
    assert {name: detail(story, name, as_="township") for name in story.matters} == before
    village = story.at_browser("village")
    village.open("/")  # still logged in
    assert village.page.locator("nav.rail").count() == 1


def test_loop_is_closed(story: Story) -> None:
    audit = story.clone.manage("check_loop")
    assert audit.returncode == 0, audit.stdout + audit.stderr


# --- 8 -----------------------------------------------------------------------------------------------------------


def test_numbers_are_there_without_a_network_until_logout(story: Story) -> None:
    """A browser of its own: what it says about a network that is away is no complaint about a page."""
    away = Visitor(story.browser, story.clone.base, Complaints(), "worker")
    away.log_in(PASSWORD)
    kept = "caches.match('/roster/numbers/').then(Boolean)"
    until(lambda: away.page.evaluate(kept), seconds=20, what="the numbers kept")
    away.open("/roster/numbers/")
    numbers = away.links("a.call")
    assert {"tel:110", "tel:119", "tel:120"} <= set(numbers)

    away.context.set_offline(True)
    for path in ("/roster/numbers/", "/inbox/"):  # and in the place of every other page
        away.open(path)
        assert away.links("a.call") == numbers
    assert away.page.evaluate("getComputedStyle(document.querySelector('a.call')).display") != "inline", (
        "its style sheets are kept with it"
    )

    away.context.set_offline(False)
    away.open("/")
    away.page.evaluate("document.querySelector('form[action$=\"/logout/\"]').requestSubmit()")
    away.page.wait_for_url("**/login/**")
    until(lambda: not away.page.evaluate(kept), seconds=20, what="the numbers forgotten")
    away.context.set_offline(True)
    with pytest.raises(Error, match="ERR_FAILED"):
        away.page.goto("/roster/numbers/")
    away.context.close()


# --- 9 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_main_pages_open(story: Story, role: str) -> None:
    """Every page of the main navigation and every list of the management pages, as each role sees it."""
    visitor = story.at_browser(role)
    visitor.open("/")
    visitor.shoot(story.shots, "desk")
    for href in visitor.links("nav.rail a"):
        if href != "/":
            visitor.open(href)
            visitor.shoot(story.shots, href.strip("/").replace("/", "-"))
    managed = visitor.links("#content-main th a") if visitor.page.url.endswith("/admin/") else []
    for href in managed:
        visitor.open(href)


def test_no_page_complained(story: Story) -> None:
    assert story.complaints.errors == []


def test_pages_fit_a_phone(story: Story) -> None:
    assert story.complaints.too_wide == []


def test_pages_are_chinese(story: Story) -> None:
    """Buttons, headings, labels and links. The catalogue's own test cannot see a text that never asked for translation."""
    languages = story.complaints.languages
    assert languages and set(languages.values()) == {"zh-hans"}
    seen = {word: where for where, words in story.complaints.english.items() for word in words}
    assert {word: where for word, where in seen.items() if word not in SAME_IN_CHINESE} == {}
