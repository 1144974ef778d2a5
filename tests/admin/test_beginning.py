"""A procedure is begun: copied from another or from nothing, with a code that the township does not have yet."""

import pytest
from django.test import Client

from gridgov.common.errors import Invalid
from gridgov.common.models import AuditEvent
from grids.models import Rule
from incidents.actions import NewProcedure, begin_procedure, publish_procedures, report
from incidents.models import Category, Incident, Procedure
from incidents.spec_form import free_code
from tests.admin import browser
from tests.factories import fresh, login

pytestmark = pytest.mark.django_db
ADD = "/admin/incidents/procedure/add/"


@pytest.fixture
def base(town) -> Procedure:
    return Category.objects.get(pk=town.categories["request"].pk).procedure


def copy_of(procedure: Procedure) -> str:
    return f"/admin/incidents/procedure/{procedure.pk}/copy/"


def asked(town, **changed: str) -> dict[str, str]:
    return {"township": town.code, "code": "own_way", "name": "自定流程", **changed}


def of(town, code: str = "own_way") -> list[Procedure]:
    return list(Procedure.objects.filter(township=town.grid, code=code).order_by("version"))


def test_a_copy_has_the_same_data_and_opens_in_the_editor(town, base):
    client = login(Client(), town.clerk)
    form = browser.sent(client.get(copy_of(base)).content.decode(), "new-person")
    answer = client.post(copy_of(base), form | asked(town))
    (made,) = of(town)
    assert (made.version, made.is_current, made.name) == (1, True, "自定流程")
    assert (made.data, made.rule_id) == (base.data, base.rule_id)
    assert answer["Location"] == f"/admin/incidents/procedure/{made.pk}/publish/"
    editor = client.get(answer["Location"]).content.decode()
    assert "职责内办理" in editor
    for page in ("/admin/incidents/procedure/", f"/incidents/procedures/{made.pk}/"):
        assert "自定流程" in client.get(page).content.decode()
    assert not made.categories.exists()
    assert Procedure.objects.get(pk=base.pk).is_current


def test_the_clause_behind_a_procedure_is_one_of_the_townships_or_none(town, base):
    client = login(Client(), town.clerk)
    client.post(copy_of(base), asked(town, rule_id="P6-C1"))
    client.post(copy_of(base), asked(town, code="without", rule_id=""))
    assert [of(town, code)[0].rule_id for code in ("own_way", "without")] == ["P6-C1", ""]
    wrong = client.post(copy_of(base), asked(town, code="foreign", rule_id="P7-I1"))
    assert "rule_id" in wrong.context["form"].errors
    clause = Rule.objects.get(township=town.grid.pk, rule_id="P6-C2")
    page = f"/admin/incidents/procedure/{of(town)[0].pk}/publish/"
    form = browser.sent(client.get(page).content.decode(), "spec-form") | {"rule_id": "P6-C2"}
    (change,) = client.post(page, form).context["changes"]
    assert (str(change.label), clause.text[:20] in change.after) == ("依据条款", True)
    assert client.post(page, form | {"confirm": "1"}).status_code == 302
    assert of(town)[-1].rule_id == "P6-C2"


def test_a_copy_goes_its_own_way(town, base):
    client = login(Client(), town.clerk)
    client.post(copy_of(base), asked(town))
    publish_procedures(township=town.grid, procedures=[NewProcedure("own_way", "自定流程", {})])
    assert Category.objects.get(pk=town.categories["request"].pk).procedure == base
    assert Procedure.objects.get(pk=base.pk).data == base.data
    client.post(copy_of(of(town)[0]), asked(town, code="older"))  # an older version is copied as it was
    assert of(town, "older")[0].data == base.data


def test_from_nothing_to_a_matter_that_goes_by_it(town):
    client = login(Client(), town.clerk)
    answer = client.post(ADD, asked(town))
    (made,) = of(town)
    assert made.data == {}
    editor = answer["Location"]
    form = client.get(editor).context["form"]
    typed = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    typed = {name: value for name, value in typed.items() if value not in (None, False, [])}
    changed = typed | {"limit_village_0": 3, "limit_village_1": "working_days"}
    shown = client.post(editor, changed | {"preview": "1"})
    assert shown.context["changes"], shown.context["form"].errors
    assert client.post(editor, changed | {"confirm": "1"}).status_code == 302
    new = of(town)[-1]
    assert (new.version, new.data) == (2, {"limits": {"village": {"n": 3, "unit": "working_days"}}})
    row = Category.objects.get(pk=town.categories["request"].pk)
    page = f"/admin/incidents/category/{row.pk}/change/"
    fields = {"name": row.name, "procedure": new.pk, "is_active": "on", "for_grids": "on"}
    assert client.post(page, fields).status_code == 302
    row.refresh_from_db()
    made_matter = report(user=fresh(town.worker), grid=town.groups[0], category=row, description="x").incident
    assert Incident.objects.get(pk=made_matter.pk).procedure == new
    assert f'href="{page}"' in client.get(f"/admin/incidents/procedure/{new.pk}/change/").content.decode()
    assert f"/admin/incidents/procedure/{new.pk}/change/" in client.get(page).content.decode()


