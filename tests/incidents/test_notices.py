"""The short text for a chat group: nothing personal in it, and who copied it for whom is kept."""

import uuid

from incidents.models import CopiedNotice
from tests.factories import incident, login
from tests.incidents.browsing import url_of


def copy(client, matter, **fields):
    body = {"client_uuid": str(uuid.uuid4()), "about": "dispatch"} | fields
    return client.post(f"{url_of(matter)}notice/", body)


def test_text_names_number_unit_and_link_but_no_person_and_no_words(client, town):
    matter = incident(
        town, "dispatched", title="张大明家漏水", description="电话13800000000", address="幸福路8号",
        requester={"name": "张大明", "phone": "13800000000", "wants_feedback": True},
    )  # fmt: skip
    login(client, town.village_head)
    page = client.get(url_of(matter)).content.decode()
    text = page.partition('id="notice-text"')[2].partition("</textarea>")[0]
    assert matter.number in text
    assert str(matter.responsible_grid) in text
    assert "已交办给" in text
    assert f"/incidents/{matter.pk}/" in text
    for personal in ("张大明", "漏水", "13800000000", "幸福路", str(matter.responsible_member)):
        assert personal not in text


def test_copy_is_kept_with_who_for_whom_and_the_channel(client, town):
    matter = incident(town, "dispatched")
    login(client, town.village_head)
    assert copy(client, matter).status_code == 302
    row = CopiedNotice.objects.get()
    assert (row.member, row.to_grid, row.to_member) == (
        town.village_head.member, matter.responsible_grid, matter.responsible_member,
    )  # fmt: skip
    assert row.channel == "wechat"
    page = client.get(url_of(matter)).content.decode()
    assert (
        f"{town.village_head.member}复制了通知文字，发给{matter.responsible_grid}（{matter.responsible_member}）"
        in page
    )
    matter.refresh_from_db()
    assert matter.version == 4, "no move: whoever has the page open may still act"


def test_same_click_twice_is_kept_once_and_a_script_gets_no_page(client, town):
    matter = incident(town, "dispatched")
    login(client, town.village_head)
    name = str(uuid.uuid4())
    for _again in range(2):
        answer = client.post(
            f"{url_of(matter)}notice/",
            {"client_uuid": name, "about": "remind"},
            headers={"X-Requested-With": "fetch"},
        )
        assert answer.status_code == 204
    assert CopiedNotice.objects.count() == 1


def test_only_who_coordinates_or_supervises_the_unit_copies(client, town):
    matter = incident(town, "dispatched")
    for user, status in (
        (town.worker, 403),
        (town.worker2, 404),
        (town.contact_leader, 302),
        (town.clerk, 302),
    ):
        login(client, user)
        assert copy(client, matter).status_code == status
        shown = b"notice-text" in client.get(url_of(matter)).content
        assert shown is (status == 302)


def test_ended_matter_offers_no_text(client, town):
    matter = incident(town, "closed")
    login(client, town.clerk)
    assert b"notice-text" not in client.get(url_of(matter)).content
    assert copy(client, matter).status_code == 403


def test_unknown_text_is_refused(client, town):
    matter = incident(town, "dispatched")
    login(client, town.clerk)
    assert copy(client, matter, about="praise").status_code == 400
