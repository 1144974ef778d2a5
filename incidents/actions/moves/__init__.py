"""What each move of the table does: a function per move, gathered by theme, says what changes on the `Case`."""

from collections.abc import Mapping

from incidents.actions.case import MoveFunction
from incidents.actions.moves import (
    assisting,
    ending,
    handling,
    mending,
    overseeing,
    sending,
    undoing,
    waiting,
)

MOVES: Mapping[str, MoveFunction] = {
    **handling.MOVES,
    **sending.MOVES,
    **ending.MOVES,
    **assisting.MOVES,
    **waiting.MOVES,
    **overseeing.MOVES,
    **mending.MOVES,
    **undoing.MOVES,
}
