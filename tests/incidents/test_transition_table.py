"""Every action in every state by every role: what is allowed stands here by hand, everything else must be refused."""

from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import transaction

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict, DomainError, Forbidden, Invalid
from gridgov.common.worktime import Limit, Unit
from incidents.actions import NewProcedure, perform, publish_procedures
from incidents.enums import Status
from incidents.models import Incident, Transition
from incidents.permissions import allowed_actions
from incidents.steps import LATER
from incidents.workflow import BEFORE, OTHER_ROWS, TRANSITIONS
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
LEADERS, TOP = {"leader", "contact_leader"}, {"clerk", "leader"}
# What goes beside the way of the matter: for all who see it as workers, and from above the unit that has it.
SEEN = {"add_note": ALL, "arrive": ALL}
KEPT = {"mark_accountable": ABOVE | LEADERS, "correct": ABOVE, "void": CLERK, "add_note": ALL}
OVER_GROUP = {
    "remind": ABOVE | LEADERS, "supervise": ABOVE | LEADERS, "mark_accountable": ABOVE | LEADERS,
    "list_for_rectification": ABOVE, "correct": ABOVE, "merge": ABOVE, "void": CLERK, "hand_over": ABOVE, **SEEN,
}  # fmt: skip
OVER_VILLAGE = OVER_GROUP | dict.fromkeys(("remind", "supervise", "mark_accountable"), CLERK | LEADERS)
OVER_TOWN = {
    **dict.fromkeys(("remind", "supervise", "mark_accountable"), TOP),
    **dict.fromkeys(("list_for_rectification", "correct", "merge", "void", "hand_over"), CLERK), **SEEN,
}  # fmt: skip
LEADS = {"assist": ALL}  # who has the lead, or stands above it
CALLS = {"whistle": ABOVE | LEADERS}
OWN_GROUP = {"suspend": AT_GROUP, "request_extension": AT_GROUP, "escalate": AT_GROUP}

# A matter of the first group of the first village, as plan 6 has it. Whoever took the last step may undo it.
GROUP_MATTER = {
    "reported": {
        "accept": AT_GROUP, "reject": ABOVE, "settle": AT_GROUP, "withdraw": {"worker"}, **OWN_GROUP, **OVER_GROUP,
        **CALLS,
    },
    "accepted": {
        "reject": ABOVE, "settle": AT_GROUP, "start": AT_GROUP, **OWN_GROUP, **OVER_GROUP,
        **LEADS, **CALLS,
    },
    "dispatched": {"start": AT_GROUP, "refuse": AT_GROUP, **OWN_GROUP, **OVER_GROUP, **LEADS, **CALLS},
    "in_progress": {"settle": AT_GROUP, "submit_result": AT_GROUP, **OWN_GROUP, **OVER_GROUP, **LEADS, **CALLS},
    "resolved": {
        "verify": HEAD, "send_back": HEAD, "suspend": HEAD, "escalate": HEAD, "request_extension": HEAD, **OVER_VILLAGE, **CALLS,
    },
    "verified": {
        "feed_back": ALL, "return_visit": ABOVE, "close": ALL, "suspend": AT_GROUP, "escalate": AT_GROUP, **OVER_GROUP,
        **CALLS,
    },
    "suspended": {"resume": AT_GROUP, "escalate": AT_GROUP, **OVER_GROUP},
    "referred": {"record_reply": CLERK, "suspend": CLERK, **OVER_TOWN, "arrive": ALL, "add_note": ALL},
    "closed": {"return_visit": ABOVE, "reopen": ABOVE, **KEPT},
    "rejected": {"reopen": ABOVE, **KEPT},
    "withdrawn": {name: KEPT[name] for name in ("correct", "void", "add_note")},
    "merged": {"unmerge": ABOVE, **KEPT},
    "void": {"add_note": ALL},
}  # fmt: skip

