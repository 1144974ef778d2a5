"""A system time earlier than what is recorded stops writing until the technical administrator confirms it."""

from datetime import timedelta

import pytest
from django.test import Client

from gridgov.common import clock as gridgov_clock
from gridgov.common import clockguard
from gridgov.common.actions import beat
from gridgov.common.briefly import Briefly
from gridgov.common.models import AuditEvent, Heartbeat
from incidents.models import Incident
from incidents.tasks import sweep_overdue
from tests.factories import incident, login, township

pytestmark = pytest.mark.django_db

SENTENCE = "系统时间早于已有记录，已停止写入，请管理员核对后确认。"


@pytest.fixture
def town(clock):
    found = township()
    incident(found)
    beat("sweep")
    Briefly.forget_all()
    return found


def report(town, user):
    return login(Client(), user).post(
        "/incidents/new/",
        {
            "client_uuid": "0b8f7a52-3f0e-4f0e-9d59-6f4ab5a6c001",
            "grid": town.groups[0].code,
            "category": town.categories["request"].code,
            "description": "路灯不亮",
        },
    )


def test_nothing_is_written_while_the_clock_is_behind(town, clock, client):
    before = Incident.objects.count()
    clock("2026-11-23T08:30")
    page = report(town, town.worker)
    assert page.status_code == 503
    assert SENTENCE in page.content.decode()
    answer = client.post("/api/v1/incidents/", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        503,
        "clock_behind",
        SENTENCE,
    )
    assert Incident.objects.count() == before
    assert sweep_overdue() is None
    assert login(Client(), town.worker).get("/").status_code == 200


def test_a_small_difference_between_machines_is_nothing(town, clock):
    clock("2026-11-23T08:59")
    assert report(town, town.worker).status_code == 302


def test_writing_goes_on_by_itself_when_the_time_is_put_right(town, clock):
    clock("2026-11-23T08:30")
    assert report(town, town.worker).status_code == 503
    clock("2026-11-23T09:01")
    assert report(town, town.worker).status_code == 302


def test_the_technical_administrator_confirms(town, clock):
    clock("2026-11-23T08:30")
    assert login(Client(), town.clerk).post("/clock/").status_code == 404
    admin = login(Client(), town.admin)
    assert SENTENCE in admin.get("/clock/").content.decode()
    assert admin.post("/clock/").status_code == 302
    assert AuditEvent.objects.filter(subject="clock", username=town.admin.username).count() == 1
    assert Heartbeat.objects.get(name="sweep").at == gridgov_clock.now()
    assert report(town, town.worker).status_code == 302
    assert sweep_overdue() == 0


def test_a_second_jump_back_is_seen_after_the_first_was_confirmed(town, clock):
    clock("2026-11-23T08:30")
    clockguard.confirm(by="admin")
    assert clockguard.written_later() is None
    assert report(town, town.worker).status_code == 302
    clock("2026-11-23T08:00")
    Briefly.forget_all()
    assert clockguard.written_later() - gridgov_clock.now() == timedelta(minutes=30)
