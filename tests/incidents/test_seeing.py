"""One matter by its key is seen by exactly those in whose lists it would stand."""

import pytest

from gridgov.common.errors import NotVisible
from incidents.models import Incident
from incidents.permissions.seeing import seen, sees
from tests.factories import act, fresh, incident, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def matters(town):
    """Of both villages and of a neighbour; with a department; handed on, so that a part is left behind."""
    neighbour = township("320371102", name="邻镇")
    passed_up = act(town, incident(town), "escalate", reason="请村里办")
    with_office = incident(town, "dispatched", user=town.clerk, category="fire", to=town.department)
    other = incident(town, user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    return [passed_up, with_office, other, incident(neighbour)]


def test_seeing_one_agrees_with_the_lists(town, matters):
    people = [
        town.clerk, town.village_head, town.village_head2, town.worker, town.worker2, town.group_head, town.officer,
        town.assessor, town.leader, town.contact_leader, town.auditor, town.admin,
    ]  # fmt: skip
    counted = set()
    for person in people:
        user = fresh(person)
        for matter in matters:
            listed = Incident.objects.visible_to(user).filter(pk=matter.pk).exists()
            assert sees(user, matter) is listed, (person, matter.heading)
            if listed:
                assert seen(user, matter.pk) == matter
            else:
                with pytest.raises(NotVisible):
                    seen(user, matter.pk)
            counted.add(listed)
    assert counted == {True, False}
