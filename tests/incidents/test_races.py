"""Several people at one matter in the same moment: one is first, the others are told so, and nothing is written twice."""

import hashlib
import io
import os
import threading
import uuid
from collections import Counter

import pytest
from django.db import connections

from gridgov.common.errors import Conflict, IdempotencyConflict
from incidents.actions import NewProcedure, answer_feedback, attach, begin_procedure, perform, report
from incidents.loop_check import breaches
from incidents.models import FeedbackRequest, Incident, Part, Procedure, Stage, Transition, Upload
from members.actions import end_appointment
from members.models import InboxMessage
from tests.factories import fresh, township
from tests.proofs.phone import picture

pytestmark = pytest.mark.django_db(transaction=True)

# T4 of the proofs; `make chaos` sets 10,000 and 1,000.
PAIRS = int(os.environ.get("GRIDGOV_RACE_PAIRS", "10"))
TENS = int(os.environ.get("GRIDGOV_RACE_TENS", "2"))


@pytest.fixture
def busy(clock):
    """A town whose rows are committed, so that threads see them."""
    return township()


def arrived(town, category="dispute", **values):
    values = {"user": town.worker, "grid": town.groups[0], "description": "争吵"} | values
    return report(category=town.categories[category], **values).incident


def together(count, work, *, seconds=60):
    """Runs `work(index)` in so many threads that start at the same moment; what each returned or raised."""
    gate, results = threading.Barrier(count), [None] * count

    def run(index):
        gate.wait()
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001  the test looks at it
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads)
    return results


def names(results):
    return Counter(type(result).__name__ for result in results)


@pytest.mark.parametrize("count", [2, 10])
def test_same_action_at_once_has_one_winner(busy, count):
    incident = arrived(busy)
    users = [fresh(busy.worker) for _n in range(count)]
    copies = [Incident.objects.for_list().get(pk=incident.pk) for _n in range(count)]
    results = together(
        count, lambda index: perform(user=users[index], incident=copies[index], action="accept")
    )
    assert names(results) == {"Outcome": 1, "Conflict": count - 1}
    assert Transition.objects.filter(incident=incident, action="accept").count() == 1
    assert Incident.objects.get(pk=incident.pk).version == 2


@pytest.mark.parametrize(("count", "races"), [(2, PAIRS), (10, TENS)])
def test_every_race_has_one_winner(busy, count, races):
    """T4: the same matter again and again, put on the list and taken off it, by so many people at once."""
    users = [fresh(busy.clerk if number % 2 else busy.village_head) for number in range(count)]
    incident = None
    for race in range(races):
        if race % 200 == 0:  # a fresh history now and then
            incident = arrived(busy)
        action, words = (("list_for_rectification", {"reason": "久拖"}), ("unlist", {"note": "已改"}))[
            race % 2
        ]
        copies = [Incident.objects.for_list().get(pk=incident.pk) for _n in range(count)]

        def work(index, copies=copies, action=action, words=words):
            return perform(user=users[index], incident=copies[index], action=action, **words)

        results = together(count, work)
        assert names(results) == {"Outcome": 1, "Conflict": count - 1}, race
    assert list(breaches()) == []


def test_different_actions_at_once_have_one_winner(busy):
    incident = arrived(busy)
    moves = [
        (busy.worker, "accept", {}),
        (busy.group_head, "settle", {"note": "已调解"}),
        (busy.worker, "escalate", {"reason": "够不着"}),
        (busy.village_head, "reject", {"reason": "不属实"}),
        (busy.village_head, "hand_over", {"to": busy.groups[1], "reason": "二组的事"}),
    ]
    users = [fresh(user) for user, _action, _arguments in moves]
    copies = [Incident.objects.for_list().get(pk=incident.pk) for _move in moves]

    def work(index):
        _user, action, arguments = moves[index]
        return perform(user=users[index], incident=copies[index], action=action, **arguments)

    results = together(len(moves), work)
    assert names(results) == {"Outcome": 1, "Conflict": len(moves) - 1}
    assert Transition.objects.filter(incident=incident).count() == 2
    assert list(breaches()) == []


@pytest.mark.parametrize("count", [5])
def test_one_report_sent_several_times_at_once_is_one_matter(busy, count):
    client_uuid, users = uuid.uuid4(), [fresh(busy.worker) for _n in range(count)]
    results = together(
        count,
        lambda index: report(
            user=users[index],
            grid=busy.groups[0],
            category=busy.categories["request"],
            description="路灯不亮",
            requester={"name": "甲", "phone": "000"},
            client_uuid=client_uuid,
            body_hash="a",
        ),
    )
    assert names(results) == {"Outcome": count}
    assert Counter(result.replayed for result in results) == {False: 1, True: count - 1}
    assert len({result.incident.pk for result in results}) == 1
    incident = Incident.objects.get()
    assert (incident.number[-4:], incident.history.count()) == ("0001", 1)
    assert Stage.objects.count() == 1
    assert Part.objects.count() == 2


