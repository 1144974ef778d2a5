"""Moves as a test makes them: always on the row as the database has it."""

from datetime import timedelta
from typing import Any

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.worktime import Limit, Unit
from incidents.actions import perform
from incidents.models import Incident


def do(incident: Incident, user: Any, action: str, **arguments: Any) -> Incident:
    """One move on the row as it stands in the database."""
    row = Incident.objects.for_list().get(pk=incident.pk)
    return perform(user=user, incident=row, action=action, **arguments).incident


class Words:
    """Arguments with which an action may succeed; `odd` (0 or 1) chooses between two ways."""

    def __init__(self, town: Any) -> None:
        self.town = town

    def of(self, incident: Incident, action: str, *, odd: int) -> dict[str, Any]:
        place = incident.responsible_grid
        below = self.town.department if place is None or place.pk == self.town.code else self.town.groups[odd]
        other = (
            Incident.objects.for_list().exclude(pk=incident.pk).order_by("?" if odd else "-number").first()
        )
        now = clock.now()
        later = now + timedelta(days=9)
        return {
            "reject": {"reason": "不属实"}, "settle": {"note": "已办", "told": self.told(incident)},
            "dispatch": {"to": below, **({"deadline": later} if odd else {})}, "submit_result": {"note": "已修"},
            "send_back": {"reason": "没修好"}, "feed_back": {"note": "已告知", "channel": Channel.PHONE},
            "return_visit": {"happened": True, "solved": bool(odd)}, "reopen": {"reason": "又坏了"},
            "escalate": {"reason": "够不着"}, "add_note": {"note": "看过"}, "review": {"note": "同意"},
            "hand_over": {"to": self.town.villages[odd], "reason": "不在本组"}, "disapprove": {"reason": "缺材料"},
            "refuse": {"reason": "不归我管"}, "rule_refusal": {"upheld": bool(odd)},
            "request_extension": {"reason": "等材料", **({"until": later} if odd else {"limit": Limit(2, Unit.HOURS)})},
            "decide_extension": {"granted": bool(odd)}, "reply_supervision": {"note": "明天完成"},
            "suspend": {"reason": "等雨停", **({"until": now + timedelta(hours=7)} if odd else {})},
            "refer_up": {"body": "县住建局", "reason": "超出权限"}, "record_reply": {"reply": "已安排"},
            "supervise": {"level": ("yellow", "red")[odd], "note": "抓紧"}, "unlist": {"note": "已整改"},
            "list_for_rectification": {"reason": "久拖不决"}, "void": {"reason": "重复"},
            "mark_accountable": {"about": "某站所", "reason": "推诿"}, "merge": {"into": other},
            "assist": {"assisting": [self.assistant(odd)], **({"deadline": later} if odd else {})},
            "whistle": {"assisting": [self.assistant(odd)], "deadline": later}, "submit_assist": {"note": "已协助"},
            "release_assist": {"assisting": [self.assistant(0), self.assistant(1)], "reason": "不再需要"},
            "correct": {"title": f"更正{incident.version}", **(self.elsewhere(incident) if odd else {})},
        }.get(action, {})  # fmt: skip

    def elsewhere(self, incident: Incident) -> dict[str, Any]:
        """Another place and a category with another procedure."""
        code = "quick" if incident.category.code == "request" else "request"
        return {"grid": self.town.groups[1], "category": self.town.categories[code]}

    def assistant(self, odd: int) -> Any:
        return (self.town.departments[1], self.town.villages[1])[odd]

    def told(self, incident: Incident) -> dict[str, Any] | None:
        if not hasattr(incident, "requester"):
            return None
        return {"channel": Channel.PHONE, "happened_at": clock.now()}
