"""The loop as data that can be read aloud: every move, from where to where, who may do it, what it needs.

Pure: no database, no clock. `actions.py` performs the moves, `permissions.py` answers who stands where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from gridgov.common.worktime import Limit
from grids.enums import Kind, Verb
from incidents.enums import OPEN_STATUSES, Level, OnOverdue, Purpose, Status
from incidents.steps import (
    PAPERS,
    REPORT,
    LimitSpec,
    StepSpec,
    at_levels,
    kind_at,
    level_of,
    levels_here,
    problems,
)


class Who(StrEnum):
    """Where the actor must stand, in relation to the matter."""

    AT_UNIT = gettext_noop("at the responsible unit")
    AT_OR_ABOVE = gettext_noop("at the responsible unit or above")
    ACCEPTOR_OR_ABOVE = gettext_noop("at the unit that accepted it, or above")
    IN_SIGHT = gettext_noop("with it, as worker, handler or part")
    ABOVE = gettext_noop("above the responsible unit")
    AT_TOWNSHIP = gettext_noop("at the township")
    SUPERVISED = gettext_noop("at the unit that is supervised")
    REPORTER = gettext_noop("as the one who reported it")
    LEAD_OR_ABOVE = gettext_noop("at the unit that has the lead, or above")
    ASSISTING = gettext_noop("at an assisting unit")
    DOER = gettext_noop("as the one who took the last step")


BEFORE = "before"  # the state that a matter was in before it was suspended, merged, or changed by mistake


@dataclass(frozen=True)
class Move:
    """One row of the table. `target` None: the state stays; BEFORE: the one it came from. `requires`: arguments that are always obligatory."""

    name: str
    label: Promise
    sources: tuple[str, ...]
    target: str | None
    verbs: tuple[str, ...]
    who: Who
    requires: tuple[str, ...] = ()
    done: Promise | str = ""  # the verb of the timeline sentence


ALL_STATUSES = tuple(Status.values)


def _without(statuses: tuple[str, ...], *left_out: str) -> tuple[str, ...]:
    return tuple(status for status in statuses if status not in left_out)


_R, _A, _D, _P = Status.REPORTED, Status.ACCEPTED, Status.DISPATCHED, Status.IN_PROGRESS
_S, _V, _C, _J = Status.RESOLVED, Status.VERIFIED, Status.CLOSED, Status.REJECTED
_W, _M, _X, _U, _F = Status.WITHDRAWN, Status.MERGED, Status.VOID, Status.SUSPENDED, Status.REFERRED
_HANDLE, _COORDINATE, _SUPERVISE = (Verb.HANDLE,), (Verb.COORDINATE,), (Verb.SUPERVISE,)
_LOOK = (Verb.COORDINATE, Verb.SUPERVISE)
_EITHER = (Verb.HANDLE, Verb.COORDINATE)

TRANSITIONS: Mapping[str, Move] = {
    move.name: move
    for move in (
        Move("accept", _("Accept"), (_R,), _A, _HANDLE, Who.AT_UNIT, (), _("accepted it")),
        Move("reject", _("Reject"), (_R, _A), _J, _COORDINATE, Who.AT_OR_ABOVE, ("reason",), _("rejected it")),
        Move("settle", _("Settle on the spot"), (_R, _A, _P), _C, _HANDLE, Who.AT_UNIT, ("note",),
             _("settled it on the spot")),
        Move("review", _("Review"), (_A,), None, _COORDINATE, Who.AT_OR_ABOVE, ("note",), _("gave an opinion")),
        Move("approve", _("Approve"), (_A,), _P, _SUPERVISE, Who.AT_TOWNSHIP, (), _("approved it")),
        Move("disapprove", _("Disapprove"), (_A,), None, _SUPERVISE, Who.AT_TOWNSHIP, ("reason",),
             _("did not approve it")),
        Move("dispatch", _("Dispatch"), (_A,), _D, _COORDINATE, Who.AT_OR_ABOVE, ("to",), _("dispatched it")),
        Move("refuse", _("Refuse"), (_D,), None, _HANDLE, Who.AT_UNIT, ("reason",), _("refused it")),
        Move("rule_refusal", _("Rule on the refusal"), (_D,), None, _COORDINATE, Who.AT_UNIT, ("upheld",),
             _("ruled on the refusal")),
        Move("start", _("Start handling"), (_D, _A), _P, _HANDLE, Who.AT_UNIT, (), _("started handling")),
        Move("arrive", _("Arrived on the spot"), OPEN_STATUSES, None, _EITHER, Who.IN_SIGHT, (),
             _("arrived on the spot")),
        Move("submit_result", _("Submit result"), (_P,), _S, _HANDLE, Who.AT_UNIT, ("note",),
             _("submitted the result")),
        Move("send_back", _("Send back"), (_S,), _P, _COORDINATE, Who.AT_UNIT, ("reason",),
             _("sent it back for rework")),
        Move("verify", _("Verify"), (_S,), _V, _COORDINATE, Who.AT_UNIT, (), _("verified the result")),
        Move("feed_back", _("Feed back"), (_V,), None, _EITHER, Who.ACCEPTOR_OR_ABOVE, ("note", "channel"),
             _("told the requester the result")),
        Move("return_visit", _("Return visit"), (_V, _C), None, _COORDINATE, Who.AT_OR_ABOVE, ("happened", "solved"),
             _("made the return visit")),
        Move("close", _("Close the matter"), (_V,), _C, _EITHER, Who.ACCEPTOR_OR_ABOVE, (), _("closed it")),
        Move("reopen", _("Reopen"), (_C, _J), _A, _COORDINATE, Who.AT_OR_ABOVE, ("reason",), _("reopened it")),
        Move("request_extension", _("Ask for an extension"), _without(OPEN_STATUSES, _U, _F), None, _HANDLE,
             Who.AT_UNIT, ("reason",), _("asked for an extension")),
        Move("decide_extension", _("Decide on the extension"), OPEN_STATUSES, None, _LOOK, Who.ABOVE, ("granted",),
             _("decided on the extension")),
        Move("suspend", _("Suspend"), _without(OPEN_STATUSES, _U), _U, _HANDLE, Who.AT_UNIT, ("reason",),
             _("suspended it")),
        Move("resume", _("Resume"), (_U,), BEFORE, _HANDLE, Who.AT_UNIT, (), _("resumed it")),
        Move("refer_up", _("Refer to a superior body"), _without(OPEN_STATUSES, _U, _F), _F, _HANDLE, Who.AT_UNIT,
             ("body", "reason"), _("referred it to a superior body")),
        Move("record_reply", _("Record the reply"), (_F,), _A, _HANDLE, Who.AT_UNIT, ("reply",),
             _("recorded the reply of the superior body")),
        Move("escalate", _("Escalate"), OPEN_STATUSES, _R, _HANDLE, Who.AT_UNIT, ("reason",), _("passed it up")),
        Move("hand_over", _("Hand over"), OPEN_STATUSES, _R, _COORDINATE, Who.AT_OR_ABOVE, ("to", "reason"),
             _("handed it over")),
        Move("remind", _("Remind"), OPEN_STATUSES, None, _LOOK, Who.ABOVE, (), _("reminded")),
        Move("supervise", _("Supervise"), OPEN_STATUSES, None, _LOOK, Who.ABOVE, ("level", "note"),
             _("put it under supervision")),
        Move("reply_supervision", _("Reply to the supervision"), OPEN_STATUSES, None, _HANDLE, Who.SUPERVISED,
             ("note",), _("replied to the supervision")),
        Move("list_for_rectification", _("List for rectification"), OPEN_STATUSES, None, _COORDINATE,
             Who.AT_OR_ABOVE, ("reason",), _("put it on the rectification list")),
        Move("unlist", _("Take off the rectification list"), OPEN_STATUSES, None, _COORDINATE, Who.AT_OR_ABOVE,
             ("note",), _("took it off the rectification list")),
        Move("mark_accountable", _("Mark for accountability"), _without(ALL_STATUSES, _W, _X), None, _LOOK, Who.ABOVE,
             ("about", "reason"), _("marked it for accountability")),
        Move("correct", _("Correct"), _without(ALL_STATUSES, _X), None, _COORDINATE, Who.AT_OR_ABOVE, (),
             _("corrected it")),
        Move("merge", _("Merge"), OPEN_STATUSES, _M, _COORDINATE, Who.AT_OR_ABOVE, ("into",), _("merged it")),
        Move("unmerge", _("Unmerge"), (_M,), BEFORE, _COORDINATE, Who.AT_OR_ABOVE, (), _("took it out of the main matter")),
        Move("assist", _("Ask others to assist"), (_A, _D, _P), None, _EITHER, Who.LEAD_OR_ABOVE, ("assisting",),
             _("asked others to assist")),
        Move("whistle", _("Call departments together"), _without(OPEN_STATUSES, _U, _F), None, _LOOK, Who.AT_OR_ABOVE,
             ("assisting",), _("called departments together")),
        Move("report_in", _("Report in"), OPEN_STATUSES, None, _HANDLE, Who.ASSISTING, (), _("reported in")),
        Move("submit_assist", _("Hand in the assisting result"), OPEN_STATUSES, None, _HANDLE, Who.ASSISTING, ("note",),
             _("handed in the assisting result")),
        Move("release_assist", _("Release from assisting"), OPEN_STATUSES, None, _EITHER, Who.LEAD_OR_ABOVE,
             ("assisting", "reason"), _("released from assisting")),
        Move("withdraw", _("Withdraw"), (_R,), _W, (Verb.REPORT,), Who.REPORTER, (), _("withdrew it")),
        Move("void", _("Make void"), _without(ALL_STATUSES, _X), _X, _COORDINATE, Who.AT_TOWNSHIP, ("reason",),
             _("made it void")),
        Move("undo", _("Undo"), ALL_STATUSES, BEFORE, (), Who.DOER, (), _("took back a step")),
        Move("add_note", _("Add a note"), tuple(Status.values), None, _EITHER, Who.IN_SIGHT, ("note",),
             _("added a note")),
    )
}  # fmt: skip

# Rows of history that are no move of the table: the report itself, what the sweep writes, what changes of posts and
# grids bring with them, and what is added without being a step of the work.
OVERDUE, REASSIGNED, SUCCEEDED = "overdue", "reassigned", "succeeded"
ORDER_CHANGED = "order_changed"
PARTIES, JOIN = "parties", "join"
YEAR_IMPORTED = "year_imported"
PHONE_REPORT, CALLED = "phone_report", "called"
ASSIST_OVERDUE = "assist_overdue"
MERGED_IN, TAKEN_OUT, WITH_MAIN = "merged_in", "taken_out", "with_main"
OTHER_ROWS: Mapping[str, Promise] = {
    REPORT: _("reported it"),
    OVERDUE: _("it is late; the level above was told"),
    ASSIST_OVERDUE: _("assisting is late; the level above was told"),
    REASSIGNED: _("it passed to the next holder of the post"),
    SUCCEEDED: _("it passed to the grid that succeeded"),
    ORDER_CHANGED: _("took over what the superior body changed"),
    PARTIES: _("changed who the parties are"),
    JOIN: _("found the same and joined it"),
    PHONE_REPORT: _("reported by telephone"),
    CALLED: _("nobody had taken it; the next one on the duty roster was called"),
    YEAR_IMPORTED: _("the official holidays of a year came in; the deadline was reckoned again"),
    MERGED_IN: _("merged another matter into it"),
    TAKEN_OUT: _("took a merged matter out of it"),
    WITH_MAIN: _("the main matter has moved on"),
}

# What every action takes besides: who really acted, how it reached whoever types, and when it happened.
ENTRY = ("on_behalf_of", "channel", "happened_at")

# Which arguments each action takes; REST, pages and admin build their forms from it, and refuse others.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "accept": ("note", "important"),
    "reject": ("reason",),
    "settle": ("note", "told", "files", PAPERS),
    "dispatch": ("to", "note", "deadline", "important", "assisting", "case_leader"),
    "start": ("note", "responsible_person", "deadline"),
    "submit_result": ("note", "files", PAPERS),
    "send_back": ("reason",),
    "verify": ("note",),
    "feed_back": ("note", "channel", "happened_at"),
    "return_visit": ("happened", "solved", "note", "channel", "happened_at"),
    "close": ("note",),
    "reopen": ("reason",),
    "escalate": ("reason", "important", "files", PAPERS),
    "hand_over": ("to", "reason"),
    "add_note": ("note", "files"),
    "review": ("note", "files", PAPERS),
    "approve": ("note",),
    "disapprove": ("reason",),
    "refuse": ("reason",),
    "rule_refusal": ("upheld", "note"),
    "arrive": ("note", "happened_at", "files"),
    "request_extension": ("limit", "until", "reason"),
    "decide_extension": ("granted", "note"),
    "suspend": ("reason", "until"),
    "resume": ("note",),
    "refer_up": ("body", "number", "reason"),
    "record_reply": ("reply", "number", "happened_at", "files"),
    "remind": ("note",),
    "supervise": ("level", "note", "reply_due"),
    "reply_supervision": ("note", "files"),
    "list_for_rectification": ("reason", "until"),
    "unlist": ("note",),
    "mark_accountable": ("about", "reason"),
    "correct": ("title", "category", "grid", "address", "trend_forecast", "note"),
    "merge": ("into", "note"),
    "unmerge": ("note",),
    "withdraw": ("note",),
    "void": ("reason",),
    "assist": ("assisting", "deadline", "note"),
    "whistle": ("assisting", "deadline", "note"),
    "report_in": ("note", "files"),
    "submit_assist": ("note", "files"),
    "release_assist": ("assisting", "reason"),
    "undo": (),
}


def arguments_of(action: str, requires: Collection[str]) -> tuple[str, ...]:
    """All arguments that the action takes, its own first; a paper only where the step asks for one."""
    own = [name for name in ARGUMENTS[action] if name != PAPERS or name in requires]
    return (*own, *(name for name in ENTRY if name not in own))


# What a procedure may ask of the report itself.
OF_REPORT = ("trend_forecast", "occurred_at", "address", "requester")

# Which clocks stand still in which state; in every other open state both run.
KEEPS_REFUSAL = (
    Status.DISPATCHED,
    Status.SUSPENDED,
    Status.MERGED,
)  # a refusal waits for its ruling only there
STAGE_STANDS, TOTAL_STANDS = (Status.SUSPENDED,), (Status.SUSPENDED, Status.REFERRED)


LIMIT_KEYS = (
    "group", "village", "township", "department", "verify", "follow_up", "card", "total",
    "refusal",  # within which a unit may refuse what was dispatched to it
    "ruling", "referral",
    "assist", "whistle",  # of assisting units; without one: as if such a unit had the lead
)  # fmt: skip


# What a step may be taken by, and what it may ask for then.
STEP_ACTIONS: Mapping[str, tuple[str, ...]] = {**ARGUMENTS, REPORT: OF_REPORT}


# What a procedure may name a rule for beside its actions, and the actions that are refused with it where no step and no
# rule of their own names them.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "approval": ("review", "approve", "disapprove"),
    "assisting": ("assist", "whistle", "submit_assist"),
    "extension": ("request_extension", "decide_extension"),
    "feedback": ("feed_back",),
    "important": (),
    "level_by_level": ("escalate",),
    "refusal": ("refuse", "rule_refusal"),
    "return_visit": ("return_visit",),
    "supervision": ("supervise", "reply_supervision"),
    "suspend": ("suspend",),
    "verify": ("verify", "send_back"),
}


def unread_rules(rules: Collection[str]) -> set[str]:
    """Keys of `rules` that are no requirement and no action."""
    return set(rules) - set(REQUIREMENTS) - set(TRANSITIONS)


CODE = r"^[a-z_]{2,40}$"  # of a procedure and of a category
# As context of reading a spec: it passed the checks of its day, and what runs by it is not stopped by a later one.
PUBLISHED = object()


class Unfit(ValueError):
    """What does not fit together in the steps: (step, what is wrong as `problems` names it)."""

    def __init__(self, found: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"step {code}: {what}" for code, what in found))
        self.found = found


class ProcedureSpec(BaseModel):
    """How one kind of matter goes, as data: what a plan (or a township's own copy of it) decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    # who receives a report; township: must-report matters; reporter: the unit of whoever reports it, where a step is of its
    # level, so that what the township finds begins there
    start: str = Field("own", pattern="^(own|village|township|reporter)$")
    helpers: tuple[Kind, ...] = ()  # levels told and kept in sight although they do not answer for it
    important: bool = False
    feedback: str = Field("requester", pattern="^(requester|none)$")  # before closing, where somebody asked
    return_visit: str = Field("none", pattern="^(none|important|all)$")  # before closing
    verify: str = Field("above", pattern="^(above|own|none)$")
    approval: str = Field("none", pattern="^(none|important|all)$")  # by the township, before handling
    keeps_helper: bool = False  # who passes it up stays in sight and helps
    tells_leaders: bool = False  # the township's leaders hear of a report
    on_overdue: OnOverdue = OnOverdue.SUPERVISE
    calendar: str = Field("office", pattern="^(office|urgent)$")  # whose frames the limits follow
    steps: tuple[StepSpec, ...] = ()
    words: Mapping[str, str] = Field(
        default_factory=dict
    )  # action -> the plan's own word for it: 派遣, 调处, 结案
    limits: Mapping[str, LimitSpec] = Field(default_factory=dict)
    rules: Mapping[str, str] = Field(
        default_factory=dict
    )  # requirement or action -> rule id: {"return_visit": "P6-C1", "hand_over": "P4-C9"}

    @model_validator(mode="after")
    def _known_limits(self, info: ValidationInfo) -> ProcedureSpec:
        if info.context is PUBLISHED:
            return self
        for text, names in (
            (_("unknown limits: %(names)s"), set(self.limits) - set(LIMIT_KEYS)),
            (_("words of no action: %(names)s"), set(self.words) - set(TRANSITIONS)),
            (_("rules of no requirement and no action: %(names)s"), unread_rules(self.rules)),
        ):
            if names:
                raise ValueError(text % {"names": ", ".join(sorted(names))})
        if wrong := list(problems(self.steps, STEP_ACTIONS)):
            raise Unfit(wrong)
        return self

    def receiver(self, place: str, *, village: str, stood: str = "") -> str:
        """The code of the grid that receives a report about a place. `village`: the place's, if it has one; `stood`: where
        on the line of the place the reporter works, if anywhere there; where no step is of that level, it does not begin
        there."""
        if stood and self.steps and not at_levels(self.steps, (level_of(stood),)):
            stood = ""
        first = {"township": place[:9], "village": village, "reporter": stood}.get(self.start)
        return first or place

    def begins_at(self, level: str) -> bool:
        """Whether a matter may begin at this level of the tree; where there are steps, at a level that has some."""
        begins = {"township": "township", "village": "village"}.get(self.start, level)
        return begins == level and (not self.steps or bool(at_levels(self.steps, (level,))))

    def word_for(self, action: str) -> str:
        """What the action is called in this procedure."""
        return self.words.get(action) or str(TRANSITIONS[action].label)

    def said_of(self, action: str) -> str:
        """What was done, as the verb of its sentence: the plan's own word, else ours."""
        move = TRANSITIONS.get(action)
        return self.words.get(action) or str(move.done if move else OTHER_ROWS.get(action, action))

    def rule_for(self, action: str) -> str:
        """The rule behind an action as such: its own, else that of the requirement which it answers; empty: none."""
        names = [action, *(name for name, actions in REQUIREMENTS.items() if action in actions)]
        return next((self.rules[name] for name in names if name in self.rules), "")

    def limit_for(self, purpose: str, unit: str, *, dispatched: bool = False) -> Limit | None:
        """The limit of a stage: of the steps that the unit takes, else of its kind; `unit` is a level or `department`.
        None: no deadline (R74)."""
        if purpose != Purpose.HANDLE:
            return self._limit(str(Purpose(purpose)))
        steps = self._steps_of(unit, dispatched=dispatched)
        own = next((step.limit.limit for step in steps if step.limit), None)
        return own or self._limit(kind_at(unit))

    def overdue_at(self, unit: str, *, dispatched: bool = False) -> OnOverdue:
        """What happens when a unit of this level is late."""
        steps = self._steps_of(unit, dispatched=dispatched)
        return next((step.on_overdue for step in steps if step.on_overdue), self.on_overdue)

    def _steps_of(self, unit: str, *, dispatched: bool) -> list[StepSpec]:
        return at_levels(self.steps, levels_here(self.steps, unit, dispatched=dispatched))

    def _limit(self, key: str) -> Limit | None:
        found = self.limits.get(key)
        return found.limit if found else None

    def assist_limit(self, kind: str, unit_kind: str) -> Limit | None:
        """The limit of an assisting task; None: no deadline."""
        return self._limit(kind) or self._limit(unit_kind)

    @property
    def card_limit(self) -> Limit | None:
        """How long a level that was told has, before the next one is told."""
        return self._limit("card")

    @property
    def refusal_limit(self) -> Limit | None:
        """How long after a dispatch the unit may refuse it; None: as long as it has not begun."""
        return self._limit("refusal")

    def needs_visit(self, *, important: bool) -> bool:
        return self.return_visit == "all" or (self.return_visit == "important" and important)

    def needs_approval(self, *, important: bool) -> bool:
        return self.approval == "all" or (self.approval == "important" and important)


@dataclass(frozen=True)
class Rung:
    """One step of going up: which grid is told, as which level."""

    level: str
    code: str

    @property
    def is_red(self) -> bool:
        return self.level == Level.LEADER


def rungs(unit_code: str) -> list[Rung]:
    """Who is told, in order, when the unit at `unit_code` is late. A department's unit code is its township's.

    320371101201001 (group) -> village, township, leader; a village -> township, leader; the township -> leader.
    """
    township = unit_code[:9]
    above = [unit_code[:length] for length in range(len(unit_code) - 3, 8, -3)]
    found = [Rung(level_of(code), code) for code in above]
    return [*found, Rung(Level.LEADER, township)]


def department_rungs(township_code: str) -> list[Rung]:
    """A department answers to the township."""
    return [Rung(Level.TOWNSHIP, township_code), Rung(Level.LEADER, township_code)]


def is_open(status: str) -> bool:
    return status in OPEN_STATUSES


def kind_of(code: str) -> str:
    """The kind that a code's length tells."""
    return {9: Kind.TOWNSHIP, 12: Kind.VILLAGE}.get(len(code), Kind.GROUP)


def parent_of(code: str) -> str | None:
    """One level up; None at the township: above it there is no grid."""
    return code[:-3] if len(code) > 9 else None
