"""Searching: one box, whatever one remembers; through scope, before and after the index knows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gridgov.common.paging import Key
from incidents.actions import index_waiting, perform
from incidents.models import Incident, SearchBlock, SearchEntry
from incidents.querysets import ListFilters
from incidents.search import reading
from incidents.search.reading import search
from incidents.tasks import index_for_search
from tests.factories import client_for, fresh, incident, login, township

ASKED = {"name": "张三丰", "phone": "13812345678", "wants_feedback": True}


def find(user: Any, words: str, **filters: Any) -> list[str]:
    found = search(fresh(user), ListFilters(q=words, **filters))
    return [row.title for row in found.page.rows]


@pytest.fixture(params=["before", "after"])
def settled(request: pytest.FixtureRequest) -> Callable[[], None]:
    """The same must be found before and after the index was brought up to date."""

    def settle() -> None:
        if request.param == "after":
            while index_waiting():
                pass
            assert not Incident.objects.filter(search_stale=True).exists()

    return settle


@pytest.fixture
def pond(town) -> Incident:
    return incident(
        town, title="鱼塘漏水", description="村东的鱼塘漏水,邻居李某说了三次", address="大槐树下", requester=ASKED
    )  # fmt: skip


@pytest.fixture
def lamp(town) -> Incident:
    there = town.groups_of(town.villages[1])[0]
    return incident(town, title="路灯不亮", description="3号楼前的灯坏了", user=town.worker2, grid=there)


@pytest.mark.parametrize(
    "words",
    ["鱼塘", "鱼", "鱼塘 李", "李 鱼塘", "yt", "张三", "zs", "zsf", "5678", "13812345678", "大槐树", "dhs", "鱼塘漏水", "漏水 5678",
     "一村 鱼塘"],
)  # fmt: skip
def test_search_finds_by_whatever_one_remembers(town, pond, lamp, settled, words):
    settled()
    assert find(town.clerk, words) == ["鱼塘漏水"]


@pytest.mark.parametrize(
    "words", ["不存在", "鱼塘 路灯", "鱼灯", "1234", "塘鱼", "zx", "138", "。", "%", "二村 鱼塘"]
)
def test_search_finds_nothing_else(town, pond, lamp, settled, words):
    settled()
    assert find(town.clerk, words) == []


def test_search_finds_by_number_and_its_end(town, pond, lamp, settled):
    settled()
    assert find(town.clerk, pond.number) == ["鱼塘漏水"]
    assert find(town.clerk, pond.number[-4:]) == ["鱼塘漏水"]
    assert set(find(town.clerk, pond.number[:8])) == {"鱼塘漏水", "路灯不亮"}


def test_search_finds_by_handler(town, pond, lamp, settled):
    member = town.worker2.member
    member.name = "欧阳修远"
    member.save()
    settled()
    assert find(town.clerk, "欧阳") == find(town.clerk, "oyxy") == ["路灯不亮"]
    member.name = "司马光"
    member.save()
    assert find(town.clerk, "欧阳") == []
    assert find(town.clerk, "司马") == ["路灯不亮"]


@pytest.mark.parametrize(
    ("who", "open_text", "by_name"),
    [
        ("clerk", True, True), ("village_head", True, True), ("worker", True, True), ("contact_leader", True, False),
        ("leader", True, False), ("assessor", True, False), ("worker2", False, False), ("village_head2", False, False),
        ("officer", False, False), ("auditor", False, False), ("admin", False, False),
    ],
)  # fmt: skip
def test_search_stays_in_scope_and_names_in_the_case(town, pond, lamp, settled, who, open_text, by_name):
    settled()
    user = getattr(town, who)
    assert bool(find(user, "鱼塘")) is open_text
    for words in ("张三", "zs", "5678", "鱼塘 张三"):
        assert bool(find(user, words)) is by_name, words


def test_search_by_part(town, pond, settled):
    settled()
    matter = incident(town, "accepted", title="仓库起火", category="fire", requester=ASKED)
    settled()
    assert find(town.officer, "仓库") == []
    perform(user=fresh(town.clerk), incident=matter, action="dispatch", to=town.department)
    assert find(town.officer, "仓库") == find(town.officer, "仓库 张三") == ["仓库起火"]
    settled()
    assert (
        find(town.officer, "仓库")
        == find(town.officer, "仓库 张三")
        == find(town.officer, "5678")
        == ["仓库起火"]
    )
    assert find(town.officer, "鱼塘") == []


def test_search_of_a_reporter_elsewhere(town, settled):
    there = town.groups_of(town.villages[1])[0]
    incident(town, title="路过看见", grid=there, requester=ASKED)
    incident(town, title="别人看见", grid=there, user=town.worker2)
    settled()
    assert find(town.worker, "看见") == find(town.worker, "张三") == ["路过看见"]


def test_search_of_another_township_finds_nothing(town, pond, settled):
    other = township("320371102", name="邻镇")
    incident(other, title="鱼塘漏水", requester=ASKED)
    settled()
    assert len(find(town.clerk, "鱼塘")) == len(find(other.clerk, "张三")) == 1


def test_who_stays_unnamed_is_not_found_by_name(town, settled):
    incident(town, title="有人匿名", requester=ASKED | {"is_anonymous": True})
    settled()
    assert find(town.clerk, "匿名") == ["有人匿名"]
    assert find(town.clerk, "张三") == find(town.clerk, "5678") == []


def test_filters_narrow_what_words_find(town, settled, pond, lamp):
    incident(town, "closed", title="鱼塘旧事")
    settled()
    assert set(find(town.clerk, "鱼塘")) == {"鱼塘漏水", "鱼塘旧事"}
    assert find(town.clerk, "鱼塘", open=True) == ["鱼塘漏水"]
    assert find(town.clerk, "鱼塘", open=False) == find(town.clerk, "鱼塘", status="closed") == ["鱼塘旧事"]
    assert find(town.clerk, "鱼塘", category="dispute") == []
    assert find(town.clerk, "鱼塘", grid=town.villages[1].code) == []
    assert set(find(town.clerk, "鱼塘", grid=town.villages[0].code)) == {"鱼塘漏水", "鱼塘旧事"}
    assert find(town.worker, "鱼塘", mine=True) == ["鱼塘漏水"]
    assert find(town.clerk, "鱼塘", mine=True) == []


def test_correction_is_followed_and_nothing_old_is_found(town, pond):
    while index_waiting():
        pass
    Incident.objects.filter(pk=pond.pk).update(title="水塘干了", description="没有水", search_stale=True)
    pond.requester.phone = "13900009999"
    pond.requester.save()
    for _state in ("read directly", "from the index"):
        assert find(town.clerk, "水塘") == find(town.clerk, "9999") == ["水塘干了"]
        assert find(town.clerk, "鱼塘") == find(town.clerk, "5678") == find(town.clerk, "李某") == []
        assert index_waiting() >= 0
    bits = SearchBlock.objects.filter(gram__in=["鱼塘", "李某", "~#5678"])
    assert bits.count() == 3
    assert all(bytes(row.matters) == b"" for row in bits)


def test_handing_over_moves_a_matter_out_of_the_old_scope(town, pond):
    while index_waiting():
        pass
    there = town.groups_of(town.villages[1])[0]
    perform(user=fresh(town.clerk), incident=pond, action="hand_over", to=there, reason="在二村")
    for _state in ("read directly", "from the index"):
        assert find(town.worker2, "鱼塘") == ["鱼塘漏水"]
        assert find(town.village_head, "鱼塘") == []
        index_waiting()


def test_indexing_twice_changes_nothing(town, pond, lamp):
    while index_waiting():
        pass
    before = list(SearchBlock.objects.order_by("pk").values_list("block", "gram", "matters"))
    entries = list(SearchEntry.objects.order_by("number").values_list("incident", "number", "fingerprint"))
    Incident.objects.update(search_stale=True)
    assert index_for_search() > 0
    assert index_for_search() == 0
    assert list(SearchBlock.objects.order_by("pk").values_list("block", "gram", "matters")) == before
    assert (
        list(SearchEntry.objects.order_by("number").values_list("incident", "number", "fingerprint"))
        == entries
    )


def test_what_is_removed_is_not_found(town, pond, lamp):
    while index_waiting():
        pass
    SearchEntry.objects.filter(pk=pond.pk).delete()
    assert find(town.clerk, "鱼塘") == []


def test_pages_lead_there_and_back(town, clock, monkeypatch):
    for minute in range(7):
        clock(f"2026-11-23T10:0{minute}")
        incident(town, title=f"鱼塘{minute}", description="水")
        if minute == 4:
            while index_waiting():
                pass
    user, seen, key = fresh(town.clerk), [], None
    while True:
        page = search(user, ListFilters(q="鱼塘"), key, 2).page
        seen.append([row.title[-1] for row in page.rows])
        if page.next is None:
            break
        key = page.next
    assert seen == [["6", "5"], ["4", "3"], ["2", "1"], ["0"]]
    back = search(user, ListFilters(q="鱼塘"), page.previous, 2).page
    assert [row.title[-1] for row in back.rows] == ["2", "1"]


def test_a_look_that_ends_early_says_so_and_goes_on(town, clock, monkeypatch):
    monkeypatch.setattr(reading, "MOST_EXAMINED", 4)
    for minute in range(10):
        clock(f"2026-11-23T10:0{minute}")
        incident(town, "closed" if minute else "reported", title=f"鱼塘{minute}")
    while index_waiting():
        pass
    found = search(fresh(town.clerk), ListFilters(q="鱼塘", open=True), None, 2)
    assert found.more
    key, rows = found.page.next, list(found.page.rows)
    while key is not None:
        found = search(fresh(town.clerk), ListFilters(q="鱼塘", open=True), key, 2)
        rows += found.page.rows
        key = found.page.next
    assert [row.title for row in rows] == ["鱼塘0"]


def test_search_takes_the_same_few_statements_for_one_and_three(
    town, pond, settled, django_assert_max_num_queries
):
    settled()
    user = fresh(town.clerk)
    with django_assert_max_num_queries(10) as one:
        search(user, ListFilters(q="鱼塘"))
    for _ in range(2):
        incident(town, title="鱼塘", requester=ASKED)
    settled()
    user = fresh(town.clerk)
    with django_assert_max_num_queries(10) as three:
        search(user, ListFilters(q="鱼塘"))
    assert len(one) == len(three)


def test_unknown_key_starts_at_its_time(town, pond, clock):
    while index_waiting():
        pass
    stranger = Key(clock("2026-11-23T12:00"), SearchEntry.objects.get().pk)
    assert search(fresh(town.clerk), ListFilters(q="鱼塘"), stranger).page.rows == []


def test_found_page_marks_words_and_masks_people(town, pond, lamp):
    client = login(Client(), town.clerk)
    page = client.get("/incidents/", {"q": "鱼塘 5678"}).content.decode()
    assert "<mark>鱼塘</mark>漏水" in page
    assert "张** 138****5678" in page
    assert "张三丰" not in page
    assert "13812345678" not in page
    assert "路灯不亮" not in page


def test_found_page_shows_grids_and_people_of_ones_own(town, pond, lamp):
    village = town.villages[1]
    page = login(Client(), town.clerk).get("/incidents/", {"q": village.name}).content.decode()
    assert f'href="/grids/{village.code}/"' in page
    assert f'href="/grids/{village.code}/"' not in login(Client(), town.worker).get(
        "/incidents/", {"q": village.name}
    ).content.decode()  # fmt: skip
    name = town.worker2.member.name
    assert name in login(Client(), town.clerk).get("/incidents/", {"q": name}).content.decode()


def test_found_page_is_empty_in_words_and_a_number_leads_to_its_matter(town, pond):
    client = login(Client(), town.clerk)
    assert "没有找到" in client.get("/incidents/", {"q": "不存在"}).content.decode()
    assert client.get("/incidents/", {"q": pond.number}).url == f"/incidents/{pond.pk}/"
    assert client.get("/incidents/", {"q": "<script>alert(1)</script>"}).status_code == 200


def test_words_over_rest(town, pond, lamp):
    def numbers(user, words):
        answer = client_for(user).get("/api/v1/incidents/", {"q": words})
        assert answer.status_code == 200, answer.content
        assert "13812345678" not in answer.content.decode()
        return [row["number"] for row in answer.json()["results"]]

    assert numbers(town.clerk, "鱼塘 张三") == [pond.number]
    assert numbers(town.leader, "鱼塘") == [pond.number]
    assert numbers(town.leader, "张三") == []
    assert client_for(town.clerk).get("/api/v1/incidents/", {"q": "鱼" * 61}).status_code == 400


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by the rows that there are")
def test_what_the_index_does_not_know_yet_is_found_by_an_index_of_its_own(town) -> None:
    """Looking for it among all matters of the township made every search of 100,000 three times as slow as of 10,000."""
    incident(town)
    with CaptureQueriesContext(connection) as asked:
        search(fresh(town.clerk), ListFilters(q="路灯"))
    waiting = next(
        it["sql"] for it in asked.captured_queries if "search_stale" in it["sql"].split("WHERE")[-1]
    )
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {waiting}")
        assert "inc_search_stale" in str(cursor.fetchall())
