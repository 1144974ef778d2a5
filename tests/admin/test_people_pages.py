"""The admin pages of people and settings: what a village head, a clerk and the technical administrator may do."""

import pytest
from django.test import Client
from django.urls import reverse

from gridgov.common.models import AuditEvent, User
from grids.enums import Verb
from grids.models import CalendarDay
from grids.querysets import holds
from incidents.actions import NewProcedure, publish_procedures
from incidents.models import Procedure
from members.models import Appointment, Department, Member, Post, Role
from tests.factories import fresh, login

pytestmark = pytest.mark.django_db


def page(name, *args):
    return reverse(f"admin:{name}", args=args)


def vacant_post(town, group):
    return Post.objects.filter(grid=group, role__code="volunteer").latest("pk")


def new_member(grid, name="新人", **extra):
    return Member.objects.create(name=name, township_code=grid.township_code, residence=grid, **extra)


def appointment_form(member, post, **extra):
    return {
        "member": member.pk,
        "post": post.pk,
        "is_main": "on",
        "since": "2026-01-01",
        "until": "",
        **extra,
    }


@pytest.mark.parametrize("person", ["worker", "officer", "assessor", "leader", "contact_leader", "auditor"])
def test_who_is_not_staff_finds_no_admin_pages(client, town, person):
    login(client, getattr(town, person))
    assert client.get(page("index")).status_code == 404
    assert client.get(page("login")).status_code == 404


def test_anonymous_is_led_to_the_one_login_page(client, town):
    answer = client.get(page("grids_grid_changelist"))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=%2Fadmin%2F")


def test_end_of_the_appointment_closes_the_admin_pages(client, town):
    login(client, town.village_head)
    assert client.get(page("index")).status_code == 200
    from members.actions import end_appointment

    for held in Appointment.objects.filter(member=town.village_head.member):
        end_appointment(appointment=held)
    assert client.get(page("index")).status_code == 404


def test_superuser_flag_counts_for_nothing(client, town):
    User.objects.filter(pk=town.worker.pk).update(is_superuser=True)
    login(client, town.worker)
    assert client.get(page("index")).status_code == 404
    User.objects.filter(pk=town.worker.pk).update(is_staff=True)
    for name in ("grids_grid", "members_member", "members_role", "common_user", "incidents_category"):
        assert client.get(page(f"{name}_changelist")).status_code == 404, name


def test_technical_administrator_sees_no_people_of_a_village(client, town):
    User.objects.filter(pk=town.admin.pk).update(is_superuser=True)
    login(client, town.admin)
    for name in ("grids_grid", "members_member", "members_post", "members_appointment", "members_department"):
        assert client.get(page(f"{name}_changelist")).status_code == 404, name


def test_village_head_sees_only_the_own_village(client, town, other):
    login(client, town.village_head)
    grids = client.get(page("grids_grid_changelist")).context["cl"].result_list
    assert {grid.village_code for grid in grids} == {town.villages[0].code}
    for stranger in (town.villages[1], town.grid, other.groups[0]):
        assert client.get(page("grids_grid_change", stranger.code)).status_code == 404
    people = client.get(page("members_member_changelist")).context["cl"].result_list
    assert town.worker.member in people
    assert town.worker2.member not in people
    assert client.get(page("members_member_change", town.worker2.member.pk)).status_code == 404


def test_village_head_renames_a_grid_and_nothing_else_of_it(client, town):
    login(client, town.village_head)
    group = town.groups[0]
    answer = client.post(
        page("grids_grid_change", group.code),
        {"name": "东组", "use": "school", "code": "1", "kind": "township"},
    )
    assert answer.status_code == 302
    group.refresh_from_db()
    assert (group.name, group.use, group.kind) == ("东组", "school", "group")
    assert AuditEvent.objects.filter(user=town.village_head, kind="settings").count() == 1


def test_village_head_fills_a_group_post(client, town):
    login(client, town.village_head)
    member, post = new_member(town.groups[0]), vacant_post(town, town.groups[0])
    answer = client.post(page("members_appointment_add"), appointment_form(member, post))
    assert answer.status_code == 302
    assert Appointment.objects.filter(member=member, post=post).count() == 1


