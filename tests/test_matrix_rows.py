"""The table of the permission matrix is whole: no route and no action without a row, no row without a route or action.

tests/test_permission_matrix.py walks it.
"""

from incidents.workflow import TRANSITIONS
from tests.matrix.table import ACTIONS, ADDING, ROUTES
from tests.matrix.walk import route_of, routes


def test_every_route_has_a_row():
    found = routes()
    missing = [
        f'    "{address}": route("…", "405"),  # {view}'
        for address, view in found.items()
        if address not in ROUTES
    ]
    assert not missing, "Who gets this? Add to ROUTES in tests/matrix/table.py:\n" + "\n".join(missing)
    gone = sorted({row for row in (*ROUTES, *ADDING) if route_of(row) not in found})
    assert not gone, f"These rows of tests/matrix/table.py have no route any more: {gone}"


def test_every_action_has_a_row():
    missing = [f'    "{name}": act("200 … / 403 SEE / 404"),' for name in TRANSITIONS if name not in ACTIONS]
    assert not missing, "Who may do this? Add to ACTIONS in tests/matrix/table.py:\n" + "\n".join(missing)
    gone = set(ACTIONS) - set(TRANSITIONS) - {"nothing-of-this-name"}
    assert not gone, f"These rows of tests/matrix/table.py have no action any more: {sorted(gone)}"
