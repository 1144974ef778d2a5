"""The page of numbers that the browser keeps: no name in it, its own worker, nothing else kept."""

import re
from datetime import date

import pytest
from django.conf import settings
from django.test import Client

from members.actions import change_duty, enter_shifts
from tests.factories import login, township

WORKER = settings.BASE_DIR / "static" / "js" / "numbers_worker.js"


@pytest.fixture
def town(db, clock):
    clock("2026-11-23T09:00")
    found = township()
    change_duty(township_code=found.code, phone="00088001", call_after=15)
    leader = found.leader.member
    leader.phone = "00077700001"
    leader.save()
    enter_shifts(
        township_code=found.code,
        first=date(2026, 11, 23),
        last=date(2026, 11, 23),
        leader=leader,
        officer=found.worker.member,
    )
    return found


def test_numbers_are_links_and_nobody_is_named(town):
    answer = login(Client(), town.worker).get("/roster/numbers/")
    page = answer.content.decode()
    assert re.findall(r'href="tel:(\d+)"', page) == ["110", "119", "120", "00088001", "00077700001"]
    for person in (town.worker.member, town.leader.member):
        assert person.name not in page
    assert "<script" not in page and "style=" not in page
    assert answer["Cache-Control"] == "no-store, private"


def test_technical_account_has_the_national_numbers(town):
    assert Client().get("/roster/numbers/").status_code == 302
    assert "tel:110" in login(Client(), town.admin).get("/roster/numbers/").content.decode()


def test_worker_looks_after_every_page_and_is_the_same_for_everybody(town):
    answer = Client().get("/roster/worker.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Service-Worker-Allowed"] == "/"
    assert answer["Cache-Control"] == "no-cache"
    assert "connect-src 'self'" in answer["Content-Security-Policy"]
    assert answer.content == login(Client(), town.worker).get("/roster/worker.js").content
    assert not answer.cookies


def test_worker_keeps_that_page_and_its_style_sheets_only():
    script = WORKER.read_text()
    kept = re.findall(r"cache\.(?:put|add|addAll)\(([^,)]*)", script)
    assert sorted(kept) == ["PAGE", "sheets"]
    assert 'const PAGE = "/roster/numbers/";' in script
    # what is not a page that was asked for, or a sheet of the kept page, goes past it
    assert script.count("event.respondWith(") == 2


def test_pages_ask_for_it_and_the_login_page_forgets_it(town):
    assert 'data-keep-numbers="/roster/worker.js"' in login(Client(), town.worker).get("/").content.decode()
    page = Client().get("/login/").content.decode()
    assert "data-forget-numbers" in page and "data-keep-numbers" not in page
