"""Whose a value is, decided three ways: as it stands in the township, as the plan said when it was loaded last, as the
plan says now. What stands as it was loaded follows the plan; anything else is the township's own. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]  # field -> value, as JSON has it
Rows = Mapping[str, Values]  # code -> values
Apart = dict[str, tuple[Any, Any]]  # field -> (as it is or was, as the plan has it)


@dataclass
class Changes:
    """What loading did, one name per row. `kept` is the township's own; empty where the plan has the row no longer."""

    added: list[str] = field(default_factory=list)
    updated: dict[str, Apart] = field(default_factory=dict)
    kept: dict[str, Apart] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.added) + len(self.updated)

    def lines(self) -> Iterator[str]:
        """For the terminal, old → new."""
        yield from (f"added {name}" for name in self.added)
        for name, apart in self.updated.items():
            yield f"updated {name}: {'; '.join(_updated(it, *pair) for it, pair in apart.items())}"
        for name, apart in self.kept.items():
            told = "; ".join(_kept(it, *pair) for it, pair in apart.items())
            yield f"kept {name}: {told or 'no longer in the plan'}"

    def side(self, number: int) -> dict[str, Values]:
        """Of what was updated: as it was (0), as it is now (1)."""
        return {
            name: {it: pair[number] for it, pair in apart.items()} for name, apart in self.updated.items()
        }


@dataclass
class Merge:
    """`loaded` is what the plan said last time, `category dispute` -> values; `said` becomes what it says now."""

    loaded: Rows
    said: dict[str, Values] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def of(self, what: str) -> Rows:
        """Code -> what the plan said last time."""
        named = ((name.partition(" "), values) for name, values in self.loaded.items())
        return {code: values for (kind, _space, code), values in named if kind == what}

    def table(
        self,
        what: str,
        *,
        wanted: Rows,
        present: Rows,
        bases: Rows | None = None,
        dropped: Values | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Code -> the fields that follow the plan. `bases`: where a row knows better than `loaded` what it was. `dropped`:
        how a row follows that the plan has no longer."""
        self.changes.added += [f"{what} {code}" for code in wanted if code not in present]
        self.said |= {f"{what} {code}": values for code, values in wanted.items()}
        follow = {}
        for code, values in wanted.items():
            if code in present:
                name = f"{what} {code}"
                base = (bases or {}).get(code, self.loaded.get(name, {}))
                follow[code] = self._row(name, present[code], base, values)
        for code in [code for code in present if code not in wanted and f"{what} {code}" in self.loaded]:
            follow[code] = self._dropped(f"{what} {code}", present[code], dropped or {})
        return {code: values for code, values in follow.items() if values}

    def _dropped(self, name: str, is_now: Values, dropped: Values) -> dict[str, Any]:
        """Of a row that the plan has no longer; one that was changed here stays as it is."""
        base = self.loaded[name]
        self.said[name], self.changes.kept[name] = base, {}
        apart = {it: (is_now[it], value) for it, value in dropped.items() if is_now[it] != value}
        if not apart or any(is_now[it] != value for it, value in base.items()):
            return {}
        self.said[name], self.changes.updated[name] = {**base, **dropped}, apart
        return dict(dropped)

    def _row(self, name: str, is_now: Values, base: Values, wanted: Values) -> dict[str, Any]:
        apart = {it: (is_now[it], value) for it, value in wanted.items() if is_now[it] != value}
        follows = {it: pair for it, pair in apart.items() if it in base and base[it] == pair[0]}
        own = {it: pair for it, pair in apart.items() if it not in follows}
        if follows:
            self.changes.updated[name] = follows
        if own:
            self.changes.kept[name] = own
        return {it: pair[1] for it, pair in follows.items()}


def _updated(name: str, old: Any, new: Any) -> str:
    if _is_long(old, new):
        return f"{name} ({_where(old, new, 'gone', 'new')})"
    return f"{name} {_shown(old)} → {_shown(new)}"


def _kept(name: str, own: Any, plan: Any) -> str:
    if _is_long(own, plan):
        return f"{name} other than in the plan ({_where(own, plan, 'only here', 'only there')})"
    return f"{name} is {_shown(own)}, the plan says {_shown(plan)}"


def _is_long(*values: Any) -> bool:
    return any(isinstance(value, (dict, list)) for value in values)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in {None, ""} else str(value)


def _where(one: Any, other: Any, only_one: str, only_other: str) -> str:
    """Which steps or keys are not the same in both."""
    first, second = _parts(one), _parts(other)
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    marks = {name: only_one for name in first if name not in second}
    marks |= {name: only_other for name in second if name not in first}
    return ", ".join(f"{name} {marks.get(name, '')}".rstrip() for name in names) or "order"


def _parts(value: Any) -> dict[str, Any]:
    if isinstance(value, list):  # of posts
        return {row["title"]: row for row in value}
    steps = {f"step {step['code']}": step for step in value.get("steps", ())}
    return steps | {name: it for name, it in value.items() if name != "steps"}
