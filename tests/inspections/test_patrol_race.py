"""The same patrol arriving several times at once: a phone that retries while the first answer is still under way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from gridgov.common import clock as gridgov_clock
from incidents.models import Incident
from inspections.actions import record_patrol
from inspections.models import Finding, Patrol
from tests.factories import fresh, township


@pytest.mark.django_db(transaction=True)
def test_five_sendings_at_once_are_one_patrol_with_one_incident():
    town = township()
    began = gridgov_clock.now() - timedelta(hours=2)
    sent = {
        "grid": town.groups[0],
        "started_at": began,
        "ended_at": began + timedelta(hours=1),
        "findings": [{"text": "电线老化", "category": town.categories["request"]}],
        "client_uuid": uuid4(),
        "body_hash": "a" * 64,
    }

    def send(_number):
        try:
            return record_patrol(user=fresh(town.worker), **sent)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(send, range(5)))
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True, True]
    assert len({outcome.patrol.pk for outcome in outcomes}) == 1
    assert (Patrol.objects.count(), Finding.objects.count(), Incident.objects.count()) == (1, 1, 1)
