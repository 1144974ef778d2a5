"""Late a second time in one stage, late against a date instead of a limit, more time that moves only what it should."""

from datetime import timedelta

import pytest
from django.utils import translation

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Conflict
from gridgov.common.worktime import Limit, Unit
from grids.querysets import Place
from incidents import due, rising
from incidents.actions import change_order, sweep
from incidents.loop_check import breaches
from incidents.models import Escalation, Incident, Stage
from members.models import InboxMessage
from tests.incidents.acting import do
from tests.incidents.test_due import at, limited

DAYS = {"unit": "working_days"}
ONE_DAY = Limit(1, Unit.WORKING_DAYS)


@pytest.fixture(autouse=True)
def _clean(town):
    yield
    assert list(breaches()) == []


def read(matter):
    return Incident.objects.get(pk=matter.pk)


def cards(matter):
    """(level, whether it lies on the table), in the order of telling."""
    rows = Escalation.objects.filter(incident=matter, stage_number=read(matter).stage).order_by("id")
    return [(row.level, row.settled_at is None) for row in rows]


def swept_for(clock, days, start="2026-11-25T09:05"):
    """A sweep every two hours."""
    now = at(start)
    for _number in range(days * 12):
        clock(now.isoformat())
        sweep()
        now += timedelta(hours=2)


def asked(matter, person, **more):
    return do(matter, person, "request_extension", reason="等材料", **(more or {"limit": ONE_DAY}))


def test_a_red_card_lies_on_the_table_again_when_more_time_has_passed_too(town, new, clock):
    limited(town, township={"n": 2, **DAYS}, card={"n": 1, **DAYS})
    matter = do(new(), town.worker, "escalate", reason="够不着")
    matter = do(matter, town.village_head, "escalate", reason="够不着")
    matter = asked(do(matter, town.clerk, "accept"), town.clerk)
    clock("2026-11-25T09:05")
    assert sweep() == 1
    assert cards(matter) == [("leader", True)]
    matter = do(matter, town.leader, "decide_extension", granted=True)
    assert cards(matter) == [("leader", False)]
    assert not read(matter).is_late

    clock((matter.due_at + timedelta(minutes=5)).isoformat())
    before = InboxMessage.objects.filter(member=town.leader.member, kind="overdue").count()
    assert sweep() == 1
    assert sweep() == 0
    late = read(matter)
    assert late.is_late
    assert late.parts.filter(is_late=False).count() == 0
    assert cards(matter) == [("leader", True)]
    assert len(rising.red_cards([town.code], 10)) == 1
    assert InboxMessage.objects.filter(member=town.leader.member, kind="overdue").count() == before + 1
    assert [row.action for row in late.history.order_by("seq")].count("overdue") == 2


def test_more_time_that_has_passed_too_tells_the_same_level_first(town, new, clock):
    limited(town, group={"n": 2, **DAYS}, card={"n": 1, **DAYS})
    matter = asked(do(new(), town.worker, "accept"), town.worker)
    clock("2026-11-25T09:05")
    assert sweep() == 1
    assert cards(matter) == [("village", True)]
    matter = do(matter, town.village_head, "decide_extension", granted=True)
    clock((matter.due_at + timedelta(minutes=5)).isoformat())
    assert sweep() == 1
    assert cards(matter) == [("village", True)]
    clock((matter.due_at + timedelta(days=3)).isoformat())
    assert sweep() == 1
    assert cards(matter) == [("village", True), ("township", True)]


def test_a_superior_body_that_moves_its_date_begins_anew(town, new, clock):
    limited(town)
    matter = new(external_no="县2026-1", external_due=at("2026-11-24T12:00"))
    swept_for(clock, 8, "2026-11-24T12:05")
    assert cards(matter)[-1] == ("leader", True)
    change_order(
        user=town.clerk,
        incident=read(matter),
        title="",
        description="路灯不亮",
        external_due=at("2026-12-20T12:00"),
    )
    assert not read(matter).is_late
    clock("2026-12-20T12:05")
    assert sweep() == 1
    assert read(matter).is_late
    assert cards(matter)[-1] == ("leader", True)


@pytest.mark.parametrize("missed", ["total", "date", "superior"])
def test_the_chain_ends_with_the_leader_whatever_was_missed(town, new, clock, missed):
    limited(town, **({"total": {"n": 2, **DAYS}} if missed == "total" else {}))
    if missed == "superior":
        matter = new(external_no="县2026-2", external_due=at("2026-11-25T09:00"))
    else:
        matter = new()
    if missed == "date":
        matter = do(matter, town.worker, "escalate", reason="够不着")
        matter = do(
            do(matter, town.village_head, "accept"),
            town.village_head,
            "dispatch",
            to=town.groups[0],
            deadline=at("2026-11-25T09:00"),
        )
    swept_for(clock, 8)
    assert cards(matter) == [("village", True), ("township", True), ("leader", True)]


