"""The page of a procedure: its way as a picture and as a table, its clauses, the version a matter began with."""

import re

import pytest
from django.test import Client

from incidents.actions import NewProcedure, publish_procedures
from incidents.models import Incident, Procedure
from incidents.steps import CLOSE, edges
from incidents.views.procedures import diagram, level_names
from tests.factories import township
from tests.plans.walking import LATER, Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(3)


def page(user, address):
    client = Client()
    client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_the_page_shows_each_step_with_actor_demands_and_clause(walk):
    row = Procedure.objects.get(township=walk.town.grid, code="four_steps", is_current=True)
    text = page(walk.by("驻组村干部", walk.group), f"/incidents/procedures/{row.pk}/")
    for said in (
        "驻片调处",
        "两委会商",
        "书面上报",
        "归口办理",
        "驻组村干部",
        "包案领导",
        "责任人",
        "片、组",
    ):
        assert said in text
    assert "依据：《乡综治维稳工作方案》第二部分" in re.sub(r"\s+", "", text).replace("依据:", "依据：")
    assert "<svg" in text
    assert "开始调处" in text  # the plan's own word


@pytest.mark.parametrize("number", range(1, 11))
def test_every_procedure_of_every_plan_has_its_picture(number):
    walk = Walk(number, villages=1 if number == 2 else 2)
    for row in Procedure.objects.filter(township=walk.town.grid):
        steps = row.spec.steps
        if not steps:
            continue
        drawn = diagram(steps, level_names(walk.town.pk))
        assert len(drawn.boxes) == len(steps)
        assert len(drawn.arrows) == len(list(edges(steps)))
        assert any(end == CLOSE for _start, end, _success in edges(steps))
        places = {(box.x, box.y) for box in drawn.boxes}
        assert len(places) == len(steps)
        assert max(x for x, _y in places) < drawn.width


def test_the_list_names_the_categories_of_each(walk):
    text = page(walk.by("乡综治办值班员"), "/incidents/procedures/")
    assert "一般纠纷四步调处" in text
    assert "重大矛盾纠纷" in text


def test_nobody_of_another_township_sees_it(walk):
    row = Procedure.objects.filter(township=walk.town.grid).first()
    other = township("320371102", name="另一镇")
    client = Client()
    client.force_login(other.clerk)
    assert client.get(f"/incidents/procedures/{row.pk}/").status_code == 404


def test_the_matter_says_whose_turn_it_is_with_the_clause(walk):
    director = walk.by("村治保主任", walk.village)
    row = walk.report(walk.by("驻组村干部", walk.group), "dispute", walk.group, escalate=True)
    walk.act(director, row, "accept")
    text = page(director, f"/incidents/{row}/")
    assert "两委会商" in text
    assert "依据" in text
    assert "《乡综治维稳工作方案》第二部分" in text
    assert "开始调处" in text
    walk.act(director, row, "start", responsible_person=str(director.member.pk), deadline=LATER)
    assert "（步骤“两委会商”）" in page(director, f"/incidents/{row}/")


def test_a_running_matter_keeps_the_version_it_began_with(walk):
    director = walk.by("村治保主任", walk.village)
    row = walk.report(walk.by("驻组村干部", walk.group), "dispute", walk.group, escalate=True)
    old = Incident.objects.get(pk=row).procedure
    data = dict(old.data)
    data["steps"] = [one for one in data["steps"] if one["code"] != "consult"]
    data["steps"] = [
        {k: v for k, v in one.items() if k not in ("after", "on_failure")} for one in data["steps"]
    ]
    publish_procedures(township=walk.town.grid, procedures=[NewProcedure("four_steps", "三步", data)])
    walk.act(director, row, "accept")
    walk.refused(director, row, "settle", "step_first", "P3-D3", note="好了")
    new = walk.report(walk.by("驻组村干部", walk.group), "dispute", walk.group, escalate=True)
    walk.act(director, new, "accept")
    assert Incident.objects.get(pk=new).procedure.version == old.version + 1
    assert "开始时的版本" in page(director, f"/incidents/{row}/")
