"""The story of a matter in sentences, oldest first, with what its clocks did in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.worktime import Kind as LedgerKind
from gridgov.common.worktime import in_force
from incidents.due import limit_text, moment
from incidents.enums import CategoryKind, Purpose, Status
from incidents.models import Escalation, Incident, Stage, Transition
from incidents.models.time import limit_of
from incidents.permissions.taken import NEXT
from incidents.views.outcomes import outcome
from incidents.workflow import ASSIST_OVERDUE, OTHER_ROWS, OVERDUE
from members.models import Appointment

STEP, CLOCK, PROBLEM, DONE = "step", "clock", "problem", "done"
PEOPLE = (
    "actor",
    "entered_by",
    "in_place_of",
    "responsible",
    "to_grid",
    "to_department",
    "from_grid",
    "from_department",
)


PROBLEMS = (
    "reject",
    "send_back",
    "reopen",
    "refuse",
    "disapprove",
    "supervise",
    "mark_accountable",
    "void",
    ASSIST_OVERDUE,
)


@dataclass
class Entry:
    """One line; the fields are those of templates/components/timeline.html."""

    at: datetime
    text: str
    kind: str = STEP
    note: str = ""
    entered: str = ""
    shown: Any = None  # the files that came with it


def story(incident: Incident, files: Mapping[int, Any]) -> list[Entry]:
    """Seven queries, of a dispute eight. `files`: those that came with a step, by its number."""
    rows = list(incident.history.select_related(*PEOPLE).order_by("seq"))  # type: ignore[attr-defined]
    cards = {
        (card.stage_number, card.level): card
        for card in Escalation.objects.filter(incident=incident).select_related(
            "told_grid", "late_grid", "late_department"
        )
    }
    posts = Posts(row.actor_id for row in rows)
    names = {step.code: step.name for step in incident.procedure.spec.steps}
    entries = [_entry(row, cards, posts, files.get(row.seq), names) for row in rows]
    beside = [*_copied(incident), *_mediated(incident), *_clocks(incident)]
    return sorted([*entries, *beside], key=lambda entry: entry.at)


def _entry(
    row: Transition,
    cards: Mapping[tuple[int, str], Escalation],
    posts: Posts,
    shown: Any,
    names: Mapping[str, str],
) -> Entry:
    if row.action == OVERDUE:
        return _overdue(row, cards.get((row.stage, row.level)))
    text = _sentence(row, posts) + _step_of(row, names) + outcome(row) + _others(row)
    text += _whose_now(row) + _within(row, names)
    return Entry(row.entered_at, text, _kind(row), row.note, _how(row), shown)


def _sentence(row: Transition, posts: Posts) -> str:
    done = row.label
    if row.actor is not None:
        unit = row.from_grid or row.from_department
        person = posts.named(row.actor, clock.local(row.entered_at).date(), unit, row.in_place_of)
    elif row.action == "return_visit":
        person = _("The requester")
    else:
        return str(done)
    return _("%(who)s %(done)s") % {"who": person, "done": done}


def _step_of(row: Transition, names: Mapping[str, str]) -> str:
    """Which step of the procedure it was."""
    name = names.get(row.data.get("step", ""))
    return _(" (step “%(step)s”)") % {"step": name} if name else ""


def _others(row: Transition) -> str:
    """Which units beside the lead the step is about."""
    named = row.data.get("unit")
    units = [*row.data.get("assisting", ()), *(named if isinstance(named, list) else ())]
    return _("; assisting: %(units)s") % {"units": "、".join(units)} if units else ""


def _whose_now(row: Transition) -> str:
    unit = row.to_grid or row.to_department
    moved = (row.from_grid_id, row.from_department_id) != (row.to_grid_id, row.to_department_id)
    if unit is None or not moved or row.responsible is None:
        return ""
    return _("; %(unit)s, %(person)s, now answers for it") % {"unit": unit, "person": row.responsible}


def _within(row: Transition, names: Mapping[str, str]) -> str:
    """Which step takes it on within the unit."""
    name = names.get(row.data.get(NEXT, ""))
    return _("; “%(step)s” is next") % {"step": name} if name else ""


def _kind(row: Transition) -> str:
    if row.to_status == Status.CLOSED and row.from_status != Status.CLOSED:
        return DONE
    failed = row.action == "return_visit" and row.to_status == Status.IN_PROGRESS
    return PROBLEM if failed or row.action in PROBLEMS else STEP


def _how(row: Transition) -> str:
    """Said on the phone, entered later or by somebody else: the line below the sentence."""
    said = []
    if row.channel != Channel.SYSTEM:
        said.append(str(row.get_channel_display()))
    if row.happened_at != row.entered_at:
        said.append(_("happened %(at)s") % {"at": moment(row.happened_at)})
    if row.entered_by is not None and row.entered_by_id != row.actor_id:
        said.append(
            _("done by %(actor)s, entered by %(person)s") % {"actor": row.actor, "person": row.entered_by}
        )
    return " · ".join(said)


def _overdue(row: Transition, card: Escalation | None) -> Entry:
    if card is None:
        return Entry(row.entered_at, str(OTHER_ROWS[OVERDUE]), PROBLEM)
    values = {
        "told": card.told_grid,
        "late": card.late_grid or card.late_department,
        "due": moment(card.due_at),
    }
    if card.is_red:
        text = _("Red card at %(told)s: %(late)s is late (due %(due)s)") % values
    else:
        text = _("%(told)s was told to see to it: %(late)s is late (due %(due)s)") % values
    until = _("to be acted on by %(due)s") % {"due": moment(card.card_due_at)} if card.card_due_at else ""
    return Entry(row.entered_at, text, PROBLEM, entered=until)


def _copied(incident: Incident) -> Iterator[Entry]:
    """The short texts that went to somebody by hand."""
    for row in incident.copied_notices.select_related("member", "to_member", "to_grid", "to_department"):  # type: ignore[attr-defined]
        unit = row.to_grid or row.to_department
        values = {"who": row.member, "unit": unit, "person": row.to_member}
        text = _("%(who)s copied the notice for %(unit)s, %(person)s") % values
        yield Entry(row.at, text, CLOCK, entered=str(row.get_channel_display()))


def _mediated(incident: Incident) -> Iterator[Entry]:
    """Each mediation; what was said in it stands in its record."""
    if incident.category.kind != CategoryKind.DISPUTE:
        return
    for row in incident.mediations.select_related("entered_by").order_by("held_at", "id"):  # type: ignore[attr-defined]
        values = {"who": row.entered_by, "number": row.number, "outcome": row.get_outcome_display()}
        text = _("%(who)s entered mediation %(number)s: %(outcome)s") % values
        yield Entry(row.entered_at, text, entered=_("happened %(at)s") % {"at": moment(row.held_at)})


# --- clocks ------------------------------------------------------------------------------------------------------


LEDGER: Mapping[str, str] = {
    LedgerKind.PAUSE: gettext_noop("%(clock)s is paused"),
    LedgerKind.RESUME: gettext_noop("%(clock)s goes on"),
    LedgerKind.EXTEND: gettext_noop("%(clock)s is extended"),
}


def _clocks(incident: Incident) -> Iterator[Entry]:
    """Where a clock with a deadline began, was paused, extended or went on. That it stops is said by the step itself."""
    stages = incident.stages.filter(is_void=False).select_related("grid", "department")  # type: ignore[attr-defined]
    for stage in stages.prefetch_related("ledger").order_by("number"):
        if stage.due_at is None:
            continue
        yield Entry(stage.started_at, _begins(stage), CLOCK)
        for row in in_force(stage.ledger.all()):
            text = LEDGER.get(row.kind)
            if text:
                yield Entry(row.at, _(text) % {"clock": _clock_name(stage)}, CLOCK)


def _clock_name(stage: Stage) -> str:
    if stage.purpose == Purpose.TOTAL:
        return _("The clock of the whole matter")
    return _("The clock of %(unit)s (%(purpose)s)") % {
        "unit": stage.unit,
        "purpose": stage.get_purpose_display(),
    }


def _begins(stage: Stage) -> str:
    limit = limit_text(limit_of(stage.limit_n, stage.limit_unit)) or _("deadline set by a person")
    values = {"clock": _clock_name(stage), "limit": limit, "due": moment(stage.due_at)}
    return _("%(clock)s begins: %(limit)s, until %(due)s") % values


# --- people ------------------------------------------------------------------------------------------------------


class Posts:
    """Who held which post when: names carry the post that acted. One query."""

    def __init__(self, members: Iterable[Any]) -> None:
        ids = {member for member in members if member is not None}
        held = Appointment.objects.filter(member__in=ids) if ids else Appointment.objects.none()
        self.held: Sequence[Appointment] = list(
            held.select_related("post__grid", "post__department").order_by("-is_main", "since", "pk")
        )

    def named(self, member: Any, day: date, unit: Any, in_place_of: Any = None) -> str:
        """张三（龙田村一组网格员）; the post at the unit that acted, else the first one held that day. 张三（代李四）."""
        if in_place_of is not None:
            return _("%(person)s (for %(absent)s)") % {"person": member, "absent": in_place_of}
        then = [
            row.post
            for row in self.held
            if row.member_id == member.pk and row.since <= day and (row.until is None or row.until > day)
        ]
        fitting = [post for post in then if unit in (post.grid, post.department)]
        post = next(iter(fitting or then), None)
        if post is None:
            return str(member)
        return _("%(person)s (%(post)s)") % {"person": member, "post": post.called}
