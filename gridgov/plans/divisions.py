"""Places from files: a township's villages, and the townships of the demos with the codes of the statistics office."""

import re
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from gridgov.common.errors import Invalid
from gridgov.common.xlsx import Row, read_table

PLACES = Path(__file__).resolve().parent / "places"
COLUMNS = {"code": "code", "代码": "code", "编码": "code", "name": "name", "名称": "name"}


def read_rows(file: BinaryIO) -> list[Row]:
    """Rows of a csv or xlsx with the columns code,name, under the numbers that its user sees. Raises Invalid."""
    return read_table(file, columns=COLUMNS, required=("code", "name"), codes=("code",))


def read_places(path: Path) -> list[tuple[str, str]]:
    """(code, name) from a csv or xlsx with the columns code,name. Raises OSError, Invalid."""
    with path.open("rb") as file:
        return [(row.values["code"], row.values["name"]) for row in read_rows(file)]


def shipped_places() -> list[int]:
    """Plans for which gridgov brings a township with its villages."""
    return sorted(int(path.stem[1:]) for path in PLACES.glob("p[0-9][0-9].csv"))


def demo_place(number: int) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """The township of a plan's demo and its villages, each (code, name), under the names people use."""
    path = PLACES / f"p{number:02d}.csv"
    if not path.exists():
        raise Invalid(
            _("gridgov brings no demo township for plan %(number)d.") % {"number": number}, code="no_place"
        )
    (code, name), *villages = read_places(path)
    return (code, name), [(code, short_name(name)) for code, name in villages]


def short_name(official: str) -> str:
    """龙田村委会 is called 龙田村, 新坝社区居委会 新坝社区."""
    return re.sub(r"(?<=社区)居委会$|(?<=村)(村?民)?委(员)?会$", "", official)
