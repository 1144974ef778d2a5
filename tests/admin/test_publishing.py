"""A procedure is changed in a form, shown, and published as a new version."""

import pytest
from django.test import Client

from gridgov.common.models import AuditEvent
from incidents.actions import NewProcedure, perform, publish_procedures, report
from incidents.models import Category, Incident, Procedure
from incidents.spec_form import KEPT, LABELS, LIMITS, VALUES, SpecForm, said
from incidents.workflow import LIMIT_KEYS, ProcedureSpec
from tests.factories import fresh, login

pytestmark = pytest.mark.django_db


@pytest.fixture
def procedure(town) -> Procedure:
    return town.categories["request"].procedure


def address(procedure: Procedure) -> str:
    return f"/admin/incidents/procedure/{procedure.pk}/publish/"


def as_it_is(procedure: Procedure, **changed: object) -> dict[str, object]:
    """What the browser would send for the form as it comes, with some fields changed."""
    form = SpecForm(procedure=procedure)
    data: dict[str, object] = {}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        if name.startswith("limit_"):
            data[f"{name}_0"], data[f"{name}_1"] = (
                (value["n"], value["unit"]) if value else ("", "working_days")
            )
        elif value not in (None, False):
            data[name] = value
    return data | changed


def test_a_limit_is_shown_and_published_and_running_matters_keep_theirs(town, procedure):
    given = {"grid": town.groups[0], "category": town.categories["request"], "description": "路灯不亮"}
    running = report(user=fresh(town.worker), **given).incident
    client = login(Client(), town.clerk)
    data = as_it_is(procedure, limit_group_0=3, limit_group_1="calendar_days")
    shown = client.post(address(procedure), data)
    assert [(str(c.label), c.after) for c in shown.context["changes"]] == [("组（片）办理时限", "3个自然日")]
    assert Procedure.objects.get(pk=procedure.pk).is_current
    assert client.post(address(procedure), data | {"confirm": "1"}).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    assert (new.version, new.data["limits"]["group"]) == (
        procedure.version + 1,
        {"n": 3, "unit": "calendar_days"},
    )
    assert new.data["rules"] == procedure.data["rules"]
    assert not Category.objects.filter(procedure=procedure).exists()
    assert Incident.objects.get(pk=running.pk).procedure_id == procedure.pk
    later = report(
        user=fresh(town.worker), **given | {"category": Category.objects.get(pk=given["category"].pk)}
    )
    assert later.incident.procedure_id == new.pk
    event = AuditEvent.objects.get(kind="settings", subject=str(new))
    assert (event.user, event.township_code, event.detail["before"][procedure.code]) == (
        town.clerk,
        town.code,
        procedure.data,
    )


def test_every_kind_of_field_can_be_changed(town, procedure):
    data = as_it_is(
        procedure, start="township", helpers=["village", "group"], important="on", feedback="none", return_visit="all",
        verify="none", on_overdue="raise", may_skip="on", name="新名称", confirm="1", limit_village_0="",
    )  # fmt: skip
    assert login(Client(), town.admin).post(address(procedure), data).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    spec = new.spec
    assert (new.name, spec.start, spec.helpers, spec.important) == (
        "新名称",
        "township",
        ("village", "group"),
        True,
    )
    assert (spec.feedback, spec.return_visit, spec.verify, spec.on_overdue) == (
        "none",
        "all",
        "none",
        "raise",
    )
    assert spec.may_skip
    assert "village" not in spec.limits


def test_a_published_version_can_be_worked_with(town, procedure):
    data = as_it_is(procedure, verify="none", return_visit="none", feedback="none", confirm="1")
    login(Client(), town.clerk).post(address(procedure), data)
    category = Category.objects.get(pk=town.categories["request"].pk)
    matter = report(user=fresh(town.worker), grid=town.groups[0], category=category, description="x").incident
    for action, given in (("accept", {}), ("start", {}), ("submit_result", {"note": "好了"}), ("close", {})):
        matter = perform(user=fresh(town.worker), incident=matter, action=action, **given).incident
    assert matter.status == "closed"


def test_the_same_again_is_not_published(town, procedure):
    response = login(Client(), town.clerk).post(address(procedure), as_it_is(procedure, confirm="1"))
    assert response.context["form"].non_field_errors()
    assert Procedure.objects.filter(township=town.grid, code=procedure.code).count() == procedure.version


@pytest.mark.parametrize(
    ("field", "value"), [("limit_group_0", "0"), ("limit_group_0", "x"), ("verify", "nobody"), ("name", "")]
)
def test_what_is_wrong_is_told_and_nothing_is_lost(town, procedure, field, value):
    data = as_it_is(procedure, limit_township_0="77", confirm="1", **{field: value})
    response = login(Client(), town.clerk).post(address(procedure), data)
    assert response.context["form"].errors
    assert 'value="77"' in response.content.decode()
    assert Procedure.objects.get(pk=procedure.pk).is_current


def test_an_overtaken_copy_is_refused(town, procedure):
    client = login(Client(), town.clerk)
    publish_procedures(
        township=town.grid, procedures=[NewProcedure(procedure.code, "别人改的", dict(procedure.data))]
    )
    response = client.post(address(procedure), as_it_is(procedure, limit_group_0=9, confirm="1"))
    assert response.context["form"].non_field_errors()
    assert Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True).name == "别人改的"


def test_only_the_office_and_technical_accounts_publish(town, procedure):
    for user in (town.village_head, town.assessor, town.worker):
        assert login(Client(), user).get(address(procedure)).status_code == 404
    page = (
        login(Client(), town.clerk).get(f"/admin/incidents/procedure/{procedure.pk}/change/").content.decode()
    )
    assert address(procedure) in page


def test_every_field_of_a_spec_has_its_words():
    asked = {name for name in ProcedureSpec.model_fields if name not in KEPT}
    assert asked <= set(LABELS)
    assert set(LIMIT_KEYS) <= set(LIMITS)
    procedure = Procedure(name="x", data={})
    form = SpecForm(procedure=procedure)
    assert asked <= set(form.fields), "a kind of field that the form does not know"
    for name in asked:
        words = [value for value, _label in getattr(form.fields[name], "choices", ())]
        assert all((name, word) in VALUES or name in {"helpers", "on_overdue"} for word in words)
    assert len(list(said(procedure.spec))) == len(asked) + len(LIMIT_KEYS)
