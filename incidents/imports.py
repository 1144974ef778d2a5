"""Matters from a list: rows become reports. All errors at once, in the user's own row numbers; what stands already is said.

`matters_of` is the one way from a row to a report, whoever named the columns: our own template (`read_matters`) or a
saved mapping of somebody else's export, which brings its own headers and usual values.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.enums import Channel
from gridgov.common.errors import DomainError
from gridgov.common.xlsx import Row, read_table
from grids.enums import Kind
from grids.models import Grid
from incidents.actions import change_order, report
from incidents.actions.orders import changes_of, said_in
from incidents.enums import Source, Status
from incidents.models import Category, Incident
from incidents.models.incident import ORDER_SAID

if TYPE_CHECKING:
    from gridgov.common.models import User

# Headers and words of the file that is exchanged: the same in every language.
COLUMNS = {
    "网格": "grid",
    "网格编码": "grid",
    "所属网格": "grid",
    "事项类别": "category",
    "类别": "category",
    "情况描述": "description",
    "内容": "description",
    "标题": "title",
    "地点": "address",
    "发生时间": "occurred_at",
    "诉求人": "requester_name",
    "联系电话": "requester_phone",
    "要求回复": "wants_feedback",
    "来源": "source",
    "反映渠道": "channel",
    "外部编号": "external_no",
    "上级编号": "external_no",
    "工单号": "external_no",
    "工单编号": "external_no",
    "上级时限": "external_due",
    "办理期限": "external_due",
    "截止时间": "external_due",
    "重复也登记": "again",
}
REQUIRED = ("grid", "category", "description")
CODES = ("requester_phone", "external_no")
SOURCES = {
    "巡查发现": Source.PATROL,
    "基层上报": Source.BELOW,
    "上级交办": Source.ABOVE,
    "群众诉求": Source.RESIDENT,
    "群众反映": Source.RESIDENT,
}
CHANNELS = {
    "系统内": Channel.SYSTEM,
    "电话": Channel.PHONE,
    "微信": Channel.WECHAT,
    "当面": Channel.IN_PERSON,
    "纸质": Channel.PAPER,
}
YES_NO = {"": None, "是": True, "否": False}
LONGEST = {
    "title": 80,
    "description": 4000,
    "address": 120,
    "external_no": 40,
    "requester_name": 40,
    "requester_phone": 30,
}
ORDER_FIELDS = ("title", "description", "external_due")  # what a later list of a superior body may change
MOST_ROWS = 2000
SAME_WITHIN = timedelta(days=30)  # a closed matter of the same words is the same one for so long
_CALLS = uuid.UUID("6b1c1c2e-5a0d-4b57-9a39-5d1f2c6c0b11")


@dataclass(frozen=True)
class NewMatter:
    """A row that can be reported: what `report` takes, without the user."""

    number: int
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ChangedOrder:
    """A row about a matter that stands already: what it says, and what of it is different: name -> [before, after]."""

    number: int
    incident: Incident
    said: dict[str, Any]
    what: dict[str, list[Any]]


@dataclass(frozen=True)
class MatterFile:
    """What a list asks for, by row number. `known`: rows that stand already just so, and as what; they are left out.
    `changed`: rows whose number of the superior body stands already with other words or another deadline, and as what.
    `errors`: with any of them nothing of the list is taken.
    """

    new: list[NewMatter]
    known: dict[int, str]
    errors: dict[int, list[str]]
    changed: list[ChangedOrder] = field(default_factory=list)


@dataclass(frozen=True)
class Taken:
    """What became of the rows: the matters they are now, the ones that were changed, and what was refused at the last moment."""

    done: dict[int, Incident] = field(default_factory=dict)
    changed: dict[int, Incident] = field(default_factory=dict)
    errors: dict[int, list[str]] = field(default_factory=dict)


def read_matters(file: BinaryIO, *, user: User, max_rows: int = MOST_ROWS) -> MatterFile:
    """The rows of our own template. Raises BadWorkbook."""
    file.seek(0)
    digest = hashlib.sha256(file.read()).hexdigest()
    rows = read_table(file, columns=COLUMNS, required=REQUIRED, codes=CODES, max_rows=max_rows)
    return matters_of(rows, user=user, digest=digest)


def matters_of(
    rows: Iterable[Row], *, user: User, digest: str, usual: Mapping[str, str] | None = None
) -> MatterFile:
    """Rows with the keys of COLUMNS as reports of `user`; five queries for any number of rows.

    `usual` stands where a row says nothing (`{"source": "上级交办", "grid": "320371101"}`). `digest` names the file: the
    same row of the same file, taken twice, is one matter.
    """
    reader = _Reader(user, usual or {}, digest)
    read = [reader.read(row) for row in rows]
    found = [matter for matter in read if matter is not None]
    known = _known(found, user, reader)
    changed = _changed(found, user)
    for order in changed:
        known.pop(order.number, None)
    left_out = known.keys() | {order.number for order in changed}
    new = [it for it in found if it.number not in left_out]
    return MatterFile(new, known, dict(sorted(reader.errors.items())), changed)


def take_in(found: MatterFile, *, user: User) -> Taken:
    """Reports every new row and takes over what a superior body changed, each in its own transaction; one that is refused
    does not hold back the others."""
    taken = Taken()
    for order in found.changed:
        try:
            taken.changed[order.number] = change_order(user=user, incident=order.incident, **order.said)
        except DomainError as error:
            taken.errors[order.number] = [str(error.detail)]
    for matter in found.new:
        try:
            taken.done[matter.number] = report(user=user, **matter.arguments).incident
        except DomainError as error:
            texts = [str(text) for beside in error.errors.values() for text in beside]
            taken.errors[matter.number] = texts or [str(error.detail)]
    return taken


class _Reader:
    """Turns rows into arguments, with the grids and categories that the user may name looked up once."""

    def __init__(self, user: User, usual: Mapping[str, str], digest: str) -> None:
        self.usual, self.digest = usual, digest
        self.errors: dict[int, list[str]] = {}
        self.again: set[int] = set()
        self.now = clock.now()
        self.grids: dict[str, list[Grid]] = {}
        named = list(Grid.objects.named_by(user).order_by("code"))
        villages = {grid.code: grid.name for grid in named if grid.kind == Kind.VILLAGE}
        for grid in named:
            for name in {grid.code, grid.name, f"{villages.get(grid.village_code, '')}{grid.name}"}:
                self.grids.setdefault(_squeezed(name), []).append(grid)
        self.categories: dict[tuple[str, str], Category] = {}
        towns = {grid.township_code for grid in named}
        rows = Category.objects.active().filter(township__in=towns).select_related("procedure")
        for category in rows.order_by("-position", "-code"):  # the first of two names counts
            self.categories[str(category.township_id), _squeezed(category.name)] = category
        for (town, _name), category in list(self.categories.items()):
            self.categories[town, category.code] = category

    def read(self, row: Row) -> NewMatter | None:
        said = {key: row.values.get(key) or self.usual.get(key, "") for key in set(COLUMNS.values())}
        faults: list[str] = []
        grid = self._grid(said["grid"], faults)
        arguments: dict[str, Any] = {
            "grid": grid,
            "category": self._category(said["category"], grid, faults),
            "source": _word(said["source"], SOURCES, Source.BELOW, _("source"), faults),
            "channel": _word(said["channel"], CHANNELS, Channel.PAPER, _("channel"), faults),
            "occurred_at": self._occurred(said["occurred_at"], faults),
            "external_due": _moment(
                said["external_due"], _("deadline of the superior body"), faults, end=True
            ),
            "client_uuid": uuid.uuid5(_CALLS, f"{self.digest}:{row.number}"),
            "body_hash": self.digest,
            **{key: said[key] for key in ("title", "description", "address", "external_no")},
        }
        if said["external_no"]:
            arguments["extra"] = {ORDER_SAID: said_in(**{name: arguments[name] for name in ORDER_FIELDS})}
        wants = _word(said["wants_feedback"], YES_NO, None, _("wants an answer"), faults)
        if said["requester_name"] or said["requester_phone"]:
            arguments["requester"] = {
                "name": said["requester_name"],
                "phone": said["requester_phone"],
                "wants_feedback": wants is not False,
            }
        if _word(said["again"], YES_NO, None, _("register again"), faults):
            self.again.add(row.number)
        faults += [
            _("%(column)s is longer than %(most)s characters.") % {"column": _header(key), "most": most}
            for key, most in LONGEST.items()
            if len(said[key]) > most
        ]
        if not said["description"]:
            faults.append(_("Say what happened."))
        if faults:
            self.errors[row.number] = faults
            return None
        return NewMatter(row.number, arguments)

    def _grid(self, said: str, faults: list[str]) -> Grid | None:
        found = self.grids.get(_squeezed(said), [])
        if len(found) == 1:
            return found[0]
        if not said:
            faults.append(_("The grid is missing."))
        elif not found:
            faults.append(_("There is no grid %(name)s here.") % {"name": said})
        else:
            faults.append(
                _("Several grids are called %(name)s; write the village before it, or the code.")
                % {"name": said}
            )
        return None

    def _category(self, said: str, grid: Grid | None, faults: list[str]) -> Category | None:
        if not said:
            faults.append(_("The category is missing."))
            return None
        towns = [grid.township_code] if grid else sorted({town for town, _name in self.categories})
        for town in towns:
            found = self.categories.get((town, _squeezed(said))) or self.categories.get((town, said))
            if found is not None:
                return found
        faults.append(_("There is no category %(name)s here.") % {"name": said})
        return None

    def _occurred(self, said: str, faults: list[str]) -> datetime | None:
        at = _moment(said, _("happened at"), faults)
        if at is not None and at > self.now:
            faults.append(_("The time when it happened lies in the future."))
        return at


def _known(found: list[NewMatter], user: User, reader: _Reader) -> dict[int, str]:
    """Rows that stand already, or stand twice in the list, by their number: by external number, else by content."""
    said: dict[int, str] = {}
    seen = _standing(found, user, reader.now)
    for matter in found:
        key = _identity(matter.arguments)
        if matter.number in reader.again and not matter.arguments["external_no"]:
            continue
        if key in seen:
            said[matter.number] = seen[key]
        else:
            seen[key] = _("the same as row %(row)s") % {"row": matter.number}
    return said


def _changed(found: list[NewMatter], user: User) -> list[ChangedOrder]:
    """Rows whose number of the superior body stands already and that say something else. The last row of a number counts."""
    by_key = {_identity(it.arguments): it for it in found if it.arguments["external_no"]}
    towns = {key[0] for key in by_key}
    numbers = sorted({key[2] for key in by_key})
    visible = (
        Incident.objects.visible_to(user)
        .filter(township_code__in=towns)
        .exclude(status=Status.VOID)
        .order_by()
    )
    changed = []
    for start in range(0, len(numbers), 500):
        for row in visible.filter(external_no__in=numbers[start : start + 500]):
            matter = by_key.get((row.township_code, str(row.source), row.external_no))
            if matter is None:
                continue
            said = {name: matter.arguments[name] for name in ORDER_FIELDS}
            what = changes_of(row, **said)
            if what:
                changed.append(ChangedOrder(matter.number, row, said, what))
    return sorted(changed, key=lambda order: order.number)


def _standing(found: list[NewMatter], user: User, now: datetime) -> dict[tuple[Any, ...], str]:
    """What the town has already of these external numbers and of these words. Asked by township, in pieces of 500."""
    towns = {matter.arguments["grid"].township_code for matter in found}
    numbers = {matter.arguments["external_no"] for matter in found} - {""}
    words = {matter.arguments["description"] for matter in found if not matter.arguments["external_no"]}
    visible = Incident.objects.visible_to(user).filter(township_code__in=towns).order_by()
    columns = (
        "number", "township_code", "source", "external_no", "grid_id", "category_id", "description", "occurred_at", "is_open",
        "reported_at",
    )  # fmt: skip
    seen: dict[tuple[Any, ...], str] = {}
    for column, values in (("external_no", numbers), ("description", words)):
        wanted = sorted(values)
        for start in range(0, len(wanted), 500):
            for row in visible.filter(**{f"{column}__in": wanted[start : start + 500]}).values(*columns):
                if column == "description" and not (row["is_open"] or row["reported_at"] > now - SAME_WITHIN):
                    continue
                key = _key(row, row["township_code"], row["grid_id"], row["category_id"], by=column)
                seen[key] = _("stands already as %(number)s") % {"number": row["number"]}
    return seen


def _identity(arguments: Mapping[str, Any]) -> tuple[Any, ...]:
    grid, category = arguments["grid"], arguments["category"]
    by = "external_no" if arguments["external_no"] else "description"
    return _key(arguments, grid.township_code, grid.pk, category.pk, by=by)


def _key(row: Mapping[str, Any], town: str, grid: str, category: int, *, by: str) -> tuple[Any, ...]:
    if by == "external_no":
        return (town, str(row["source"]), row["external_no"])
    return (grid, category, row["description"].strip(), row["occurred_at"])


# --- words and times ---------------------------------------------------------------------------------------------


def _word(said: str, known: Mapping[str, Any], usual: Any, what: str, faults: list[str]) -> Any:
    if not said:
        return usual
    if said not in known:
        names = "、".join(word for word in known if word)
        faults.append(
            _("%(what)s: %(said)s is not known; known are: %(known)s.")
            % {"what": what, "said": said, "known": names}
        )
        return usual
    return known[said]


_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日\s*|T|\s+|$)(?:(\d{1,2})[:时](?:(\d{1,2})(?::\d{1,2}|分)?)?)?"
)


def _moment(said: str, what: str, faults: list[str], *, end: bool = False) -> datetime | None:
    """2026-11-23, 2026/11/23 9:05, 2026年11月23日9时5分; read in Asia/Shanghai. A day alone is its beginning, with `end` its 24:00."""
    if not said:
        return None
    match = _DATE.fullmatch(unicodedata.normalize("NFKC", said))
    try:
        if match is None:
            raise ValueError(said)
        year, month, day = (int(match[place]) for place in (1, 2, 3))
        if match[4] is None:
            at = datetime(year, month, day, tzinfo=clock.SHANGHAI) + timedelta(days=1 if end else 0)
        else:
            at = datetime(year, month, day, int(match[4]), int(match[5] or 0), tzinfo=clock.SHANGHAI)
        if not 2000 <= at.year <= 2100:
            raise ValueError(said)
    except ValueError:
        faults.append(
            _("%(what)s: %(said)s is no time; write 2026-11-23 09:05.") % {"what": what, "said": said}
        )
        return None
    return at


def _squeezed(name: str) -> str:
    return re.sub(r"\s", "", name)


def _header(key: str) -> str:
    return next(header for header, other in COLUMNS.items() if other == key)
