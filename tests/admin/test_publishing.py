"""A procedure is changed in a form, shown, and published as a new version."""

import pytest
from django.test import Client

from gridgov.common.models import AuditEvent
from incidents.actions import NewProcedure, perform, publish_procedures, report
from incidents.models import Category, Incident, Procedure, ProcedureDraft
from incidents.spec_form import KEPT, LABELS, LIMITS, VALUES, SpecForm, said
from incidents.step_form import steps_form
from incidents.workflow import LIMIT_KEYS, ProcedureSpec
from members.models import Post
from tests.admin import browser
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
        verify="none", on_overdue="raise", name="新名称", confirm="1", limit_village_0="",
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


# --- the steps ---------------------------------------------------------------------------------------------------


def steps_as_they_are(procedure: Procedure, **changed: object) -> dict[str, object]:
    """What the browser would send of the steps; `changed` by `0-name` and the like."""
    form = steps_form(procedure)
    data: dict[str, object] = {
        "steps-TOTAL_FORMS": len(form.forms), "steps-INITIAL_FORMS": len(form.forms) - 1,
        "steps-MIN_NUM_FORMS": 0, "steps-MAX_NUM_FORMS": 1000,
    }  # fmt: skip
    for number, one in enumerate(form.forms):
        for name, field in one.fields.items():
            value = one.get_initial_for_field(field, name)
            if name == "limit":
                data[f"steps-{number}-limit_0"] = value["n"] if value else ""
                data[f"steps-{number}-limit_1"] = value["unit"] if value else "working_days"
            elif value not in (None, False, "", []):
                data[f"steps-{number}-{name}"] = value
    return data | {f"steps-{name}": value for name, value in changed.items()}


def sent(procedure: Procedure, confirm: str = "", **changed: object) -> dict[str, object]:
    whole = as_it_is(procedure) | steps_as_they_are(procedure, **changed)
    return whole | ({"confirm": "1"} if confirm else {})


def test_a_step_is_changed_rehearsed_and_published(town, procedure):
    client = login(Client(), town.clerk)
    page = client.get(address(procedure)).content.decode()
    assert "职责内办理" in page
    limited = {"0-limit_0": 2, "0-limit_1": "hours", "0-actor": "专职网格员", "0-requires": ["note"]}
    shown = client.post(address(procedure), sent(procedure, **limited))
    assert [str(c.label) for c in shown.context["changes"]] == ["步骤“职责内办理”"]
    assert "flow-chart" in shown.content.decode()
    assert client.post(address(procedure), sent(procedure, "yes", **limited)).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True).spec
    step = new.steps[0]
    assert (step.actor, step.requires, step.limit.n) == ("专职网格员", ("note",), 2)
    assert new.steps[1:] == procedure.spec.steps[1:]


def test_who_alone_takes_a_step_and_what_it_makes_important_are_shown_before_they_are_published(
    town, procedure
):
    client = login(Client(), town.clerk)
    for field, value, ending in (("0-posts", ["网格员"], "网格员 · 网格员"), ("0-important", "on", "重要")):
        (change,) = client.post(address(procedure), sent(procedure, **{field: value})).context["changes"]
        assert change.after.endswith(ending)
        assert change.after != change.before
    client.post(address(procedure), sent(procedure, "yes", **{"0-posts": ["网格员"], "0-important": "on"}))
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    assert (new.spec.steps[0].posts, new.spec.steps[0].important) == (("网格员",), True)
    page = client.get(f"/incidents/procedures/{new.pk}/").content.decode()
    assert "仅限网格员" in page


def test_what_is_sent_as_it_came_changes_nothing(town, procedure):
    shown = login(Client(), town.clerk).post(address(procedure), sent(procedure))
    assert shown.context["form"].has_error("__all__", "unchanged")
    assert shown.context["changes"] is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"0-actor": ""}, "没有写明由谁办理"),
        ({"3-on_success": "tell"}, "走不到办结"),
        ({"0-requires": ["trend_forecast"]}, "不能确定或者要求"),
        ({"0-level": "unit", "0-after": []}, "没有路径到达"),
        ({"4-DELETE": "on"}, "所指的步骤不存在"),
        ({"1-level": "group", "1-by": ["settle", "start"], "0-on_failure": ""}, "轮不到这一步"),
        ({"2-by": ["verify"], "1-on_failure": ""}, "没有路径到达"),
        ({"0-posts": ["村支部书记"]}, "这一级没有这个岗位：村支部书记"),
    ],
)
def test_steps_that_do_not_fit_together_are_named(town, procedure, changed, said):
    client = login(Client(), town.clerk)
    shown = client.post(address(procedure), sent(procedure, "yes", **changed))
    assert shown.status_code == 200
    wrong = [one for one in shown.context["steps"] if one.errors]
    assert wrong
    assert any(said in text for one in wrong for text in one.non_field_errors())
    for one in wrong:  # the opened step, and the way to it from above
        assert f'id="{one.prefix}" open' in shown.content.decode()
        assert f'href="#{one.prefix}"' in shown.content.decode()
    assert Procedure.objects.get(pk=procedure.pk).is_current


