"""The steps of a procedure as data: who takes which, by which action, what it decides and asks for, what follows.

Pure: no database, no clock. The state graph stays in workflow.py; steps only narrow it and require more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gridgov.common.worktime import Limit, Unit
from grids.enums import Kind
from incidents.enums import OnOverdue

# A step stands at a level of the tree, or where the matter is: `unit` it was dispatched to, the `acceptor` or above it,
# `above` the one who handled it. `group` is the first depth below the village, `group2` the next.
LEVEL = r"^(group[2-6]?|village|township|department|unit|acceptor|above)$"
DEPARTMENT, UNIT, ACCEPTOR = "department", "unit", "acceptor"
CLOSE = "close"  # as `on_success`: the matter ends here
# What a level does with a matter; where a procedure has steps of a level, it does there only what they name.
MAIN = ("settle", "start", "submit_result", "dispatch")
# No matter begins with these: something was done before.
LATER = (
    "submit_result", "send_back", "verify", "feed_back", "return_visit", "close", "reopen", "refuse", "rule_refusal", "resume",
    "record_reply", "unmerge",
)  # fmt: skip
REPORT = "report"
PAPERS = "papers"  # the argument by which the paper that a step names is handed in


class LimitSpec(BaseModel):
    """n of a unit; both in every time limit of a preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    n: int = Field(ge=1, le=10000)
    unit: Unit

    @property
    def limit(self) -> Limit:
        return Limit(self.n, self.unit)


class StepSpec(BaseModel):
    """One step. Taken by one of the actions in `by`; those in `then` may follow once it was, and finish it.

    `sets` and `requires` are arguments that its actions cannot do without. `after`: steps that come first, unless the
    actor stands at a level in `skip_by` of such a step. `parallel`: beside the others, at any time; `owed`: before the
    matter may be closed (beside the others: once those in `after` were taken). Without `on_success` the next step follows.
    `also`: levels at which a step beside the others may be taken as well.
    `posts`: titles of posts; only who holds one takes it, and where nobody who is there does, whoever works at the level.
    `on_failure`: the step that follows when the matter is passed up; one of the same level and of certain posts takes it on
    within the unit.
    `paper`: what has to be handed in with it, by its title (村两委书面意见); photos and files beside it do not count as that.
    `important`: the matter is an important one from this step on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: str = Field(pattern=r"^[a-z_]{2,30}$")
    name: str = Field(min_length=2, max_length=40)
    level: str = Field(pattern=LEVEL)
    also: tuple[Annotated[str, Field(pattern=LEVEL)], ...] = ()
    actor: str = Field("", max_length=40)
    posts: tuple[str, ...] = ()
    by: tuple[str, ...] = Field(min_length=1)
    then: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    paper: str = Field("", max_length=40)
    after: tuple[str, ...] = ()
    on_success: str = ""
    on_failure: str = ""
    skip_by: tuple[str, ...] = ()
    limit: LimitSpec | None = None
    on_overdue: OnOverdue | None = None
    parallel: bool = False
    owed: bool = False
    important: bool = False
    rule: str = ""

    @property
    def actions(self) -> tuple[str, ...]:
        return (*self.by, *self.then)

    def asks(self, action: str) -> tuple[str, ...]:
        """The arguments that this action cannot do without."""
        return self.asked if action in self.by else ()

    @property
    def asked(self) -> tuple[str, ...]:
        return (*self.sets, *self.requires, *([PAPERS] if self.paper else []))


Steps = Sequence[StepSpec]


def level_of(code: str) -> str:
    """By the length of a grid's code: 9 digits are the township, 12 a village, 15 a group, 18 a group in a group."""
    if len(code) <= 12:
        return Kind.TOWNSHIP.value if len(code) == 9 else Kind.VILLAGE.value
    depth = (len(code) - 12) // 3
    return Kind.GROUP.value if depth == 1 else f"{Kind.GROUP.value}{depth}"


def level_at(depth: int) -> str:
    """The level of the grids of a depth: the township is 0."""
    return level_of("0" * (9 + 3 * depth))


