"""Every action in every state by every role: what is allowed stands here by hand, everything else must be refused."""

import pytest
from django.db import transaction

from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from incidents.actions import perform
from incidents.enums import OPEN_STATUSES, Status
from incidents.models import Incident, Transition
from incidents.permissions import allowed_actions
from incidents.workflow import TRANSITIONS
from tests.factories import fresh
from tests.incidents.acting import do

ROLES = (
    "worker", "group_head", "worker2", "village_head", "village_head2", "clerk", "leader", "contact_leader",
    "officer", "assessor", "auditor", "admin",
)  # fmt: skip
AT_GROUP = {"worker", "group_head"}
ABOVE = {"village_head", "clerk"}
ALL = AT_GROUP | ABOVE
CLERK, HEAD, OFFICER = {"clerk"}, {"village_head"}, {"officer"}
NOTE = {"add_note": ALL}

# A matter of the first group of the first village, as plan 6 has it. `hand_over` and `escalate` are for open matters only.
GROUP_MATTER = {
    "reported": {
        "accept": AT_GROUP, "reject": ABOVE, "settle": AT_GROUP, "escalate": AT_GROUP, "hand_over": ABOVE, **NOTE,
    },
    "accepted": {
        "reject": ABOVE, "settle": AT_GROUP, "dispatch": ABOVE, "start": AT_GROUP, "escalate": AT_GROUP,
        "hand_over": ABOVE, **NOTE,
    },
    "dispatched": {"start": AT_GROUP, "escalate": AT_GROUP, "hand_over": ABOVE, **NOTE},
    "in_progress": {
        "settle": AT_GROUP, "submit_result": AT_GROUP, "escalate": AT_GROUP, "hand_over": ABOVE, **NOTE,
    },
    "resolved": {"verify": HEAD, "send_back": HEAD, "escalate": HEAD, "hand_over": ABOVE, **NOTE},
    "verified": {
        "feed_back": ALL, "return_visit": ABOVE, "close": ALL, "escalate": AT_GROUP, "hand_over": ABOVE, **NOTE,
    },
    "suspended": {"escalate": AT_GROUP, "hand_over": ABOVE, **NOTE},
    "referred": {"escalate": AT_GROUP, "hand_over": ABOVE, **NOTE},
    "closed": {"return_visit": ABOVE, "reopen": ABOVE, **NOTE},
    "rejected": {"reopen": ABOVE, **NOTE},
    "withdrawn": NOTE,
    "merged": NOTE,
    "void": NOTE,
}  # fmt: skip

# A fire of the same group: received by the township, handled by the department; important.
DEPARTMENT = {"add_note": ALL | OFFICER}
TOWN_MATTER = {
    "reported": {"accept": CLERK, "reject": CLERK, "hand_over": CLERK, **NOTE},
    "accepted": {"reject": CLERK, "dispatch": CLERK, "start": CLERK, "hand_over": CLERK, **NOTE},
    "dispatched": {"start": OFFICER, "escalate": OFFICER, "hand_over": CLERK, **DEPARTMENT},
    "in_progress": {"submit_result": OFFICER, "escalate": OFFICER, "hand_over": CLERK, **DEPARTMENT},
    "resolved": {"verify": CLERK, "send_back": CLERK, "hand_over": CLERK, **NOTE},
    "verified": {"feed_back": CLERK, "return_visit": CLERK, "hand_over": CLERK, **NOTE},
    "closed": {"return_visit": CLERK, "reopen": CLERK, **NOTE},
}

GROUP_WAY = {
    "reported": [],
    "accepted": [("worker", "accept")],
    "dispatched": [("worker", "escalate"), ("village_head", "accept"), ("village_head", "dispatch")],
    "in_progress": [("worker", "accept"), ("worker", "start")],
    "resolved": [("worker", "accept"), ("worker", "start"), ("worker", "submit_result")],
    "verified": [
        ("worker", "accept"),
        ("worker", "start"),
        ("worker", "submit_result"),
        ("village_head", "verify"),
    ],
    "closed": [("worker", "settle")],
    "rejected": [("village_head", "reject")],
}
TOWN_WAY = {
    "reported": [],
    "accepted": [("clerk", "accept")],
    "dispatched": [("clerk", "accept"), ("clerk", "dispatch")],
}
TOWN_WAY["in_progress"] = [*TOWN_WAY["dispatched"], ("officer", "start")]
TOWN_WAY["resolved"] = [*TOWN_WAY["in_progress"], ("officer", "submit_result")]
TOWN_WAY["verified"] = [*TOWN_WAY["resolved"], ("clerk", "verify")]
TOWN_WAY["closed"] = [*TOWN_WAY["verified"], ("clerk", "return_visit"), ("clerk", "close")]

# Where each action leads from each state it starts in; None: the state stays.
TARGETS = {
    "accept": "accepted", "reject": "rejected", "settle": "closed", "dispatch": "dispatched", "start": "in_progress",
    "submit_result": "resolved", "send_back": "in_progress", "verify": "verified", "feed_back": None,
    "return_visit": None, "close": "closed", "reopen": "accepted", "escalate": "reported", "hand_over": "reported",
    "add_note": None,
}  # fmt: skip


def words(town, action, kind):
    """Arguments with which the action may succeed."""
    target = {"group": {"dispatch": town.groups[0], "hand_over": town.groups[1]}}.get(
        kind, {"dispatch": town.department, "hand_over": town.villages[1]}
    )
    return {
        "reject": {"reason": "不属实"},
        "settle": {"note": "换了灯泡"},
        "dispatch": {"to": target["dispatch"]},
        "submit_result": {"note": "已修"},
        "send_back": {"reason": "还不亮"},
        "feed_back": {"note": "已告知", "channel": Channel.PHONE},
        "return_visit": {"happened": True, "solved": True},
        "reopen": {"reason": "又坏了"},
        "escalate": {"reason": "够不着"},
        "hand_over": {"to": target["hand_over"], "reason": "不在本组"},
        "add_note": {"note": "看过"},
    }.get(action, {})


