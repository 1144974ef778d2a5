"""Matters in the admin pages: scoped, never edited, acted on through the same actions as everywhere."""

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gridgov.common.models import AuditEvent, User
from gridgov.plans.actions import load_plan
from incidents.models import Category, Incident, Procedure, Transition
from members.actions import change_role
from members.models import Role
from tests.admin import browser
from tests.factories import login
from tests.factories.incidents import incident

pytestmark = pytest.mark.django_db
LIST = "admin:incidents_incident_changelist"


def change(matter):
    return reverse("admin:incidents_incident_change", args=[matter.pk])


def act(matter, action):
    return reverse("admin:incidents_incident_act", args=[matter.pk, action])


def typed(page, action):
    """The hidden fields of an action's form on a page."""
    form = next(offer.form for offer in page.context["offers"] if offer.name == action)
    return {name: form[name].value() for name in ("client_uuid", "version")}


def test_village_head_lists_the_own_village(client, town, other):
    mine = incident(town, grid=town.groups[0])
    beside = incident(town, user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    foreign = incident(other)
    login(client, town.village_head)
    page = client.get(reverse(LIST))
    assert list(page.context["cl"].result_list) == [mine]
    for hidden in (beside, foreign):
        assert client.get(change(hidden)).status_code == 404
        assert hidden.number == mine.number or hidden.number not in page.text
    assert client.get(reverse(LIST), {"q": beside.number}).context["cl"].result_count == 0
    assert client.get(reverse(LIST), {"q": mine.number}).context["cl"].result_count == 1


def test_change_page_offers_no_field_to_edit(client, town):
    matter = incident(town)
    login(client, town.village_head)
    page = client.get(change(matter))
    assert page.status_code == 200
    assert not page.context["adminform"].form.fields
    assert {row.action for row in Transition.objects.filter(incident=matter)} == {"report"}
    answer = client.post(change(matter), {"status": "closed", "description": "…"})
    assert answer.status_code == 403
    matter.refresh_from_db()
    assert (matter.status, matter.version) == ("reported", 1)


def test_matter_is_neither_added_nor_deleted_here(client, town):
    matter = incident(town)
    login(client, town.village_head)
    assert client.get(reverse("admin:incidents_incident_add")).status_code == 403
    assert client.post(f"/admin/incidents/incident/{matter.pk}/delete/", {"post": "yes"}).status_code == 404
    assert Incident.objects.filter(pk=matter.pk).exists()


def test_action_goes_through_the_table_of_moves(client, town):
    matter = incident(town, escalate=True)
    login(client, town.village_head)
    page = client.get(change(matter))
    answer = client.post(act(matter, "accept"), typed(page, "accept"))
    assert answer.status_code == 302
    matter.refresh_from_db()
    assert matter.status == "accepted"
    row = Transition.objects.filter(incident=matter).order_by("seq").last()
    assert (row.action, row.user) == ("accept", town.village_head)


def test_what_was_done_is_said_in_the_plans_own_word(client, town):
    matter = incident(town, escalate=True)
    data = {**matter.procedure.data, "words": {"accept": "接件"}}
    Procedure.objects.filter(pk=matter.procedure_id).update(data=data)
    login(client, town.village_head)
    answer = client.post(act(matter, "accept"), typed(client.get(change(matter)), "accept"), follow=True)
    assert [str(message) for message in answer.context["messages"]] == [f"{matter.number}：“接件”已完成。"]


def test_refused_action_keeps_what_was_typed(client, town):
    matter = incident(town, escalate=True)
    login(client, town.village_head)
    page = client.get(change(matter))
    Incident.objects.filter(pk=matter.pk).update(version=matter.version + 1)
    answer = client.post(act(matter, "reject"), {**typed(page, "reject"), "reason": "不归本村"})
    assert answer.status_code == 409
    form = next(offer.form for offer in answer.context["offers"] if offer.name == "reject")
    assert form["reason"].value() == "不归本村"
    assert form["version"].value() == matter.version + 1
    assert [str(message) for message in answer.context["messages"]]
    matter.refresh_from_db()
    assert matter.status == "reported"


def test_missing_word_is_asked_for_beside_its_field(client, town):
    matter = incident(town, escalate=True)
    login(client, town.village_head)
    answer = client.post(act(matter, "reject"), typed(client.get(change(matter)), "reject"))
    assert answer.status_code == 400
    form = next(offer.form for offer in answer.context["offers"] if offer.name == "reject")
    assert "reason" in form.errors


def test_action_on_what_one_does_not_see_is_not_found(client, town, other):
    login(client, town.village_head)
    for hidden in (incident(other, escalate=True), incident(town, user=town.worker2, grid=town.groups[-1])):
        assert client.post(act(hidden, "accept"), {}).status_code == 404
        hidden.refresh_from_db()
        assert hidden.status == "reported"


def test_dispatch_offers_only_grids_below(client, town):
    matter = incident(town, "accepted", escalate=True, user=town.worker)
    login(client, town.village_head)
    page = client.get(change(matter))
    offered = (
        next(offer.form for offer in page.context["offers"] if offer.name == "dispatch").fields["to"].choices
    )
    codes = {value for _group, rows in offered if not isinstance(rows, str) for value, _name in rows}
    assert codes == {f"grid:{group.code}" for group in town.groups_of(town.villages[0])}
    foreign = town.groups_of(town.villages[1])[0].code
    answer = client.post(act(matter, "dispatch"), {**typed(page, "dispatch"), "to": f"grid:{foreign}"})
    assert answer.status_code == 400
    matter.refresh_from_db()
    assert matter.status == "accepted"


def test_step_of_somebody_else_is_entered_here_too(client, town):
    matter = incident(town)
    login(client, town.village_head)
    page = client.get(change(matter))
    assert 'list="people"' in page.text
    worker = next(name for name, member in page.context["people"].items() if member == town.worker.member)
    said = {"on_behalf_of": worker, "channel": "wechat", "happened_at": ""}
    assert client.post(act(matter, "accept"), {**typed(page, "accept"), **said}).status_code == 302
    row = Transition.objects.get(incident=matter, action="accept")
    assert (row.actor, row.entered_by, row.channel) == (
        town.worker.member,
        town.village_head.member,
        "wechat",
    )


def test_selected_matters_lead_to_the_page_of_bulk_actions(client, town, other):
    mine, foreign = incident(town, escalate=True), incident(other, escalate=True)
    login(client, town.village_head)
    picked = {"action": "together", "_selected_action": [mine.pk, foreign.pk]}
    page = client.post(reverse(LIST), picked, follow=True)
    assert page.context["matters"] == [mine]
    assert "accept" in {offer["name"] for offer in page.context["offers"]}


@pytest.mark.parametrize("flag", [False, True])
def test_technical_administrator_sees_no_matters(client, town, flag):
    matter = incident(town)
    User.objects.filter(pk=town.admin.pk).update(is_superuser=flag)
    login(client, town.admin)
    for url in (reverse(LIST), change(matter), f"{change(matter)[:-7]}history/"):
        assert client.get(url).status_code == 404, url
    assert client.post(act(matter, "accept"), {}).status_code == 404
    assert "incidents/incident" not in client.get(reverse("admin:index")).text


def test_category_filter_offers_the_own_township(client, town, other):
    Category.objects.create(
        township=other.grid,
        code="secret",
        name="外镇类别",
        kind="request",
        procedure=other.categories["request"].procedure,
    )
    incident(town)
    login(client, town.village_head)
    assert "外镇类别" not in client.get(reverse(LIST)).text
    assert client.get(reverse(LIST), {"category": "secret"}).context["cl"].result_count == 0
    assert client.get(reverse(LIST), {"category": "request"}).context["cl"].result_count == 1


@pytest.mark.parametrize(
    "query",
    [
        "requester__phone=1",
        "reporter__phone__startswith=0",
        "description__contains=x",
        "reporter_user__password=x",
    ],
)
def test_list_answers_no_questions_about_hidden_fields(client, town, query):
    login(client, town.village_head)
    assert client.get(f"{reverse(LIST)}?{query}").status_code == 400


def test_requester_is_masked_for_whoever_only_looks(client, town):
    asked = {"name": "王小明", "phone": "13912345678", "wants_feedback": True}
    matter = incident(town, requester=asked)
    login(client, town.village_head)
    assert "13912345678" in client.get(change(matter)).text
    change_role(role=Role.objects.get(township=town.grid, code="village_head"), permissions=["see", "manage"])
    page = client.get(change(matter)).text
    assert "139****5678" in page
    assert "13912345678" not in page


def test_list_and_page_cost_the_same_for_more_rows(client, town):
    def cost(url):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    matter = incident(town)
    login(client, town.village_head)
    client.get(reverse(LIST))
    before = cost(reverse(LIST)), cost(change(matter))
    incident(town)
    incident(town, category="dispute")
    from tests.factories.incidents import act as step

    step(town, matter, "add_note", note="在看")
    step(town, matter, "add_note", note="在看")
    assert (cost(reverse(LIST)), cost(change(matter))) == before


def test_long_list_is_counted_to_a_ceiling(client, town, monkeypatch):
    for _number in range(3):
        incident(town)
    monkeypatch.setattr("gridgov.common.admin.BoundedPaginator.ceiling", 2)
    monkeypatch.setattr(admin.site._registry[Incident], "list_per_page", 1)
    login(client, town.village_head)
    page = client.get(reverse(LIST))
    assert page.context["cl"].result_count == 2
    assert page.context["cl"].paginator.more


def test_clerk_changes_a_category_for_what_comes_from_then_on(client, town, other):
    login(client, town.clerk)
    category, fire = town.categories["dispute"], town.categories["fire"]
    running = incident(town, category="dispute")
    address = reverse("admin:incidents_category_change", args=[category.pk])
    form = {
        "code": "x",
        "kind": "hazard",
        "name": "邻里纠纷",
        "procedure": fire.procedure_id,
        "must_report": "on",
    }
    assert client.post(address, form).status_code == 302
    category.refresh_from_db()
    said = (category.code, category.kind, category.name, category.procedure, category.must_report)
    assert said == ("dispute", "dispute", "邻里纠纷", fire.procedure, True)
    assert not category.is_active  # not ticked
    running.refresh_from_db()
    assert (running.procedure, running.important) != (fire.procedure, True)
    assert AuditEvent.objects.filter(kind="settings").exists()
    theirs = other.categories["dispute"]
    answer = client.post(address, form | {"procedure": theirs.procedure_id})
    assert "procedure" in answer.context["adminform"].form.errors
    foreign = reverse("admin:incidents_category_change", args=[theirs.pk])
    assert client.post(foreign, form).status_code == 404


def test_clerk_adds_a_category_of_the_own_township(client, town, other):
    login(client, town.clerk)
    address = reverse("admin:incidents_category_add")
    labels = [field.label for field in client.get(address).context["adminform"].form]
    assert not [
        label for label in labels if re.search("[a-z]{3}", str(label)) and "Open311" not in str(label)
    ]
    procedure = town.categories["request"].procedure
    form = {
        "township": town.code, "code": "street_lights", "name": "路灯报修", "kind": "request",
        "procedure": procedure.pk, "is_active": "on", "for_grids": "on",
    }  # fmt: skip
    assert client.post(address, form).status_code == 302
    made = Category.objects.get(township=town.code, code="street_lights")
    assert made.procedure == procedure
    for wrong in ({"code": "街灯"}, {"code": "street_lights"}, {"township": other.code}, {"procedure": ""}):
        assert client.post(address, form | {"code": "other_one"} | wrong).status_code == 200
    assert Category.objects.filter(name="路灯报修").count() == 1
    changes = load_plan(plan=6, township_code=town.code)
    assert Category.objects.filter(pk=made.pk, name="路灯报修").exists()
    assert not changes.updated


def test_the_office_sets_a_categorys_clause_and_its_place_in_lists(client, town):
    login(client, town.clerk)
    category = Category.objects.get(pk=town.categories["dispute"].pk)
    address = reverse("admin:incidents_category_change", args=[category.pk])
    form = browser.sent(client.get(address).content.decode(), "category_form")
    assert (form["rule_id"], form["position"]) == ([category.rule_id], [str(category.position)])
    assert client.post(address, form | {"rule_id": "P6-C2", "position": "77"}).status_code == 302
    category.refresh_from_db()
    assert (category.rule_id, category.position) == ("P6-C2", 77)
    assert client.post(address, form | {"rule_id": "", "position": ""}).status_code == 302
    category.refresh_from_db()
    assert (category.rule_id, category.position) == ("", 77)
    refused = client.post(address, form | {"rule_id": "P7-I1"})
    assert "rule_id" in refused.context["adminform"].form.errors


def test_procedures_are_only_read(client, town):
    login(client, town.clerk)
    procedure = Procedure.objects.filter(township=town.grid).first()
    url = reverse("admin:incidents_procedure_change", args=[procedure.pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"name": "x"}).status_code == 403


def test_only_scoped_pages_are_registered():
    assert all(page.scoped for page in admin.site._registry.values())
    assert "axes" not in {model._meta.app_label for model in admin.site._registry}
