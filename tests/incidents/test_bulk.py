"""One action on several matters: each by itself, each refusal named, the whole batch taken back within ten minutes."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gridgov.common.errors import IdempotencyConflict, Invalid, NotVisible
from incidents.actions import act_together, perform, undo_together
from incidents.actions.bulk import MOST_TOGETHER
from incidents.loop_check import breaches
from incidents.models import ClockEvent, Incident, Stage, Transition
from members.models import InboxMessage
from tests.factories import fresh, login
from tests.incidents.acting import do

PAGE = "/incidents/bulk/"


@pytest.fixture
def several(new, town):
    """Three matters of the first group."""
    return [new() for _n in range(3)]


def together(user, matters, action, batch=None, content="", **arguments):
    batch = batch or uuid.uuid4()

    def take(incident, call):
        return perform(
            user=user, incident=incident, action=action, client_uuid=call, body_hash=content, batch=batch, **arguments
        )  # fmt: skip

    keys = [one.pk for one in matters]
    return batch, act_together(user=user, incidents=keys, batch=batch, body_hash=content, take=take)


def statuses(matters):
    return list(
        Incident.objects.filter(pk__in=[one.pk for one in matters])
        .order_by("number")
        .values_list("status", flat=True)
    )


def test_each_matter_stands_by_itself(town, several):
    do(several[1], town.worker, "accept")
    _batch, lines = together(fresh(town.worker), several, "accept")
    assert [line.problem and line.problem.code for line in lines] == [None, "wrong_state", None]
    assert statuses(several) == ["accepted"] * 3


def test_steps_of_a_batch_carry_it_and_repeat_changes_nothing(town, several):
    batch, _lines = together(fresh(town.worker), several, "accept")
    again = together(fresh(town.worker), several, "accept", batch)[1]
    assert [line.replayed for line in again] == [True] * 3
    assert Transition.objects.filter(batch=batch, user=town.worker, action="accept").count() == 3


def test_batch_with_other_content_is_a_conflict(town, several):
    batch, _lines = together(fresh(town.worker), several[:2], "accept", content="one")
    with pytest.raises(IdempotencyConflict):
        together(fresh(town.worker), several, "accept", batch, content="other")
    assert statuses(several) == ["accepted", "accepted", "reported"]


def test_matter_out_of_sight_is_as_if_absent(town, new, several):
    beside = new(user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    _batch, lines = together(fresh(town.worker), [several[0], beside], "accept")
    assert (lines[1].incident, lines[1].problem.code) == (None, "not_found")
    beside.refresh_from_db()
    assert beside.status == "reported"


@pytest.mark.parametrize("n", [0, MOST_TOGETHER + 1])
def test_number_of_matters_is_limited(town, n):
    with pytest.raises(Invalid, match="200"):
        act_together(
            user=town.worker, incidents=[uuid.uuid4() for _n in range(n)], batch=uuid.uuid4(), body_hash="", take=None
        )  # fmt: skip


def test_undo_takes_back_all_of_a_batch(clock, town, several):
    due = list(Stage.objects.order_by("pk").values_list("due_at", "ended_at"))
    before = {one.pk: (one.status, one.due_at) for one in Incident.objects.all()}
    batch, _lines = together(fresh(town.worker), several, "accept")
    clock("2026-11-23T09:09")
    lines = undo_together(user=fresh(town.worker), batch=batch, call=uuid.uuid4())
    assert [line.problem for line in lines] == [None] * 3
    assert {one.pk: (one.status, one.due_at) for one in Incident.objects.all()} == before
    assert list(Stage.objects.order_by("pk").values_list("due_at", "ended_at")) == due
    assert Transition.objects.filter(action="undo").count() == 3  # both rows stay
    assert not list(breaches())


def test_undo_leaves_what_the_receiver_has_acted_on_and_names_it(town, new):
    matters = [new(escalate=True) for _n in range(3)]
    for one in matters:
        do(one, town.village_head, "accept")
    batch, _lines = together(fresh(town.village_head), matters, "dispatch", to=town.groups[0])
    do(matters[1], town.worker, "start")
    lines = undo_together(user=fresh(town.village_head), batch=batch, call=uuid.uuid4())
    assert {line.incident.number: line.problem and line.problem.code for line in lines} == {
        matters[0].number: None, matters[1].number: "acted_since", matters[2].number: None,
    }  # fmt: skip
    assert statuses(matters) == ["accepted", "in_progress", "accepted"]


def test_undo_withdraws_what_the_receiver_was_told(town, new):
    matters = [new(escalate=True) for _n in range(2)]
    for one in matters:
        do(one, town.village_head, "accept")
    told = InboxMessage.objects.filter(member=town.worker.member, withdrawn_at=None)
    before = told.count()
    batch, _lines = together(fresh(town.village_head), matters, "dispatch", to=town.groups[0])
    assert told.count() == before + 2
    undo_together(user=fresh(town.village_head), batch=batch, call=uuid.uuid4())
    assert told.count() == before


def test_undo_is_over_after_ten_minutes(clock, town, several):
    batch, _lines = together(fresh(town.worker), several, "accept")
    clock("2026-11-23T09:11")
    lines = undo_together(user=fresh(town.worker), batch=batch, call=uuid.uuid4())
    assert {line.problem.code for line in lines} == {"undo_too_late"}
    assert statuses(several) == ["accepted"] * 3


def test_undo_never_takes_another_step_of_ones_own(town, several):
    """The batch is one thing, what the same person did before or after it another."""
    first, _lines = together(fresh(town.worker), several, "accept")
    second, _lines = together(fresh(town.worker), several[:2], "start")
    undo_together(user=fresh(town.worker), batch=second, call=uuid.uuid4())
    again = undo_together(user=fresh(town.worker), batch=second, call=uuid.uuid4())
    assert {line.problem.code for line in again} == {"undone_already"}
    assert statuses(several) == ["accepted"] * 3
    do(several[2], town.worker, "start")
    lines = undo_together(user=fresh(town.worker), batch=first, call=uuid.uuid4())
    codes = {line.incident.pk: line.problem and line.problem.code for line in lines}
    assert codes == {
        several[0].pk: "stale_version",
        several[1].pk: "stale_version",
        several[2].pk: "stale_version",
    }


def test_repeated_undo_answers_the_same(town, several):
    batch, _lines = together(fresh(town.worker), several, "accept")
    call = uuid.uuid4()
    undo_together(user=fresh(town.worker), batch=batch, call=call)
    again = undo_together(user=fresh(town.worker), batch=batch, call=call)
    assert [line.replayed for line in again] == [True] * 3
    assert ClockEvent.objects.filter(kind="void").count() <= 3


def test_merging_several_into_one_is_taken_back(town, new):
    main, *others = [new() for _n in range(4)]
    batch, lines = together(fresh(town.village_head), others, "merge", into=main)
    assert [line.problem for line in lines] == [None] * 3
    lines = undo_together(user=fresh(town.village_head), batch=batch, call=uuid.uuid4())
    assert [line.problem for line in lines] == [None] * 3
    assert statuses(others) == ["reported"] * 3
    assert not list(breaches())


def test_nobody_takes_back_the_batch_of_another(town, several):
    batch, _lines = together(fresh(town.worker), several, "accept")
    for user in (town.village_head, town.clerk):
        with pytest.raises(NotVisible):
            undo_together(user=fresh(user), batch=batch, call=uuid.uuid4())


def test_queries_for_each_further_matter_are_as_many(town, new):
    def asked(n):
        matters = [new() for _n in range(n)]
        user = fresh(town.worker)
        with CaptureQueriesContext(connection) as found:
            together(user, matters, "accept")
        return len(found)

    one, two, five = asked(1), asked(2), asked(5)
    assert five - two == 3 * (two - one)


# --- pages ---------------------------------------------------------------------------------------------------------


def test_list_has_a_box_for_each_matter_and_one_for_all(client, town, several):
    login(client, town.worker)
    page = client.get("/incidents/").text
    assert page.count('name="ids"') == 3
    assert "data-pick-all" in page


def test_page_offers_what_all_or_some_of_them_allow(client, town, several):
    do(several[0], town.worker, "accept")
    login(client, town.worker)
    page = client.get(PAGE, {"ids": [one.pk for one in several]})
    offers = {offer["name"]: (offer["n"], offer["is_all"]) for offer in page.context["offers"]}
    assert offers["accept"] == (2, False)
    assert offers["add_note"] == (3, True)
    assert "undo" not in offers


def test_confirming_names_the_refused_beforehand_and_the_result_afterwards(client, town, several):
    do(several[0], town.worker, "accept")
    login(client, town.worker)
    page = client.get(PAGE, {"ids": [one.pk for one in several], "action": "accept"})
    assert [bool(row.why) for row in page.context["rows"]] == [True, False, False]
    do(several[1], town.worker, "accept")  # meanwhile
    sent = {
        "ids": [one.pk for one in several[1:]], "action": "accept",
        "client_uuid": page.context["form"]["client_uuid"].value(),
    }  # fmt: skip
    result = client.post(PAGE, sent, follow=True)
    assert (result.context["done"], result.context["refused"]) == (1, 1)
    assert "已受理" in result.text  # why: the state it is in
    again = client.post(PAGE, sent, follow=True)
    assert (again.context["done"], again.context["refused"]) == (1, 1)
    undo = client.post(result.request["PATH_INFO"] + "undo/", {"client_uuid": uuid.uuid4()}, follow=True)
    assert (undo.context["done"], undo.context["undone"], undo.context["may_undo"]) == (0, 1, False)
    assert statuses(several) == ["accepted", "accepted", "reported"]


def test_what_is_missing_comes_back_with_what_was_typed(client, town, several):
    login(client, town.village_head)
    sent = {"ids": [several[0].pk], "action": "reject", "client_uuid": uuid.uuid4(), "reason": ""}
    answer = client.post(PAGE, sent)
    assert (answer.status_code, bool(answer.context["form"].errors["reason"])) == (400, True)
    assert statuses(several) == ["reported"] * 3


def test_clerk_enters_several_steps_for_somebody_else(client, town, several):
    login(client, town.clerk)
    page = client.get(PAGE, {"ids": [one.pk for one in several], "action": "accept"})
    worker = next(name for name, member in page.context["people"].items() if member == town.worker.member)
    sent = {
        "ids": [one.pk for one in several], "action": "accept", "client_uuid": uuid.uuid4(),
        "on_behalf_of": worker, "channel": "phone",
    }  # fmt: skip
    result = client.post(PAGE, sent, follow=True)
    assert result.context["done"] == 3
    rows = Transition.objects.filter(action="accept")
    assert {(row.actor_id, row.entered_by_id, row.channel) for row in rows} == {
        (town.worker.member.pk, town.clerk.member.pk, "phone")
    }


def test_correcting_several_changes_only_what_was_chosen(client, town, new):
    matters = [new(), new("dispute", grid=town.groups[1], user=town.village_head)]
    login(client, town.village_head)
    page = client.get(PAGE, {"ids": [one.pk for one in matters], "action": "correct"})
    form = page.context["form"]
    assert [form[name].value() for name in ("title", "category", "grid", "address")] == [None] * 4
    shown = {name: form.fields[name].choices[0][0] for name in ("category", "grid")}
    sent = {
        "ids": [one.pk for one in matters],
        "action": "correct",
        "client_uuid": uuid.uuid4(),
        **shown,
        "title": "统一标题",
    }
    assert client.post(PAGE, sent, follow=True).context["done"] == 2
    rows = list(Incident.objects.filter(pk__in=[one.pk for one in matters]).order_by("number"))
    assert {row.title for row in rows} == {"统一标题"}
    assert [(row.category_id, row.grid_id) for row in rows] == [
        (one.category_id, one.grid_id) for one in matters
    ]


def test_list_leads_back_to_the_last_batch_while_it_can_be_taken_back(client, clock, town, several):
    login(client, town.worker)
    sent = {"ids": [one.pk for one in several], "action": "accept", "client_uuid": uuid.uuid4()}
    client.post(PAGE, sent)
    address = f"{PAGE}{sent['client_uuid']}/"
    assert address in client.get("/incidents/").text
    clock("2026-11-23T09:11")
    assert address not in client.get("/incidents/").text
