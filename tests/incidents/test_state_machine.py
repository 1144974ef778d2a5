"""Anything anybody may do, in any order: the loop stays closed, a refusal changes nothing, a step taken back never was.

`make chaos` runs many more steps: GRIDGOV_MACHINE_EXAMPLES times GRIDGOV_MACHINE_STEPS.
"""

import os
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gridgov.common import clock
from gridgov.common.errors import Conflict, DomainError, Invalid
from incidents.actions import (
    NewProcedure,
    act_together,
    perform,
    publish_procedures,
    report,
    resume_due,
    sweep,
    sweep_assisting,
    undo_together,
)
from incidents.loop_check import breaches
from incidents.models import (
    AssistTask,
    ClockEvent,
    Escalation,
    ExtensionRequest,
    FeedbackRequest,
    Incident,
    Part,
    Stage,
    Supervision,
    Transition,
)
from incidents.permissions import allowed_actions, refusal
from incidents.workflow import TRANSITIONS
from tests.factories import fresh, township
from tests.incidents.acting import Words

EXAMPLES = int(os.environ.get("GRIDGOV_MACHINE_EXAMPLES", "3"))
STEPS = int(os.environ.get("GRIDGOV_MACHINE_STEPS", "100"))
MONDAY = datetime(2026, 11, 23, 9, tzinfo=clock.SHANGHAI)
ROLES = (
    "worker", "group_head", "worker2", "village_head", "village_head2", "clerk", "clerk2", "leader",
    "contact_leader", "officer", "assessor",
)  # fmt: skip
CATEGORIES = ("dispute", "request", "fire", "quick")
JUMPS = (
    timedelta(minutes=3),
    timedelta(minutes=11),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=4),
)
NEVER_RESTORED = {"version", "last_stage", "search_stale"}


def whole_state():
    """Everything that an undone step must leave as it was, of every matter: what stands, not what was said about it."""
    matters = [
        {name: value for name, value in row.items() if name not in NEVER_RESTORED}
        for row in Incident.objects.order_by("pk").values()
    ]
    rows = [
        list(model.objects.order_by("pk").values())
        for model in (Part, Escalation, Supervision, ExtensionRequest, FeedbackRequest, AssistTask)
    ]
    stages = list(Stage.objects.filter(is_void=False).order_by("pk").values())
    return matters, rows, stages


