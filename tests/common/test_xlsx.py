import random
import re
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import openpyxl
import pytest
from django.utils import translation

from gridgov.common.xlsx import (
    BadWorkbook,
    Cell,
    Column,
    Formula,
    HeaderGroup,
    Kind,
    Limits,
    Meta,
    Table,
    TableRow,
    Unwritable,
    clean_text,
    ratio_of,
    read_table,
    shown,
    sum_in_row,
    total_of,
    write_errors,
    write_list,
    write_sheet,
)

MADE_AT = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
META = Meta(unit="徐庄镇", period="2026-10", made_by="王五", made_at=MADE_AT, data_time=MADE_AT)
COLUMNS = {"网格编码": "code", "code": "code", "名称": "name", "电话": "phone"}
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


def code_of(file, **options):
    with pytest.raises(BadWorkbook) as refusal:
        read_table(file, **({"columns": COLUMNS} | options))
    return refusal.value.code


# Going out


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


# Coming in


def workbook(rows, **cells):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for place, value in cells.items():
        book.active[place] = value
    target = BytesIO()
    book.save(target)
    return target


def test_read_table_finds_the_header_and_keeps_the_users_row_numbers():
    rows = [
        ["网格名单"],
        [],
        ["序号", "* 网格 编码", "名称", "备注"],
        [1, "01", " 龙田村 ", "x"],
        [],
        [2, "02", "二村", None],
    ]
    found = read_table(workbook(rows), columns=COLUMNS, required=["code"])
    assert [(row.number, row.values) for row in found] == [
        (4, {"code": "01", "name": "龙田村"}),
        (6, {"code": "02", "name": "二村"}),
    ]


def test_read_table_reads_cells_as_their_user_does():
    rows = [
        ["code", "名称", "电话"],
        [320371101001, 1.5, 13800001234],
        ["３２０ 371", "３号", date(2026, 11, 1)],
        [320371101001000001, True, datetime(2026, 11, 1, 9, 30)],  # noqa: DTZ001
    ]
    found = read_table(workbook(rows), columns=COLUMNS, codes=["code"])
    assert [list(row.values.values()) for row in found] == [
        ["320371101001", "1.5", "13800001234"],
        ["320371", "３号", "2026-11-01"],
        ["3.20371E+17", "TRUE", "2026-11-01 09:30"],
    ]


def test_read_table_reads_back_a_list_of_ours_without_its_closing_line():
    found = read_table(listed([["320371101001", "=1+1", "0138"]]), columns=COLUMNS, required=["code", "name"])
    assert [(row.number, row.values) for row in found] == [
        (4, {"code": "320371101001", "name": "=1+1", "phone": "0138"})
    ]


def test_a_text_that_looks_like_an_escape_of_excel_comes_back_unchanged():
    found = read_table(listed([["_x0041_", "", ""]]), columns=COLUMNS)
    assert found[0].values["code"] == "_x0041_"


def test_read_table_takes_the_first_visible_sheet():
    book = openpyxl.Workbook()
    book.active.sheet_state = "hidden"
    book.create_sheet("b").append(["code"])
    book["b"].append(["7"])
    target = BytesIO()
    book.active = 1
    book.save(target)
    assert read_table(target, columns=COLUMNS)[0].values == {"code": "7"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_read_table_reads_csv(encoding, delimiter):
    text = 'code,名称\r\n\r\n01,"龙田,村\n一组"\r\n02,二村\r\n'.replace(",", delimiter)
    found = read_table(BytesIO(text.encode(encoding)), columns=COLUMNS, required=["code"])
    name = "龙田,村\n一组".replace(",", delimiter)
    assert [(row.number, row.values) for row in found] == [
        (3, {"code": "01", "name": name}),
        (4, {"code": "02", "name": "二村"}),
    ]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["甲", "乙"]], "no_header"),
        ([], "no_header"),
        ([["名称"]], "missing_columns"),
        ([["网格编码", "code"]], "duplicate_columns"),
        ([*[["x"]] * 10, ["code"]], "no_header"),
    ],
)
def test_read_table_names_what_is_wrong_with_the_header(rows, code):
    assert code_of(workbook(rows), required=["code"]) == code


