"""The only place that writes matters. Web pages, REST, admin, the sweep and the simulation all come through here.

Every action is one atomic block: check, compare-and-set on (status, version), history row, and what follows from it.
"""

from incidents.actions.assisting import follow_assisting, sweep_assisting
from incidents.actions.bulk import act_together, undo_together
from incidents.actions.calendars import follow_years
from incidents.actions.daily import tell_daily_lists
from incidents.actions.files import attach, discard
from incidents.actions.joining import join
from incidents.actions.mediation import correct_mediation, record_mediation
from incidents.actions.notices import copied_notice
from incidents.actions.orders import change_order, drop_mapping, save_mapping
from incidents.actions.people import add_party, record_answer, remove_party, reveal
from incidents.actions.performing import perform
from incidents.actions.posts import follow_posts, follow_succession
from incidents.actions.publishing import (
    NewProcedure,
    begin_procedure,
    discard_draft,
    keep_draft,
    publish_draft,
    publish_procedures,
)
from incidents.actions.reporting import report
from incidents.actions.result import Outcome
from incidents.actions.searching import index_waiting
from incidents.actions.sweeping import sweep
from incidents.actions.urgent import call_next, record_call
from incidents.actions.voice import answer_feedback
from incidents.actions.waking import remind_replies, resume_due
from incidents.actions.warning import warn_soon

__all__ = [
    "NewProcedure",
    "Outcome",
    "act_together",
    "add_party",
    "answer_feedback",
    "attach",
    "begin_procedure",
    "call_next",
    "change_order",
    "copied_notice",
    "correct_mediation",
    "discard",
    "discard_draft",
    "drop_mapping",
    "follow_assisting",
    "follow_posts",
    "follow_succession",
    "follow_years",
    "index_waiting",
    "join",
    "keep_draft",
    "perform",
    "publish_draft",
    "publish_procedures",
    "record_answer",
    "record_call",
    "record_mediation",
    "remind_replies",
    "remove_party",
    "report",
    "resume_due",
    "reveal",
    "save_mapping",
    "sweep",
    "sweep_assisting",
    "tell_daily_lists",
    "undo_together",
    "warn_soon",
]
