"""Everybody and everything at once, as on a bad morning: people, the workers' sweeps, leaves, many threads on few matters.

Whatever comes out, nobody meets anything but a clear refusal, and the loop is closed afterwards. `make chaos` lets it blow longer.
"""

import os
import random
import time
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from gridgov.common import clock
from gridgov.common.errors import DomainError
from gridgov.common.models import SetAside
from incidents.actions import (
    NewProcedure,
    act_together,
    call_next,
    follow_assisting,
    follow_posts,
    follow_years,
    index_waiting,
    join,
    perform,
    publish_procedures,
    remind_replies,
    report,
    resume_due,
    sweep,
    sweep_assisting,
    tell_daily_lists,
    undo_together,
    warn_soon,
)
from incidents.loop_check import breaches
from incidents.models import Incident, Procedure, Transition
from incidents.permissions import allowed_actions
from members.actions import end_leave, take_leave
from tests.factories import fresh, township
from tests.incidents.acting import Words
from tests.incidents.test_races import together

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = int(os.environ.get("GRIDGOV_STORM_STEPS", "15"))  # of each of the threads
SEED = os.environ.get("SEED", "20261124")
MONDAY = datetime(2026, 11, 23, 9, tzinfo=clock.SHANGHAI)
PEOPLE = ("worker", "group_head", "worker2", "village_head", "clerk", "leader", "officer", "clerk2")
CHORES = (
    (call_next, resume_due, remind_replies, follow_years, sweep, sweep_assisting, warn_soon),
    (sweep, sweep_assisting, index_waiting, tell_daily_lists),
    (follow_posts, follow_assisting),
)


class Storm:
    """What each thread does; `met` counts what happened, for the test's last look."""

    def __init__(self, town):
        self.town, self.began, self.met = town, time.monotonic(), []
        self.disputes = town.categories["dispute"].procedure.code

    def now(self):
        """An hour of the town in each second."""
        return MONDAY + timedelta(hours=time.monotonic() - self.began)

    def person(self, index):
        chance = random.Random(f"{SEED} {index}")
        words = Words(self.town)
        for _step in range(STEPS):
            user = fresh(getattr(self.town, PEOPLE[(index + chance.randrange(2)) % len(PEOPLE)]))
            incident = chance.choice(list(Incident.objects.for_list()))
            offered = [one.name for one in allowed_actions(user, incident)]
            action = chance.choice(offered) if offered else "accept"
            try:
                perform(
                    user=user,
                    incident=incident,
                    action=action,
                    **words.of(incident, action, odd=chance.randrange(2)),
                )
                self.met.append(action)
            except DomainError as error:
                self.met.append(error.code)

    def several(self, index):
        """Remarks on many matters at once and taken back, one's own find added to others' matters."""
        chance = random.Random(f"{SEED} {index}")
        for _step in range(STEPS // 3):
            user, batch = fresh(self.town.village_head), uuid4()
            rows = list(Incident.objects.for_list())

            def take(incident, call, user=user, batch=batch):
                return perform(
                    user=user,
                    incident=incident,
                    action="add_note",
                    note="看过",
                    client_uuid=call,
                    batch=batch,
                )

            act_together(user=user, incidents=[row.pk for row in rows], batch=batch, body_hash="", take=take)
            with suppress(DomainError):
                undo_together(user=user, batch=batch, call=uuid4())
            with suppress(DomainError):
                join(user=fresh(self.town.worker), incident=chance.choice(rows), note="我也看到了")

    def publisher(self, _index):
        """The township changes its limits again and again; running matters keep theirs."""
        for step in range(STEPS // 3):
            held = Procedure.objects.get(township=self.town.grid, code=self.disputes, is_current=True)
            limit = {"n": 1 + step % 3, "unit": "hours"}
            data = {**held.data, "limits": {**held.data.get("limits", {}), "group": limit}}
            publish_procedures(township=self.town.grid, procedures=[NewProcedure(held.code, held.name, data)])

    def reporter(self, index):
        chance = random.Random(f"{SEED} {index}")
        for _step in range(STEPS // 2):
            report(
                user=fresh(self.town.worker),
                grid=self.town.groups[0],
                category=self.town.categories[chance.choice(("dispute", "request", "fire", "quick"))],
                description="路灯不亮",
            )

    def leaves(self, _index):
        """The group's head is away and back again, the worker stands in."""
        for _step in range(STEPS // 3):
            today = clock.today()
            leave = take_leave(
                member=self.town.group_head.member,
                deputy=self.town.worker.member,
                since=today,
                until=today + timedelta(days=2),
            )
            end_leave(leave=leave, until=today)

    def chores(self, index):
        for _step in range(STEPS):
            for chore in CHORES[index % len(CHORES)]:
                chore()


def test_nobody_meets_more_than_a_refusal(db):
    storm = Storm(township())
    works = [
        *[storm.person] * 6,
        storm.several,
        storm.publisher,
        storm.reporter,
        storm.leaves,
        *[storm.chores] * 3,
    ]

    def work(index):
        with clock.running(storm.now):
            works[index](index)

    with clock.running(storm.now):
        for code in ("dispute", "request", "fire", "quick"):
            report(
                user=storm.town.worker,
                grid=storm.town.groups[0],
                category=storm.town.categories[code],
                description="争吵",
            )
        results = together(len(works), work, seconds=STEPS * 20)
        assert [result for result in results if result is not None] == []
        assert list(breaches()) == []
        assert list(SetAside.objects.all()) == []
    assert Transition.objects.exclude(action="report").count() > STEPS