def kind_at(level: str) -> str:
    """The kind of a level: `group2` is a group."""
    return re.sub(r"\d", "", level)


def digits(level: str) -> int | None:
    """How long the code of a grid at the level is; None where the level is not one of the tree."""
    if not level.startswith(Kind.GROUP):
        return {Kind.TOWNSHIP: 9, Kind.VILLAGE: 12}.get(level)  # type: ignore[call-overload,no-any-return]
    return 12 + 3 * int(level.removeprefix(Kind.GROUP) or 1)


def place_at(level: str, code: str) -> str | None:
    """The grid of this level on the line of a place; where the place lies above the level, the place itself."""
    length = digits(level)
    return code[:length] if length else None


def stood_in(units: Iterable[str], place: str) -> str:
    """Which of the units lies on the line of a place, the nearest to it; empty: none."""
    return max((unit for unit in units if place.startswith(unit)), key=len, default="")


def levels_here(steps: Steps, unit: str, *, dispatched: bool) -> tuple[str, ...]:
    """The levels whose steps are taken by a responsible unit of this level."""
    return (UNIT,) if dispatched and any(step.level == UNIT for step in steps) else (unit,)


def at_levels(steps: Steps, levels: Collection[str]) -> list[StepSpec]:
    """The steps in turn of these levels; parallel ones have no turn."""
    return [step for step in steps if not step.parallel and step.level in levels]


def naming(steps: Steps, action: str) -> list[StepSpec]:
    """The steps in turn that this action takes or finishes, at any level."""
    return [step for step in steps if not step.parallel and action in step.actions]


def beside(steps: Steps, action: str) -> list[StepSpec]:
    return [step for step in steps if step.parallel and action in step.actions]


def owed_beside(steps: Steps, done: Collection[str]) -> list[StepSpec]:
    """What has its time beside the way and must be taken before the matter may be closed."""
    open_ones = [step for step in steps if step.parallel and step.owed and step.code not in done]
    return [step for step in open_ones if set(done).issuperset(step.after)]


def binds(step: StepSpec, unit: str) -> bool:
    """Whether a step that comes first still counts for a matter that lies with a unit of this level: what a lower level
    has not done is not waited for once the matter has gone past it."""
    first, now = digits(step.level), digits(unit)
    return first is None or now is None or first <= now


def within_unit(steps: Steps) -> dict[str, str]:
    """Step -> the one of the same level to which a matter passes where it fails: the unit keeps it, others of its posts
    take it on."""
    return {step.code: after.code for step, after in _passed_within(steps) if after.posts}


def chain_from(pairs: Mapping[str, str], code: str) -> list[str]:
    """What follows a step, one after the other, each once."""
    found: list[str] = []
    while (code := pairs.get(code, "")) and code not in found:
        found.append(code)
    return found


def _passed_within(steps: Steps) -> Iterator[tuple[StepSpec, StepSpec]]:
    """Each step that passes on within its level, and the one to which."""
    named = {step.code: step for step in steps if digits(step.level) and set(MAIN) & set(step.by)}
    for step in steps:
        after = named.get(step.on_failure)
        if after is not None and after.level == step.level:
            yield step, after


def missing_before(
    steps: Steps, step: StepSpec, *, done: Collection[str], unit: str, actor: Collection[str]
) -> StepSpec | None:
    """The first step that must come before this one and has not been taken."""
    named = {one.code: one for one in steps}
    for code in step.after:
        first = named[code]
        if code not in done and binds(first, unit) and not set(actor) & set(first.skip_by):
            return first
    return None


def asks_for_order(steps: Steps) -> bool:
    """Whether what was done before matters at all."""
    return any(step.after or step.then or step.owed for step in steps)


def following(steps: Steps, step: StepSpec) -> StepSpec | None:
    """What comes after a step that succeeds; None: the matter goes on to its end."""
    if step.on_success:
        return next((one for one in steps if one.code == step.on_success), None)
    if step.parallel:
        return None
    later = [one for one in steps[list(steps).index(step) + 1 :] if not one.parallel]
    failures = {one.on_failure for one in steps}
    return next((one for one in later if one.code not in failures), None)


