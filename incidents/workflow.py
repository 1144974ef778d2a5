"""The loop as data that can be read aloud: every move, from where to where, who may do it, what it needs.

Pure: no database, no clock. `actions.py` performs the moves, `permissions.py` answers who stands where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gridgov.common.worktime import Limit, Unit
from grids.enums import Kind, Verb
from incidents.enums import OPEN_STATUSES, Level, OnOverdue, Purpose, Status


class Who(StrEnum):
    """Where the actor must stand, in relation to the matter."""

    AT_UNIT = gettext_noop("at the responsible unit")
    AT_OR_ABOVE = gettext_noop("at the responsible unit or above")
    ACCEPTOR_OR_ABOVE = gettext_noop("at the unit that accepted it, or above")
    IN_SIGHT = gettext_noop("with it, as worker, handler or part")


@dataclass(frozen=True)
class Move:
    """One row of the table. `target` None: the state stays. `requires`: arguments that are always obligatory."""

    name: str
    label: Promise
    sources: tuple[str, ...]
    target: str | None
    verbs: tuple[str, ...]
    who: Who
    requires: tuple[str, ...] = ()
    done: Promise | str = ""  # the verb of the timeline sentence


_R, _A, _D, _P = Status.REPORTED, Status.ACCEPTED, Status.DISPATCHED, Status.IN_PROGRESS
_S, _V, _C, _J = Status.RESOLVED, Status.VERIFIED, Status.CLOSED, Status.REJECTED
_HANDLE, _COORDINATE = (Verb.HANDLE,), (Verb.COORDINATE,)
_EITHER = (Verb.HANDLE, Verb.COORDINATE)

TRANSITIONS: Mapping[str, Move] = {
    move.name: move
    for move in (
        Move("accept", _("Accept"), (_R,), _A, _HANDLE, Who.AT_UNIT, (), _("accepted it")),
        Move("reject", _("Reject"), (_R, _A), _J, _COORDINATE, Who.AT_OR_ABOVE, ("reason",), _("rejected it")),
        Move("settle", _("Settle on the spot"), (_R, _A, _P), _C, _HANDLE, Who.AT_UNIT, ("note",),
             _("settled it on the spot")),
        Move("dispatch", _("Dispatch"), (_A,), _D, _COORDINATE, Who.AT_OR_ABOVE, ("to",), _("dispatched it")),
        Move("start", _("Start handling"), (_D, _A), _P, _HANDLE, Who.AT_UNIT, (), _("started handling")),
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
        Move("escalate", _("Escalate"), OPEN_STATUSES, _R, _HANDLE, Who.AT_UNIT, ("reason",), _("passed it up")),
        Move("hand_over", _("Hand over"), OPEN_STATUSES, _R, _COORDINATE, Who.AT_OR_ABOVE, ("to", "reason"),
             _("handed it over")),
        Move("add_note", _("Add a note"), tuple(Status.values), None, _EITHER, Who.IN_SIGHT, ("note",),
             _("added a note")),
    )
}  # fmt: skip

# Rows of history that are no move of the table: the report itself, what the sweep writes, what changes of posts and
# grids bring with them, and what is added without being a step of the work.
REPORT, OVERDUE, REASSIGNED, SUCCEEDED = "report", "overdue", "reassigned", "succeeded"
PARTIES, JOIN = "parties", "join"
OTHER_ROWS: Mapping[str, Promise] = {
    REPORT: _("reported it"),
    OVERDUE: _("it is late; the level above was told"),
    REASSIGNED: _("it passed to the next holder of the post"),
    SUCCEEDED: _("it passed to the grid that succeeded"),
    PARTIES: _("changed who the parties are"),
    JOIN: _("found the same and joined it"),
}

# Which arguments each action takes; REST, pages and admin build their forms from it, and refuse others.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "accept": ("note", "important"),
    "reject": ("reason",),
    "settle": ("note", "told", "files"),
    "dispatch": ("to", "note", "deadline", "important"),
    "start": ("note",),
    "submit_result": ("note", "files"),
    "send_back": ("reason",),
    "verify": ("note",),
    "feed_back": ("note", "channel", "happened_at"),
    "return_visit": ("happened", "solved", "note", "channel", "happened_at"),
    "close": ("note",),
    "reopen": ("reason",),
    "escalate": ("reason", "important"),
    "hand_over": ("to", "reason"),
    "add_note": ("note", "files"),
}


class LimitSpec(BaseModel):
    """n of a unit; both in every time limit of a preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    n: int = Field(ge=1, le=10000)
    unit: Unit

    @property
    def limit(self) -> Limit:
        return Limit(self.n, self.unit)


LIMIT_KEYS = ("group", "village", "township", "department", "verify", "follow_up", "card", "total")


class ProcedureSpec(BaseModel):
    """How one kind of matter goes, as data: what a plan (or a township's own copy of it) decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start: str = Field(
        "own", pattern="^(own|township)$"
    )  # who receives a report; township: must-report matters
    helpers: tuple[Kind, ...] = ()  # levels told and kept in sight although they do not answer for it
    important: bool = False
    feedback: str = Field("requester", pattern="^(requester|none)$")  # before closing, where somebody asked
    return_visit: str = Field("none", pattern="^(none|important|all)$")  # before closing
    verify: str = Field("above", pattern="^(above|none)$")
    may_skip: bool = False
    on_overdue: OnOverdue = OnOverdue.SUPERVISE
    limits: Mapping[str, LimitSpec] = Field(default_factory=dict)
    rules: Mapping[str, str] = Field(
        default_factory=dict
    )  # requirement -> rule id: {"return_visit": "P6-C1"}

    @model_validator(mode="after")
    def _known_limits(self) -> ProcedureSpec:
        unknown = set(self.limits) - set(LIMIT_KEYS)
        if unknown:
            raise ValueError(f"unknown limits: {', '.join(sorted(unknown))}")
        return self

    def limit_for(self, purpose: str, unit_kind: str) -> Limit | None:
        """The limit of a stage; `unit_kind` is a grid's kind or `department`. None: no deadline (R74)."""
        key = {Purpose.VERIFY: "verify", Purpose.FOLLOW_UP: "follow_up", Purpose.TOTAL: "total"}.get(
            Purpose(purpose), str(unit_kind)
        )
        found = self.limits.get(key)
        return found.limit if found else None

    @property
    def card_limit(self) -> Limit | None:
        """How long a level that was told has, before the next one is told."""
        found = self.limits.get("card")
        return found.limit if found else None

    def needs_visit(self, *, important: bool) -> bool:
        return self.return_visit == "all" or (self.return_visit == "important" and important)


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
    found = [Rung(_level(code), code) for code in above]
    return [*found, Rung(Level.LEADER, township)]


def department_rungs(township_code: str) -> list[Rung]:
    """A department answers to the township."""
    return [Rung(Level.TOWNSHIP, township_code), Rung(Level.LEADER, township_code)]


def _level(code: str) -> str:
    if len(code) == 9:
        return Level.TOWNSHIP
    if len(code) == 12:
        return Level.VILLAGE
    depth = (len(code) - 12) // 3
    return Level.GROUP if depth == 1 else f"{Level.GROUP}{depth}"


def is_open(status: str) -> bool:
    return status in OPEN_STATUSES


def kind_of(code: str) -> str:
    """The kind that a code's length tells."""
    return {9: Kind.TOWNSHIP, 12: Kind.VILLAGE}.get(len(code), Kind.GROUP)


def parent_of(code: str) -> str | None:
    """One level up; None at the township: above it there is no grid."""
    return code[:-3] if len(code) > 9 else None
