"""Rights come from appointments and end with them; roles are data."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock as gridgov_clock
from gridgov.common.errors import Invalid
from gridgov.common.models import User
from grids.enums import Verb
from grids.models import GridGrant
from grids.querysets import holds
from members.actions import (
    DEFAULT_ROLES,
    appoint,
    appoint_many,
    change_role,
    create_roles,
    end_appointment,
    sync_grants,
)
from members.enums import RoleCode
from members.models import Appointment, Member, Post, Role
from members.tasks import apply_appointments
from tests.factories import fresh, township

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)


@pytest.fixture
def town(clock):
    return township()


def someone(town, username="newcomer", **member) -> Member:
    user = User.objects.create_user(username)
    return Member.objects.create(user=user, name="新人", township_code=town.code, **member)


def vacant(grid, role: str) -> Post:
    """A further post of a role at a grid."""
    found = Role.objects.get(township=grid.township_code, code=role)
    return Post.objects.create(grid=grid, role=found, title=f"{role}助理")


def verbs_at(user: User, grid) -> set[str]:
    """What is granted on the grid itself."""
    return {verb for verb in Verb.values if holds(fresh(user), verb, grid.code, exactly=True)}


@pytest.mark.parametrize(
    ("who", "role"),
    [
        ("worker", RoleCode.WORKER), ("village_head", RoleCode.VILLAGE_HEAD), ("clerk", RoleCode.CLERK),
        ("contact_leader", RoleCode.CONTACT_LEADER), ("leader", RoleCode.LEADER),
        ("assessor", RoleCode.ASSESSOR), ("auditor", RoleCode.AUDITOR),
    ],
)  # fmt: skip
def test_a_post_grants_exactly_what_its_role_says(town, who, role):
    user = getattr(town, who)
    grid = user.member.appointments.get().post.grid
    assert verbs_at(user, grid) == set(DEFAULT_ROLES[role][1])


def test_a_department_officer_and_the_technical_administrator_have_no_place(town):
    assert not GridGrant.objects.filter(user__in=[town.officer, town.admin]).exists()


@pytest.mark.parametrize(
    ("who", "enters"),
    [
        ("village_head", True),
        ("clerk", True),
        ("admin", True),
        ("worker", False),
        ("leader", False),
        ("officer", False),
    ],
)
def test_only_those_who_work_there_enter_the_admin_pages(town, who, enters):
    assert User.objects.get(pk=getattr(town, who).pk).is_staff is enters


@pytest.mark.requirement("R25")
def test_a_person_holds_several_roles_and_heads_several_grids(town):
    member = town.worker.member
    groups = town.groups_of(town.villages[0])
    village = town.villages[1]
    appoint(member=member, post=vacant(groups[1], RoleCode.HEAD))
    appoint(member=member, post=vacant(village, RoleCode.CONTACT_LEADER))
    worker = {Verb.SEE, Verb.REPORT, Verb.HANDLE}
    assert verbs_at(town.worker, groups[0]) == worker
    assert verbs_at(town.worker, groups[1]) == worker
    assert verbs_at(town.worker, village) == {Verb.SEE, Verb.SUPERVISE}


def test_a_right_that_two_posts_grant_ends_with_the_second(town):
    member, group = town.worker.member, town.groups[0]
    first = member.appointments.get()
    second = appoint(member=member, post=vacant(group, RoleCode.HEAD))
    assert GridGrant.objects.filter(user=town.worker, content_object=group).count() == 3
    end_appointment(appointment=first)
    assert verbs_at(town.worker, group) == {Verb.SEE, Verb.REPORT, Verb.HANDLE}
    end_appointment(appointment=second)
    assert verbs_at(town.worker, group) == set()


def test_an_appointment_that_begins_tomorrow_grants_from_tomorrow(town, clock):
    member = someone(town)
    appoint(member=member, post=vacant(town.groups[0], RoleCode.HEAD), since=TODAY + timedelta(days=1))
    apply_appointments()
    assert verbs_at(member.user, town.groups[0]) == set()
    clock("2026-11-24T00:00")
    apply_appointments()
    assert Verb.HANDLE in verbs_at(member.user, town.groups[0])


def test_an_appointment_ends_at_midnight_of_its_last_day(town, clock):
    member = someone(town)
    until = TODAY + timedelta(days=2)
    appoint(member=member, post=vacant(town.groups[0], RoleCode.HEAD), until=until)
    clock("2026-11-24T23:59")
    apply_appointments()
    assert Verb.HANDLE in verbs_at(member.user, town.groups[0])
    clock("2026-11-25T00:00")
    apply_appointments()
    assert verbs_at(member.user, town.groups[0]) == set()


def test_a_deputy_has_the_same_rights(town):
    member = someone(town)
    post = town.worker.member.appointments.get().post
    appoint(member=member, post=post, is_main=False)
    assert verbs_at(member.user, town.groups[0]) == {Verb.SEE, Verb.REPORT, Verb.HANDLE}
    assert Appointment.objects.responsible(grid=town.groups[0].pk).member == town.worker.member


@pytest.mark.parametrize("off", ["login", "member"])
def test_whoever_is_switched_off_keeps_no_rights_and_no_admin_pages(town, off):
    user = town.village_head
    if off == "login":
        User.objects.filter(pk=user.pk).update(is_active=False)
    else:
        Member.objects.filter(user=user).update(is_active=False)
    sync_grants(user_ids=[user.pk])
    assert not GridGrant.objects.filter(user=user).exists()
    assert not User.objects.get(pk=user.pk).is_staff
    assert Appointment.objects.responsible(grid=town.villages[0].pk).member != user.member


def test_a_grant_that_nothing_carries_goes_and_a_lost_one_comes_back(town):
    stray = GridGrant.objects.filter(user=town.clerk).first()
    GridGrant.objects.create(user=town.worker, permission=stray.permission, content_object=town.grid)
    GridGrant.objects.filter(user=town.worker2).delete()
    granted, ended = sync_grants()
    assert (granted, ended) == (3, 1)
    assert sync_grants() == (0, 0)


def test_syncing_one_person_or_one_town_touches_nobody_else(town):
    other = township("320371102", groups_per_village=1, villages=1)
    GridGrant.objects.filter(user__in=[town.worker, town.worker2, other.worker]).delete()
    assert sync_grants(user_ids=[town.worker.pk]) == (3, 0)
    assert sync_grants(township_code=town.code) == (3, 0)
    assert not GridGrant.objects.filter(user=other.worker).exists()


def test_a_member_without_login_holds_a_post_and_no_rights(town):
    member = Member.objects.create(name="无账号", township_code=town.code)
    post = vacant(town.groups[0], RoleCode.HEAD)
    appoint(member=member, post=post)
    assert Appointment.objects.current().filter(post=post).exists()


def test_editing_a_role_reaches_all_who_hold_it(town):
    role = Role.objects.get(township=town.grid, code=RoleCode.WORKER)
    change_role(role=role, permissions=[Verb.REPORT, Verb.SEE, Verb.INSPECT])
    for user, group in ((town.worker, town.groups[0]), (town.worker2, town.groups[2])):
        assert verbs_at(user, group) == {Verb.SEE, Verb.REPORT, Verb.INSPECT}
    assert Role.objects.get(pk=role.pk).permissions == ["see", "report", "inspect"]


def test_editing_a_role_costs_the_same_for_few_and_many(town):
    large = township("320371102", groups_per_village=8, villages=2)
    counts = []
    for code in (town.code, large.code):
        role = Role.objects.get(township=code, code=RoleCode.WORKER)
        with CaptureQueriesContext(connection) as asked:
            change_role(role=role, permissions=[Verb.SEE])
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_role_knows_only_the_neutral_permissions(town):
    role = Role.objects.get(township=town.grid, code=RoleCode.WORKER)
    with pytest.raises(Invalid):
        change_role(role=role, permissions=["see", "superuser"])


def test_roles_are_created_once(town):
    assert create_roles(township=town.grid) == []
    assert Role.objects.filter(township=town.grid).count() == len(RoleCode)


def test_a_post_has_one_main_holder_at_a_time(town):
    post = town.worker.member.appointments.get().post
    with pytest.raises(Invalid):
        appoint(member=someone(town), post=post)
    with pytest.raises(Invalid):
        appoint_many(placements=[(someone(town, "another"), post)])


def test_a_successor_may_be_appointed_from_the_day_the_post_is_free(town):
    held = town.worker.member.appointments.get()
    end_appointment(appointment=held, until=TODAY + timedelta(days=3))
    made = appoint(member=someone(town), post=held.post, since=TODAY + timedelta(days=3))
    assert made.since == held.until
    assert Appointment.objects.responsible(grid=town.groups[0].pk).member == town.worker.member
    with gridgov_clock.at(gridgov_clock.start_of(made.since)):
        assert Appointment.objects.responsible(grid=town.groups[0].pk).member == made.member