def outdated(town, procedure: Procedure) -> Procedure:
    """A version of before the check of turns came."""
    first, *others = procedure.data["steps"]
    second = {**first, "code": "again", "name": "再办一次"}
    data = {**procedure.data, "steps": [first, second, *others]}
    Procedure.objects.filter(pk=procedure.pk).update(data=data)
    return Procedure.objects.get(pk=procedure.pk)


def test_what_was_published_before_a_check_came_still_goes_and_is_told_when_it_is_changed(town, procedure):
    row = outdated(town, procedure)
    given = {"grid": town.groups[0], "description": "x"}
    category = Category.objects.get(pk=town.categories["request"].pk)
    matter = report(user=fresh(town.worker), category=category, **given).incident
    matter = perform(user=fresh(town.worker), incident=matter, action="accept").incident
    assert (matter.status, matter.procedure_id) == ("accepted", row.pk)
    client = login(Client(), town.clerk)
    shown = client.post(address(row), sent(row, "yes", **{"0-limit_0": 2}))
    (wrong,) = [one for one in shown.context["steps"] if one.errors]
    assert wrong.prefix == "steps-1"
    copied = {"township": town.code, "code": "own_way", "name": "自定流程"}
    answer = client.post(f"/admin/incidents/procedure/{row.pk}/copy/", copied)
    assert answer.context["form"].has_error("__all__", "outdated")


def test_posts_that_the_township_added_itself_are_offered(town, procedure):
    post = Post.objects.filter(grid=town.groups[0]).first()
    Post(grid=post.grid, role=post.role, title="河道巡查员").derive().save()
    client = login(Client(), town.clerk)
    assert "河道巡查员" in client.get(address(procedure)).content.decode()
    assert (
        client.post(address(procedure), sent(procedure, "yes", **{"0-posts": ["河道巡查员"]})).status_code
        == 302
    )


def test_a_step_is_added_and_moved_and_one_taken_out(town, procedure):
    last = len(procedure.spec.steps)
    new = {
        f"{last}-code": "log", f"{last}-name": "记入台账", f"{last}-level": "group", f"{last}-actor": "网格员",
        f"{last}-by": ["add_note"], f"{last}-parallel": "on", f"{last}-owed": "on", f"{last}-ORDER": 1,
    }  # fmt: skip
    client = login(Client(), town.clerk)
    answer = client.post(address(procedure), sent(procedure, "yes", **new))
    assert answer.status_code == 302, answer.context["form"].errors
    made = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    added = next(step for step in made.spec.steps if step.code == "log")
    assert (added.parallel, added.owed, added.by) == (True, True, ("add_note",))


# --- a draft -----------------------------------------------------------------------------------------------------


def kept(client: Client, procedure: Procedure, **changed: object):
    return client.post(address(procedure), sent(procedure, **changed) | {"keep": "1"})


def of(procedure: Procedure) -> ProcedureDraft:
    return ProcedureDraft.objects.get(township=procedure.township_id, code=procedure.code)


def as_shown(page) -> dict[str, object]:
    """What the browser would send of a page that shows a draft."""
    data = {
        name: values if len(values) > 1 else values[0] for name, values in page.context["form"].data.lists()
    }
    return data | {"draft": page.context["draft_version"]}


def test_an_unfinished_draft_comes_back_with_what_is_wrong_and_nothing_goes_by_it(town, procedure):
    answer = kept(login(Client(), town.clerk), procedure, **{"0-actor": "", "0-limit_0": 77})
    assert (answer.status_code, answer["Location"]) == (302, address(procedure))
    page = login(Client(), town.clerk).get(address(procedure))
    text = page.content.decode()
    assert "没有写明由谁办理" in text
    assert 'value="77"' in text
    assert page.context["changes"] is None
    assert Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True) == procedure
    matter = report(
        user=fresh(town.worker), grid=town.groups[0], category=town.categories["request"], description="x"
    ).incident
    assert (matter.procedure_id, matter.procedure.spec.steps) == (procedure.pk, procedure.spec.steps)
    assert "csrfmiddlewaretoken" not in of(procedure).typed
    assert "keep" not in of(procedure).typed


