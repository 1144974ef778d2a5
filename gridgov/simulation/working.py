"""A township at work on a virtual clock, through the actions that people use. The same seed makes the same days."""

import heapq
import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from assessments.actions import create_month, publish
from assessments.models import Assessment
from gridgov.common import clock
from gridgov.common.briefly import Briefly
from gridgov.common.errors import Conflict
from gridgov.simulation import habits, matters
from gridgov.simulation.people import People
from gridgov.simulation.procedures import in_use, steps_taken
from gridgov.simulation.seed import STEMS, SURNAMES
from gridgov.simulation.steps import Matter, Step, next_step
from grids.models import Calendar, Grid, Township
from incidents.actions import answer_feedback, perform, report, sweep
from incidents.enums import Source, Status
from incidents.models import Escalation, FeedbackRequest, Incident, Procedure
from incidents.steps import REPORT, level_of
from inspections.actions import record_patrol
from inspections.models import Patrol

SWEPT = range(8, 20)  # hours at which a simulated beat rings; each minute would only say it sooner
FINDINGS_PER_PATROL = 0.02
REOPENED = 0.5  # of those whose requester says afterwards that it is not solved

URGENT = (
    Status.REPORTED,
    Status.ACCEPTED,
    Status.DISPATCHED,
    Status.IN_PROGRESS,
)  # of matters that must be reported


def simulate(
    *,
    township: Township,
    days: int,
    seed: int,
    arrivals: float = habits.ARRIVALS,
    say: Callable[[str], None] = lambda _line: None,
) -> Counter[str]:
    """`days` days of work that end now, with `arrivals` matters on an ordinary working day. Raises Conflict where real people work or these days were worked already."""
    end = clock.now()
    first = clock.today() - timedelta(days=days - 1)
    if not township.is_demo:
        raise Conflict(_("This is no demo township: nothing is invented here."), code="no_demo")
    if Incident.objects.filter(township_code=township.pk, reported_at__gte=clock.start_of(first)).exists():
        raise Conflict(_("The township has worked these days already."), code="worked_already")
    work = Work(township.grid, end, seed, arrivals)
    with clock.running(lambda: work.now):
        for number in range(days):
            work.day(first + timedelta(days=number))
            if number % 7 == 6 or number == days - 1:
                say(work.summary())
    return work.done


