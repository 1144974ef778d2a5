"""One matter by its key is seen by exactly those in whose lists it would stand."""

import pytest

from gridgov.common.errors import NotVisible
from incidents.actions import perform
from incidents.models import Incident
from incidents.permissions import allowed_names
from incidents.permissions.seeing import seen, sees
from incidents.querysets import ListFilters
from members.models import Appointment
from tests.factories import act, fresh, incident, township

pytestmark = pytest.mark.django_db


@pytest.fixture
def matters(town):
    """Of both villages and of a neighbour; with a department; handed on, so that a part is left behind."""
    neighbour = township("320371102", name="邻镇")
    passed_up = act(town, incident(town), "escalate", reason="请村里办")
    with_office = incident(town, "dispatched", user=town.clerk, category="fire", to=town.department)
    other = incident(town, user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    return [passed_up, with_office, other, sent_to_the_other_village(town), incident(neighbour)]


def sent_to_the_other_village(town):
    """It lies in the first village, and the second one works on it."""
    matter = act(town, incident(town, user=town.clerk, category="fire"), "accept")
    return perform(user=fresh(town.clerk), incident=matter, action="dispatch", to=town.villages[1]).incident


def test_everybody_of_the_unit_that_answers_sees_it_and_works_on_it(town):
    """Not only whoever holds the responsible post; and what waits for the unit opens."""
    matter = sent_to_the_other_village(town)
    second = Appointment.objects.current().filter(post__grid=town.villages[1], post__is_responsible=False)
    user = fresh(second.filter(post__role__code="village_head").first().member.user)
    assert user.member != matter.responsible_member
    assert matter in Incident.objects.waiting_for(user)
    assert matter in Incident.objects.page_for(user, ListFilters(mine=True)).rows
    assert seen(user, matter.pk) == matter
    assert "start" in allowed_names(user, matter)
    back = perform(user=fresh(town.clerk), incident=matter, action="hand_over", to=town.grid, reason="收回")
    with pytest.raises(NotVisible):
        seen(fresh(user), back.incident.pk)


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
