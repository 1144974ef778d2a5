"""Workbooks of the incidents room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.xlsx import Blank, write_plain, write_template
from grids.enums import Kind
from grids.models import Grid
from incidents.enums import Source, Status
from incidents.models import Category, Incident, OrderMapping, Transition
from incidents.querysets import ListFilters
from incidents.templatetags.matters import times_of

if TYPE_CHECKING:
    from gridgov.common.models import User

# The words that come back (incidents/imports.py) are those of the file, the same in every language.
SOURCES = ("基层上报", "群众诉求", "上级交办", "巡查发现")
CHANNELS = ("电话", "微信", "当面", "纸质")


def write_import_template(file: BinaryIO, *, user: User) -> None:
    """The empty list of matters of this user's township, with its grids and categories to choose from."""
    grids = list(Grid.objects.named_by(user).order_by("code"))
    villages = {grid.code: grid.name for grid in grids if grid.kind == Kind.VILLAGE}
    names = [called(grid, villages.get(grid.village_code, "")) for grid in grids]
    towns = {grid.township_code for grid in grids}
    categories = Category.objects.active().filter(township__in=towns).order_by("position", "code")
    columns = [
        Blank("网格", _("Name or code. Where several have one name, with the village before it."), required=True, choices=names, width=22),
        Blank("事项类别", _("As the township calls it, or its code."), required=True, choices=[it.name for it in categories], width=18),
        Blank("情况描述", _("What happened; at most 4000 characters."), required=True, width=48),
        Blank("标题", _("In a few words and without names; at most 80 characters."), width=24),
        Blank("地点", _("Where exactly; at most 120 characters."), width=24),
        Blank("发生时间", _("2026-11-23 09:05, or the day alone. Not in the future."), width=18),
        Blank("诉求人", _("Who asked; shown only to those who work on the matter."), width=12),
        Blank("联系电话", _("Of the one who asked."), width=16),
        Blank("要求回复", _("是 or 否; empty: 是 where somebody asked."), choices=("是", "否"), width=10),
        Blank("来源", _("Empty: 基层上报."), choices=SOURCES, width=12),
        Blank("反映渠道", _("How it reached the township. Empty: 纸质."), choices=CHANNELS, width=12),
        Blank("外部编号", _("The number that another body gave it. A number that stands already is not taken twice."), width=18),
        Blank("上级时限", _("Until when the superior body wants it; a day alone counts to its end."), width=18),
        Blank(
            "重复也登记",
            _("是: report it although the same words stand already for this grid and category."),
            choices=("是", "否"),
            width=12,
        ),
    ]  # fmt: skip
    instructions = [
        _("One row is one matter. Columns with a star must be filled in; unused ones may be left out or deleted."),
        _("The lists that cells offer can also be typed. Do not change the headers."),
        _("The file is looked through first; nothing is written until you say so, and nothing while a row has an error."),
        _("If something is wrong, you get the same file back with a column 错误原因: correct it there and send it again."),
        _("What stands already is named and left out: by external number, otherwise by the same grid, category, words and time."),
    ]  # fmt: skip
    write_template(file, title=_("Matters"), columns=columns, instructions=instructions)


def called(grid: Grid, village: str) -> str:
    """The name with its village before it, where it does not say so itself."""
    return grid.name if grid.kind != Kind.GROUP or grid.name.startswith(village) else village + grid.name


# What a superior body's list may ask back, beside what it said itself; with the headers that are taken for it at once.
REPLIES = {
    "本镇编号": "number",
    "承办单位": "unit",
    "责任单位": "unit",
    "办理状态": "status",
    "处理状态": "status",
    "办理结果": "reply",
    "处理结果": "reply",
    "办理情况": "reply",
    "答复内容": "reply",
    "办结时间": "closed_at",
    "办结日期": "closed_at",
}
MOST_REPLIES = 10_000


def write_replies(
    file: BinaryIO, *, mapping: OrderMapping, user: User, since: datetime, only_closed: bool
) -> int:
    """The orders that came from above since then, in the columns of the superior body's own list; how many."""
    orders = (
        Incident.objects.visible_to(user)
        .filter(township_code=mapping.township_id, source=Source.ABOVE, reported_at__gte=since)
        .exclude(external_no="")
        .exclude(status=Status.VOID)
        .select_related("requester", "category", "grid", "responsible_grid", "responsible_department")
        .order_by("reported_at", "number")
    )
    if only_closed:
        orders = orders.filter(status=Status.CLOSED)
    rows = list(orders[:MOST_REPLIES])
    said = replies_to(rows)
    keys = [one["key"] for one in mapping.columns]
    lines = ([_reply_cell(key, row, said.get(row.pk, "")) for key in keys] for row in rows)
    return write_plain(file, headers=[one["header"] for one in mapping.columns], rows=lines)


MOST_IN_LEDGER = 5000


def write_ledger(file: BinaryIO, *, user: User, filters: ListFilters) -> int:
    """台账: what was found and entered, who has it, what came of it; how many rows. Nobody's name or phone."""
    rows = Incident.objects.page_for(user, filters, size=MOST_IN_LEDGER).rows
    said = replies_to(rows)
    headers = [
        _("Number"), _("Reported at"), _("Source"), _("Grid"), _("Category"), _("Title"), _("Responsible unit"), _("State"),
        _("due"), _("late"), _("on the rectification list"), _("Closed at"), _("From report to now or end"), _("Result"),
    ]  # fmt: skip
    return write_plain(file, headers=headers, rows=(_in_ledger(row, said.get(row.pk, "")) for row in rows))


def _in_ledger(row: Incident, result: str) -> list[str]:
    yes = {True: "是", False: ""}
    return [
        row.number,
        _minute(row.reported_at),
        str(row.get_source_display()),
        str(row.grid),
        str(row.category),
        row.heading,
        str(row.unit or ""),
        str(row.get_status_display()),
        _minute(row.due_at),
        yes[row.is_late],
        yes[row.is_listed],
        _minute(row.closed_at),
        times_of(row).get("handling", ""),
        result,
    ]


def replies_to(orders: Sequence[Incident]) -> dict[Any, str]:
    """The last result of each, in the words of whoever handled it. A query per 500."""
    found: dict[Any, str] = {}
    for start in range(0, len(orders), 500):
        ids = [order.pk for order in orders[start : start + 500]]
        results = Transition.objects.standing().filter(
            incident__in=ids, action__in=("submit_result", "settle")
        )
        found |= dict(results.order_by("seq").values_list("incident", "note"))
    return found


def _reply_cell(key: str, order: Incident, reply: str) -> str:
    asked = order.requester.shown(in_full=True) if hasattr(order, "requester") else {}
    values: dict[str, Any] = {
        "number": order.number,
        "unit": order.unit or "",
        "status": order.get_status_display(),
        "reply": reply,
        "closed_at": _minute(order.closed_at),
        "external_no": order.external_no,
        "external_due": _minute(order.external_due),
        "title": order.title,
        "description": order.description,
        "grid": order.grid,
        "category": order.category,
        "address": order.address,
        "occurred_at": _minute(order.occurred_at),
        "source": order.get_source_display(),
        "channel": order.get_channel_display(),
        "requester_name": asked.get("name", ""),
        "requester_phone": asked.get("phone", ""),
    }
    return str(values.get(key, ""))


def _minute(at: datetime | None) -> str:
    return f"{clock.local(at):%Y-%m-%d %H:%M}" if at else ""