class Work:
    """The queue of what is going to happen, and the clock that it turns."""

    def __init__(self, township: Grid, end: datetime, seed: int, arrivals: float) -> None:
        self.arrivals = arrivals
        self.people = People.of(township, seed)
        self.calendar = Calendar.objects.of(township.code)
        self.dice = random.Random(seed)
        self.end = self.now = end
        self.queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self.planned = 0
        self.done: Counter[str] = Counter()
        self.taken: set[tuple[str, str]] = set()
        self.looked_at: datetime | None = None
        # How often each matter changed behind the back of the row that is kept for its next step.
        self.changes: Counter[uuid.UUID] = Counter()

    def summary(self) -> str:
        done = self.done
        return (
            f"{clock.local(self.now):%Y-%m-%d}: {done['arrived']} reported, {done['closed']} closed, "
            f"{done['told']} told that something is late, {done['patrols']} patrols"
        )

    # --- the clock ----------------------------------------------------------------------------------------------
    def plan(self, at: datetime, what: Callable[[], None]) -> None:
        self.planned += 1
        heapq.heappush(self.queue, (max(at, self.now), self.planned, what))

    @Briefly.held()
    @transaction.atomic
    def day(self, day: date) -> None:
        """One day in one transaction, with the settings that it begins with; what lies behind the end never happens."""
        self.now = clock.start_of(day)
        self._look_for_untaken()
        until = min(self.end, self.now + timedelta(days=1))
        self._plan_sweeps(day)
        self._plan_patrols(day)
        for _number in range(habits.arrivals(self.dice, day, self.calendar, self.arrivals)):
            self.plan(habits.moment_of_report(self.dice, day), self._somebody_reports)
        while self.queue and self.queue[0][0] < until:
            self.now, _order, what = heapq.heappop(self.queue)
            what()
        self.now = until
        self._sweep()

    def _look_for_untaken(self) -> None:
        """Which steps nobody has taken up to now; after the first day only what is new is asked for."""
        town, since = self.people.township.code, self.looked_at
        self.taken |= steps_taken(town, since)
        self.people.untaken = set(in_use(town)) - self.taken
        self.looked_at = self.now

    def _plan_sweeps(self, day: date) -> None:
        for hour in SWEPT:
            self.plan(clock.start_of(day) + timedelta(hours=hour), self._sweep)

    def _sweep(self) -> None:
        told = sweep()
        self.done["told"] += told
        if told:
            rows = Escalation.objects.filter(township_code=self.people.township.code, told_at=self.now)
            self.changes.update(rows.values_list("incident", flat=True))

    # --- patrols ------------------------------------------------------------------------------------------------
    def _plan_patrols(self, day: date) -> None:
        working = self.calendar.is_working_day(day)
        for grid in self.people.walked:
            if habits.patrols(self.dice, self.people.diligence[grid.code], working=working):
                start, end = habits.patrol_time(self.dice, day)
                self.plan(end, lambda grid=grid, start=start, end=end: self._walk(grid, start, end))  # type: ignore[misc]

    def _walk(self, grid: Grid, start: datetime, end: datetime) -> None:
        user = self.people.worker(grid)
        if user is None:
            return
        found = self._finding() if self.dice.random() < FINDINGS_PER_PATROL else None
        note = habits.one_of(self.dice, matters.PATROL_NOTES) if self.dice.random() < 0.2 else ""
        patrol = record_patrol(
            user=user,
            grid=grid,
            started_at=start,
            ended_at=end,
            note=note,
            findings=[found] if found else [],
            client_uuid=self._uuid(),
        ).patrol
        self.done["patrols"] += 1
        if found and found.get("category"):
            self._arrived(Matter(Incident.objects.for_list().get(finding__patrol=patrol), asked=False))

    def _finding(self) -> dict[str, Any]:
        code = self.dice.choice(matters.FOUND_ON_PATROL)
        matter = habits.one_of(self.dice, matters.MATTERS[code])
        category = self.people.categories.get(code)
        if category is None:
            return {"text": matter.description}
        return {"text": matter.description, "category": category, "title": matter.title}

    # --- matters ------------------------------------------------------------------------------------------------
    def _somebody_reports(self) -> None:
        shares = {
            code: matters.SHARES.get(code, matters.OTHERS) * self._attention(category.procedure.code)
            for code, category in self.people.categories.items()
        }
        code = habits.pick(self.dice, shares)
        grid = habits.one_of(self.dice, self._places(self.people.categories[code].procedure))
        matter = habits.one_of(self.dice, matters.of(code, self.people.categories[code].kind))
        source = habits.pick(self.dice, {Source.RESIDENT: 60, Source.BELOW: 32, Source.ABOVE: 8})
        worker = self.people.worker(grid)
        user = self.people.clerk() if source == Source.ABOVE or worker is None else worker
        values: dict[str, Any] = {}
        if source == Source.ABOVE:
            values = {
                "external_no": self._order_number(grid.township_code),
                "external_due": self.now + timedelta(days=self.dice.randint(7, 20)),
            }
        elif habits.has_requester(self.dice, code, patrol=False):
            values["requester"] = self._requester()
        steps = self.people.categories[code].procedure.spec.steps
        if any("trend_forecast" in step.asks(REPORT) for step in steps):
            values["trend_forecast"] = matters.TREND
        outcome = report(
            user=user,
            grid=grid,
            category=self.people.categories[code],
            title=matter.title,
            description=matter.description,
            occurred_at=self.now - timedelta(minutes=self.dice.randint(0, 180)),
            source=source,
            client_uuid=self._uuid(),
            **values,
        )
        self._arrived(Matter(outcome.incident, asked="requester" in values))

    def _places(self, procedure: Procedure) -> Sequence[Grid]:
        """Where it happens; as long as steps were never taken, where these are taken."""
        untaken = self.people.untaken
        levels = {step.level for step in procedure.spec.steps if (procedure.code, step.code) in untaken}
        return [grid for grid in self.people.walked if level_of(grid.code) in levels] or self.people.walked

    def _attention(self, procedure: str) -> int:
        """A procedure of which some step was never taken comes up more often."""
        return 5 if any(code == procedure for code, _step in self.people.untaken) else 1

    def _order_number(self, township_code: str) -> str:
        """The next of the county's numbers, whichever run of the simulation gave the last."""
        orders = Incident.objects.filter(township_code=township_code, source=Source.ABOVE)
        return f"县交办〔{clock.today().year}〕{orders.count() + 1}号"

    def _requester(self) -> dict[str, Any]:
        name = self.dice.choice(SURNAMES) + "某" + self.dice.choice(STEMS)
        return {"name": name, "phone": f"000{self.dice.randrange(10**8):08d}", "wants_feedback": True}

    def _arrived(self, matter: Matter) -> None:
        self.done["arrived"] += 1
        self._go_on(matter)

    def _go_on(self, matter: Matter) -> None:
        """Plans the next step, if there is one."""
        step, incident = next_step(matter, self.people, self.dice), matter.incident
        if step is None:
            return
        slowness = self.people.pace[incident.village_code or incident.township_code]
        if incident.category.must_report and incident.status in URGENT:
            at = habits.urgent_at(self.dice, self.now, step.action)
        else:
            at = habits.done_at(self.dice, self.now, step.action, slowness, self.calendar)
        self._plan_step(at, matter, step)

    def _plan_step(self, at: datetime, matter: Matter, step: Step) -> None:
        pk = matter.incident.pk
        read = self.changes[pk]
        self.plan(at, lambda: self._do(matter, step, fresh=self.changes[pk] == read))

    def _do(self, matter: Matter, step: Step, *, fresh: bool) -> None:
        incident = matter.incident
        if not fresh:
            incident = Incident.objects.for_list().get(pk=incident.pk)
            if (incident.status, incident.stage) != (matter.incident.status, matter.incident.stage):
                return  # the requester's answer came first, and planned what follows from it
        arguments = dict(step.arguments)
        if "told" in arguments:
            arguments["told"] = arguments["told"] | {"happened_at": self.now}
        incident = perform(
            user=step.user, incident=incident, action=step.action, client_uuid=self._uuid(), **arguments
        ).incident
        self.done[incident.status] += 1
        matter = matter._replace(incident=incident)
        if step.action == "feed_back":
            self._plan_answer(matter)
        self._go_on(matter)

    # --- the requester's answer ---------------------------------------------------------------------------------
    def _plan_answer(self, matter: Matter) -> None:
        answer = habits.answers(self.dice)
        asked = FeedbackRequest.objects.filter(incident=matter.incident).order_by("-id").first()
        if answer is None or asked is None:
            return
        at = self.now + timedelta(minutes=self.dice.randint(20, 60 * 60))
        comment = habits.one_of(self.dice, matters.COMMENTS[answer[1]])
        self.plan(at, lambda: self._answer(asked, answer, comment))

    def _answer(self, asked: FeedbackRequest, answer: tuple[int, bool], comment: str) -> None:
        grade, solved = answer
        before = Incident.objects.values_list("status", flat=True).get(pk=asked.incident_id)
        answer_feedback(token=asked.token, grade=grade, solved=solved, comment=comment)
        self.done["answers"] += 1
        if solved:
            return
        self.changes[asked.incident_id] += 1
        matter = Matter(Incident.objects.for_list().get(pk=asked.incident_id), asked=True)
        if before == Status.VERIFIED:  # it was not closed yet: a failed visit
            self._go_on(matter)
        elif matter.incident.status == Status.CLOSED and self.dice.random() < REOPENED:
            at = habits.done_at(self.dice, self.now, "reopen", 1.0, self.calendar)
            reason = habits.one_of(self.dice, matters.REOPENED)
            self._plan_step(at, matter, Step(self.people.clerk(), "reopen", {"reason": reason}))

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.dice.getrandbits(128), version=4)


def publish_last_month(*, township: Grid) -> Assessment | None:
    """The sheet of the last full month, by the assessor; None where nobody assesses or nothing was reported in it."""
    assessor = People.of(township, 0).assessor()
    month = (clock.today().replace(day=1) - timedelta(days=1)).replace(day=1)
    worked = Patrol.objects.filter(
        township_code=township.code, day__gte=month, day__lt=clock.today().replace(day=1)
    )
    if assessor is None or not worked.exists():
        return None
    return publish(user=assessor, assessment=create_month(user=assessor, township=township, month=month))
