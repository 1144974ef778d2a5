"""What worktime.py must say, found the slow way: time as a long row of cells, walked one by one.

Knows nothing of worktime.py but the plain fields of a calendar. A moment is the index of the cell that begins with it, so that all
moments and frames must be whole cells (a minute, or a second where told).
"""

from datetime import date, datetime, time, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


class Line:
    def __init__(self, calendar, first: date, days: int, cell_seconds: int = 60) -> None:
        self.zero = datetime.combine(first, time(), BEIJING)
        self.cell = timedelta(seconds=cell_seconds)
        self.per_day = 86_400 // cell_seconds
        working, free = bytearray(self.per_day), bytes(self.per_day)
        for begin, end in calendar.frames:
            for cell in range(self.index_of(begin), self.index_of(end) or self.per_day):
                working[cell] = 1
        self.works = []
        for n in range(days):
            day = first + timedelta(days=n)
            listed = [works for other, works in calendar.days.items() if other == day]
            self.works.append(listed[0] if listed else day.weekday() in calendar.weekdays)
        self.flags = b"".join(bytes(working) if works else free for works in self.works)

    def index_of(self, clock: time) -> int:
        return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second) // self.cell

    def index(self, at: datetime) -> int:
        cells, rest = divmod(at - self.zero, self.cell)
        assert not rest
        assert cells >= 0
        return cells

    def moment(self, index: int) -> datetime:
        return self.zero + index * self.cell

    def next_working(self, index: int) -> int:
        while not self.flags[index]:
            index += 1
        return index

    def worked(self, start: int, end: int) -> int:
        return sum(self.flags[start:end])

    def add_worked(self, index: int, cells: int) -> int:
        while cells:
            cells -= self.flags[index]
            index += 1
        return index

    def midnights(self, start: int, end: int) -> int:
        return sum(index % self.per_day == 0 for index in range(start + 1, end + 1))

    def add_midnights(self, index: int, n: int) -> int:
        while n:
            index += 1
            n -= index % self.per_day == 0
        return index

    def add_working_days(self, index: int, n: int) -> int:
        while n:
            index += self.per_day
            n -= self.works[index // self.per_day]
        return index

    def add_run(self, index: int, n: int, seconds: int) -> int:
        return index + n * seconds // (self.cell // timedelta(seconds=1))

    def due(self, start: int, n: int, unit: str) -> int:
        match unit:
            case "minutes":
                return self.add_run(start, n, 60)
            case "hours":
                return self.add_run(start, n, 3600)
            case "working_hours":
                return self.add_worked(start, self.add_run(0, n, 3600))
            case "working_days":
                return self.add_working_days(self.next_working(start), n)
            case "calendar_days":
                return self.add_midnights(start, n + 1)
        raise AssertionError(unit)

    def prolonged(self, due: int, n: int, unit: str) -> int:
        """A deadline ends with the cell before it; that cell says to which day and frame it belongs."""
        if unit == "calendar_days":
            return self.add_midnights(due - 1, n + 1)
        if unit == "working_days" and self.flags[due - 1]:
            return self.add_working_days(due - 1, n) + 1
        return self.due(due, n, unit)

    def shifted(self, due: int, unit: str, start: int, end: int) -> int:
        match unit:
            case "minutes" | "hours":
                return due + end - start
            case "calendar_days":
                return due + self.midnights(start, end) * self.per_day
        return self.add_worked(due, self.worked(start, end))

    def derive(self, rows: list[tuple]) -> tuple[int | None, int]:
        """Rows of (kind, index, n, unit, until); the deadline and the cells used until the last row."""
        due = unit = halted = None
        fixed, runs, since = False, [], rows[0][1]
        for kind, at, n, row_unit, until in rows:
            if until is not None:
                due, fixed = until, True
            elif n:
                due, unit = (
                    self.due(at, n, row_unit) if kind == "start" else self.prolonged(due, n, row_unit),
                    row_unit,
                )
            if kind in {"pause", "stop"} and halted is None:
                runs.append((since, at))
                halted = at
            elif kind == "resume":
                if due is not None:
                    due = due + at - halted if fixed else self.shifted(due, unit, halted, at)
                halted, since = None, at
        if halted is None:
            runs.append((since, rows[-1][1]))
        frames = unit in {"working_hours", "working_days"}
        return due, sum(self.worked(a, b) if frames else b - a for a, b in runs)