# A fire of the same group: received by the township, handled by the department; important.
DEPARTMENT = {
    **OVER_TOWN, "add_note": ALL | OFFICER, "arrive": ALL | OFFICER, "suspend": OFFICER, "escalate": OFFICER,
    "request_extension": OFFICER, "refer_up": OFFICER, "assist": CLERK | OFFICER, "whistle": TOP,
}  # fmt: skip
AT_TOWN = {**OVER_TOWN, "whistle": TOP, "suspend": CLERK, "refer_up": CLERK, "add_note": ALL, "arrive": ALL}
del AT_TOWN["hand_over"]  # what begins at the township only is sent down, not handed
LIMITED = AT_TOWN | {"request_extension": CLERK}
TOWN_MATTER = {
    "reported": {"accept": CLERK, "reject": CLERK, "withdraw": {"worker"}, **LIMITED},
    "accepted": {"reject": CLERK, "dispatch": CLERK, "start": CLERK, "assist": CLERK, **LIMITED},
    "dispatched": {"start": OFFICER, "refuse": OFFICER, **DEPARTMENT},
    "refused": {"rule_refusal": CLERK, "assist": CLERK, **AT_TOWN},
    "in_progress": {"submit_result": OFFICER, **DEPARTMENT},
    "extension": {"submit_result": OFFICER, **DEPARTMENT, "request_extension": set(), "decide_extension": {"clerk", "leader"}},
    "listed": {"submit_result": OFFICER, **DEPARTMENT, "list_for_rectification": set(), "unlist": CLERK},
    "supervised": {"submit_result": OFFICER, **DEPARTMENT, "reply_supervision": OFFICER},
    "assisted": {
        "submit_result": OFFICER, **DEPARTMENT, "submit_assist": HEAD, "release_assist": CLERK | OFFICER,
    },
    "called": {"submit_result": OFFICER, **DEPARTMENT, "report_in": HEAD, "release_assist": CLERK | OFFICER},
    "resolved": {"verify": CLERK, "send_back": CLERK, **LIMITED},
    "verified": {"feed_back": CLERK, "return_visit": CLERK, **AT_TOWN},
    "closed": {
        "return_visit": CLERK, "reopen": CLERK, "mark_accountable": {"clerk", "leader"}, "correct": CLERK,
        "void": CLERK, "add_note": ALL,
    },
}  # fmt: skip

# The same fire where the procedure asks for the township's approval before it is handled.
UNAPPROVED = {
    "accepted": {
        "reject": CLERK, "review": CLERK, "approve": {"clerk", "leader"}, "disapprove": {"clerk", "leader"}, **LIMITED,
        "assist": CLERK,
    },
}  # fmt: skip

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
    "suspended": [("worker", "suspend")],
    "referred": [("worker", "escalate"), ("village_head", "escalate"), ("clerk", "refer_up")],
    "closed": [("worker", "settle")],
    "rejected": [("village_head", "reject")],
    "withdrawn": [("worker", "withdraw")],
    "merged": [("village_head", "merge")],
    "void": [("clerk", "void")],
}
TOWN_WAY = {
    "reported": [],
    "accepted": [("clerk", "accept")],
    "dispatched": [("clerk", "accept"), ("clerk", "dispatch")],
}
TOWN_WAY["refused"] = [*TOWN_WAY["dispatched"], ("officer", "refuse")]
TOWN_WAY["in_progress"] = [*TOWN_WAY["dispatched"], ("officer", "start")]
TOWN_WAY["extension"] = [*TOWN_WAY["in_progress"], ("officer", "request_extension")]
TOWN_WAY["listed"] = [*TOWN_WAY["in_progress"], ("clerk", "list_for_rectification")]
TOWN_WAY["supervised"] = [*TOWN_WAY["in_progress"], ("clerk", "supervise")]
TOWN_WAY["assisted"] = [*TOWN_WAY["in_progress"], ("clerk", "assist")]
TOWN_WAY["called"] = [*TOWN_WAY["in_progress"], ("clerk", "whistle")]
TOWN_WAY["resolved"] = [*TOWN_WAY["in_progress"], ("officer", "submit_result")]
TOWN_WAY["verified"] = [*TOWN_WAY["resolved"], ("clerk", "verify")]
TOWN_WAY["closed"] = [*TOWN_WAY["verified"], ("clerk", "return_visit"), ("clerk", "close")]
WAYS = {"group": GROUP_WAY, "town": TOWN_WAY, "approval": TOWN_WAY}

