"""Rows written by statements that are built once are the very rows that the ORM would have written."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.prepared import LONG
from gridgov.common.writing import insert, update
from incidents.models import ClockEvent, Incident, Stage, Transition
from members.models import InboxMessage
from tests.factories import incident, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def town(clock):
    return township()


def step(matter, seq, **values):
    return Transition(
        incident=matter, seq=seq, action="add_note", to_status=matter.status, township_code=matter.township_code,
        client_uuid=uuid.uuid4(), note="百分之五%", data={"a": [1, "二"], "b": None}, **values,
    )  # fmt: skip


def stored(row):
    found = type(row)._default_manager.get(pk=row.pk)
    return {field.attname: getattr(found, field.attname) for field in row._meta.concrete_fields}


def test_every_column_is_stored_as_the_orm_stores_it(town):
    matter = incident(town)
    mine, theirs = step(matter, 90, user=town.worker), step(matter, 91, user=town.worker)
    insert([mine])
    theirs.save(force_insert=True)
    own = {"id", "seq", "client_uuid"}
    assert {k: v for k, v in stored(mine).items() if k not in own} == {
        k: v for k, v in stored(theirs).items() if k not in own
    }
    assert stored(mine)["data"] == {"a": [1, "二"], "b": None}
    assert mine.pk
    assert not mine._state.adding
    mine.note = "改过"
    mine.save(update_fields=["note"])
    assert stored(mine)["note"] == "改过"


def test_several_rows_are_one_statement_and_each_knows_its_key(town):
    stage = Stage.objects.filter(incident=incident(town)).first()
    rows = [ClockEvent(stage=stage, kind="pause", at=clock.now(), history_seq=number) for number in range(3)]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        insert(rows)
    assert len([one for one in asked if "INSERT" in one["sql"] or "EXECUTE" in one["sql"]]) == 1
    assert [ClockEvent.objects.get(pk=row.pk).history_seq for row in rows] == [0, 1, 2]
    insert([])
    many = [ClockEvent(stage=stage, kind="pause", at=clock.now(), history_seq=9) for _n in range(LONG + 5)]
    insert(many)
    assert ClockEvent.objects.filter(history_seq=9).count() == LONG + 5


def test_what_is_there_already_stays(town):
    def message(text):
        return InboxMessage(member=town.worker.member, key="same", text=text, kind="news")

    insert([message("first")], ignore_conflicts=True)
    insert(
        [message("second"), InboxMessage(member=town.worker2.member, key="same", text="x")],
        ignore_conflicts=True,
    )
    assert InboxMessage.objects.get(member=town.worker.member, key="same").text == "first"
    assert InboxMessage.objects.filter(key="same").count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([message("third")])


def test_a_refused_row_spoils_the_transaction_as_ever(town):
    matter = incident(town)
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert([step(matter, 1)])  # there is one
        with pytest.raises(transaction.TransactionManagementError):
            Incident.objects.count()
        transaction.set_rollback(True)


def test_columns_are_set_where_others_are_equal(town):
    matter, other = incident(town), incident(town)
    now = clock.now()
    read = {"id": matter.pk, "status": matter.status, "version": matter.version}
    values = {"due_at": now, "responsible_department_id": None, "extra": {"k": "值"}, "important": True}
    assert update(Incident, read, {**values, "version": 7}) == 1
    assert update(Incident, read, {"version": 8}) == 0  # somebody else was first
    found = Incident.objects.get(pk=matter.pk)
    assert (found.due_at, found.extra, found.important, found.version) == (now, {"k": "值"}, True, 7)
    assert update(Incident, {"township_code": town.code, "responsible_department": None}, {"stage": 3}) == 2
    assert update(Incident, {"id": matter.pk, "due_at": None}, {"stage": 4}) == 0
    other.stage = 3
    assert stored(other) == {
        field.attname: getattr(other, field.attname) for field in other._meta.concrete_fields
    }
