"""The one source of "now". Simulation and tests put their own clock in its place; nothing else reads the system's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_source: ContextVar[Callable[[], datetime] | None] = ContextVar("clock", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    source = _source.get()
    return source() if source else datetime.now(UTC)


def local(at: datetime) -> datetime:
    """The same moment as people here read it (Asia/Shanghai)."""
    return at.astimezone(SHANGHAI)


def today() -> date:
    """The calendar day in Asia/Shanghai."""
    return local(now()).date()


def start_of(day: date) -> datetime:
    """00:00 of the day in Asia/Shanghai."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def month_of(day: date) -> tuple[date, date]:
    """The first day of its month and of the next one."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


@contextmanager
def running(source: Callable[[], datetime]) -> Iterator[None]:
    """Within the block `now()` asks `source`."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Within the block time stands still at `moment` (aware)."""
    with running(lambda: moment):
        yield
