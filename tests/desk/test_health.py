"""/healthz and /readyz."""

from datetime import timedelta

import pytest
from django.test import Client

from gridgov import health
from gridgov.common import clock as gridgov_clock
from gridgov.common.actions import beat, enqueue
from gridgov.common.models import OutboxMessage

pytestmark = pytest.mark.django_db


def ready() -> tuple[int, dict]:
    response = Client().get("/readyz")
    return response.status_code, response.json()


@pytest.fixture
def broker(monkeypatch, settings, tmp_path):
    settings.CELERY_BROKER_URL = "filesystem://"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path)}
    return tmp_path


def test_process_answers_with_its_run(monkeypatch):
    assert "X-Gridgov-Run" not in Client().get("/healthz").headers
    monkeypatch.setenv("GRIDGOV_RUN_ID", "abc")
    response = Client().get("/healthz")
    assert (response.status_code, response["X-Gridgov-Run"]) == (200, "abc")


def test_ready_when_the_sweep_has_just_run(broker):
    beat("sweep")
    status, body = ready()
    assert (status, body["status"], body["problems"]) == (200, "ready", {})
    assert body["sweep_age_seconds"] <= 1


def test_not_ready_without_a_sweep(broker):
    status, body = ready()
    assert status == 503
    assert set(body["problems"]) == {"sweep"}


def test_not_ready_when_the_sweep_is_old(broker, clock):
    beat("sweep")
    clock("2026-11-23T09:05")
    status, body = ready()
    assert (status, body["sweep_age_seconds"]) == (503, 300)


def test_not_ready_when_messages_wait(broker, clock):
    enqueue(topic="mail", key="1", payload={})
    clock("2026-11-23T09:20")
    beat("sweep")
    assert set(ready()[1]["problems"]) == {"outbox"}


def test_not_ready_when_the_clock_went_back(broker):
    with gridgov_clock.at(gridgov_clock.now() + timedelta(minutes=10)):
        beat("sweep")
    assert set(ready()[1]["problems"]) == {"clock"}


def test_not_ready_without_the_spool(broker):
    beat("sweep")
    broker.rmdir()
    assert set(ready()[1]["problems"]) == {"broker"}


def test_not_ready_without_the_broker(settings):
    beat("sweep")
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert set(ready()[1]["problems"]) == {"broker"}


def test_not_ready_with_missing_migrations(broker, monkeypatch):
    beat("sweep")
    monkeypatch.setattr(health, "_migrated", set())
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: [("x", False)])
    assert set(ready()[1]["problems"]) == {"migrations"}


def test_the_oldest_message_counts_however_many_are_tried_before_it(client, settings, clock):
    now = clock("2026-11-23T09:00")
    made = [
        OutboxMessage(
            topic="notice", key=f"k{number}", payload={}, next_attempt_at=now + timedelta(minutes=number)
        )
        for number in range(150)
    ]
    made.append(
        OutboxMessage(topic="notice", key="old", payload={}, next_attempt_at=now + timedelta(hours=9))
    )
    OutboxMessage.objects.bulk_create(made)
    OutboxMessage.objects.filter(key="old").update(created_at=now - timedelta(hours=5))
    assert client.get("/readyz").json()["outbox_age_seconds"] == 5 * 3600