def test_what_the_form_itself_refuses_is_kept_too(town, procedure):
    client = login(Client(), town.clerk)
    client.post(address(procedure), as_it_is(procedure, name="", limit_group_0="x") | {"keep": "1"})
    page = client.get(address(procedure))
    assert {"name", "limit_group"} <= set(page.context["form"].errors)


def test_a_finished_draft_is_rehearsed_and_published_and_is_gone(town, procedure):
    client = login(Client(), town.clerk)
    kept(client, procedure, **{"0-actor": ""})
    again = as_shown(client.get(address(procedure))) | {"steps-0-actor": "专职网格员"}
    assert client.post(address(procedure), again | {"keep": "1"}).status_code == 302
    page = client.get(address(procedure))
    assert [str(change.label) for change in page.context["changes"]] == ["步骤“职责内办理”"]
    assert page.context["rehearsal"] is not None
    assert client.post(address(procedure), as_shown(page) | {"confirm": "1"}).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    assert (new.version, new.spec.steps[0].actor) == (procedure.version + 1, "专职网格员")
    assert not ProcedureDraft.objects.exists()


def test_a_version_published_meanwhile_is_named_and_not_overwritten_silently(town, procedure):
    client = login(Client(), town.clerk)
    kept(client, procedure, **{"0-actor": "专职网格员"})
    other = {**procedure.data, "feedback": "none"}
    newer = publish_procedures(
        township=town.grid, procedures=[NewProcedure(procedure.code, procedure.name, other)]
    )[0]
    opened = client.get(address(newer))
    assert (opened.status_code, opened["Location"]) == (302, address(procedure))
    page = client.get(address(procedure))
    text = page.content.decode()
    assert f"其间已发布第{newer.version}版" in text
    assert {str(change.label) for change in page.context["changes"]} == {
        "步骤“职责内办理”",
        "办结前反馈诉求人",
    }
    refused = client.post(address(procedure), as_shown(page) | {"confirm": "1"})
    assert refused.context["form"].non_field_errors()
    assert Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True) == newer
    assert f'name="over" value="{newer.version}"' in text
    deliberately = as_shown(page) | {"confirm": "1", "over": newer.version}
    assert client.post(address(procedure), deliberately).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    assert (new.version, new.spec.feedback) == (newer.version + 1, "requester")


def test_a_draft_is_discarded(town, procedure):
    client = login(Client(), town.clerk)
    kept(client, procedure, **{"0-actor": "专职网格员"})
    change = f"/admin/incidents/procedure/{procedure.pk}/change/"
    assert "继续修改草稿" in client.get(change).content.decode()
    answer = client.post(address(procedure), as_shown(client.get(address(procedure))) | {"discard": "1"})
    assert (answer.status_code, answer["Location"]) == (302, change)
    assert not ProcedureDraft.objects.exists()
    assert not client.get(address(procedure)).context["form"].is_bound


def test_what_is_kept_and_discarded_stands_in_the_audit_trail(town, procedure):
    client = login(Client(), town.clerk)
    page = {}
    for actor in ("甲", "乙"):
        client.post(address(procedure), sent(procedure, **{"0-actor": actor}) | page | {"keep": "1"})
        page = {"draft": of(procedure).version}
    client.post(address(procedure), as_shown(client.get(address(procedure))) | {"discard": "1"})
    rows = AuditEvent.objects.filter(kind="settings", subject__startswith="draft of ").order_by("pk")
    assert [row.subject for row in rows] == [
        f"draft of {procedure} {what}" for what in ("kept", "kept", "discarded")
    ]
    assert {(row.user, row.township_code) for row in rows} == {(town.clerk, town.code)}
    actors = [
        [typed and typed["steps-0-actor"] for typed in (row.detail["before"], row.detail["after"])]
        for row in rows
    ]
    assert actors == [[None, ["甲"]], [["甲"], ["乙"]], [["乙"], None]]


