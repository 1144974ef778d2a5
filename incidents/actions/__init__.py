"""The only place that writes matters. Web pages, REST, admin, the sweep and the simulation all come through here.

Every action is one atomic block: check, compare-and-set on (status, version), history row, and what follows from it.
"""

from incidents.actions.files import attach, discard
from incidents.actions.notices import copied_notice
from incidents.actions.performing import perform
from incidents.actions.posts import follow_posts, follow_succession
from incidents.actions.reporting import report
from incidents.actions.result import Outcome
from incidents.actions.sweeping import sweep
from incidents.actions.voice import answer_feedback

__all__ = [
    "Outcome",
    "answer_feedback",
    "attach",
    "copied_notice",
    "discard",
    "follow_posts",
    "follow_succession",
    "perform",
    "report",
    "sweep",
]
