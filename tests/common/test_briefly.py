"""An answer that is kept for half a minute, or while a virtual clock is let run."""

from datetime import timedelta

import pytest

from gridgov.common import clock as gridgov_clock
from gridgov.common.briefly import Briefly


@pytest.fixture
def asked(monkeypatch):
    """One answer, whose asking is counted; known to nobody else."""
    monkeypatch.setattr(Briefly, "_all", [])
    times = []

    def ask():
        times.append(gridgov_clock.now())
        return len(times)

    return Briefly(ask)


def test_an_answer_is_half_a_minute_old_at_most(asked, clock):
    start = clock("2026-11-23T09:00")
    assert (asked(), asked()) == (1, 1)
    clock(start + timedelta(seconds=29))
    assert asked() == 1
    clock(start + timedelta(seconds=30))
    assert asked() == 2
    clock(start)  # a clock that goes back knows nothing of what was asked later
    assert asked() == 3


def test_what_is_held_is_asked_once_however_far_the_clock_moves(asked, clock):
    assert asked() == 1
    with Briefly.held():
        assert asked() == 2  # anew where it begins
        clock("2026-11-23T20:00")
        assert asked() == 2
        with Briefly.held():
            assert asked() == 3
        assert asked() == 4
        clock("2026-11-23T23:00")
        assert asked() == 4
        asked.forget()  # this process changed the rows
        assert asked() == 5
    assert asked() == 6
    clock("2026-11-24T09:00")
    assert asked() == 7


def test_nothing_is_held_after_a_failure(asked, clock):
    with pytest.raises(ValueError, match="x"), Briefly.held():
        raise ValueError("x")
    assert asked() == 1
    clock("2026-11-23T20:00")
    assert asked() == 2
