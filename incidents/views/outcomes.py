"""What a step found, decided or named, as the end of its sentence in the story."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from gridgov.common.worktime import Limit, Unit
from incidents.due import limit_text, moment
from incidents.enums import Card
from incidents.models import Transition
from incidents.steps import REPORT
from incidents.workflow import (
    CALLED,
    MERGED_IN,
    ORDER_CHANGED,
    PHONE_REPORT,
    TAKEN_OUT,
    TRANSITIONS,
    WITH_MAIN,
)

Data = Mapping[str, Any]
FIELD_NAMES: Mapping[str, Callable[[], str]] = {
    "title": lambda: _("Title"),
    "category": lambda: _("Category"),
    "grid": lambda: _("Where (grid)"),
    "address": lambda: _("Place"),
    "trend_forecast": lambda: _("How it may develop"),
    "procedure": lambda: _("Procedure"),
    "description": lambda: _("What happened"),
    "external_due": lambda: _("deadline of the superior body"),
}


def outcome(row: Transition) -> str:
    """Empty where the step says all by its name."""
    say = SAYINGS.get(row.action)
    return say(row.data) if say else ""


def _ordered(data: Data) -> str:
    """What a superior body changed."""
    said = [FIELD_NAMES[name]() for name in data.get("changed", ()) if name in FIELD_NAMES]
    return _(": %(what)s") % {"what": "、".join(said)}


def _visit(data: Data) -> str:
    if not data.get("happened", True):
        return _(": not as reported")
    return _(": solved") if data.get("solved") else _(": not solved")


def _ruled(data: Data) -> str:
    return _(": the refusal is right") if data.get("upheld") else _(": the refusal is not right")


def _telephoned(data: Data) -> str:
    whom = {"whom": data.get("called", "")}
    return _(": %(whom)s answered") % whom if data.get("answered") else _(": %(whom)s did not answer") % whom


def _called(data: Data) -> str:
    return _(": %(what)s") % {"what": data.get("called", "")}


def _decided(data: Data) -> str:
    return _(": granted") if data.get("granted") else _(": not granted")


def _asked(data: Data) -> str:
    if "n" in data:
        return _(": by %(limit)s") % {"limit": limit_text(Limit(data["n"], Unit(data["unit"])))}
    return _until(data)


def _until(data: Data) -> str:
    if not data.get("until"):
        return ""
    return _(": until %(at)s") % {"at": moment(datetime.fromisoformat(data["until"]))}


def _referred(data: Data) -> str:
    return _(": %(body)s %(reference)s") % {"body": data["body"], "reference": data.get("reference", "")}


def _replied(data: Data) -> str:
    return _(": %(reply)s") % {"reply": data["reply"]}


def _supervised(data: Data) -> str:
    text = _(": %(card)s") % {"card": Card(data["card"]).label}
    if data.get("reply_due"):
        due = moment(datetime.fromisoformat(data["reply_due"]))
        text += _(", reply by %(due)s") % {"due": due}
    return text


def _numbered(data: Data) -> str:
    return _(": %(number)s") % {"number": data["number"]} if data.get("number") else ""


def _with_main(data: Data) -> str:
    move = TRANSITIONS.get(data.get("action", ""))
    values = {"number": data.get("number", ""), "action": move.label if move else ""}
    return _(": %(number)s, %(action)s") % values


def _told_at_once(data: Data) -> str:
    """Which posts heard of it at once, where the procedure says so."""
    told = data.get("told", ())
    return _("; told at once: %(posts)s") % {"posts": "、".join(told)} if told else ""


def _corrected(data: Data) -> str:
    """Each field with what stood there before."""
    before, after = data.get("before", {}), data.get("after", {})
    said = [
        _("%(field)s “%(before)s” → “%(after)s”")
        % {"field": FIELD_NAMES[name](), "before": before[name], "after": after[name]}
        for name in before
        if name in FIELD_NAMES
    ]
    return _(": %(changes)s") % {"changes": _(", ").join(said)} + _told_at_once(data)


def _undone(data: Data) -> str:
    move = TRANSITIONS.get(data.get("action", ""))
    return _(": %(action)s") % {"action": move.label} if move else ""


def _about(data: Data) -> str:
    return _(": %(about)s") % {"about": data.get("about", "")}


SAYINGS: Mapping[str, Callable[[Data], str]] = {
    REPORT: _told_at_once,
    PHONE_REPORT: _telephoned,
    CALLED: _called,
    "return_visit": _visit,
    ORDER_CHANGED: _ordered,
    "rule_refusal": _ruled,
    "decide_extension": _decided,
    "request_extension": _asked,
    "suspend": _until,
    "list_for_rectification": _until,
    "refer_up": _referred,
    "record_reply": _replied,
    "supervise": _supervised,
    "merge": _numbered,
    "unmerge": _numbered,
    MERGED_IN: _numbered,
    TAKEN_OUT: _numbered,
    WITH_MAIN: _with_main,
    "correct": _corrected,
    "mark_accountable": _about,
    "undo": _undone,
}
