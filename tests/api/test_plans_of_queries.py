"""What every request asks is found by an index: a statement that reads a whole table is quick in every test and in no township."""

import uuid

import pytest
from django.db import connection

from tests.api.conftest import API
from tests.factories import client_for

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by the rows that there are"),
]

LARGE = (
    "incidents_incident", "incidents_part", "incidents_transition", "incidents_requester", "incidents_upload",
    "incidents_assisttask", "incidents_stage", "incidents_clockevent", "incidents_escalation", "members_inboxmessage",
)  # fmt: skip


def scanned(statements: list[str]) -> list[str]:
    """Large tables that are read as a whole, each with its statement."""
    found = []
    with connection.cursor() as cursor:
        for sql in statements:
            if not sql.startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            for row in cursor.fetchall():
                step = row[3]
                words = step.split()
                if words[0] == "SCAN" and words[1] in LARGE and "USING INDEX" not in step:
                    found.append(f"{step}: {sql}")
    return found


def test_the_look_for_scans_finds_one(town, counted, reported):
    reported()
    with counted() as seen, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM incidents_incident WHERE description = 'x'")
    assert len(scanned(seen.sql)) == 1


def test_no_request_of_the_day_reads_a_whole_table(town, api, reported, report, counted):
    row = reported(
        user=town.worker, requester={"name": "张三", "phone": "13800000000", "wants_feedback": True}
    )
    worker, head = client_for(town.worker), client_for(town.village_head)
    one = f"{API}incidents/{row['id']}/"
    with counted() as seen:
        for client in (worker, head, client_for(town.clerk), client_for(town.officer)):
            for address in ("me/", "tasks/", "incidents/", "incidents/?mine=true", "incidents/?overdue=true"):
                assert client.get(f"{API}{address}").status_code == 200
        for address in (one, f"{one}history/", f"{one}due/"):
            assert head.get(address).status_code == 200
        assert worker.post(f"{API}incidents/", report()).status_code == 201
        for action, given in (("accept", {}), ("start", {}), ("submit_result", {"note": "修好了"})):
            call = {"client_uuid": str(uuid.uuid4()), **given}
            answer = worker.post(f"{one}actions/{action}/", call)
            assert answer.status_code == 200, answer.content.decode()
    assert scanned(seen.sql) == []