def test_more_time_moves_the_total_where_the_stage_has_no_limit(town, new):
    limited(town, total={"n": 3, **DAYS})
    matter = do(
        asked(do(new(), town.worker, "accept"), town.worker),
        town.village_head,
        "decide_extension",
        granted=True,
    )
    assert matter.due_at == at("2026-11-27T09:00")
    assert Stage.objects.get(incident=matter, number=1).due_at is None


def test_nobody_asks_for_more_time_of_a_superior_body(town, new):
    limited(town)
    matter = do(new(external_no="县2026-3", external_due=at("2026-11-25T09:00")), town.worker, "accept")
    with pytest.raises(Conflict) as refused:
        asked(matter, town.worker)
    assert refused.value.code == "external_deadline"


def test_more_time_never_takes_time(town, new, clock):
    """Asked until a day that a pause has overtaken meanwhile."""
    limited(town, group={"n": 5, **DAYS})
    matter = asked(do(new(), town.worker, "accept"), town.worker, until=at("2026-12-02T09:00"))
    matter = do(matter, town.worker, "suspend", reason="等雨停")
    clock("2026-12-01T09:00")
    matter = do(matter, town.worker, "resume")
    assert matter.due_at > at("2026-12-02T09:00")
    with pytest.raises(Conflict) as refused:
        do(matter, town.village_head, "decide_extension", granted=True)
    assert refused.value.code == "moves_nothing"
    assert do(matter, town.village_head, "decide_extension", granted=False).due_at == matter.due_at


def test_a_stage_that_ends_after_the_total_keeps_its_time(town, new):
    limited(town, group={"n": 10, **DAYS}, total={"n": 3, **DAYS})
    matter = asked(do(new(), town.worker, "accept"), town.worker, until=at("2026-12-01T09:00"))
    matter = do(matter, town.village_head, "decide_extension", granted=True)
    assert matter.due_at == at("2026-12-01T09:00")
    assert Stage.objects.get(incident=matter, number=1).due_at == at("2026-12-07T09:00")


def test_a_pause_moves_a_date_that_was_granted(town, new, clock):
    limited(town, group={"n": 2, **DAYS})
    matter = asked(do(new(), town.worker, "accept"), town.worker, until=at("2026-12-02T18:00"))
    matter = do(matter, town.village_head, "decide_extension", granted=True)
    matter = do(matter, town.worker, "suspend", reason="等雨停")
    clock((gridgov_clock.now() + timedelta(days=11)).isoformat())
    matter = do(matter, town.worker, "resume")
    assert matter.due_at == at("2026-12-13T18:00")
    with translation.override("zh-hans"):
        said = due.explain(matter).lines
    assert "11月23日 09:00至12月4日 09:00暂停计时。期限顺延至12月13日 18:00。原因：等雨停" in said


def test_the_level_told_does_its_duty_by_supervising(town, new, clock):
    limited(town, group={"n": 2, **DAYS}, card={"n": 1, **DAYS})
    matter = do(new(), town.worker, "accept")
    clock("2026-11-25T09:05")
    assert sweep() == 1
    assert "已通知的一级未处理" in rising.will_go_up([Place(town.code, "township", False)], hours=200)[0].why
    clock("2026-11-25T09:30")
    matter = do(matter, town.village_head, "supervise", level="yellow", note="今天去看")
    assert read(matter).escalate_at == at("2026-11-26T09:30")  # the card's limit anew
    assert matter.supervisions.get().reply_due == at("2026-11-26T09:30")
    assert "已督办" in rising.will_go_up([Place(town.code, "township", False)], hours=200)[0].why
    matter = do(matter, town.village_head, "undo")
    matter = do(
        matter,
        town.village_head,
        "supervise",
        level="yellow",
        note="今天去看",
        reply_due=at("2026-11-30T12:00"),
    )
    assert matter.supervisions.latest("given_at").reply_due == at("2026-11-30T12:00")
    clock("2026-11-26T09:00")
    assert sweep() == 0
    do(
        matter, town.village_head, "supervise", level="yellow", note="再给几天"
    )  # puts nothing off a second time
    assert read(matter).escalate_at == at("2026-11-26T09:30")
    clock("2026-11-26T09:35")
    assert sweep() == 1
    assert cards(matter) == [("village", True), ("township", True)]
