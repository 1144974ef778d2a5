import re
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import openpyxl
import pytest
from django.utils import translation

from gridgov.common.xlsx import (
    Cell,
    Column,
    Formula,
    HeaderGroup,
    Kind,
    Meta,
    Table,
    TableRow,
    Unwritable,
    clean_text,
    ratio_of,
    shown,
    sum_in_row,
    total_of,
    write_list,
    write_sheet,
)

pytestmark = pytest.mark.once

MADE_AT = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
META = Meta(unit="徐庄镇", period="2026-10", made_by="王五", made_at=MADE_AT, data_time=MADE_AT)
NASTY = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "{=1}",
    "https://example.invalid/",
    "internal:Sheet1!A1",
    "32037110100100000001",
    "😀 👩‍🌾",
    "第一行\n第二行",
    "&lt;b&gt;<b>",
]


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def listed(rows, columns=None, **extra):
    target = BytesIO()
    columns = columns or [Column("网格编码"), Column("名称"), Column("电话")]
    write_list(target, title="网格台账", columns=columns, rows=iter(rows), meta=META, **extra)
    return target


def sheet_of(file, **options):
    return openpyxl.load_workbook(file, **options).active


def test_write_list_has_title_header_rows_and_a_closing_line():
    rows = [["320371101001", "龙田村", "13800001234"], ["320371101002", "二村", None]]
    sheet = sheet_of(listed(rows))
    assert sheet["A1"].value == "网格台账"
    assert "徐庄镇" in sheet["A2"].value
    assert [cell.value for cell in sheet[3]] == ["网格编码", "名称", "电话"]
    assert [cell.value for cell in sheet[4]] == ["320371101001", "龙田村", "13800001234"]
    assert sheet["C5"].value is None
    assert re.search(r"\b2\b.*2026-11-01 09:30.*王五", sheet["A6"].value)
    assert sheet.freeze_panes == "B4"
    assert sheet.auto_filter.ref == "A3:C5"


def test_write_list_prints_on_a4_with_its_header_on_each_page():
    narrow, wide = sheet_of(listed([])), sheet_of(listed([], [Column(f"列{i}", width=20) for i in range(9)]))
    for sheet, orientation in ((narrow, None), (wide, "landscape")):
        assert int(sheet.page_setup.paperSize) == 9
        assert sheet.page_setup.orientation in (orientation, orientation or "portrait")
        assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == "$3:$3"
        assert "&P" in sheet.oddFooter.right.text.replace("[Page]", "&P")


@pytest.mark.parametrize("text", NASTY)
def test_written_texts_stay_texts(text):
    file = listed([[text, text, text]])
    cell = sheet_of(file)["A4"]
    assert (cell.data_type, cell.value) == ("s", clean_text(text))
    assert cell.quotePrefix
    assert not cell.hyperlink
    assert b"<f>" not in zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml")


def test_written_titles_and_names_carry_no_formula_and_no_control_characters():
    meta = Meta(unit="=1&2\x00", period="\x0b", made_by="@x", made_at=MADE_AT, data_time=MADE_AT)
    target = BytesIO()
    columns = [Column("=1+1", note="=2\x00"), Column("+1")]
    write_list(target, title="=cmd\x00", columns=columns, rows=[], meta=meta, sheet_name="[a]:*?/\\'" * 9)
    sheet = sheet_of(target)
    assert [sheet["A1"].value, sheet["A3"].value, sheet["A3"].comment.text] == ["=cmd", "=1+1", "=2"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}


def test_clean_text_drops_what_xml_and_pages_cannot_carry():
    assert clean_text("a\x00b\x0bc\x1b\x85d\ud800e\ufffef\ufeff\u202eg") == "abcdefg"
    assert clean_text("a\r\nb\rc\td") == "a\nb\nc\td"
    assert clean_text("👩‍🌾𠮷") == "👩‍🌾𠮷"
    every = "".join(map(chr, range(0x11000)))
    assert sheet_of(listed([["x", clean_text(every[:30_000]), ""]]))["B4"].value
    listed([["x", every[40_000:60_000], every[60_000:]]])


def test_write_list_types_each_kind():
    columns = [Column(str(kind), kind) for kind in Kind]
    moment = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
    rows = [
        ["0012", 7, 1.5, 0.9, date(2026, 11, 1), moment, Decimal("12.30")],
        [12, "–", 10**18, None, moment, date(2026, 11, 1), True],
    ]
    sheet = sheet_of(listed(rows, columns))
    values = [cell.value for cell in sheet[4]]
    assert values == ["0012", 7, 1.5, 0.9, datetime(2026, 11, 1), datetime(2026, 11, 1, 1), 12.3]  # noqa: DTZ001
    assert [cell.number_format for cell in sheet[4]][3:] == [
        "0.0%",
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
        "#,##0.00",
    ]
    assert [cell.value for cell in sheet[5]][:4] == ["12", "–", "1000000000000000000", None]


