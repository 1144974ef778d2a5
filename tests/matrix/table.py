"""Every route and who gets what: the permission matrix, to be read aloud. A new route is one line of ROUTES.

A rule is read from left to right, the first that fits counts: `200 SEE / 403 WORKS / 404` answers 200 to whoever has the
place by `SEE`, else 403 by `WORKS`, else 404 to everybody else who is logged in. A profile names people and the places they
have; without places it holds for any. Whoever is not logged in is led to the login page (302) or told so (401), unless the
rule begins with `open`.

What stands here is written by hand from rules.md and never derived from the code that it tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.matrix import bodies
from tests.matrix.bodies import Body
from tests.matrix.world import PLACES

ALL = " ".join(PLACES[:-1])  # all of one's own township
TOWN = " ".join(PLACES[:-2])  # the same without the matter that lies with the department
VILLAGE = "G1 G2 V1"
ANYBODY = "admin township village worker worker2 department supervisor leader auditor moved"

PROFILES = {
    # sight of matters by place or part
    "SEE": f"township supervisor: {ALL} | village leader: {VILLAGE} | worker: G1 | worker2: G3 | department: P",
    # works on it: handles or co-ordinates there, or has part in it
    "WORKS": f"township: {ALL} | village: {VILLAGE} | worker: G1 | worker2: G3 | department: P",
    # of a matter as it stands: it is reported, and `P` is dispatched to the department
    "UNIT": "township: T | village: V1 | worker: G1 | worker2: G3",
    "HANDLER": "department: P",
    "RULES": f"township: {TOWN} | village: {VILLAGE}",
    "PASSED": "township: P",
    "CHECKS": "township: T | village: V1 | department: P",
    "ACCEPTOR": f"township: {ALL} | village: {VILLAGE} | worker: G1 | worker2: G3",
    # looks after all logins and townships, so may read whose and which they are
    "NAMES_ALL": "admin",
    # above the unit: who co-ordinates from above it, or supervises the place
    "OVER": f"township: {ALL} | village: G1 G2 | leader: {VILLAGE}",
    "TOWNSHIP": f"township: {ALL}",
    # in the admin pages
    "MANAGES": f"township: {ALL} | village: {VILLAGE}",
    # posts one may fill, and who holds only such: strictly below, at the township what its clerk may give
    "FILLS": "township: G1 G2 V1 G3 V2 T P | village: G1 G2",
    # grids one may know of: those one sees, and for reporting the whole township
    "KNOWS": f"township village worker worker2 supervisor: {ALL} | leader: {VILLAGE}",
    "NAMES": f"township village worker worker2: {ALL}",
    "PATROLS": f"township: {ALL} | village: {VILLAGE} | worker: G1 | worker2: G3",
    # what belongs to the township as a whole
    "OFFICE": "township: T",
    "WORKPLACE": "township village worker worker2 department supervisor leader auditor moved: T | admin: T O",
    "SETTINGS": "township: T | admin: T O",
    "TECHNICAL": "admin",
    "CLERK": "township",
    "STAFF": "admin township village",
    "MANAGERS": "township village",
    "SETTERS": "admin township",
    "SIGHTED": "township village worker worker2 supervisor leader",
    "REPORTS": "township village worker worker2",
    "LOOKS": "township village worker worker2 supervisor leader",
    "FILES": "township village worker worker2 department",
    "IMPORTS": "township",
    "REVEALS": f"township: {ALL} | village: {VILLAGE}",
    "NOTIFIES": f"township: {ALL} | village leader: {VILLAGE}",
    "AUDITOR": "auditor",
    "SCORER": "supervisor",
    "SHEETS": "supervisor: T D | township village worker worker2 leader: T",
    "SCORES": "supervisor: T D",
    "FIGURES": "township supervisor: V1 V2 | village leader: V1",
    "OWN": "worker: G1 | township: T",
    "LOGGED_IN": ANYBODY,
    "NOT_STAFF": "worker worker2 department supervisor leader auditor moved",
    # by number: two townships count alike, so the number of `O` is that of `G1` here
    "FINDS": f"township supervisor: {ALL} O | village leader: {VILLAGE} O | worker: G1 O | worker2: G3 | department: P",
    "OWN_LEAVE": "worker: G1 | village: V1 | worker2: G3 | township: T | department: P",
    "LEAVES": f"township: {ALL} | village: {VILLAGE}",
    "APPS": "admin: common grids members incidents | township village: grids members incidents",
}


class Rule(NamedTuple):
    """`cases`: profile name and status, in order; `rest`: everybody else who is logged in."""

    cases: tuple[tuple[str, int], ...]
    rest: int
    is_open: bool

    def status(self, role: str, place: str) -> int:
        return next((status for name, status in self.cases if has(name, role, place)), self.rest)


def rule(text: str) -> Rule:
    is_open = text.startswith("open ")
    *cases, rest = [part.split() for part in text.removeprefix("open ").split("/")]
    return Rule(tuple((name, int(status)) for status, name in cases), int(rest[0]), is_open)


def has(profile: str, role: str, place: str) -> bool:
    for part in PROFILES[profile].split("|"):
        people, _sep, places = part.partition(":")
        if role in people.split() and (not places or place in places.split()):
            return True
    return False


class Route(NamedTuple):
    get: Rule
    post: Rule
    kind: str = ""  # the thing that the address names (a key of World.objects); empty: none
    body: Body | None = None  # what is posted; without one an empty body
    body_kind: str = ""  # the thing that the body names: each of them is posted
    acts: bool = False  # what is posted is an action of a matter: ACTIONS


def route(get: str, post: str, kind: str = "", body: Body | None = None, body_kind: str = "") -> Route:
    return Route(rule(get), rule(post), kind, body, body_kind)


def acting(get: str) -> Route:
    return Route(rule(get), rule("404"), "incident", acts=True)


def _of_a_model(
    label: str, kind: str, lists: str, opens: str, *, adds: str = "", changes: str = "", saved: int = 200
) -> dict[str, Route]:
    """The four pages of a model in the admin: who gets the list, opens which, adds, changes which. `saved`: the answer to a
    form sent empty, 302 where nothing is obligatory."""
    add = f"200 {adds} / 403 {lists} / 404" if adds else f"403 {lists} / 404"
    change = f"{saved} {changes} / 403 {opens} / 404" if changes else f"403 {opens} / 404"
    page, one = f"admin/{label}/", f"admin/{label}/<path:object_id>/"
    return {
        page: route(f"200 {lists} / 404", f"200 {lists} / 404"),
        f"{page}add/": route(add, add),
        f"{one}change/": route(f"200 {opens} / 404", change, kind),
        f"{one}history/": route(f"200 {opens} / 404", f"200 {opens} / 404", kind),
    }


# The address as urls.py has it. A query after `?` makes another row of the same route; its `<...>` is filled with the thing.
ROUTES: Mapping[str, Route] = {
    # the desk and what belongs to nobody
    "": route("200", "open 405"),
    "neglected/": route("200 CLERK / 404", "405"),
    "clock/": route("200 TECHNICAL / 404", "302 TECHNICAL / 404"),
    "audit/": route("200 AUDITOR / 404", "405"),
    "login/": route("open 302 LOGGED_IN / 200", "open 302 LOGGED_IN / 200"),
    "logout/": route("open 405", "open 302"),
    "password/": route("200", "200"),
    "language/": route("open 302", "open 302"),
    "healthz": route("open 200", "open 405"),
    "readyz": route("open 200", "open 405"),
    "setup/": route("open 404", "open 404"),
    "setup/township/": route("200 TECHNICAL / 404", "200 TECHNICAL / 404"),
    "setup/plans/": route("200 SETTERS / 404", "405"),
    "setup/plans/<slug:code>/file/": route("200 SETTINGS / 404", "405", "township"),
    "setup/people/<slug:code>/": route("200 TECHNICAL / 404", "200 TECHNICAL / 404", "township"),
    # grids
    "grids/": route("200", "405"),
    "grids/<slug:code>/": route("200 SEE / 404", "405", "grid"),
    "grids/<slug:code>/calendar/": route("200 SETTINGS / 404", "400 SETTINGS / 404", "township"),
    "grids/<slug:code>/tree.xlsx": route("200 SETTINGS / 404", "405", "township"),
    "grids/<slug:code>/import/": route("200 SETTINGS / 404", "400 SETTINGS / 404", "township"),
    "grids/<slug:code>/import/<uuid:pk>/": route("200 OFFICE / 404", "400 OFFICE / 404", "tree"),
    "grids/<slug:code>/import/<uuid:pk>/errors/": route("200 OFFICE / 404", "405", "tree"),
    # incidents
    "incidents/": route("200", "405"),
    "incidents/?grid=<code>": route("200", "405", "grid"),
    "incidents/?q=<number>": route("302 FINDS / 200", "405", "number"),
    "incidents/board/": route("200 LOOKS / 404", "405"),
    "incidents/ledger/": route("200", "405"),
    "incidents/ledger/?grid=<code>": route("200", "405", "grid"),
    "incidents/bulk/": route("302", "302"),
    "incidents/bulk/?ids=<id>": route("200 SEE / 302", "302", "incident"),
    "incidents/bulk/?action=add_note&ids=<id>": route("200 SEE / 302", "302", "incident"),
    "incidents/bulk/<uuid:batch>/": route("200 PASSED / 404", "405", "batch"),
    "incidents/bulk/<uuid:batch>/undo/": route("405", "302 PASSED / 404", "batch", bodies.a_call),
    "incidents/new/": route("200 REPORTS / 403", "302 NAMES / 400 REPORTS / 403", "", bodies.a_report, "grid"),
    "incidents/phone/": route("200 REPORTS / 403", "400 REPORTS / 403"),
    "incidents/when-due/": route("200 SETTERS / 403", "405"),
    "incidents/procedures/": route("200", "405"),
    "incidents/procedures/<int:pk>/": route("200 WORKPLACE / 404", "405", "procedure"),
    "incidents/rehearsal/<slug:code>/": route("200 OFFICE / 404", "400 OFFICE / 404", "township"),
    "incidents/rising/": route("200 SIGHTED / 403", "405"),
    "incidents/similar/": route("200 REPORTS / 403", "405"),
    "incidents/import/": route("200 IMPORTS / 403", "200 IMPORTS / 403"),
    "incidents/import/template/": route("200 IMPORTS / 403", "405"),
    "incidents/import/<uuid:pk>/": route("200 OFFICE / 404 IMPORTS / 403", "200 OFFICE / 404 IMPORTS / 403", "list"),
    "incidents/import/<uuid:pk>/errors/": route("200 OFFICE / 404 IMPORTS / 403", "405", "list"),
    "incidents/orders/": route("200 IMPORTS / 403", "200 IMPORTS / 403"),
    "incidents/orders/columns/<uuid:pk>/": route(
        "200 OFFICE / 404 IMPORTS / 403", "200 OFFICE / 404 IMPORTS / 403", "list"
    ),
    "incidents/orders/<int:mapping_pk>/<uuid:pk>/": route(
        "200 OFFICE / 404 IMPORTS / 403", "200 OFFICE / 404 IMPORTS / 403", "order_list"
    ),
    "incidents/orders/<int:mapping_pk>/<uuid:pk>/errors/": route("200 OFFICE / 404 IMPORTS / 403", "405", "order_list"),
    "incidents/orders/<int:mapping_pk>/replies/": route("400 OFFICE / 404 IMPORTS / 403", "405", "mapping"),
    "incidents/orders/<int:mapping_pk>/replies/?since=2026-01-01": route(
        "200 OFFICE / 404 IMPORTS / 403", "405", "mapping"
    ),
    "incidents/orders/<int:mapping_pk>/drop/": route("405", "302 OFFICE / 404 IMPORTS / 403", "spare_mapping"),
    "incidents/uploads/": route("405", "201 FILES / 403", "", bodies.an_upload),
    "incidents/uploads/<uuid:pk>/drop/": route("405", "404", "upload"),
    "incidents/uploads/<uuid:pk>/": route("200 SEE / 404", "405", "upload"),
    "incidents/uploads/<uuid:pk>/small/": route("200 SEE / 404", "405", "upload"),
    "incidents/<uuid:pk>/": route("200 SEE / 404", "405", "incident"),
    "incidents/<uuid:pk>/actions/<slug:action>/": acting("405"),
    "incidents/<uuid:pk>/notice/": route("405", "400 NOTIFIES / 403 SEE / 404", "incident"),
    "incidents/<uuid:pk>/slip/": route("200 WORKS / 404", "405", "incident"),
    "incidents/<uuid:pk>/join/": route("405", "302 ACCEPTOR / 403 SEE / 404", "incident", bodies.a_report),
    "incidents/<uuid:pk>/parties/": route("405", "302 WORKS / 403 SEE / 404", "dispute", bodies.a_party),
    "incidents/<uuid:pk>/parties/remove/": route("405", "302 WORKS / 403 SEE / 404", "incident", bodies.no_party),
    "incidents/<uuid:pk>/reveal/": route("405", "200 REVEALS / 403 SEE / 404", "incident", bodies.a_reveal),
    "incidents/<uuid:pk>/call/": route("405", "302 WORKS / 403 SEE / 404", "incident", bodies.a_telephone_report),
    "incidents/<uuid:pk>/answer/": route("405", "302 ACCEPTOR / 403 SEE / 404", "incident", bodies.an_answer),
    "incidents/<uuid:pk>/papers/<slug:name>/": route("200 WORKS / 404", "405", "paper"),
    "incidents/<uuid:pk>/mediations/new/": route("200 WORKS / 403 SEE / 404", "400 WORKS / 403 SEE / 404", "dispute"),
    "incidents/<uuid:pk>/mediations/<uuid:mediation_pk>/": route(
        "200 WORKS / 403 SEE / 404", "400 WORKS / 403 SEE / 404", "mediation"
    ),
    "incidents/<uuid:pk>/mediations/<uuid:mediation_pk>/<slug:name>/": route(
        "200 WORKS / 404", "405", "mediation_paper"
    ),
    "feedback/<slug:token>/": route("open 200", "open 400", "feedback"),
    # members
    "inbox/": route("200", "405"),
    "inbox/read/": route("405", "302"),
    "inbox/leave/": route("403 TECHNICAL / 200", "403 TECHNICAL / 400"),
    "inbox/leave/<int:pk>/end/": route("405", "302 OWN_LEAVE / 404", "leave"),
    "inbox/<int:pk>/open/": route("405", "302 OWN / 404", "message"),
    "roster/numbers/": route("200", "405"),
    "roster/worker.js": route("open 200", "open 405"),
    "roster/roster.xlsx": route("200 CLERK / 403", "405"),
    "roster/import/": route("200 CLERK / 403", "400 CLERK / 403"),
    "roster/import/<uuid:pk>/": route("200 OFFICE / 404 CLERK / 403", "400 OFFICE / 404 CLERK / 403", "duties"),
    "roster/import/<uuid:pk>/errors/": route("200 OFFICE / 404 CLERK / 403", "405", "duties"),
    "roster/": route("403 TECHNICAL / 200", "403 TECHNICAL / 400 CLERK / 403"),
    # inspections
    "inspections/": route("200", "405"),
    "inspections/?grid=<code>": route("200 SEE / 404", "405", "grid"),
    "inspections/duties/": route("200", "405"),
    "inspections/duties/?grid=<code>": route("200 SEE / 404", "405", "grid"),
    "inspections/new/": route(
        "200 REPORTS / 403", "302 PATROLS / 400 REPORTS / 403", "", bodies.a_patrol_form, "grid"
    ),
    "inspections/patrols/<uuid:pk>/": route("200 SEE / 404", "405", "patrol"),
    # assessments
    "assessments/": route("200", "405"),
    "assessments/new/": route("405", "302 SCORES / 400 SCORER / 403", "", bodies.a_month, "township"),
    "assessments/<uuid:pk>/": route("200 SHEETS / 404", "405", "assessment"),
    "assessments/<uuid:pk>/sheet.xlsx": route("200 SHEETS / 404", "405", "assessment"),
    "assessments/<uuid:pk>/recompute/": route("405", "302 SCORES / 403 SHEETS / 404", "assessment"),
    "assessments/<uuid:pk>/publish/": route("405", "302 SCORES / 403 SHEETS / 404", "assessment"),
    "assessments/<uuid:pk>/freeze/": route("405", "302 SCORES / 403 SHEETS / 404", "assessment"),
    "assessments/<uuid:pk>/<slug:village>/<slug:indicator>/": route("200 FIGURES / 404", "405", "records"),
    # REST
    "api/v1/": route("open 404", "open 404"),
    "api/v1/schema/": route("open 200", "open 405"),
    "api/v1/docs/": route("open 200", "open 405"),
    "api/v1/auth/token/": route("open 405", "open 400"),
    "api/v1/auth/logout/": route("405", "204"),
    "api/v1/me/": route("200", "405"),
    "api/v1/tasks/": route("200", "405"),
    "api/v1/grids/": route("200", "405"),
    "api/v1/grids/?parent=<code>": route("200", "405", "grid"),
    "api/v1/grids/<code>/": route("200 KNOWS / 404", "405", "grid"),
    "api/v1/categories/": route("200", "405"),
    "api/v1/incidents/": route("200", "201 NAMES / 400 REPORTS / 403", "", bodies.a_report, "grid"),
    "api/v1/incidents/?grid=<code>": route("200", "405", "grid"),
    "api/v1/incidents/?q=<number>": route("200", "405", "number"),
    "api/v1/incidents/batch/": route("405", "400"),
    "api/v1/incidents/bulk/": route("405", "200", "", bodies.a_note_on_one, "incident"),
    "api/v1/incidents/bulk/<uuid:batch>/undo/": route("405", "200 PASSED / 404", "batch", bodies.a_call),
    "api/v1/incidents/similar/": route("400", "405"),
    "api/v1/receipts/": route("200", "405"),
    "api/v1/incidents/<uuid:pk>/": route("200 SEE / 404", "405", "incident"),
    "api/v1/incidents/<uuid:pk>/actions/<slug:action>/": acting("405"),
    "api/v1/incidents/<uuid:pk>/history/": route("200 SEE / 404", "405", "incident"),
    "api/v1/incidents/<uuid:pk>/due/": route("200 SEE / 404", "405", "incident"),
    "api/v1/incidents/<uuid:pk>/parties/": route("405", "201 WORKS / 403 SEE / 404", "dispute", bodies.a_party),
    "api/v1/incidents/<uuid:pk>/parties/remove/": route(
        "405", "200 WORKS / 403 SEE / 404", "incident", bodies.no_party
    ),
    "api/v1/incidents/<uuid:pk>/reveal/": route("405", "201 REVEALS / 403 SEE / 404", "incident", bodies.a_reveal),
    "api/v1/incidents/<uuid:pk>/answer/": route("405", "201 ACCEPTOR / 403 SEE / 404", "incident", bodies.an_answer),
    "api/v1/incidents/<uuid:pk>/calls/": route("405", "201 WORKS / 403 SEE / 404", "incident", bodies.a_telephone_report),
    "api/v1/incidents/<uuid:pk>/join/": route("405", "201 ACCEPTOR / 403 SEE / 404", "incident", bodies.a_joining),
    "api/v1/incidents/<uuid:pk>/mediations/": route(
        "200 WORKS / 403 SEE / 404", "201 WORKS / 403 SEE / 404", "dispute", bodies.a_mediation
    ),
    "api/v1/incidents/<uuid:pk>/mediations/<uuid:mediation>/": route(
        "405", "200 WORKS / 403 SEE / 404", "mediation", bodies.a_corrected_mediation
    ),
    "api/v1/uploads/": route("405", "201 FILES / 403", "", bodies.an_upload),
    "api/v1/uploads/<uuid:pk>/file": route("200 SEE / 404", "405", "upload"),
    "api/v1/patrols/": route("200", "201 PATROLS / 403 NAMES / 400 REPORTS / 403", "", bodies.a_patrol, "grid"),
    "api/v1/duties/": route("200", "405"),
    "api/v1/assessments/": route("200", "405"),
    "api/v1/assessments/<uuid:pk>/scores/": route("200 SHEETS / 404", "405", "assessment"),
    "api/v1/assessments/<uuid:pk>/sheet.xlsx": route("200 SHEETS / 404", "405", "assessment"),
    # for other systems: what a township opened, and what came in that way; nothing else has a number here
    "open311/v2/services.<form>": route("open 200", "open 405", "form"),
    "open311/v2/services/<code>.<form>": route("open 200", "open 405", "service"),
    "open311/v2/requests.<form>": route("open 200", "open 400", "form"),
    "open311/v2/requests/<number>.<form>": route("open 404", "open 405", "public"),
    "open311/v2/tokens/<token>.<form>": route("open 404", "open 405", "public"),
    # the admin pages
    "admin/": route("200 STAFF / 404", "200 STAFF / 404"),
    "admin/<app_label>/": route("200 APPS / 404", "200 APPS / 404", "app"),
    "admin/login/": route("open 404 NOT_STAFF / 302", "open 404 NOT_STAFF / 302"),
    "admin/logout/": route("405 STAFF / 404", "302 STAFF / 404"),
    "admin/jsi18n/": route("200 STAFF / 404", "405 STAFF / 404"),
    "admin/autocomplete/": route("403 STAFF / 404", "405 STAFF / 404"),
    "admin/autocomplete/?app_label=members&model_name=appointment&field_name=<field>": route(
        "200 MANAGERS / 403 STAFF / 404", "405 STAFF / 404", "field"
    ),
    **_of_a_model("common/user", "user", "TECHNICAL", "TECHNICAL", adds="TECHNICAL", changes="TECHNICAL"),
    "admin/common/user/<id>/password/": route("200 TECHNICAL / 404", "200 TECHNICAL / 404", "user"),
    **_of_a_model("common/outboxmessage", "outbox", "TECHNICAL", "TECHNICAL"),
    **_of_a_model("common/setaside", "aside", "TECHNICAL", "TECHNICAL"),
    **_of_a_model("common/heartbeat", "heartbeat", "TECHNICAL", "TECHNICAL"),
    **_of_a_model("grids/grid", "grid", "MANAGERS", "MANAGES", changes="MANAGES"),
    **_of_a_model("grids/calendarday", "day", "SETTERS", "SETTINGS", adds="SETTERS", changes="SETTINGS"),
    **_of_a_model("members/member", "member", "MANAGERS", "MANAGES", adds="MANAGERS", changes="FILLS"),
    **_of_a_model("members/post", "post", "MANAGERS", "MANAGES", adds="MANAGERS", changes="FILLS"),
    **_of_a_model("members/appointment", "appointment", "MANAGERS", "MANAGES", adds="MANAGERS", changes="FILLS", saved=302),
    **_of_a_model("members/leave", "leave", "MANAGERS", "MANAGES", adds="MANAGERS", changes="LEAVES"),
    "admin/members/appointment/new-person/": route("200 MANAGERS / 404", "200 MANAGERS / 404"),
    **_of_a_model("members/department", "department", "CLERK", "OFFICE", adds="CLERK", changes="OFFICE"),
    **_of_a_model("members/role", "role", "TECHNICAL", "TECHNICAL", changes="TECHNICAL", saved=302),
    **_of_a_model("incidents/incident", "incident", "MANAGERS", "MANAGES"),
    "admin/incidents/incident/<uuid:pk>/act/<slug:action>/": acting("405 MANAGERS / 405 STAFF / 404"),
    **_of_a_model("incidents/category", "category", "SETTERS", "SETTINGS", adds="SETTERS", changes="SETTINGS"),
    "admin/incidents/procedure/<int:pk>/publish/": route("200 SETTINGS / 404", "200 SETTINGS / 404", "procedure"),
    "admin/incidents/procedure/<int:pk>/copy/": route("200 SETTINGS / 404", "200 SETTINGS / 404", "procedure"),
    **_of_a_model("incidents/webhooktarget", "webhook", "SETTERS", "SETTINGS", adds="SETTERS", changes="SETTINGS"),
    **_of_a_model("incidents/delivery", "delivery", "SETTERS", "SETTINGS"),
    **_of_a_model("incidents/servicekey", "key", "SETTERS", "SETTINGS", adds="SETTERS", changes="SETTINGS"),
    **_of_a_model("members/noticechannel", "channel", "SETTERS", "SETTINGS", adds="SETTERS", changes="SETTINGS"),
    **_of_a_model("incidents/procedure", "procedure", "SETTERS", "SETTINGS"),
    "admin/incidents/procedure/add/": route("200 SETTERS / 404", "200 SETTERS / 404"),
}  # fmt: skip

# What is posted to add something that names a place: another row of the same route.
ADDING: Mapping[str, Route] = {
    "admin/members/appointment/add/": route(
        "404", "302 FILLS / 200 MANAGERS / 404", "", bodies.an_appointment, "vacant"
    ),
    "admin/members/member/add/": route("404", "302 MANAGES / 200 MANAGERS / 404", "", bodies.a_person, "grid"),
    "admin/members/post/add/": route("404", "302 FILLS / 200 MANAGERS / 404", "", bodies.a_post, "grid"),
    "admin/members/department/add/": route("404", "302 OFFICE / 200 CLERK / 404", "", bodies.a_department, "township"),
    "admin/incidents/procedure/add/": route("404", "302 SETTINGS / 200 SETTERS / 404", "", bodies.a_procedure, "township"),
}  # fmt: skip


class Act(NamedTuple):
    """An action of a matter. `needs`: what it cannot do without; where that is missing, whoever may is told so (400)."""

    rule: Rule
    needs: Body | None = None


def act(text: str, needs: Body | None = None) -> Act:
    return Act(rule(text), needs)


# On matters as they stand: reported, and `P` dispatched to the department. Whatever the route; a page answers 302 for 200.
# Refused is refused without a body too: 404, 403 and 409 come before 400.
ACTIONS: Mapping[str, Act] = {
    "accept": act("200 UNIT / 409 HANDLER / 403 SEE / 404"),
    "reject": act("200 RULES / 409 PASSED / 403 SEE / 404", bodies.a_reason),
    "settle": act("409 OFFICE / 200 UNIT / 409 HANDLER / 403 SEE / 404", bodies.told),
    "dispatch": act("409 RULES / 409 PASSED / 403 SEE / 404", bodies.to_the_department),
    "start": act("409 UNIT / 200 HANDLER / 403 SEE / 404"),
    "submit_result": act("409 UNIT / 409 HANDLER / 403 SEE / 404"),
    "send_back": act("409 CHECKS / 403 SEE / 404"),
    "verify": act("409 CHECKS / 403 SEE / 404"),
    "feed_back": act("409 ACCEPTOR / 403 SEE / 404"),
    "return_visit": act("409 RULES / 409 PASSED / 403 SEE / 404"),
    "close": act("409 ACCEPTOR / 403 SEE / 404"),
    "reopen": act("409 RULES / 409 PASSED / 403 SEE / 404"),
    "escalate": act("409 OFFICE / 200 UNIT / 200 HANDLER / 403 SEE / 404", bodies.a_reason),
    "hand_over": act("200 RULES / 200 PASSED / 403 SEE / 404", bodies.to_another_grid),
    "add_note": act("200 WORKS / 403 SEE / 404", bodies.a_note),
    "review": act("409 RULES / 409 PASSED / 403 SEE / 404"),
    "approve": act("409 TOWNSHIP / 403 SEE / 404"),
    "disapprove": act("409 TOWNSHIP / 403 SEE / 404"),
    "refuse": act("409 UNIT / 200 HANDLER / 403 SEE / 404", bodies.a_reason),
    "rule_refusal": act("409 CHECKS / 403 SEE / 404"),
    "arrive": act("200 WORKS / 403 SEE / 404"),
    "request_extension": act("200 UNIT / 200 HANDLER / 403 SEE / 404", bodies.an_extension),
    "decide_extension": act("409 OVER / 403 SEE / 404"),
    "suspend": act("200 UNIT / 200 HANDLER / 403 SEE / 404", bodies.a_reason),
    "resume": act("409 UNIT / 409 HANDLER / 403 SEE / 404"),
    "refer_up": act("200 OFFICE / 409 UNIT / 200 HANDLER / 403 SEE / 404", bodies.a_superior),
    "record_reply": act("409 UNIT / 409 HANDLER / 403 SEE / 404"),
    "remind": act("200 OVER / 403 SEE / 404"),
    "supervise": act("200 OVER / 403 SEE / 404", bodies.a_card),
    "reply_supervision": act("403 SEE / 404"),
    "list_for_rectification": act("200 RULES / 200 PASSED / 403 SEE / 404", bodies.a_reason),
    "unlist": act("409 RULES / 409 PASSED / 403 SEE / 404"),
    "mark_accountable": act("200 OVER / 403 SEE / 404", bodies.a_failing),
    "correct": act("200 RULES / 200 PASSED / 403 SEE / 404", bodies.a_title),
    "merge": act("200 RULES / 200 PASSED / 403 SEE / 404", bodies.into_another),
    "unmerge": act("409 RULES / 409 PASSED / 403 SEE / 404"),
    "withdraw": act("403 SEE / 404"),
    "assist": act(
        "409 RULES / 409 UNIT / 200 HANDLER / 200 PASSED / 403 SEE / 404", bodies.another_department
    ),
    "whistle": act("200 RULES / 200 PASSED / 200 OVER / 403 SEE / 404", bodies.a_whistle),
    "report_in": act("403 SEE / 404"),
    "submit_assist": act("403 SEE / 404"),
    "release_assist": act("409 RULES / 409 UNIT / 409 HANDLER / 409 PASSED / 403 SEE / 404"),
    "void": act("200 TOWNSHIP / 403 SEE / 404", bodies.a_reason),
    "undo": act("200 PASSED / 403 SEE / 404"),
    "nothing-of-this-name": act("404"),
}