@pytest.mark.parametrize("grid", ["own village", "other village", "township"])
def test_village_head_appoints_nobody_upwards_or_beside(client, town, grid):
    post = {
        "own village": Post.objects.filter(grid=town.villages[0], role__code="village_head").last(),
        "other village": vacant_post(town, town.groups_of(town.villages[1])[0]),
        "township": Post.objects.filter(grid=town.grid, role__code="clerk").last(),
    }[grid]
    Appointment.objects.filter(post=post).delete()
    login(client, town.village_head)
    before = Appointment.objects.count()
    answer = client.post(page("members_appointment_add"), appointment_form(new_member(town.groups[0]), post))
    assert answer.status_code == 200
    assert "post" in answer.context["adminform"].form.errors
    assert Appointment.objects.count() == before


def test_member_of_another_village_is_not_appointed(client, town):
    login(client, town.village_head)
    post, before = vacant_post(town, town.groups[0]), Appointment.objects.count()
    answer = client.post(page("members_appointment_add"), appointment_form(town.worker2.member, post))
    assert "member" in answer.context["adminform"].form.errors
    assert Appointment.objects.count() == before


def test_a_refused_appointment_keeps_what_was_typed(client, town):
    login(client, town.village_head)
    taken = Post.objects.get(grid=town.groups[0], role__code="worker")
    member, before = new_member(town.groups[0]), Appointment.objects.count()
    answer = client.post(page("members_appointment_add"), appointment_form(member, taken))
    form = answer.context["adminform"].form
    assert answer.status_code == 200
    assert form.errors
    assert form["member"].value() == str(member.pk)
    assert Appointment.objects.count() == before


def test_ending_an_appointment_ends_its_rights(client, town):
    login(client, town.village_head)
    held = Appointment.objects.get(member=town.worker.member)
    answer = client.post(
        page("members_appointment_change", held.pk),
        {"until": "2026-01-05", "reason": "调离", "post": vacant_post(town, town.groups[1]).pk},
    )
    assert answer.status_code == 302
    held.refresh_from_db()
    assert (str(held.until), held.reason, held.post.grid_id) == ("2026-01-05", "调离", town.groups[0].code)
    assert not holds(fresh(town.worker), Verb.HANDLE, town.groups[0].code)


def test_village_head_does_not_end_the_posts_of_the_own_village(client, town):
    login(client, town.village_head)
    held = Appointment.objects.get(member=town.village_head.member, post__is_responsible=True)
    assert (
        client.post(page("members_appointment_change", held.pk), {"until": "2026-01-05"}).status_code == 403
    )
    assert client.get(page("members_appointment_change", held.pk)).status_code == 200


def test_village_head_does_not_edit_people_above(client, town):
    login(client, town.village_head)
    leader = town.contact_leader.member
    answer = client.post(page("members_member_change", leader.pk), {"name": "改名", "is_active": ""})
    assert answer.status_code == 403
    leader.refresh_from_db()
    assert leader.is_active


def test_village_head_adds_a_person_with_a_free_login(client, town):
    login(client, town.village_head)
    User.objects.create_user("free-one")
    form = {
        "name": "新人",
        "phone": "",
        "residence": town.groups[0].code,
        "is_active": "on",
        "login": "free-one",
    }
    assert client.post(page("members_member_add"), form).status_code == 302
    made = Member.objects.get(name="新人")
    assert made.user.username == "free-one"
    assert made.township_code == town.code


@pytest.mark.parametrize("name", ["admin", "worker2", "nobody"])
def test_only_a_free_login_is_linked(client, town, name):
    login(client, town.village_head)
    taken = {"admin": town.admin.username, "worker2": town.worker2.username}.get(name, name)
    form = {"name": "新人", "residence": town.groups[0].code, "is_active": "on", "login": taken}
    answer = client.post(page("members_member_add"), form)
    assert "login" in answer.context["adminform"].form.errors
    assert not Member.objects.filter(name="新人").exists()


def test_foreign_residence_is_refused(client, town):
    login(client, town.village_head)
    form = {"name": "新人", "residence": town.groups_of(town.villages[1])[0].code, "is_active": "on"}
    answer = client.post(page("members_member_add"), form)
    assert "residence" in answer.context["adminform"].form.errors
    assert not Member.objects.filter(name="新人").exists()