# Where each action leads from each state it starts in; None: the state stays; BEFORE: the one it came from.
TARGETS = {
    "accept": "accepted", "reject": "rejected", "settle": "closed", "dispatch": "dispatched", "start": "in_progress",
    "submit_result": "resolved", "send_back": "in_progress", "verify": "verified", "feed_back": None,
    "return_visit": None, "close": "closed", "reopen": "accepted", "escalate": "reported", "hand_over": "reported",
    "add_note": None, "review": None, "approve": "in_progress", "disapprove": None, "refuse": None,
    "rule_refusal": "accepted", "arrive": None, "request_extension": None, "decide_extension": None,
    "suspend": "suspended", "resume": BEFORE, "refer_up": "referred", "record_reply": "accepted", "remind": None,
    "supervise": None, "reply_supervision": None, "list_for_rectification": None, "unlist": None,
    "mark_accountable": None, "correct": None, "merge": "merged", "unmerge": BEFORE, "withdraw": "withdrawn",
    "void": "void", "undo": BEFORE, "assist": None, "whistle": None, "report_in": None, "submit_assist": None,
    "release_assist": None,
}  # fmt: skip
OUTSIDE = {"worker2", "village_head2", "assessor", "auditor", "admin"}


REASONS = {
    name: {"reason": "情况说明"}
    for name in ("refuse", "disapprove", "suspend", "list_for_rectification", "void")
} | {
    "review": {"note": "建议同意"},
    "rule_refusal": {"upheld": True},
    "request_extension": {"reason": "等材料", "limit": Limit(2, Unit.HOURS)},
    "decide_extension": {"granted": True},
    "refer_up": {"body": "县住建局", "reason": "超出本镇权限"},
    "record_reply": {"reply": "已安排维修"},
    "supervise": {"level": "yellow", "note": "抓紧办理"},
    "reply_supervision": {"note": "明天完成"},
    "unlist": {"note": "已整改"},
    "mark_accountable": {"about": "某站所", "reason": "推诿"},
    "correct": {"title": "路灯坏了"},
}


