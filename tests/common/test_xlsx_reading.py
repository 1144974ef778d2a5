"""What comes in. What goes out: test_xlsx.py."""

import random
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO

import openpyxl
import pytest
from django.utils import translation

from gridgov.common.xlsx import (
    BadWorkbook,
    Cell,
    Column,
    HeaderGroup,
    Limits,
    Meta,
    Table,
    TableRow,
    read_table,
    write_errors,
    write_list,
    write_sheet,
)

MADE_AT = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
META = Meta(unit="徐庄镇", period="2026-10", made_by="王五", made_at=MADE_AT, data_time=MADE_AT)
COLUMNS = {"网格编码": "code", "code": "code", "名称": "name", "电话": "phone"}


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def listed(rows):
    target = BytesIO()
    columns = [Column("网格编码"), Column("名称"), Column("电话")]
    write_list(target, title="网格台账", columns=columns, rows=rows, meta=META)
    return target


def code_of(file, **options):
    with pytest.raises(BadWorkbook) as refusal:
        read_table(file, **({"columns": COLUMNS} | options))
    return refusal.value.code


def sheet_of(file):
    return openpyxl.load_workbook(file).active


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
    file = BytesIO()
    groups, rows = [HeaderGroup([Column("code")])], [TableRow([Cell("1")])]
    write_sheet(file, table=Table(title="t", meta=META, groups=groups, rows=rows))
    file = repacked(file, sheet1=sheet, sharedStrings=shared)
    assert code_of(file) == "unpacks_too_large"


def test_a_doctype_a_deep_nest_and_a_part_under_another_name_are_refused():
    laugh = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert code_of(repacked(workbook([["code"]]), sheet1=laugh + SHEET.format("&b;"))) == "damaged"
    assert code_of(with_sheet("<a>" * 5_000 + "</a>" * 5_000)) == "damaged"
    file = workbook([["code"]])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/media/photo.png", SHEET.format(ROW.format(200_000, "XFD")))
    assert code_of(file) == "too_many_columns"


def test_xml_behind_other_bytes_is_measured_or_not_read():
    far = SHEET.format(ROW.format(200_000, "XFD"))
    for lead, code in ((" " * 5_000, "too_many_columns"), ("\ufeff", "too_many_columns"), ("x", "damaged")):
        assert code_of(repacked(workbook([["code"]]), sheet1=lead + far)) == code
    assert code_of(repacked(workbook([["code"]]), sheet1=far.encode("utf-16"))) == "too_many_columns"


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
        if seed % 5 == 0:
            yield seed, _scratched(source.getvalue(), dice, digits=0)
            continue
        name = dice.choice([name for name in parts if not name.startswith("docProps")])
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, content in parts.items():
                archive.writestr(other, _scratched(content, dice) if other == name else content)
        yield seed, target.getvalue()


def _scratched(content, dice, digits=0.8):
    """`digits` of the content's mutants only swap digits: still XML, with other places, indexes, types and lengths."""
    data = bytearray(content)
    places = [index for index, byte in enumerate(data) if 48 <= byte <= 57]
    gentle = dice.random() < digits
    for _ in range(dice.randint(1, 6)):
        if gentle:
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