def test_village_head_gives_no_role_with_rights_above_the_own(client, town):
    login(client, town.village_head)
    offered = {
        role.code
        for role in client.get(page("members_post_add")).context["adminform"].form.fields["role"].queryset
    }
    assert offered == {"worker", "head", "volunteer", "village_head", "officer"}
    auditor = Role.objects.get(township=town.grid, code="auditor")
    before = Post.objects.count()
    answer = client.post(
        page("members_post_add"), {"grid": town.groups[0].code, "title": "审计", "role": auditor.pk}
    )
    assert answer.status_code == 200
    assert Post.objects.count() == before


def bound(town, *titles):
    """The procedure of requests with its first step, the grid member's, for these posts only."""
    row = Procedure.objects.get(township=town.grid, code="people_response", is_current=True)
    first, *others = row.data["steps"]
    data = {**row.data, "steps": [{**first, "posts": list(titles)}, *others]}
    publish_procedures(township=town.grid, procedures=[NewProcedure(row.code, row.name, data)])
    return row.name


def test_a_post_that_a_step_knows_by_its_title_is_not_renamed_before_the_step_knows_the_new_one(client, town):
    login(client, town.clerk)
    name = bound(town, "网格员")
    post = Post.objects.get(grid=town.groups[0], title="网格员")
    head = Post.objects.get(grid=town.groups[0], title="网格信息员")
    assert client.post(page("members_post_change", head.pk), {"title": "网格信息员甲"}).status_code == 302
    refused = client.post(page("members_post_change", post.pk), {"title": "专职网格员"})
    (said,) = refused.context["adminform"].form.errors["title"]
    assert name in said
    assert client.post(page("members_post_change", post.pk), {"title": "网格员"}).status_code == 302
    bound(town, "网格员", "专职网格员")
    assert client.post(page("members_post_change", post.pk), {"title": "专职网格员"}).status_code == 302
    post.refresh_from_db()
    assert post.title == "专职网格员"


def test_a_post_of_the_same_title_at_a_level_without_such_a_step_is_renamed(client, town):
    login(client, town.clerk)
    bound(town, "网格员")
    post = Post.objects.filter(grid=town.villages[0]).exclude(is_responsible=True).first()
    Post.objects.filter(pk=post.pk).update(title="网格员")
    assert client.post(page("members_post_change", post.pk), {"title": "村网格员"}).status_code == 302


def test_clerk_appoints_a_clerk_and_no_auditor(client, town):
    login(client, town.clerk)
    member = new_member(town.groups[0])
    auditor = Post.objects.get(grid=town.grid, role__code="auditor")
    Appointment.objects.filter(post=auditor).delete()
    answer = client.post(page("members_appointment_add"), appointment_form(member, auditor))
    assert "post" in answer.context["adminform"].form.errors
    clerk = Post.objects.filter(grid=town.grid, role__code="clerk", is_responsible=False).first()
    Appointment.objects.filter(post=clerk).delete()
    assert client.post(page("members_appointment_add"), appointment_form(member, clerk)).status_code == 302


def test_clerk_adds_a_department_with_its_duty_post(client, town):
    login(client, town.clerk)
    form = {"township": town.code, "name": "水利站", "phone": "000"}
    assert client.post(page("members_department_add"), form).status_code == 302
    made = Department.objects.get(name="水利站")
    assert (made.phone, made.from_plan, made.posts.count()) == ("000", False, 1)


def test_clerk_adds_no_department_to_another_township(client, town, other):
    login(client, town.clerk)
    answer = client.post(page("members_department_add"), {"township": other.code, "name": "水利站"})
    assert "township" in answer.context["adminform"].form.errors
    assert not Department.objects.filter(name="水利站").exists()


def test_calendar_day_is_added_with_a_new_version(client, town):
    login(client, town.clerk)
    version = town.grid.calendar.version
    form = {"calendar": town.code, "day": "2026-12-31", "name": "集市", "source": ""}
    assert client.post(page("grids_calendarday_add"), form).status_code == 302
    day = CalendarDay.objects.get(calendar=town.code, day="2026-12-31")
    assert day.working is False
    town.grid.calendar.refresh_from_db()
    assert town.grid.calendar.version == version + 1


