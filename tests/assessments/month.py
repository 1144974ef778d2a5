"""Rows of history as they would stand after a month, put straight into the tables so that every time can be chosen."""

from datetime import datetime
from typing import Any

from gridgov.common.clock import SHANGHAI
from grids.models import Grid
from incidents.actions import report
from incidents.enums import Status
from incidents.models import FeedbackRequest, Incident, Stage, Transition
from tests.factories import Town, fresh


def when(text: str) -> datetime:
    """ "10-05 09:00" of 2026 in Asia/Shanghai."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI)


def matter(town: Town, group: Grid) -> Incident:
    """A matter whose only stage has no deadline, so that it counts for nothing."""
    made = report(
        user=fresh(town.clerk), grid=group, category=town.categories["request"], description="路灯不亮"
    ).incident
    Stage.objects.filter(incident=made).update(due_at=None)
    return made


def stage(town: Town, group: Grid, *, due: str | None, ended: str | None, **more: Any) -> Incident:
    made = matter(town, group)
    values = {"due_at": due and when(due), "ended_at": ended and when(ended), **more}
    Stage.objects.filter(incident=made).update(started_at=when("09-01 09:00"), **values)
    return made


def step(town: Town, group: Grid, action: str, at: str, *, to_status: str = Status.IN_PROGRESS) -> Incident:
    """A row of history at the unit `group`: `submit_result` leaves it, the others come back to it."""
    made = matter(town, group)
    submitted = action == "submit_result"
    Transition.objects.create(
        incident=made,
        seq=2,
        action=action,
        from_status=Status.IN_PROGRESS if submitted else Status.RESOLVED,
        to_status=Status.RESOLVED if submitted else to_status,
        from_grid=group if submitted else group.parent,
        to_grid=group.parent if submitted else group,
        happened_at=when(at),
        entered_at=when(at),
        township_code=town.code,
    )
    return made


def answer(town: Town, group: Grid, grade: int, at: str) -> FeedbackRequest:
    return FeedbackRequest.objects.create(
        incident=matter(town, group),
        answered_at=when(at),
        grade=grade,
        solved=grade < 4,
        township_code=town.code,
        village_code=group.village_code,
    )


def october(town: Town) -> None:
    """Village 1: 3 of 5 on time, 1 of 10 sent back, grades 1 2 3 5. Village 2: 2 of 2, 0 of 3, grades 4 4 1."""
    one, two = town.groups_of(town.villages[0])[0], town.groups_of(town.villages[1])[0]
    stage(town, one, due="10-08 09:00", ended="10-07 09:00")
    stage(town, one, due="10-08 09:00", ended="10-08 09:00")  # equal to the deadline is not late
    stage(town, one, due="11-08 09:00", ended="10-20 09:00")
    stage(town, one, due="10-08 09:00", ended="10-09 09:00")
    stage(town, one, due="10-30 09:00", ended=None)
    stage(town, two, due="10-08 09:00", ended="10-07 09:00")
    stage(town, two, due="10-09 09:00", ended="10-07 09:00")
    for day in range(10, 20):
        step(town, one, "submit_result", f"10-{day} 09:00")
    for day in range(10, 13):
        step(town, two, "submit_result", f"10-{day} 09:00")
    step(town, one, "send_back", "10-21 09:00")
    for grade in (1, 2, 3, 5):
        answer(town, one, grade, "10-22 09:00")
    for grade in (4, 4, 1):
        answer(town, two, grade, "10-22 09:00")