def words(town, action, kind):
    """Arguments with which the action may succeed."""
    target = {"group": {"dispatch": town.groups[0], "hand_over": town.groups[1]}}.get(
        kind,
        {"dispatch": town.department, "hand_over": town.grid},  # taken back
    )
    others = {"assisting": [town.departments[0] if kind == "group" else town.villages[1]]}
    return REASONS.get(action) or {
        "assist": others,
        "whistle": others | {"deadline": clock.now() + timedelta(hours=2)},
        "submit_assist": {"note": "已协助"},
        "release_assist": {"assisting": [town.villages[0]], "reason": "不再需要"},
        "merge": {"into": Incident.objects.filter(title="主件").first()},
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
    incident = new("dispute" if kind == "group" else "fire")
    new("dispute", title="主件")  # to merge into
    for role, action in WAYS[kind][status]:
        given = words(town, action, kind)
        if action in ("assist", "whistle"):
            given["assisting"] = [town.villages[0]]
        incident = do(incident, getattr(town, role), action, **given)
    return Incident.objects.for_list().get(pk=incident.pk)


def tried(user, incident, action, arguments):
    """How the action ends on the row as it was read, with everything it wrote taken back."""
    row = deepcopy(incident)
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
    assert set(GROUP_WAY) == set(GROUP_MATTER)
    tables = (GROUP_MATTER, TOWN_MATTER, UNAPPROVED)
    named = {name for table in tables for cells in table.values() for name in cells}
    assert named | {"undo"} == set(TRANSITIONS)


def test_what_no_matter_begins_with_is_named_as_that():
    begins = {Status.REPORTED, Status.ACCEPTED}
    assert {name for name, move in TRANSITIONS.items() if begins.isdisjoint(move.sources)} == set(LATER)


def test_names_of_actions_fit_their_column():
    """SQLite would not mind."""
    longest = max(len(name) for name in (*TRANSITIONS, *OTHER_ROWS))
    assert longest <= Transition._meta.get_field("action").max_length


@pytest.mark.once
@pytest.mark.parametrize("status", GROUP_MATTER)
def test_group_matter_follows_the_table(town, new, status):
    walk(town, new, "group", status, GROUP_MATTER[status])


@pytest.mark.once
@pytest.mark.parametrize("status", TOWN_MATTER)
def test_township_matter_follows_the_table(town, new, status):
    walk(town, new, "town", status, TOWN_MATTER[status])


@pytest.mark.once
def test_unapproved_matter_follows_the_table(town, new):
    procedure = town.categories["fire"].procedure
    data = {**procedure.data, "approval": "all"}
    publish_procedures(township=town.grid, procedures=[NewProcedure(procedure.code, "审批事项", data)])
    town.categories["fire"].refresh_from_db()
    walk(town, new, "approval", "accepted", UNAPPROVED["accepted"])


def walk(town, new, kind, status, allowed):
    incident = brought_to(town, new, kind, status)
    way = WAYS[kind][status]
    allowed = allowed | {"undo": {way[-1][0]} if way else set()}
    status = incident.status
    before = written(incident)
    for role in ROLES:
        user = fresh(getattr(town, role))
        offered = {action.name for action in allowed_actions(user, incident)}
        assert offered == {action for action, roles in allowed.items() if role in roles}, role
        for action, target in TARGETS.items():
            found = tried(user, incident, action, words(town, action, kind))
            if role in allowed.get(action, ()):
                assert isinstance(found, str), (role, action, found)
                assert target == BEFORE or found == (target or status), (role, action, found)
            else:
                assert isinstance(found, DomainError), (role, action, found)
                if role in OUTSIDE:
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
        (("town", "refused", "clerk", "start"), Conflict, "refusal_open"),
        (("group", "dispatched", "village_head", "rule_refusal"), Forbidden, "forbidden"),
        (("group", "accepted", "worker", "refer_up"), Conflict, "not_at_township"),
        (("group", "accepted", "clerk", "approve"), Conflict, "no_approval_asked"),
        (("town", "extension", "officer", "request_extension"), Conflict, "extension_open"),
        (("town", "in_progress", "clerk", "decide_extension"), Conflict, "no_request"),
        (("town", "listed", "clerk", "list_for_rectification"), Conflict, "listed_already"),
        (("town", "in_progress", "clerk", "unlist"), Conflict, "not_listed"),
        (("group", "reported", "worker", "undo"), Conflict, "nothing_to_undo"),
        (("group", "resolved", "village_head", "undo"), Forbidden, "forbidden"),
        (("group", "merged", "worker", "undo"), Conflict, "acted_since"),
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


REASON, WORDS = frozenset({"reason"}), frozenset({"note"})
OBLIGATORY = {
    "reject": REASON, "send_back": REASON, "reopen": REASON, "escalate": REASON, "refuse": REASON,
    "request_extension": REASON, "suspend": REASON, "list_for_rectification": REASON, "void": REASON,
    "settle": WORDS, "submit_result": WORDS, "add_note": WORDS, "reply_supervision": WORDS, "unlist": WORDS,
    "dispatch": {"to"}, "feed_back": {"note", "channel"}, "return_visit": {"happened", "solved"},
    "hand_over": {"to", "reason"}, "rule_refusal": {"upheld"}, "decide_extension": {"granted"},
    "refer_up": {"body", "reason"}, "record_reply": {"reply"}, "supervise": {"level", "note"},
    "mark_accountable": {"about", "reason"}, "merge": {"into"}, "correct": {"title"},
    "assist": {"assisting"}, "submit_assist": WORDS, "release_assist": {"assisting", "reason"},
}  # fmt: skip


@pytest.mark.parametrize("action", OBLIGATORY)
def test_obligatory_arguments_are_named(town, new, action):
    tables = {"group": GROUP_MATTER, "town": TOWN_MATTER}
    kind, status, role = next(
        (kind, status, min(cells[action]))
        for kind, table in tables.items()
        for status, cells in table.items()
        if cells.get(action)
    )
    found = tried(getattr(town, role), brought_to(town, new, kind, status), action, {})
    assert isinstance(found, Invalid)
    assert set(found.errors) == OBLIGATORY[action]


def test_unknown_arguments_are_refused_by_name(town, new):
    found = tried(town.worker, new(), "accept", {"colour": "red", "description": "x"})
    assert isinstance(found, Invalid)
    assert set(found.errors) == {"colour", "description"}