def edges(steps: Steps) -> Iterator[tuple[str, str, bool]]:
    """(from, to, whether it is the way of success) between steps in turn; `close` is the end."""
    for step in steps:
        if step.parallel:
            continue
        after = following(steps, step)
        yield step.code, after.code if after else CLOSE, True
        if step.on_failure:
            yield step.code, step.on_failure, False


def problems(steps: Steps, actions: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """(step, what is wrong): `unknown_action`, `unknown_argument`, `unknown_step`, `double`, `no_actor`, `unreachable`,
    `shadowed`, `dead_end`, `no_posts`, `only_settled`, `owed_nowhere`. `actions`: action -> the arguments it takes."""
    codes = [step.code for step in steps]
    for step in steps:
        named = [*step.after, *([step.on_failure] if step.on_failure else [])]
        if step.on_success not in ("", CLOSE):
            named.append(step.on_success)
        if codes.count(step.code) > 1:
            yield step.code, "double"
        if any(code not in codes for code in named):
            yield step.code, "unknown_step"
        if any(action not in actions for action in step.actions):
            yield step.code, "unknown_action"
        taken = [set(actions[action]) for action in step.by if action in actions]
        if taken and not set(step.asked) <= set.intersection(*taken):
            yield step.code, "unknown_argument"
        if not step.actor:
            yield step.code, "no_actor"
    # who else of the unit would it be?
    yield from ((after.code, "no_posts") for _step, after in _passed_within(steps) if not after.posts)
    yield from _stuck(steps)
    if len(set(codes)) == len(codes):
        yield from _shadowed(steps)
        yield from _ways(steps)


def _stuck(steps: Steps) -> Iterator[tuple[str, str]]:
    """What nobody could take: settling at the township, where everything is important, and what is owed beside the way where
    nobody is told of it."""
    for step in steps:
        if step.level == Kind.TOWNSHIP and set(MAIN) & set(step.by) == {"settle"}:
            yield step.code, "only_settled"
        if step.parallel and step.owed and not digits(step.level):
            yield step.code, "owed_nowhere"


def _shadowed(steps: Steps) -> Iterator[tuple[str, str]]:
    """Whose turn never comes: each of its actions is taken by a step before it at the same level. Where a matter passes from
    one to the other within the unit, it does come."""
    passes = {code: {after} for code, after in within_unit(steps).items()}
    turn = [step for step in steps if not step.parallel]
    for place, step in enumerate(turn):
        after = _closure(passes, {step.code})
        before = [one for one in turn[:place] if one.level == step.level and one.code not in after]
        before = [one for one in before if step.code not in _closure(passes, {one.code})]
        if {action for one in before for action in one.actions}.issuperset(step.by):
            yield step.code, "shadowed"


def _ways(steps: Steps) -> Iterator[tuple[str, str]]:
    ways: dict[str, set[str]] = {step.code: set() for step in steps if not step.parallel}
    for start, end, _success in edges(steps):
        ways[start].add(end)
    turn = [step for step in steps if not step.parallel]
    # A matter may begin at any level of the tree, and does there what comes after nothing; the rest follows by a way, or
    # at such a level once what comes before it was done.
    may_begin = [step for step in turn if digits(step.level) and not set(step.by) <= set(LATER)]
    reached = _closure(ways, {step.code for step in may_begin if not step.after})
    while more := {it.code for it in may_begin if reached.issuperset(it.after)} - reached:
        reached |= _closure(ways, more)
    back: dict[str, set[str]] = {}
    for start, ends in ways.items():
        for end in ends:
            back.setdefault(end, set()).add(start)
    ending = _closure(back, {CLOSE})
    for step in turn:
        if step.code not in reached:
            yield step.code, "unreachable"
        if step.code not in ending:
            yield step.code, "dead_end"


def _closure(ways: Mapping[str, set[str]], start: set[str]) -> set[str]:
    seen, todo = set(start), list(start)
    while todo:
        for code in ways.get(todo.pop(), ()):
            if code not in seen:
                seen.add(code)
                todo.append(code)
    return seen