def brought_to(town, new, kind, status):
    way = (GROUP_WAY if kind == "group" else TOWN_WAY).get(status, GROUP_WAY["reported"])
    incident = new("dispute" if kind == "group" else "fire")
    for role, action in way:
        incident = do(incident, getattr(town, role), action, **words(town, action, kind))
    if incident.status != status:  # states that no action of this version reaches
        Incident.objects.filter(pk=incident.pk).update(status=status, is_open=status in OPEN_STATUSES)
    return Incident.objects.for_list().get(pk=incident.pk)


def tried(user, incident, action, arguments):
    """How the action ends, with everything it wrote taken back."""
    row = Incident.objects.for_list().get(pk=incident.pk)
    version = row.version
    try:
        with transaction.atomic():
            after = perform(user=user, incident=row, action=action, **arguments).incident
            row.refresh_from_db()
            assert (row.status, row.version) == (after.status, version + 1)
            transaction.set_rollback(True)
            return after.status
    except DomainError as error:
        return error


def test_tables_here_name_every_action_and_state():
    assert set(TARGETS) == set(TRANSITIONS)
    assert set(GROUP_MATTER) == set(Status.values)
    assert {name for cells in GROUP_MATTER.values() for name in cells} == set(TRANSITIONS)


@pytest.mark.parametrize("status", GROUP_MATTER)
def test_group_matter_follows_the_table(town, new, status):
    walk(town, new, "group", status, GROUP_MATTER[status])


@pytest.mark.parametrize("status", TOWN_MATTER)
def test_township_matter_follows_the_table(town, new, status):
    walk(town, new, "town", status, TOWN_MATTER[status])


def walk(town, new, kind, status, allowed):
    incident = brought_to(town, new, kind, status)
    before = written(incident)
    for role in ROLES:
        user = fresh(getattr(town, role))
        offered = {action.name for action in allowed_actions(user, incident)}
        assert offered == {action for action, roles in allowed.items() if role in roles}, role
        for action, target in TARGETS.items():
            found = tried(user, incident, action, words(town, action, kind))
            if role in allowed.get(action, ()):
                assert found == (target or status), (role, action, found)
            else:
                assert isinstance(found, DomainError), (role, action, found)
                if role in {
                    "worker2",
                    "village_head2",
                    "leader",
                    "contact_leader",
                    "assessor",
                    "auditor",
                    "admin",
                }:
                    assert isinstance(found, Forbidden), (role, action, found)
    assert written(incident) == before


def written(incident):
    """The row and its history: a refusal leaves both as they were."""
    rows = Incident.objects.filter(pk=incident.pk).values()
    return list(rows), Transition.objects.filter(incident=incident).count()


@pytest.mark.parametrize(
    ("cell", "error", "code"),
    [
        (("group", "accepted", "worker", "accept"), Conflict, "wrong_state"),
        (("group", "reported", "village_head", "accept"), Forbidden, "forbidden"),
        (("group", "resolved", "clerk", "verify"), Forbidden, "forbidden"),
        (("group", "resolved", "worker", "verify"), Forbidden, "forbidden"),
        (("group", "closed", "village_head", "close"), Conflict, "wrong_state"),
        (("town", "reported", "clerk", "escalate"), Conflict, "no_level_above"),
        (("town", "accepted", "clerk", "settle"), Invalid, "important_not_settled"),
        (("town", "in_progress", "officer", "settle"), Conflict, "not_own_level"),
        (("town", "verified", "clerk", "close"), Invalid, "return_visit_required"),
    ],
)
def test_refusal_says_why(town, new, cell, error, code):
    kind, status, role, action = cell
    incident = brought_to(town, new, kind, status)
    found = tried(getattr(town, role), incident, action, words(town, action, kind))
    assert type(found) is error
    assert found.code == code


def test_disabled_login_and_member_may_do_nothing(town, new):
    incident = new()
    for owner, name in ((town.worker, "user"), (town.worker.member, "member")):
        owner.is_active = False
        owner.save()
        assert allowed_actions(fresh(town.worker), incident) == [], name
        assert isinstance(tried(fresh(town.worker), incident, "accept", {}), Forbidden), name
        owner.is_active = True
        owner.save()


@pytest.mark.parametrize(
    "action", [name for name in TARGETS if name not in {"accept", "start", "verify", "close"}]
)
def test_obligatory_arguments_are_named(town, new, action):
    missing = {
        "reject": {"reason"}, "settle": {"note"}, "dispatch": {"to"}, "submit_result": {"note"},
        "send_back": {"reason"}, "feed_back": {"note", "channel"}, "return_visit": {"happened", "solved"},
        "reopen": {"reason"}, "escalate": {"reason"}, "hand_over": {"to", "reason"}, "add_note": {"note"},
    }[action]  # fmt: skip
    status = next(name for name, cells in GROUP_MATTER.items() if action in cells)
    role = min(GROUP_MATTER[status][action])
    found = tried(getattr(town, role), brought_to(town, new, "group", status), action, {})
    assert isinstance(found, Invalid)
    assert set(found.errors) == missing


def test_unknown_arguments_are_refused_by_name(town, new):
    found = tried(town.worker, new(), "accept", {"colour": "red", "description": "x"})
    assert isinstance(found, Invalid)
    assert set(found.errors) == {"colour", "description"}