def test_a_draft_that_somebody_else_changed_leaves_no_row(town, procedure):
    client = login(Client(), town.clerk)
    kept(client, procedure, **{"0-actor": "甲"})
    refused = client.post(address(procedure), sent(procedure) | {"draft": 7, "discard": "1"})
    assert refused.context["form"].non_field_errors()
    assert AuditEvent.objects.filter(subject__startswith="draft of ").count() == 1


def test_of_two_who_change_a_draft_the_second_is_told(town, procedure):
    first, second = login(Client(), town.clerk), login(Client(), town.admin)
    kept(first, procedure, **{"0-actor": "甲"})
    mine, yours = as_shown(first.get(address(procedure))), as_shown(second.get(address(procedure)))
    assert second.post(address(procedure), yours | {"keep": "1", "steps-0-actor": "乙"}).status_code == 302
    for button in ("keep", "discard"):
        refused = first.post(address(procedure), mine | {button: "1", "steps-0-actor": "丙"})
        assert refused.context["form"].non_field_errors()
    assert kept(login(Client(), town.clerk), procedure).context["form"].non_field_errors()  # knew of none
    assert of(procedure).typed["steps-0-actor"] == ["乙"]
    assert of(procedure).saved_by == town.admin


def test_a_draft_takes_a_second_new_step_and_others_may_name_it(town, procedure):
    client, last = login(Client(), town.clerk), len(procedure.spec.steps)
    new = {
        f"{last}-code": "log", f"{last}-name": "记入台账", f"{last}-level": "group", f"{last}-actor": "网格员",
        f"{last}-by": ["add_note"], f"{last}-parallel": "on", f"{last}-ORDER": 1,
    }  # fmt: skip
    kept(client, procedure, **new)
    page = client.get(address(procedure))
    assert len(page.context["steps"].forms) == last + 2
    assert page.context["form"].is_valid()
    assert ("log", "记入台账") in page.context["steps"].forms[0].fields["after"].choices


def test_a_draft_is_for_who_may_publish(town, procedure):
    for user in (town.village_head, town.assessor, town.worker):
        assert kept(login(Client(), user), procedure).status_code == 404
    assert not ProcedureDraft.objects.exists()


def test_what_a_step_names_that_is_not_offered_otherwise_is_kept(town, procedure):
    first, *others = procedure.data["steps"]
    steps = [first | {"requires": ["reason"], "by": ["escalate"]}, *others]
    (own,) = publish_procedures(
        township=town.grid,
        procedures=[NewProcedure(procedure.code, procedure.name, {**procedure.data, "steps": steps})],
    )
    client = login(Client(), town.clerk)
    form = browser.sent(client.get(address(own)).content.decode(), "spec-form")
    assert client.post(address(own), form | {"name": "改名", "confirm": "1"}).status_code == 302
    new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
    assert (new.name, new.spec) == ("改名", own.spec)


def test_the_plans_own_words_for_actions_are_shown_changed_and_taken_back(town, procedure):
    client, words = login(Client(), town.clerk), {}
    for typed, label in (("现场处置", "现场处置"), ("", "开始办理")):
        row = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True)
        form = browser.sent(client.get(address(row)).content.decode(), "spec-form")
        assert "word_whistle" not in form  # nothing in this procedure does that
        assert form["word_start"] == [words.get("start", "")]
        (change,) = client.post(address(row), form | {"word_start": typed}).context["changes"]
        assert (str(change.label), change.after) == ("“开始办理”的叫法", typed or "–")
        assert client.post(address(row), form | {"word_start": typed, "confirm": "1"}).status_code == 302
        new = Procedure.objects.get(township=town.grid, code=procedure.code, is_current=True).spec
        words = dict(new.words)
        assert new.word_for("start") == label


def test_a_draft_of_before_words_and_clause_were_asked_keeps_them(town, procedure):
    data = {**procedure.data, "words": {"start": "现场处置"}}
    (own,) = publish_procedures(
        township=town.grid, procedures=[NewProcedure(procedure.code, procedure.name, data)]
    )
    client = login(Client(), town.clerk)
    kept(client, own, **{"0-actor": "甲"})
    row = of(own)
    row.typed = {k: v for k, v in row.typed.items() if k != "rule_id" and not k.startswith("word_")}
    row.save()
    page = client.get(address(own))
    assert [str(change.label) for change in page.context["changes"]] == ["步骤“职责内办理”"]
    form = browser.sent(page.content.decode(), "spec-form")
    assert (form["rule_id"], form["word_start"]) == ([own.rule_id], ["现场处置"])
