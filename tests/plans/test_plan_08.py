"""Plan 8 (乡镇人居环境网格化管理方案), section 8.3: assign, correct, re-check."""

import pytest

from incidents.actions.moves.naming import BESIDE
from incidents.beside import waiting_beside
from incidents.models import Part
from tests.factories import fresh
from tests.plans.walking import Walk

pytestmark = pytest.mark.django_db


@pytest.fixture
def walk():
    return Walk(8)


@pytest.fixture
def member(walk):
    return walk.by("网格员", walk.group)


@pytest.fixture
def head(walk):
    return walk.by("村级网格长", walk.village)


@pytest.fixture
def town(walk):
    return walk.by("工作小组值班员")


@pytest.mark.requirement("R76")
def test_a_problem_assigned_from_above_is_corrected_followed_and_checked_again(walk, member, head, town):
    row = walk.report(town, "litter", walk.group, source="patrol")
    assert walk.read(town, row)["responsible"]["grid"] == walk.town.pk  # who finds it has it
    assert not walk.heard(member, row) and not walk.heard(head, row)
    walk.act(head, row, "add_note", note="已知道。")  # before it is assigned nothing is followed up
    walk.act(town, row, "accept")
    assert walk.step(town, row) == "assign"
    walk.refused(town, row, "start", "not_in_procedure", "P8-I1")
    body = walk.refused(town, row, "dispatch", "invalid_arguments", "P8-I1")
    assert set(body["errors"]) == {"to"}
    walk.act(town, row, "dispatch", to={"grid": walk.group.code})
    (word,) = walk.heard(head, row)  # the village through which it goes down
    assert (word.text, word.params["step"]) == (BESIDE, "跟踪落实")
    assert Part.objects.filter(incident=row, member=head.member, role="helper", until=None).exists()
    assert [(str(one.incident.pk), one.step.code) for one in waiting_beside(head)] == [(row, "track")]
    assert walk.step(member, row) == "correct"
    walk.refused(head, row, "start", "forbidden", "P8-D17")
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    walk.refused(member, row, "verify", "forbidden", "P8-D5")
    walk.act(town, row, "send_back", reason="路边还有。")
    walk.act(member, row, "submit_result", note="已全部清理。")
    walk.act(town, row, "verify")
    walk.refused(town, row, "close", "add_note_required", "P8-D13")
    walk.act(town, row, "add_note", note="镇里看过。")  # not the village: noted, but not the step
    walk.refused(town, row, "close", "add_note_required", "P8-D13")
    walk.act(head, row, "add_note", note="跟踪落实，已到场看过。")
    assert waiting_beside(fresh(head)) == []
    walk.finish(town, row)
    assert walk.steps(town, row) == ["assign", "correct", "correct", "recheck", "correct", "recheck", "track"]


@pytest.mark.requirement("R76")
def test_what_is_found_is_corrected_and_checked_by_the_level_above(walk, member, head):
    row = walk.report(member, "litter", walk.group)
    assert walk.step(member, row) == "correct_own"
    walk.refused(member, row, "settle", "not_in_procedure", "P8-I1", note="清了")
    walk.act(member, row, "accept")
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    assert walk.step(head, row) == "recheck_village"
    walk.refused(member, row, "verify", "forbidden", "P8-D12")  # the village checks, so the rule is its own
    walk.act(head, row, "verify")
    walk.finish(member, row)  # nobody assigned it, so nobody follows it up
    assert walk.steps(head, row) == ["correct_own", "correct_own", "recheck_village"]


@pytest.mark.requirement("R76")
def test_what_the_village_corrects_itself_the_township_checks(walk, member, head, town):
    row = walk.report(member, "litter", walk.group, escalate=True)
    walk.act(head, row, "accept")
    walk.act(head, row, "start")
    walk.act(head, row, "submit_result", note="村里清理了。")
    assert walk.step(town, row) == "recheck"
    walk.refused(head, row, "verify", "forbidden", "P8-D5")
    walk.act(town, row, "send_back", reason="路边还有。")
    walk.act(head, row, "submit_result", note="已全部清理。")
    assert walk.step(town, row) == "recheck"
    walk.act(town, row, "verify")
    walk.finish(head, row)


@pytest.mark.requirement("R76")
def test_the_village_assigns_to_its_members_or_corrects_itself(walk, member, head):
    row = walk.report(member, "litter", walk.group, escalate=True)
    walk.act(head, row, "accept")
    walk.refused(head, row, "settle", "not_in_procedure", "P8-D12", note="清了")
    walk.act(head, row, "dispatch", to={"grid": walk.group.code})
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    walk.act(head, row, "verify")
    walk.finish(head, row)
    assert walk.steps(head, row) == ["assign_village", "correct", "correct", "recheck_village"]


@pytest.mark.requirement("R76")
def test_what_is_assigned_below_the_whole_town_is_followed_up_by_the_village(walk, member, head, town):
    """Reported of the town as a whole; the group that it goes to says whose village follows it up."""
    row = walk.report(town, "litter", walk.town.grid)
    walk.act(town, row, "accept")
    walk.act(town, row, "dispatch", to={"grid": walk.group.code})
    assert len(walk.heard(head, row)) == 1
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    walk.act(town, row, "verify")
    walk.act(town, row, "add_note", note="镇里看过。")
    walk.refused(town, row, "close", "add_note_required", "P8-D13")
    walk.act(head, row, "add_note", note="跟踪落实。")
    walk.finish(town, row)
    assert "track" in walk.steps(town, row)


@pytest.mark.requirement("R76")
def test_what_the_township_reported_under_another_category_begins_there_once_it_is_corrected(walk, town):
    row = walk.report(town, "dispute", walk.group)
    assert walk.read(town, row)["responsible"]["grid"] == walk.group.pk
    walk.act(town, row, "correct", category="litter")
    assert (walk.read(town, row)["responsible"]["grid"], walk.step(town, row)) == (walk.town.pk, "assign")


@pytest.mark.requirement("R76")
def test_what_the_village_finds_begins_there(walk, member, head):
    row = walk.report(head, "litter", walk.group, source="patrol")
    assert walk.read(head, row)["responsible"]["grid"] == walk.village.pk
    walk.act(head, row, "accept")
    walk.act(head, row, "dispatch", to={"grid": walk.group.code})
    walk.act(member, row, "start")
    walk.act(member, row, "submit_result", note="已清理。")
    walk.act(head, row, "verify")
    walk.finish(head, row)
    assert walk.steps(head, row) == ["assign_village", "correct", "correct", "recheck_village"]


@pytest.mark.requirement("R80")
@pytest.mark.parametrize("category", ["dispute", "security_hazard"])
def test_disputes_and_hazards_are_recorded_too(walk, member, category):
    row = walk.report(member, category, walk.group)
    assert walk.act(member, row, "settle", note="已劝解。")["status"] == "closed"
