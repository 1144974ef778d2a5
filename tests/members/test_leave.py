"""Who stands in while somebody is on leave: rights, tasks and messages from 00:00 of the first day to the end."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from gridgov.common.errors import Invalid
from gridgov.common.models import AuditEvent, User
from grids.enums import Verb
from grids.querysets import holds
from incidents.models import Incident
from incidents.tasks import follow_appointments
from members.actions import appoint, end_appointment, end_leave, take_leave
from members.enums import RoleCode
from members.models import Appointment, InboxMessage, Leave, Member, Post, Role
from members.querysets import standing_of
from members.tasks import apply_appointments
from tests.factories import client_for, fresh, incident, login, township

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)


def day(number: int) -> date:
    return TODAY + timedelta(days=number)


@pytest.fixture
def town(clock):
    return township()


@pytest.fixture
def colleague(town) -> Member:
    """A person of the township with a login and no post."""
    user = User.objects.create_user("colleague")
    return Member.objects.create(user=user, name="代岗员", township_code=town.code)


def away(town, who, deputy=None, since=0, until=3, **more) -> Leave:
    return take_leave(
        member=getattr(town, who).member, deputy=deputy, since=day(since), until=day(until), **more
    )


def answers(grid) -> Member | None:
    held = Appointment.objects.responsible(grid=grid.code)
    return held.member if held else None


def midnight(clock, number: int) -> None:
    """00:00 of the day, with the work that is due then."""
    clock(f"{day(number)}T00:00")
    apply_appointments()
    follow_appointments()


def test_deputy_holds_the_post_from_midnight_to_midnight(town, colleague, clock):
    group = town.groups[0]
    matter = incident(town)
    away(town, "worker", colleague, since=1, until=3)
    clock("2026-11-23T23:59")
    apply_appointments()
    assert answers(group) == town.worker.member
    assert not holds(fresh(colleague.user), Verb.HANDLE, group.code)

    midnight(clock, 1)
    assert answers(group) == colleague
    assert holds(fresh(colleague.user), Verb.HANDLE, group.code, exactly=True)
    assert standing_of(fresh(colleague.user)).units == (group.code,)
    matter.refresh_from_db()
    assert matter.responsible_member == colleague
    assert InboxMessage.objects.filter(member=colleague, key__startswith="reassigned:").count() == 1

    midnight(clock, 3)
    assert answers(group) == town.worker.member
    assert not holds(fresh(colleague.user), Verb.HANDLE, group.code)
    assert standing_of(fresh(colleague.user)).units == ()
    matter.refresh_from_db()
    assert matter.responsible_member == town.worker.member


def test_leave_entered_for_today_takes_effect_at_once(town, colleague):
    matter = incident(town)
    away(town, "worker", colleague)
    matter.refresh_from_db()
    assert matter.responsible_member == colleague
    assert incident(town, user=town.village_head).responsible_member == colleague
    assert InboxMessage.objects.filter(member=colleague, key=f"leave:{Leave.objects.get().pk}").exists()


def test_running_the_nightly_work_twice_changes_nothing_more(town, colleague, clock):
    matter = incident(town)
    away(town, "worker", colleague, since=1)
    midnight(clock, 1)
    version = Incident.objects.get(pk=matter.pk).version
    midnight(clock, 1)
    assert Incident.objects.get(pk=matter.pk).version == version
    assert apply_appointments() == (0, 0)


def test_without_a_named_deputy_the_posts_own_deputy_answers_else_the_level_above(town, colleague):
    group = town.groups[0]
    away(town, "worker")
    assert answers(group) == answers(town.villages[0])
    post = town.worker.member.appointments.get().post
    appoint(member=colleague, post=post, is_main=False)
    assert answers(group) == colleague


def test_whoever_is_named_comes_before_other_deputies(town, colleague):
    post = town.worker.member.appointments.get().post
    appoint(member=town.worker2.member, post=post, is_main=False, since=day(-30))
    away(town, "worker", colleague)
    assert answers(town.groups[0]) == colleague


def test_the_list_of_many_units_agrees_with_the_answer_for_one(town, colleague):
    away(town, "worker", colleague)
    away(town, "worker2")
    away(town, "village_head2")
    codes = [grid.code for grid in (*town.groups, *town.villages, town.grid)]
    found = Appointment.objects.responsible_for_all(codes)
    assert {code: found[code].pk for code in codes} == {
        code: Appointment.objects.responsible(grid=code).pk for code in codes
    }


def test_department_goes_to_the_deputy_of_its_duty_officer(town, colleague):
    away(town, "officer", colleague)
    held = Appointment.objects.responsible(grid=town.code, department=town.department.pk)
    assert held.member == colleague
    assert standing_of(fresh(colleague.user)).departments == (town.department.pk,)


def test_absent_one_keeps_answering_where_nobody_else_is_left(town):
    for held in Appointment.objects.filter(post__grid=town.grid, post__is_responsible=True):
        if held.member != town.clerk.member:
            end_appointment(appointment=held)
    Leave.objects.create(
        member=town.clerk.member, since=day(0), until=day(2), township_code=town.code
    )  # as an older row may say
    assert answers(town.grid) == town.clerk.member


def test_duty_post_of_the_township_is_not_left_empty(town, colleague):
    Appointment.objects.filter(post__grid=town.grid, post__is_responsible=True).exclude(
        member=town.clerk.member
    ).delete()
    with pytest.raises(Invalid) as refused:
        away(town, "clerk")
    assert "deputy" in refused.value.errors
    away(town, "clerk", colleague)
    assert answers(town.grid) == colleague


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"until": 0}, "until"),
        ({"since": -5, "until": 0}, "until"),
        ({"deputy": "self"}, "deputy"),
        ({"deputy": "no login"}, "deputy"),
        ({"deputy": "other township"}, "deputy"),
        ({"deputy": "on leave"}, "deputy"),
        ({"since": 2, "until": 4, "twice": True}, "since"),
    ],
)
def test_impossible_leave_is_refused_by_field(town, colleague, change, field):
    given = dict(change)
    who = given.get("deputy")
    if who == "self":
        given["deputy"] = town.worker.member
    elif who == "no login":
        given["deputy"] = Member.objects.create(name="无账号", township_code=town.code)
    elif who == "other township":
        given["deputy"] = township("320371102", 1, 1, name="邻镇").worker.member
    elif who == "on leave":
        given["deputy"] = town.worker2.member
        away(town, "worker2", since=1, until=2)
    if given.pop("twice", False):
        away(town, "worker", since=0, until=3)
    before = Leave.objects.count(), Appointment.objects.count()
    with pytest.raises(Invalid) as refused:
        away(town, "worker", **given)
    assert set(refused.value.errors) == {field}
    assert (Leave.objects.count(), Appointment.objects.count()) == before


def test_coming_back_early_ends_the_deputys_rights_at_once(town, colleague):
    matter = incident(town)
    leave = away(town, "worker", colleague)
    end_leave(leave=leave)
    matter.refresh_from_db()
    assert matter.responsible_member == town.worker.member
    assert not holds(fresh(colleague.user), Verb.HANDLE, town.groups[0].code)


def test_leave_called_off_before_it_began_never_counts(town, colleague, clock):
    leave = away(town, "worker", colleague, since=2, until=4)
    end_leave(leave=leave)
    midnight(clock, 2)
    assert answers(town.groups[0]) == town.worker.member
    assert away(town, "worker", colleague, since=2, until=4).pk != leave.pk


def test_leave_is_not_made_longer(town, colleague):
    leave = away(town, "worker", colleague)
    with pytest.raises(Invalid):
        end_leave(leave=leave, until=day(9))


def test_post_given_during_the_leave_comes_with_the_deputy(town, colleague):
    away(town, "worker", colleague)
    role = Role.objects.get(township=town.grid, code=RoleCode.HEAD)
    post = Post.objects.create(grid=town.groups[1], role=role, title="组长助理")
    appoint(member=town.worker.member, post=post)
    assert town.groups[1].code in standing_of(fresh(colleague.user)).units
    assert holds(fresh(colleague.user), Verb.HANDLE, town.groups[1].code)


def test_post_that_ends_during_the_leave_ends_for_the_deputy_too(town, colleague):
    away(town, "worker", colleague)
    end_appointment(appointment=town.worker.member.appointments.get())
    assert not holds(fresh(colleague.user), Verb.HANDLE, town.groups[0].code)


def test_standing_says_in_whose_place(town, colleague):
    away(town, "worker", colleague)
    standing = standing_of(fresh(colleague.user))
    assert standing.stands_in_at(town.groups[0].code, None) == town.worker.member.pk
    assert standing.stands_in_at(town.groups[1].code, None) is None
    assert standing_of(fresh(town.worker)).stands_in_at(town.groups[0].code, None) is None


def test_me_says_in_whose_place(town, colleague):
    away(town, "worker", colleague)
    held = client_for(colleague.user).get("/api/v1/me/").json()["appointments"]
    assert [one["stands_in_for"]["name"] for one in held] == [town.worker.member.name]
    assert client_for(town.worker).get("/api/v1/me/").json()["appointments"][0]["stands_in_for"] is None


# --- pages ---------------------------------------------------------------------------------------------------------


def form(deputy=None, since=0, until=3, **more):
    return {
        "kind": "leave", "since": str(day(since)), "until": str(day(until)),
        "deputy": deputy.pk if deputy else "", "reason": "", **more,
    }  # fmt: skip


def test_own_leave_is_entered_and_ended_on_ones_page(client: Client, town):
    login(client, town.worker)
    page = client.get(reverse("members:leave"))
    assert page.status_code == 200
    head = town.group_head.member
    assert head in page.context["form"].fields["deputy"].queryset
    assert client.post(reverse("members:leave"), form(head)).status_code == 302
    leave = Leave.objects.get()
    assert (leave.member, leave.deputy, leave.entered_by) == (town.worker.member, head, town.worker.member)
    assert AuditEvent.objects.filter(user=town.worker, kind="people").count() == 1
    assert client.post(reverse("members:leave-end", args=[leave.pk])).status_code == 302
    leave.refresh_from_db()
    assert leave.until == TODAY


def test_own_leave_offers_no_strangers_and_keeps_what_was_typed(client: Client, town):
    login(client, town.worker)
    refused = client.post(reverse("members:leave"), form(town.worker2.member, reason="探亲"))
    assert refused.status_code == 400
    assert "探亲" in refused.content.decode()
    assert not Leave.objects.exists()


def test_nobody_ends_the_leave_of_somebody_else_on_the_own_page(client: Client, town, colleague):
    leave = away(town, "worker", colleague)
    login(client, town.village_head)
    assert client.post(reverse("members:leave-end", args=[leave.pk])).status_code == 404


def test_village_head_enters_leave_of_the_own_people_only(client: Client, town):
    login(client, town.village_head)
    add = reverse("admin:members_leave_add")
    assert client.get(add).status_code == 200
    mine = {**form(town.group_head.member), "member": town.worker.member.pk}
    assert client.post(add, mine).status_code == 302
    assert Leave.objects.get().entered_by == town.village_head.member
    for stranger in (town.worker2, town.clerk):
        assert client.post(add, {**mine, "member": stranger.member.pk}).status_code == 200
    assert Leave.objects.count() == 1


def test_manager_ends_a_leave_early_and_changes_nothing_else(client: Client, town, colleague):
    leave = away(town, "worker", colleague)
    login(client, town.clerk)
    change = reverse("admin:members_leave_change", args=[leave.pk])
    answer = client.post(change, {"until": str(day(1)), "deputy": town.worker2.member.pk})
    assert answer.status_code == 302
    leave.refresh_from_db()
    assert (leave.until, leave.deputy) == (day(1), colleague)
    too_long = client.post(change, {"until": str(day(9))})
    assert too_long.status_code == 200
    leave.refresh_from_db()
    assert leave.until == day(1)