def test_each_look_gives_room_for_a_further_step(town):
    client = login(Client(), town.clerk)
    editor = client.post(ADD, asked(town))["Location"]
    steps = {
        "steps-TOTAL_FORMS": 1, "steps-INITIAL_FORMS": 0, "steps-0-code": "look", "steps-0-name": "现场查看",
        "steps-0-level": "group", "steps-0-actor": "网格员", "steps-0-by": ["settle"],
    }  # fmt: skip
    rest = {"name": "自定流程", "start": "own", "feedback": "none", "return_visit": "none", "verify": "none"}
    rest |= {"approval": "none", "on_overdue": "supervise", "calendar": "office"}
    shown = client.post(editor, steps | rest)
    assert [one.prefix for one in shown.context["steps"]] == ["steps-0", "steps-1"]
    assert client.post(editor, steps | rest | {"steps-TOTAL_FORMS": "9" * 5000}).status_code == 200
    assert client.post(editor, steps | rest | {"steps-TOTAL_FORMS": 2, "confirm": "1"}).status_code == 302
    assert [step.code for step in of(town)[-1].spec.steps] == ["look"]


def test_the_first_version_stands_in_the_audit_trail(town, base):
    login(Client(), town.clerk).post(copy_of(base), asked(town))
    row = AuditEvent.objects.latest("pk")
    assert (row.user, row.subject, row.township_code) == (town.clerk, "自定流程 v1", town.code)
    assert row.detail == {"before": {}, "after": {"own_way": base.data}}


@pytest.mark.parametrize(
    "code", ["", "x", "Own_Way", "own way", "own-way", "way2", "自定", "a" * 41, "own_way\nx"]
)
def test_a_bad_code_is_explained_and_nothing_is_lost(town, base, code):
    for page in (ADD, copy_of(base)):
        answer = login(Client(), town.clerk).post(page, asked(town, code=code))
        assert answer.status_code == 200
        assert set(answer.context["form"].errors) == {"code"}
        assert len(answer.context["form"].errors["code"]) == 1
        assert "自定流程" in answer.content.decode()
    assert not Procedure.objects.filter(name="自定流程").exists()


def test_a_code_that_any_version_has_is_refused_by_its_name(town, base):
    Procedure.objects.create(township=town.grid, code="gone", name="已停流程", is_current=False)
    for code, name, versions in ((base.code, base.name, base.version), ("gone", "已停流程", 1)):
        answer = login(Client(), town.clerk).post(ADD, asked(town, code=code))
        assert answer.status_code == 200
        assert name in answer.context["form"].errors["code"][0]
        assert len(of(town, code)) == versions


def test_another_township_may_have_the_same_code(town, other, base):
    begin_procedure(township=other.grid, procedure=NewProcedure("own_way", "邻镇流程", {}), user=other.clerk)
    assert login(Client(), town.clerk).post(ADD, asked(town)).status_code == 302
    assert len(of(town)) == len(of(other)) == 1


def test_the_action_itself_refuses_a_second_first_version(town, base):
    new = NewProcedure(base.code, "又一个", {})
    with pytest.raises(Invalid) as refused:
        begin_procedure(township=town.grid, procedure=new, user=town.clerk)
    assert (refused.value.code, set(refused.value.errors)) == ("code_taken", {"code"})


def test_only_who_may_publish_begins(town, other, base):
    for user in (town.village_head, town.assessor, town.worker, other.clerk):
        client = login(Client(), user)
        assert (
            client.get(copy_of(base)).status_code
            == client.post(copy_of(base), asked(town)).status_code
            == 404
        )
    for user in (town.village_head, town.assessor, town.worker):
        client = login(Client(), user)
        assert client.get(ADD).status_code == client.post(ADD, asked(town)).status_code == 404
    assert "township" in login(Client(), other.clerk).post(ADD, asked(town)).context["form"].errors
    assert not of(town)
    assert login(Client(), town.admin).post(ADD, asked(town)).status_code == 302


def test_both_ways_are_offered_with_a_code_that_is_free(town, base):
    client = login(Client(), town.clerk)
    assert f'href="{ADD}"' in client.get("/admin/incidents/procedure/").content.decode()
    change = client.get(f"/admin/incidents/procedure/{base.pk}/change/").content.decode()
    assert f'href="{copy_of(base)}"' in change
    for _time in range(3):
        for page in (ADD, copy_of(base)):
            code = client.get(page).context["form"]["code"].value()
            assert client.post(page, asked(town, code=code)).status_code == 302, code
    assert of(town, f"{base.code}_copy_c")
    assert of(town, "new_procedure_c")


def test_a_free_code_is_never_too_long():
    long = "a" * 50
    assert free_code((), long) == "a" * 40
    assert free_code({"a" * 40}, long) == "a" * 38 + "_b"


def test_two_of_one_name_are_told_apart_where_a_category_chooses(town, base):
    client = login(Client(), town.clerk)
    for code in ("own_way", "other_way"):
        client.post(copy_of(base), asked(town, code=code))
    page = client.get(f"/admin/incidents/category/{town.categories['request'].pk}/change/").content.decode()
    for code in ("own_way", "other_way"):
        assert f"自定流程 v1 · {code}</option>" in page
