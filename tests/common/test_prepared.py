"""A prepared query answers what the ORM would, whatever it was asked first, and keeps nothing of it."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from gridgov.common import clock
from gridgov.common.prepared import LONG, Prepared, Statement
from grids.models import Grid
from members.models import Appointment, Member
from tests.factories import township


@pytest.fixture
def town(db):
    return township()


def test_prepared_query_answers_anew_for_each_value(town):
    named = Prepared(lambda code: Grid.objects.filter(code=code).select_related("parent"))
    for grid in (*town.groups, *town.villages):
        with CaptureQueriesContext(connection) as asked:
            found = named(grid.code)
            assert [one.parent.code for one in found] == [grid.parent_id]
        assert found == [grid]
        assert len(asked) == 1
    assert named("000000000") == []
    assert len(named.built) == 1


def test_prepared_query_takes_lists_of_any_length(town):
    named = Prepared(lambda codes: Grid.objects.filter(code__in=codes).order_by("code"))
    codes = sorted(grid.code for grid in (*town.groups, *town.villages))
    for number in (1, 2, len(codes), 2, 1):
        assert [grid.code for grid in named(codes[:number])] == codes[:number]
    many = [f"{number:015d}" for number in range(LONG)]
    assert [grid.code for grid in named([*codes, *many])] == codes
    assert all(shape[0][0] <= LONG for shape in named.built)


def test_prepared_query_takes_ids_numbers_and_days(town):
    held = Prepared(
        lambda day, member, department: Appointment.objects.current(day).filter(
            Q(member=member) | Q(post__department=department)
        )
    )
    officer = Appointment.objects.exclude(post__department=None).select_related("post").first()
    worker = Appointment.objects.filter(member=town.worker.member).first()
    today = clock.today()
    assert set(held(today, worker.member_id, officer.post.department_id)) >= {worker, officer}
    assert held(worker.since - timedelta(days=1), worker.member_id, 0) == []


def test_prepared_query_gives_new_objects_each_time(town):
    named = Prepared(lambda member: Member.objects.filter(pk=member))
    first = named(town.worker.member.pk)[0]
    first.name = "改"
    assert named(town.worker.member.pk)[0].name == town.worker.member.name


def test_prepared_query_refuses_a_day_that_is_no_value(db):
    ages = Prepared(lambda member: Appointment.objects.current(date(2026, 1, 1)).filter(post=member))
    with pytest.raises(ValueError, match="day 2026-01-01"):
        ages(1)


def test_prepared_query_refuses_to_lose_a_value(db):
    lost = Prepared(lambda name: Member.objects.filter(name=name.upper()))
    with pytest.raises(ValueError, match="lost"):
        lost("a")


@pytest.fixture
def on_postgresql(db):
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL prepares on the server")


def prepared_on_server():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, statement, generic_plans + custom_plans FROM pg_prepared_statements")
        return {name: (text, plans) for name, text, plans in cursor.fetchall()}


def test_server_prepares_once_for_a_session_and_is_given_the_values(town, on_postgresql):
    named = Prepared(lambda code: Grid.objects.filter(code=code, use="人%", ended_on=None))
    before = prepared_on_server()
    with CaptureQueriesContext(connection) as asked:
        for grid in (*town.groups, *town.villages):
            assert named(grid.code) == []
    assert len(asked) == len(town.groups) + len(town.villages)
    assert all(one["sql"].startswith("EXECUTE ") for one in asked)
    (text, plans), *more = [made for name, made in prepared_on_server().items() if name not in before]
    assert more == []
    assert plans == len(asked)
    assert "'人%'" in text  # what never changes is known to the planner
    assert town.groups[0].code not in text


def test_two_queries_of_the_same_text_are_one_statement(town):
    for _ in range(2):
        assert Prepared(lambda code: Grid.objects.filter(code=code))(town.code) == [town.grid]


def test_statement_keeps_its_percent_signs_and_takes_no_values(db):
    plain = Statement("SELECT '10%%' || '%%s'")
    with connection.cursor() as cursor:
        cursor.execute(plain.on(connection), [])
        assert cursor.fetchone() == ("10%%s",)


def test_statement_is_left_to_the_driver_where_sessions_are_shared(on_postgresql, settings):
    settings.PREPARED_STATEMENTS = False
    assert Statement("SELECT %s::text").on(connection) == "SELECT %s::text"


@pytest.mark.django_db(transaction=True)
def test_prepared_query_is_prepared_again_for_a_new_session():
    town = township()
    named = Prepared(lambda code: Grid.objects.filter(code=code))
    for _ in range(2):
        assert named(town.groups[0].code) == [town.groups[0]]
        connection.close()
