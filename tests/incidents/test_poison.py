"""One broken row does not stop the recurring work: the others go up, it is put aside, shown, and tried again."""

from uuid import UUID

import pytest

from gridgov.common.models import Heartbeat, SetAside
from incidents.actions import sweep
from incidents.models import Escalation, Incident, Transition
from incidents.tasks import sweep_overdue
from tests.factories import login


def broken(incident):
    """The number that the next row of its history needs is taken."""
    row = Transition.objects.get(incident=incident)
    row.pk, row.seq, row.client_uuid = None, row.seq + 1, None
    row.client_uuid = UUID(int=incident.pk.int ^ 1)
    row.save(force_insert=True)
    return incident


@pytest.fixture
def matters(town, new, clock):
    rows = [new("dispute") for _n in range(5)]
    broken(rows[2])
    clock("2026-11-25T09:01")
    return rows


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_others_go_up_and_the_broken_one_is_put_aside(matters, batch):
    assert sweep(batch=batch) == 4
    assert Escalation.objects.count() == 4
    aside = SetAside.objects.get()
    assert (aside.work, aside.key, aside.error) == ("sweep", str(matters[2].pk), "IntegrityError")
    assert sweep(batch=batch) == 0  # it waits
    assert SetAside.objects.get().times == 1


def test_it_is_tried_again_and_gone_once_it_is_mended(matters, clock):
    sweep()
    clock("2026-11-25T09:07")
    assert sweep() == 0
    assert SetAside.objects.get().times == 2
    Transition.objects.filter(incident=matters[2], seq=2).delete()
    clock("2026-11-25T09:20")
    assert sweep() == 1
    assert not SetAside.objects.exists()
    assert Incident.objects.get(pk=matters[2].pk).is_late


def test_the_administrator_sees_it(matters, client, clock, town):
    assert sweep_overdue() == 4
    assert Heartbeat.objects.get(name="sweep").detail == {"told": 4, "failed": []}
    page = login(client, town.admin).get("/admin/common/setaside/")
    assert str(matters[2].pk) in page.content.decode()
    desk = client.get("/").content.decode()
    assert "/admin/common/setaside/" in desk
    assert client.get("/readyz").json()["rows_put_aside"] == 1