@pytest.mark.parametrize(
    ("value", "code"),
    [("长" * 32_768, "cell_too_long"), ("😀" * 16_384, "cell_too_long"), (float("nan"), "number_not_finite")],
)
def test_what_excel_cannot_hold_is_refused_and_leaves_nothing(value, code, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = BytesIO()
    with pytest.raises(Unwritable) as refusal:
        write_list(target, title="t", columns=[Column("a", Kind.NUMBER)], rows=[[1], [value]], meta=META)
    assert refusal.value.code == code
    assert target.getvalue() == b""
    assert list(tmp_path.iterdir()) == []


def test_write_list_takes_the_longest_text_that_excel_holds():
    assert len(sheet_of(listed([["长" * 32_767, "", ""]]))["A4"].value) == 32_767


def test_write_list_holds_no_rows_in_memory(tmp_path):
    def peak(count):
        rows = ([f"{number:020d}", number] for number in range(count))
        columns = [Column("编号"), Column("数", Kind.INTEGER)]
        with (tmp_path / "list.xlsx").open("wb") as file:
            tracemalloc.start()
            assert write_list(file, title="t", columns=columns, rows=rows, meta=META) == count
            highest = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return highest

    peak(10)
    small, large = peak(1_000), peak(50_000)
    assert large < small + 2_000_000


def month_table(rows=None):
    """Two villages: closed on time, closed, rate."""
    villages = [
        TableRow(
            [
                Cell("320371101001"),
                Cell("龙田村"),
                Cell(3, link="/x/"),
                Cell(4),
                Cell(ratio_of(2, 3, 0.75)),
                Cell(sum_in_row([2, 3], 7)),
            ]
        ),
        TableRow(
            [Cell("320371101002"), Cell("二村"), Cell(0), Cell(0), Cell(ratio_of(2, 3, None)), Cell("–")]
        ),
    ]
    total = [
        Cell("合计"),
        Cell(""),
        Cell(total_of(2, 3)),
        Cell(total_of(3, 4)),
        Cell(ratio_of(2, 3, 0.75)),
        Cell(total_of(5, 7)),
    ]
    return Table(
        title="村级网格考核表",
        meta=META,
        groups=[
            HeaderGroup([Column("编码", width=18), Column("村")]),
            HeaderGroup(
                [Column("按时", Kind.INTEGER), Column("应办", Kind.INTEGER), Column("率", Kind.PERCENT)],
                "按时办结率",
            ),
            HeaderGroup([Column("得分", Kind.NUMBER, note="满分 100")]),
        ],
        rows=[*(villages if rows is None else rows), TableRow(total, total=True)],
        definitions=[("按时办结率", "按时办结数 / 应办结数。" * 20), ("=得分", "见附件")],
        signatures=["审核人", "负责人"],
        fingerprint="ab" * 32,
    )


def written(table):
    target = BytesIO()
    write_sheet(target, table=table)
    return target


def test_write_sheet_carries_live_totals_with_their_values():
    file = written(month_table())
    formulas, values = sheet_of(file), sheet_of(file, data_only=True)
    assert formulas["C7"].value == "=SUM(C5:C6)"
    assert formulas["E7"].value == '=IF(D7=0,"",C7/D7)'
    assert formulas["F5"].value == "=SUM(C5,D5)"
    assert [values[place].value for place in ("C7", "D7", "E7", "F5", "F7")] == [3, 4, 0.75, 7, 7]
    assert formulas["E6"].value.startswith("=")
    assert values["E6"].value is None
    assert formulas["C7"].font.bold
    assert not formulas["C5"].font.bold


def test_write_sheet_groups_headers_and_ends_with_definitions_fingerprint_and_signatures():
    sheet = sheet_of(written(month_table()))
    merged = {str(area) for area in sheet.merged_cells.ranges}
    assert {"A3:A4", "B3:B4", "C3:E3", "F3:F4"} <= merged
    assert [sheet["C3"].value, sheet["C4"].value, sheet["F3"].value] == ["按时办结率", "按时", "得分"]
    assert sheet["F3"].comment.text == "满分 100"
    foot = [row[0].value for row in sheet.iter_rows(min_row=9) if row[0].value]
    assert foot[1].startswith("按时办结率：")
    assert "ab" * 32 in foot[3]
    assert "王五" in foot[4]
    assert "审核人" in foot[4]
    assert sheet.row_dimensions[10].height > 40  # a long definition has room
    assert sheet.freeze_panes == "B5"


def test_write_sheet_without_rows_writes_values_instead_of_circular_sums():
    sheet = sheet_of(written(month_table(rows=[])))
    assert sheet["C5"].value == 3


def test_the_same_input_gives_the_same_bytes(monkeypatch):
    first, first_list = written(month_table()).getvalue(), listed([["1", "2", "3"]]).getvalue()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert written(month_table()).getvalue() == first
    assert listed([["1", "2", "3"]]).getvalue() == first_list


def test_the_page_shows_what_the_workbook_holds():
    table = month_table()
    texts = [[cell.text for cell in line.cells] for line in table.lines]
    assert texts == [
        ["320371101001", "龙田村", "3", "4", "75.0%", "7.00"],
        ["320371101002", "二村", "0", "0", "", "–"],
        ["合计", "", "3", "4", "75.0%", "7.00"],
    ]
    assert table.lines[0].cells[2].link == "/x/"
    assert [line.total for line in table.lines] == [False, False, True]
    assert [group.span for group in table.groups] == [2, 3, 1]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.125, Kind.NUMBER, "0.13"),
        (0.0005, Kind.PERCENT, "0.1%"),
        (2.5, Kind.INTEGER, "3"),
        (1234567.5, Kind.MONEY, "1,234,567.50"),
        (10**40, Kind.NUMBER, "1" + "0" * 40),
        (datetime(2026, 10, 31, 17, 0, tzinfo=UTC), Kind.DATE, "2026-11-01"),
        (None, Kind.NUMBER, ""),
    ],
)
def test_shown_rounds_like_excel(value, kind, text):
    assert shown(value, kind) == text


@pytest.mark.parametrize(
    "expression",
    ["cmd|'/C calc'!A0", "SUM(Sheet2!A1)", 'HYPERLINK("x")', "WEBSERVICE({c0}{row})", "[1]A", "{x}", "A1"],
)
def test_a_formula_that_reaches_out_is_refused(expression):
    with pytest.raises(ValueError, match="not an allowed formula"):
        Formula(expression, 0)