def test_read_table_refuses_more_rows_than_asked_for():
    rows = [["code"], *[[str(number)] for number in range(11)]]
    assert len(read_table(workbook(rows), columns=COLUMNS, max_rows=11)) == 11
    assert code_of(workbook(rows), max_rows=10) == "too_many_rows"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_header"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not_a_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old_or_protected"),
        (b"PK\x03\x04", "damaged"),
        (b'code\n"' + b"x" * 200_000, "damaged"),
    ],
)
def test_read_table_refuses_other_files(data, code):
    assert code_of(BytesIO(data)) == code


def repacked(file, **parts):
    """The workbook with some parts replaced: `sheet1` is xl/worksheets/sheet1.xml."""
    source, target = zipfile.ZipFile(file), BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for entry in source.infolist():
            key = entry.filename.rpartition("/")[2].removesuffix(".xml")
            copy.writestr(entry.filename, parts.get(key, source.read(entry)))
    return target


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'
ROW = '<sheetData><row r="{0}"><c r="{1}{0}"><v>1</v></c></row></sheetData>'


def with_sheet(body):
    return repacked(workbook([["code"], ["1"]]), sheet1=SHEET.format(body))


def test_a_cell_at_the_far_corner_is_refused_quickly():
    for place in ((200_000, "XFD"), (1, "XFD"), (200_000, "A"), (9_999_999, "A")):
        assert code_of(with_sheet(ROW.format(*place))) in ("too_many_rows", "too_many_columns")
    for place in ((10**9, "A"), (0, "A"), (1, "AAAA"), ("-1", "A")):
        assert code_of(with_sheet(ROW.format(*place))) == "damaged"


def test_an_empty_formatted_cell_far_out_does_no_harm():
    body = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>code</t></is></c></row><row r="2"><c r="A2"><v>7</v></c></row><row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    assert [row.values for row in read_table(with_sheet(body), columns=COLUMNS)] == [{"code": "7"}]


def test_a_sheet_of_nothing_that_unpacks_to_hundreds_of_megabytes_is_refused():
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(90):
                part.write(b" " * (1 << 20))
    assert len(target.getvalue()) < 100_000
    tracemalloc.start()
    assert code_of(target) == "unpacks_too_large"
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_many_small_parts_are_refused_by_their_number_and_by_their_sum():
    def file(parts, size):
        noise = random.Random(2)
        target = BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("xl/workbook.xml", "<workbook/>")
            for number in range(parts):
                archive.writestr(f"xl/{number}.bin", noise.randbytes(size))
        return target

    assert code_of(file(1_001, 1)) == "damaged"
    assert code_of(file(10, 10_000), limits=Limits(unpacked=50_000)) == "unpacks_too_large"
    assert code_of(file(1, 10_000), limits=Limits(file=5_000)) == "file_too_large"


@pytest.mark.parametrize("element", ["mergeCell", "hyperlink"])
def test_a_range_over_the_whole_sheet_is_refused(element):
    body = f'<sheetData/><{element}s><{element} ref="A1:XFD1048576"/></{element}s>'
    assert code_of(with_sheet(body)) == "too_many_rows"


def test_one_long_text_used_by_every_cell_is_refused():
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 20_001))
    shared = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{"x" * 30_000}</t></si></sst>'
    sheet = SHEET.format(f"<sheetData>{cells}</sheetData>")
    file = repacked(written(month_table()), sheet1=sheet, sharedStrings=shared)
    assert code_of(file) == "unpacks_too_large"


def test_a_doctype_a_deep_nest_and_a_part_under_another_name_are_refused():
    laugh = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert code_of(repacked(workbook([["code"]]), sheet1=laugh + SHEET.format("&b;"))) == "damaged"
    assert code_of(with_sheet("<a>" * 5_000 + "</a>" * 5_000)) == "damaged"
    file = workbook([["code"]])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/media/photo.png", SHEET.format(ROW.format(200_000, "XFD")))
    assert code_of(file) == "too_many_columns"


