"""Move, split, merge, a late official code: the old grid ends, posts and open work go on at its successor."""

from datetime import date

import pytest

from gridgov.common.errors import Conflict, Invalid
from grids.actions import NewGrid, add_grids, succeed
from grids.enums import Kind
from grids.models import Grid, Succession
from grids.querysets import holds
from incidents.models import Incident, Transition
from members.models import Appointment, Member
from tests.factories import fresh, incident, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(clock):
    return township()


def new_group(town, number=9) -> Grid:
    code = f"{town.villages[0].code}{number:03d}"
    add_grids(grids=[NewGrid(code, "新组")], township_code=town.code)
    return Grid.objects.get(pk=code)


@pytest.mark.requirement("R17")
def test_the_old_grid_ends_with_date_and_reason(town):
    old, new = town.groups[0], new_group(town)
    succeed(old=old, new=new, on=date(2026, 11, 23), reason="两组合并")
    assert Grid.objects.get(pk=old.pk).ended_on == date(2026, 11, 23)
    row = Succession.objects.get()
    assert (row.old, row.new, row.on, row.reason) == (old, new, date(2026, 11, 23), "两组合并")


@pytest.mark.requirement("R17")
def test_people_keep_their_posts_and_the_old_appointment_keeps_its_dates(town):
    old, new = town.groups[0], new_group(town)
    succeed(old=old, new=new, reason="改为正式代码")
    mine = Appointment.objects.filter(member=town.worker.member).order_by("since")
    assert [(a.post.grid_id, a.post.title, a.until) for a in mine] == [
        (old.pk, "网格员", date(2026, 11, 23)),
        (new.pk, "网格员", None),
    ]
    assert mine[1].is_main and Appointment.objects.responsible(grid=new.pk).member == town.worker.member
    assert Member.objects.get(pk=town.worker.member.pk).residence_id == new.pk


@pytest.mark.requirement("R17")
def test_open_work_moves_along_and_its_history_does_not(town):
    old, new = town.groups[0], new_group(town)
    matter = incident(town, "in_progress")
    closed = incident(town, "closed")
    succeed(old=old, new=new, reason="合并")
    moved = Incident.objects.get(pk=matter.pk)
    assert (moved.grid_id, moved.responsible_grid_id) == (new.pk, new.pk)
    assert moved.responsible_member == town.worker.member
    assert Incident.objects.get(pk=closed.pk).grid_id == old.pk


def test_work_goes_straight_to_the_successor_and_not_by_the_village(town):
    matter = incident(town, "in_progress")
    succeed(old=town.groups[0], new=new_group(town), reason="合并")
    hands = set(Transition.objects.filter(incident=matter).values_list("responsible", flat=True))
    assert town.village_head.member.pk not in hands


def test_the_successor_may_read_the_old_grid_and_not_write_there(town):
    succeed(old=town.groups[0], new=new_group(town), reason="合并")
    worker = fresh(town.worker)
    assert holds(worker, "see", town.groups[0].pk)
    assert not holds(worker, "handle", town.groups[0].pk)


def test_whoever_comes_second_into_a_post_is_deputy(town):
    first, second = town.groups[:2]
    succeed(old=first, new=second, reason="合并")
    there = Appointment.objects.current().filter(post__grid=second, post__title="网格员").order_by("-is_main")
    assert [a.is_main for a in there] == [True, False]
    assert there[1].member == town.worker.member
    assert holds(fresh(town.worker), "handle", second.pk)


def test_sight_of_predecessors_goes_over_several_steps(town):
    first, second, third = town.groups[0], new_group(town, 8), new_group(town, 9)
    succeed(old=first, new=second, reason="一")
    succeed(old=second, new=third, reason="二")
    assert holds(fresh(town.worker), "see", first.pk)


def test_a_village_is_not_succeeded_while_groups_hang_on_it(town):
    add_grids(grids=[NewGrid(f"{town.code}301", "新村")], township_code=town.code)
    with pytest.raises(Conflict):
        succeed(old=town.villages[0], new=Grid.objects.get(pk=f"{town.code}301"), reason="合并")
    assert Grid.objects.get(pk=town.villages[0].pk).ended_on is None


def test_what_cannot_be_a_succession_is_refused(town):
    other = township("320371102", groups_per_village=1, villages=1)
    old, new = town.groups[:2]
    for refused in (
        {"old": old, "new": other.groups[0], "reason": "跨镇"},
        {"old": town.grid, "new": old, "reason": "镇"},
        {"old": old, "new": new, "reason": " "},
    ):
        with pytest.raises(Invalid):
            succeed(**refused)
    succeed(old=old, new=new, reason="合并")
    with pytest.raises(Conflict):
        succeed(old=new, new=Grid.objects.get(pk=old.pk), reason="回到已撤的")
    assert Grid.objects.filter(kind=Kind.GROUP).exclude(ended_on=None).count() == 1
