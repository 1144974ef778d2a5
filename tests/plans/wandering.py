"""One matter and the people of a township, who do whatever they are offered, in any order; mostly what is its turn."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import DomainError
from gridgov.common.models import User
from gridgov.common.worktime import Limit, Unit
from gridgov.simulation import procedures
from gridgov.simulation.people import People
from grids.enums import Verb
from grids.models import Grid
from grids.querysets import lineage, places_of
from incidents.actions import perform, report, resume_due, sweep, sweep_assisting
from incidents.enums import Status
from incidents.loop_check import breaches
from incidents.models import AssistTask, Category, Incident
from incidents.permissions import allowed_actions, obligatory, refusal
from incidents.permissions.steps import (
    current_step,
    left_out,
    people_to_name,
    step_of,
    wrong_unit,
)
from incidents.permissions.taken import done_steps
from incidents.steps import StepSpec, digits
from incidents.workflow import TRANSITIONS
from tests.factories import fresh

MONDAY = datetime(2026, 11, 23, 9, tzinfo=clock.SHANGHAI)
# Ends the walk, or needs a second matter: rarely.
ASIDE = ("void", "withdraw", "merge")
# Ends it before its time: rarely too, as long as its procedure has steps that nobody has taken.
EARLY = ("settle", "reject")
RARELY, WAITS = 0.03, 0.1
# Where a matter stands beside its way, what brings it back.
BACK = ("rule_refusal", "resume", "record_reply", "unmerge", "reopen", "submit_assist", "report_in",
        "reply_supervision")  # fmt: skip
# Why an action that was offered may be refused all the same; the offer does not ask for it, or not for all of it.
PARDONED = {
    (
        "merge",
        "across_villages",
    ): "depends on where the main matter lies, which is named with the action only",
}


class Done(NamedTuple):
    """What somebody did, and the step of the procedure that this was."""

    action: str
    procedure: str
    step: str


class Wandering:
    """`untaken`: (procedure, step) that no walk has taken yet; they are looked for."""

    def __init__(self, people: People, dice: Random, untaken: set[tuple[str, str]]) -> None:
        self.people, self.dice, self.untaken = people, dice, untaken
        self.now = MONDAY + timedelta(hours=dice.randrange(0, 8))
        self.done: list[Done] = []
        self.known: dict[object, User] = {}

    def go(self, category: Category, steps: int) -> Incident:
        """A report, and then at most `steps` actions; ends now and then where the matter has ended."""
        with clock.running(lambda: self.now):
            self.row = self._report(category)
            self._look()
            for _number in range(steps):
                self._time_goes_by()
                if not self._act() or (not self.row.is_open and self.dice.random() < 0.5):
                    break
        return self.row

    def told(self) -> str:
        """The walk, for whoever reads of its failure."""
        return " → ".join(f"{one.action}({one.step})" if one.step else one.action for one in self.done)

    # --- one turn ------------------------------------------------------------------------------------------------
    def _report(self, category: Category) -> Incident:
        grid = self.dice.choice(self.people.walked)
        requester = {"name": "甲", "phone": "000"} if self.dice.random() < 0.5 else None
        return report(
            user=self._reporter(grid),
            grid=grid,
            category=category,
            description="院墙争议",
            address="村东头",
            occurred_at=self.now,
            trend_forecast="可能升级",
            requester=requester,
        ).incident

    def _reporter(self, grid: Grid) -> User:
        """Who works there; now and then somebody of the levels above, who found it on the way."""
        line = lineage(grid.code)
        above = [user for (place, _role), users in self.people.at.items() if place in line for user in users]
        may = [user for user in map(self._fresh, above) if places_of(user)[Verb.REPORT]]
        return self.dice.choice(may) if self.dice.random() < 0.3 else fresh(self.people.worker(grid))

    def _time_goes_by(self) -> None:
        late = self.dice.random() < WAITS
        self.now += timedelta(days=self.dice.randrange(1, 9)) if late else timedelta(minutes=4)
        if late:
            for look in (resume_due, sweep, sweep_assisting):
                look()
            self._read()

    def _act(self) -> bool:
        """Somebody does something; False: nobody can do anything."""
        found = self._onward() if self.dice.random() < (0.8 if self._left() else 0.5) else None
        found = found or self._anything()
        if found is None:
            return False
        user, action = found
        given = Words(self, self._fresh(user), action).given()
        if given is None:
            return True
        try:
            perform(user=self._fresh(user), incident=self.row, action=action, **given)
        except DomainError as error:
            assert (action, error.code) in PARDONED, (action, error.code, str(error), given, self.told())
            self._read()
            return True
        self._look()
        return True

    def _read(self) -> None:
        self.row = Incident.objects.for_list().get(pk=self.row.pk)

    def _look(self) -> None:
        """After each action: the loop is closed; which step it was."""
        self._read()
        last = self.row.history.latest("seq")
        step = last.data.get("step", "")
        self.done.append(Done(last.action, self.row.procedure.code, step))
        self.untaken.discard((self.row.procedure.code, step))
        found = [breach.text for breach in breaches()]
        assert found == [], self.told()

    # --- who does what -------------------------------------------------------------------------------------------
    def _people(self) -> list[User]:
        """Whoever answers for it, has a post on its line, or was asked to assist."""
        tasks = AssistTask.objects.open_in(self.row).order_by("id").values_list("member", flat=True)
        assisting = (self.people.users[member] for member in tasks if member in self.people.users)
        users = list(dict.fromkeys(chain(procedures._near(self.row, self.people), assisting)))
        self.dice.shuffle(users)
        return users

    def _offered(self, user: User) -> list[str]:
        return [one.name for one in allowed_actions(self._fresh(user), self.row)]

    def _fresh(self, user: User) -> User:
        """One object per person and walk; nobody changes post."""
        if user.pk not in self.known:
            self.known[user.pk] = fresh(user)
        return self.known[user.pk]

    def _anything(self) -> tuple[User, str] | None:
        for user in self._people():
            offered = self._offered(user)
            aside = [name for name in offered if name in self._aside()]
            usual = [name for name in offered if name not in aside]
            if aside and self.dice.random() < RARELY:
                return user, self.dice.choice(aside)
            if usual:
                return user, self.dice.choice(usual)
        return None

    def _aside(self) -> tuple[str, ...]:
        return (*ASIDE, *EARLY) if self._left() else ASIDE

    def _left(self) -> set[str]:
        """The steps of its procedure that no walk has taken."""
        return {step for procedure, step in self.untaken if procedure == self.row.procedure.code}

    def _onward(self) -> tuple[User, str] | None:
        """A step that nobody has taken; else what the matter is in turn for, by somebody who may."""
        users, left = self._people(), self._left()
        new = [name for one in self.row.procedure.spec.steps if one.code in left for name in one.by]
        tiers = [(sorted(set(new) & set(TRANSITIONS)), left), *((names, None) for names in self._wanted())]
        for names, only in tiers:
            found = next(self._who_may(users, names, only), None)
            if found is not None:
                return found
        return None

    def _who_may(
        self, users: list[User], names: list[str], only: set[str] | None
    ) -> Iterator[tuple[User, str]]:
        """`only`: what takes one of these steps."""
        for user in map(self._fresh, users):
            may = [name for name in names if refusal(user, self.row, TRANSITIONS[name]) is None]
            offered = self._offered(user) if may else []
            for name in may:
                step = step_of(user, self.row, TRANSITIONS[name])
                if name in offered and (only is None or (step is not None and step.code in only)):
                    yield user, name

    def _wanted(self) -> list[list[str]]:
        """The actions that take it on, what is best first: beside the way, in turn, back to it."""
        step = current_step(self.row)
        if step is not None and self.row.status != Status.REPORTED and self._fails(step):
            return [["escalate", "refer_up"]]
        aside = self._aside()
        own = [name for name in step.actions if name not in aside] if step is not None else []
        usual = [name for name in procedures.NEXT.get(self.row.status, ()) if name not in aside]
        self.dice.shuffle(own)
        self.dice.shuffle(usual)
        ends = ["close"] if not self._left() else []
        return [self._beside(), ends, own, [*BACK, *usual]]

    def _beside(self) -> list[str]:
        """The actions of steps beside the way that have their time and were not done in this matter."""
        done = set(done_steps(self.row))
        steps = [one for one in self.row.procedure.spec.steps if one.parallel and one.code not in done]
        names = (
            [name for name in one.by if name in TRANSITIONS] for one in steps if done.issuperset(one.after)
        )
        return [self.dice.choice(own) for own in names]

    def _fails(self, step: StepSpec) -> bool:
        """Now and then; mostly where all that is left lies at a level above."""
        left = [digits(one.level) for one in self.row.procedure.spec.steps if one.code in self._left()]
        here = len(self.row.unit_code)
        above = bool(left) and all(length and length < here for length in left)
        return self.dice.random() < (0.8 if above else 0.3 if step.on_failure else 0)


class Words:
    """Arguments with which an action that is offered must succeed: all that it asks for, now and then more."""

    def __init__(self, wandering: Wandering, user: User, action: str) -> None:
        self.people, self.dice, self.now = wandering.people, wandering.dice, wandering.now
        self.row, self.user, self.action = wandering.row, user, action

    def given(self) -> dict[str, Any] | None:
        """None: there is nobody, or no unit, that could be named."""
        given = dict(getattr(self, f"_{self.action}", dict)())
        for name in sorted(obligatory(self.row, self.action, self.user), key="to".__ne__):
            if name not in given:
                given[name] = self._assisting(given.get("to")) if name == "assisting" else self._word(name)
        return None if any(value is None for value in given.values()) else given

    def _word(self, name: str) -> Any:
        own = {
            "to": self._below, "case_leader": lambda: self._named("case_leader"),
            "responsible_person": lambda: self._named("responsible_person"),
            "files": self._paper, "papers": self._paper,
        }  # fmt: skip
        if name in own:
            return own[name]()
        return {
            "note": "已办", "reason": "超出权限", "body": "县住建局", "number": "〔2026〕8号", "reply": "已安排", "about": "某站所",
            "deadline": self.now + timedelta(days=self.dice.randrange(1, 20)),
            "happened": True, "solved": self.dice.random() < 0.8, "channel": Channel.PHONE,
            "granted": self.dice.random() < 0.5, "upheld": self.dice.random() < 0.5,
            "level": self.dice.choice(("yellow", "red")),
            "told": {"channel": Channel.PHONE, "happened_at": self.now},
        }[name]  # fmt: skip

    # --- more than is asked for --------------------------------------------------------------------------------
    def _start(self) -> dict[str, Any]:
        return {"deadline": self._word("deadline")} if self.dice.random() < 0.3 else {}

    def _dispatch(self) -> dict[str, Any]:
        return {"deadline": self._word("deadline")} if self.dice.random() < 0.3 else {}

    def _accept(self) -> dict[str, Any]:
        return {"important": True} if self.dice.random() < 0.2 else {}

    def _suspend(self) -> dict[str, Any]:
        return {"until": self._word("deadline")} if self.dice.random() < 0.5 else {}

    def _request_extension(self) -> dict[str, Any]:
        if self.dice.random() < 0.5:
            return {"limit": Limit(2, Unit.WORKING_DAYS)}
        return {"until": self.row.due_at + timedelta(days=2)}

    def _correct(self) -> dict[str, Any]:
        """Where it is, or what it is."""
        chance = self.dice.random()
        if chance < 0.5:
            return {"title": f"更正{self.row.version}"}
        if chance < 0.75:
            other = [one for one in self.people.categories.values() if one != self.row.category]
            return {"category": self.dice.choice(other)}
        places = [one for one in self.people.walked if one != self.row.grid and self._coordinates(one.code)]
        return {"grid": self.dice.choice(places) if places else None}

    def _merge(self) -> dict[str, Any]:
        """Into another report of the same."""
        grid = self.row.grid
        worker = self.people.worker(grid) or self.user
        return {
            "into": report(
                user=fresh(worker), grid=grid, category=self.row.category, description="同一院墙",
                address="村东头", occurred_at=self.now, trend_forecast="可能升级",
            ).incident
        }  # fmt: skip

    def _hand_over(self) -> dict[str, Any]:
        places = [self.people.township, *self.people.villages, *self.people.groups]
        fit = [one for one in places if one.pk != self.row.responsible_grid_id]
        fit = [one for one in fit if self._coordinates(one.code) and not left_out(self.row, one.code)]
        return {"to": self.dice.choice(fit) if fit else None}

    def _release_assist(self) -> dict[str, Any]:
        tasks = AssistTask.objects.open_in(self.row).order_by("id")
        return {"assisting": [self.dice.choice(list(tasks)).unit]}

    # --- whom and where to -------------------------------------------------------------------------------------
    def _places(self) -> Iterator[Any]:
        return (place for place in places_of(self.user)[Verb.COORDINATE])

    def _coordinates(self, code: str) -> bool:
        return any(place.covers(code) for place in self._places())

    def _below(self) -> Any:
        """Any unit that the step may go to."""
        own = [place.code for place in self._places() if place.covers(self.row.unit_code)]
        code = max(own, key=len)
        at_town = code == self.row.township_code
        grids: list[Grid] = [*self.people.villages, *self.people.groups]
        fit: list[Any] = [one for one in grids if one.code.startswith(code) and one.code != code]
        if at_town:
            fit = [*(fit if self.row.category.for_grids else []), *self.people.departments]
        fit = [one for one in fit if wrong_unit(self.user, self.row, one) is None]
        line = [one for one in fit if str(self.row.grid_id).startswith(getattr(one, "code", "-"))]
        return self.dice.choice(line if line and self.dice.random() < 0.5 else fit) if fit else None

    def _assisting(self, leading: Any) -> Any:
        busy = {self.row.unit, leading, *(task.unit for task in AssistTask.objects.open_in(self.row))}
        units: list[Any] = [*self.people.departments, *self.people.villages]
        free = [unit for unit in units if unit not in busy]
        return [self.dice.choice(free)] if free else None

    def _named(self, argument: str) -> Any:
        held = people_to_name(self.row, argument).select_related("member").order_by("id").first()
        return held.member if held else None

    def _paper(self) -> Any:
        return [procedures._paper(self.user)]