def test_one_action_sent_several_times_at_once_is_done_once(busy):
    incident = arrived(busy)
    client_uuid, users = uuid.uuid4(), [fresh(busy.worker) for _n in range(5)]
    copies = [Incident.objects.for_list().get(pk=incident.pk) for _n in range(5)]
    InboxMessage.objects.all().delete()
    results = together(
        5,
        lambda index: perform(
            user=users[index],
            incident=copies[index],
            action="escalate",
            reason="够不着",
            client_uuid=client_uuid,
            body_hash="a",
        ),
    )
    assert names(results) == {"Outcome": 5}
    assert Counter(result.replayed for result in results) == {False: 1, True: 4}
    assert Transition.objects.filter(incident=incident).count() == 2
    assert InboxMessage.objects.count() == 1


def test_same_client_uuid_with_other_content_is_refused(busy):
    client_uuid = uuid.uuid4()
    arrived(busy, client_uuid=client_uuid, body_hash="a")
    with pytest.raises(IdempotencyConflict):
        arrived(busy, client_uuid=client_uuid, body_hash="b")
    assert Incident.objects.count() == 1


def test_replay_is_answered_before_rights_and_state(busy):
    incident = arrived(busy)
    client_uuid = uuid.uuid4()
    asked = {
        "incident": incident,
        "action": "escalate",
        "reason": "x",
        "client_uuid": client_uuid,
        "body_hash": "a",
    }
    perform(user=busy.worker, **asked)
    again = perform(user=fresh(busy.worker), **asked | {"incident": Incident.objects.get(pk=incident.pk)})
    assert again.replayed
    with pytest.raises(IdempotencyConflict):
        perform(user=fresh(busy.worker), **asked | {"body_hash": "b"})


def test_many_reports_at_once_get_different_numbers(busy):
    users = [fresh(busy.worker) for _n in range(8)]
    results = together(8, lambda index: arrived(busy, user=users[index]))
    assert names(results) == {"Incident": 8}
    assert sorted(incident.number[-4:] for incident in results) == [f"{n:04d}" for n in range(1, 9)]


def test_requester_answers_once_however_often_the_button_is_pressed(busy):
    incident = arrived(busy)
    asked = FeedbackRequest.objects.create(incident=incident, township_code=busy.code)
    results = together(5, lambda index: answer_feedback(token=asked.token, grade=1 + index % 5, solved=True))
    assert names(results) == {"FeedbackRequest": 1, "Conflict": 4}


def test_lost_race_leaves_nothing_behind(busy):
    incident = arrived(busy)
    stale = Incident.objects.for_list().get(pk=incident.pk)
    perform(user=busy.worker, incident=incident, action="accept")
    before = (Stage.objects.count(), Part.objects.count(), InboxMessage.objects.count())
    with pytest.raises(Conflict) as lost:
        perform(user=fresh(busy.worker), incident=stale, action="escalate", reason="够不着")
    assert lost.value.code == "lost_race"
    assert (Stage.objects.count(), Part.objects.count(), InboxMessage.objects.count()) == before
    assert list(breaches()) == []


def test_matters_pass_on_while_others_act_on_them(busy):
    """The worker's post ends in the moment in which the village head notes something on each of the worker's matters."""
    held = busy.worker.member.appointments.get()
    waiting = [arrived(busy) for _n in range(12)]
    copies = [Incident.objects.for_list().get(pk=incident.pk) for incident in waiting]
    users = [fresh(busy.village_head) for _incident in waiting]

    def work(index):
        if index == len(copies):
            return end_appointment(appointment=held)
        for _turn in range(6):  # so that some of them fall between its reading and its writing
            try:
                done = perform(user=users[index], incident=copies[index], action="add_note", note="请抓紧")
            except Conflict as error:
                done = error
            copies[index] = Incident.objects.for_list().get(pk=copies[index].pk)
        return done

    results = together(len(copies) + 1, work)
    assert set(names(results)) <= {"Outcome", "Conflict", "Appointment"}, results
    assert type(results[-1]).__name__ == "Appointment"
    answering = set(
        Incident.objects.filter(pk__in=[one.pk for one in waiting]).values_list(
            "responsible_member", flat=True
        )
    )
    assert busy.worker.member.pk not in answering
    assert list(breaches()) == []


def test_photo_and_its_report_that_come_at_once_find_each_other(busy, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    for number in range(8):
        data, key = picture(number), uuid.uuid4()
        users = [fresh(busy.worker), fresh(busy.worker)]

        def work(index, data=data, key=key, users=users):
            if index:
                return arrived(busy, user=users[1], client_uuid=key)
            return attach(
                user=users[0],
                client_uuid=uuid.uuid4(),
                sha256=hashlib.sha256(data).hexdigest(),
                file=io.BytesIO(data),
                incident_client_uuid=key,
            )

        assert set(names(together(2, work))) == {"tuple", "Incident"}
    assert not Upload.objects.filter(incident=None).exists()
    assert Upload.objects.count() == 8


def test_one_code_is_begun_once_however_many_begin_it_at_once(busy):
    new = NewProcedure("own_way", "自定流程", {})
    users = [fresh(busy.clerk) for _n in range(5)]
    results = together(5, lambda index: begin_procedure(township=busy.grid, procedure=new, user=users[index]))
    assert names(results) == {"Procedure": 1, "Invalid": 4}
    assert {tuple(it.errors) for it in results if not isinstance(it, Procedure)} == {("code",)}
    assert Procedure.objects.get(township=busy.grid, code="own_way").version == 1