def test_changed_role_reaches_its_holders(client, town):
    login(client, town.admin)
    role = Role.objects.get(township=town.grid, code="worker")
    assert holds(fresh(town.worker), Verb.HANDLE, town.groups[0].code)
    answer = client.post(page("members_role_change", role.pk), {"permissions": ["see", "report"]})
    assert answer.status_code == 302
    assert not holds(fresh(town.worker), Verb.HANDLE, town.groups[0].code)
    trail = AuditEvent.objects.get(kind="settings", user=town.admin)
    assert (trail.detail["before"], trail.detail["after"]) == (["see", "report", "handle"], ["see", "report"])


def test_technical_administrator_makes_and_ends_logins(client, town):
    login(client, town.admin)
    words = {"password1": "Zu-Lang-77", "password2": "Zu-Lang-77", "usable_password": "true"}
    made = client.post(page("common_user_add"), {"username": "new-one", **words})
    user = User.objects.get(username="new-one")
    assert made.status_code == 302
    assert (user.is_staff, user.is_superuser) == (False, False)
    answer = client.post(
        page("common_user_change", user.pk), {"username": "new-one", "is_superuser": "on", "is_staff": ""}
    )
    assert answer.status_code == 302
    user.refresh_from_db()
    assert (user.is_active, user.is_superuser) == (False, False)


def test_staff_flag_of_a_member_follows_from_posts(client, town):
    login(client, town.admin)
    user = town.worker
    client.post(
        page("common_user_change", user.pk), {"username": user.username, "is_active": "on", "is_staff": "on"}
    )
    user.refresh_from_db()
    assert not user.is_staff


def test_new_password_ends_tokens(client, town):
    from knox.models import AuthToken

    login(client, town.admin)
    AuthToken.objects.create(user=town.worker)
    words = {"password1": "Zu-Lang-77", "password2": "Zu-Lang-77", "usable_password": "true"}
    answer = client.post(page("auth_user_password_change", town.worker.pk), words)
    assert answer.status_code == 302
    assert not AuthToken.objects.filter(user=town.worker).exists()


@pytest.mark.parametrize(
    "query",
    [
        "member__user__password__startswith=p",
        "residence__parent__code=1",
        "user__is_superuser=1",
        "phone__startswith=0",
    ],
)
def test_filters_answer_no_questions_about_hidden_fields(client, town, query):
    login(client, town.village_head)
    assert client.get(page("members_member_changelist") + f"?{query}").status_code == 400


def test_choices_that_complete_themselves_stay_in_scope(client, town):
    login(client, town.village_head)
    asked = {"app_label": "members", "model_name": "appointment"}
    answer = client.get(page("autocomplete"), {**asked, "field_name": "member", "term": ""}).json()
    offered = {row["id"] for row in answer["results"]}
    assert str(town.worker.member.pk) in offered
    assert str(town.worker2.member.pk) not in offered
    posts = client.get(page("autocomplete"), {**asked, "field_name": "post", "term": ""}).json()
    grids = set(
        Post.objects.filter(pk__in=[row["id"] for row in posts["results"]]).values_list("grid", flat=True)
    )
    assert grids == {group.code for group in town.groups_of(town.villages[0])}


def test_appointments_in_force_are_told_from_ended_ones(client, town):
    from members.actions import end_appointment

    held = Appointment.objects.get(member=town.worker.member)
    end_appointment(appointment=held)
    login(client, town.village_head)
    lists = {
        asked: client.get(page("members_appointment_changelist"), {"in_force": asked})
        .context["cl"]
        .result_list
        for asked in ("yes", "no")
    }
    assert held in lists["no"]
    assert held not in lists["yes"]


LISTS = {
    "village_head": ["grids_grid", "members_member", "members_post", "members_appointment"],
    "clerk": ["members_department", "grids_calendarday"],
    "admin": ["common_user", "members_role"],
}


@pytest.mark.parametrize(
    ("person", "name"), [(person, name) for person, names in LISTS.items() for name in names]
)
def test_lists_cost_the_same_for_more_rows(town, person, name, monkeypatch):
    from django.contrib import admin
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = login(Client(), getattr(town, person))
    client.get(page(f"{name}_changelist"))
    costs = []
    for size in (1, 3):
        model_admin = next(
            it
            for model, it in admin.site._registry.items()
            if model._meta.label_lower == name.replace("_", ".")
        )
        monkeypatch.setattr(model_admin, "list_per_page", size)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(page(f"{name}_changelist")).status_code == 200
        costs.append(len(asked))
    assert costs[0] == costs[1]
