"""Plan 3: what turns out to be of another category goes the way of that, as long as nobody began on it."""

import re

import pytest

from members.models import InboxMessage
from tests.plans.walking import Walk, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(3)


@pytest.fixture
def posted(walk):
    return walk.by("驻组村干部", walk.group)


@pytest.fixture
def director(walk):
    return walk.by("村治保主任", walk.village)


@pytest.fixture
def office(walk):
    return walk.by("乡综治办值班员")


@pytest.mark.requirement("R71")
def test_what_turns_out_to_be_a_must_report_is_urgent_from_then_on(walk, posted, office):
    row = walk.report(posted, "dispute", walk.group)
    assert walk.act(office, row, "correct", title="院墙")["important"] is False
    assert walk.act(office, row, "correct", category="dispute_cross")["important"] is False
    body = walk.refused(office, row, "correct", "invalid_arguments", "P3-M1", category="dispute_major")
    assert set(body["errors"]) == {"trend_forecast"}
    given = {"category": "dispute_major", "trend_forecast": "可能升级。"}
    assert walk.act(office, row, "correct", **given)["important"] is True
    assert walk.act(office, row, "undo")["important"] is False
    walk.act(office, row, "accept")
    walk.act(
        office, row, "dispatch", to=walk.department("司法所"), assisting=[walk.department("派出所")]
    )  # somebody began on it
    assert walk.act(office, row, "correct", category="dispute_major")["important"] is True
    assert walk.read(office, row)["procedure"]["name"].startswith("联合调处")


@pytest.mark.requirement("R71")
def test_what_turns_out_to_be_a_major_dispute_goes_the_way_of_major_ones(walk, posted, director, office):
    row = walk.report(posted, "dispute", walk.group)
    walk.act(posted, row, "accept")
    given = {"category": "dispute_major", "trend_forecast": "可能升级。"}
    walk.act(director, row, "correct", **given)
    read = walk.read(office, row)
    assert (read["responsible"]["grid"], read["status"]) == (walk.town.pk, "reported")
    assert walk.step(office, row) == "coordinate"
    told = walk.history(office, row)[-1]["told_at_once"]
    assert [text.rpartition(" ")[2] for text in told] == ["乡党委主要负责人", "乡政府主要负责人"]
    for title in ("乡党委主要负责人", "乡政府主要负责人"):
        assert InboxMessage.objects.filter(member=walk.by(title).member, link=f"/incidents/{row}/").exists()
    story = page(office, f"/incidents/{row}/").content.decode()
    assert re.search(r"流程“一般纠纷四步调处[^”]*”改为“重大纠纷先行上报", story)
    walk.act(director, row, "arrive", note="已派三人到场稳住。")  # the village is a helper now
    walk.act(office, row, "accept")
    walk.act(office, row, "assist", assisting=[walk.department("派出所")])
    walk.act(office, row, "start")
    walk.act(walk.officer("派出所"), row, "submit_assist", note="已配合。")
    walk.act(office, row, "submit_result", note="双方达成协议。")
    walk.act(walk.by("乡综治委工作人员"), row, "verify")
    walk.act(office, row, "arrive")
    walk.finish(office, row)
    steps = ["report_first", "step_in", "coordinate", "settle_jointly", "settle_jointly", "send_people"]
    assert walk.steps(office, row) == steps