class Loop(RuleBasedStateMachine):
    """People of every role at matters of every kind, while time goes by and the sweep looks in."""

    town = None
    done = None  # how often each action succeeded, over all examples

    def __init__(self):
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        self.now = MONDAY
        Loop.moment = lambda: self.now
        self.steps = 0
        self.report(category="dispute", group=0, escalate=False, asked=True)

    def teardown(self):
        try:
            assert list(breaches()) == []
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    # --- who and what --------------------------------------------------------------------------------------------
    def matters(self):
        return Incident.objects.for_list().order_by("number")

    def pick(self, index):
        rows = self.matters()
        return rows[index % rows.count()]

    def user(self, role):
        return fresh(getattr(self.town, role))

    def words(self, incident, action, odd):
        return Words(self.town).of(incident, action, odd=odd)

    def go(self, user, incident, action, odd):
        """True where it was done. Whatever is refused leaves everything as it was."""
        before = (incident.status, incident.version)
        arguments = self.words(incident, action, odd)
        try:
            perform(user=user, incident=incident, action=action, **arguments)
        except DomainError:
            now = Incident.objects.get(pk=incident.pk)
            assert (now.status, now.version) == before
            return False
        self.done[action] = self.done.get(action, 0) + 1
        note(f"{self.now:%m-%d %H:%M} {user} {action} {incident.number} -> {incident.status}")
        return True

    # --- what happens --------------------------------------------------------------------------------------------
    @rule(
        category=st.sampled_from(CATEGORIES),
        group=st.integers(0, 3),
        escalate=st.booleans(),
        asked=st.booleans(),
    )
    def report(self, category, group, escalate, asked):
        if Incident.objects.count() > 6:
            return
        groups = self.town.groups
        report(
            user=self.user("worker2" if group > 1 else "worker"),
            grid=groups[group % len(groups)],
            category=self.town.categories[category],
            description="路灯不亮",
            escalate=escalate and category != "fire" and group in (0, 2),
            requester={"name": "甲", "phone": "000"} if asked else None,
        )

    @rule(data=st.data(), role=st.sampled_from(ROLES), index=st.integers(0, 6), odd=st.integers(0, 1))
    def act(self, data, role, index, odd):
        """One of the actions offered; it is done, or the words were wrong."""
        incident = self.pick(index)
        offered = [allowed.name for allowed in allowed_actions(self.user(role), incident)]
        if offered:
            action = data.draw(st.sampled_from(offered))
            self.go(self.user(role), incident, action, odd)

    @rule(data=st.data(), role=st.sampled_from(ROLES), index=st.integers(0, 6), odd=st.integers(0, 1))
    def forward(self, data, role, index, odd):
        """The same without what leads away from the way of the matter, so that the far states are reached too."""
        aside = {
            "void",
            "withdraw",
            "reject",
            "settle",
            "merge",
            "escalate",
            "hand_over",
            "add_note",
            "arrive",
            "undo",
        }
        incident = self.pick(index)
        offered = [one.name for one in allowed_actions(self.user(role), incident) if one.name not in aside]
        if offered:
            self.go(self.user(role), incident, data.draw(st.sampled_from(offered)), odd)

    @rule(role=st.sampled_from(ROLES), action=st.sampled_from(sorted(TRANSITIONS)), index=st.integers(0, 6))
    def try_anything(self, role, action, index):
        """What is not offered is refused."""
        incident = self.pick(index)
        user = self.user(role)
        refused = refusal(user, incident, TRANSITIONS[action])
        done = self.go(user, incident, action, 0)
        assert not (done and refused)

    @rule(data=st.data(), role=st.sampled_from(ROLES), index=st.integers(0, 6), odd=st.integers(0, 1))
    def do_and_undo(self, data, role, index, odd):
        """Taken back within ten minutes, a step leaves everything as if it had never happened."""
        incident = self.pick(index)
        offered = [one.name for one in allowed_actions(self.user(role), incident) if one.name != "undo"]
        if not offered:
            return
        action = data.draw(st.sampled_from(offered))
        before = whole_state()
        if incident.is_late and action == "accept":  # two steps: the sweep's and the person's
            return
        if not self.go(self.user(role), incident, action, odd):
            return
        self.now += timedelta(minutes=data.draw(st.integers(0, 10)))
        perform(user=self.user(role), incident=self.matters().get(pk=incident.pk), action="undo")
        assert whole_state() == before, action
        self.done["undo"] = self.done.get("undo", 0) + 1

    @rule(data=st.data(), role=st.sampled_from(ROLES), odd=st.integers(0, 1))
    def together_and_back(self, data, role, odd):
        """One action on all matters at once; taken back, what was done is as if it had never happened."""
        matters, user, batch = list(self.matters()), self.user(role), uuid4()
        offers = {one.pk: {it.name for it in allowed_actions(user, one)} - {"undo"} for one in matters}
        names = sorted(set().union(*offers.values()))
        if not names or any(one.is_late for one in matters):
            return
        action, before = data.draw(st.sampled_from(names)), whole_state()

        def take(incident, call):
            given = self.words(incident, action, odd)
            return perform(
                user=user, incident=incident, action=action, client_uuid=call, batch=batch, **given
            )

        lines = act_together(
            user=user, incidents=[one.pk for one in matters], batch=batch, body_hash="", take=take
        )
        done = {line.pk for line in lines if line.problem is None}
        assert done <= {pk for pk, offered in offers.items() if action in offered}
        if not done:
            assert whole_state() == before
            return
        self.now += timedelta(minutes=data.draw(st.integers(0, 10)))
        back = undo_together(user=self.user(role), batch=batch, call=uuid4())
        assert [line.problem for line in back if line.problem] == []
        assert whole_state() == before, action
        self.done["together"] = self.done.get("together", 0) + 1

    @rule(
        data=st.data(), first=st.sampled_from(ROLES), second=st.sampled_from(ROLES), index=st.integers(0, 6)
    )
    def two_at_once(self, data, first, second, index):
        """Two people who both read the same state: never do two win."""
        copies = [self.pick(index), self.pick(index)]
        offers = [
            [one.name for one in allowed_actions(self.user(role), copy)]
            for role, copy in zip((first, second), copies, strict=True)
        ]
        if not all(offers):
            return
        actions = [data.draw(st.sampled_from(names)) for names in offers]
        words = [self.words(copy, action, 0) for copy, action in zip(copies, actions, strict=True)]
        won = []
        for role, copy, action, given in zip((first, second), copies, actions, words, strict=True):
            try:
                perform(user=self.user(role), incident=copy, action=action, **given)
                won.append(action)
            except (Conflict, Invalid, DomainError):
                continue
        assert len(won) <= 1, won

    @rule(jump=st.sampled_from(JUMPS))
    def time_goes_by(self, jump):
        self.now += jump

    @rule()
    def look_in(self):
        """The sweep tells each level once; a second one at the same moment finds nothing."""
        for late in (resume_due, sweep, sweep_assisting):
            late()
        assert (resume_due(), sweep(), sweep_assisting()) == (0, 0, 0)

    @invariant()
    def loop_is_closed(self):
        self.steps += 1
        if self.steps % 10 == 0:
            assert list(breaches()) == []


def test_loop_stays_closed_whatever_is_done(db):
    with clock.running(_moment):
        Loop.moment = lambda: MONDAY
        Loop.town, Loop.done = township(), {}
        _with_approval_and_total(Loop.town)
        run_state_machine_as_test(
            Loop,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=EXAMPLES <= 3,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert ClockEvent.objects.count() == Transition.objects.count() == 0
    assert sum(Loop.done.values()) > EXAMPLES * STEPS / 10, Loop.done


def _moment():
    return Loop.moment()


def _with_approval_and_total(town):
    """Requests need approval, disputes have a clock of the whole matter, fires a limit for refusing."""
    wanted = {
        "request": {"approval": "all"},
        "dispute": {
            "limits": {"total": {"n": 6, "unit": "working_days"}, "verify": {"n": 1, "unit": "hours"}}
        },
        "fire": {
            "limits": {"refusal": {"n": 4, "unit": "hours"}, "ruling": {"n": 1, "unit": "working_days"}}
        },
    }
    new = []
    for code, change in wanted.items():
        procedure = town.categories[code].procedure
        limits = {**procedure.data.get("limits", {}), **change.get("limits", {})}
        new.append(
            NewProcedure(procedure.code, procedure.name, {**procedure.data, **change, "limits": limits})
        )
    publish_procedures(township=town.grid, procedures=new)
    for category in town.categories.values():
        category.refresh_from_db()


@pytest.fixture(autouse=True)
def _clock_of_its_own():
    yield
    Loop.moment = None