def test_a_second_part_of_the_same_name_is_refused():
    file = workbook([["code"]])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("XL/worksheets/sheet1.xml", SHEET.format(""))
    assert code_of(file) == "damaged"


def marked(file, errors=None, **options):
    target = BytesIO()
    write_errors(file, target, errors or {3: ["unknown grid", "=cmd|x"]}, **({"columns": COLUMNS} | options))
    return target


def test_write_errors_gives_the_same_file_back_with_the_reasons():
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["名单"], ["网格编码", "名称"], ["01", "=1+1"], ["02", "二村", "note"]):
        sheet.append(row)
    sheet["B3"].data_type = "s"
    sheet["A2"].fill = openpyxl.styles.PatternFill("solid", fgColor="00FF00")
    source = BytesIO()
    book.save(source)
    result = sheet_of(marked(source))
    assert [result["D2"].value, result["D3"].value, result["D4"].value] == [
        "错误原因",
        "unknown grid；=cmd|x",
        None,
    ]
    assert [result["C4"].value, result["B3"].value, result["B3"].data_type] == ["note", "=1+1", "s"]
    assert result["A2"].fill.fgColor.rgb == "0000FF00"


def test_write_errors_starting_with_a_formula_sign_stay_texts():
    for source in (workbook([["code"], ["1"]]), BytesIO(b"code\n=1+1\n")):
        result = sheet_of(marked(source, {2: ["=1+1"]}))
        assert (result["B2"].value, result["B2"].data_type) == ("=1+1", "s")
        assert result["A2"].data_type in ("s", "n")


def test_write_errors_reuses_the_column_of_an_earlier_round():
    first = marked(workbook([["code"], ["1"], ["2"]]), {2: ["wrong"]})
    second = sheet_of(marked(first, {3: ["also wrong"]}))
    assert [[cell.value for cell in row] for row in second.iter_rows()] == [
        ["code", "错误原因"],
        ["1", None],
        ["2", "also wrong"],
    ]


def test_write_errors_of_a_csv_or_a_very_long_list_gives_texts_in_the_same_rows(monkeypatch):
    monkeypatch.setattr("gridgov.common.xlsx.reading.FORMATTED_CELLS", 3)
    for source in (
        BytesIO("code,名称\n\n0012,二村\n".encode("gb18030")),
        workbook([["code", "名称"], [], ["0012", "二村"]]),
    ):
        result = marked(source, {3: ["wrong"]})
        assert [cell.value for cell in sheet_of(result)[3]] == ["0012", "二村", "wrong"]
        assert read_table(result, columns=COLUMNS)[0].number == 3


def mutants(source, count):
    """Bytes of the archive, and of the XML inside it, changed at seeded places."""
    parts = {
        entry.filename: zipfile.ZipFile(source).read(entry) for entry in zipfile.ZipFile(source).infolist()
    }
    for seed in range(count):
        dice = random.Random(seed)
        if seed % 2:
            yield seed, _scratched(source.getvalue(), dice)
            continue
        name = dice.choice([name for name in parts if not name.startswith("docProps")])
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in parts.items():
                archive.writestr(other, _scratched(content, dice) if other == name else content)
        yield seed, target.getvalue()


def _scratched(content, dice):
    data = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        if dice.random() < 0.3:  # swapping digits leaves XML well formed, but changes references and indexes
            places = [index for index, byte in enumerate(data) if 48 <= byte <= 57]
            data[dice.choice(places)] = dice.randrange(48, 58)
        else:
            data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


def test_mutated_workbooks_are_read_or_refused_and_nothing_else():
    source = listed([[f"{number}", "名", "13800001234"] for number in range(5)])
    for seed, data in mutants(source, 200):
        with suppress(BadWorkbook):
            assert len(read_table(BytesIO(data), columns=COLUMNS)) < 10, seed
        with suppress(BadWorkbook):
            assert marked(BytesIO(data), {5: ["wrong"]}).getvalue(), seed
