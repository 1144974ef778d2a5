"""What may stand in a cell."""

import re
from typing import Any

CELL_CHARACTERS = 32_767  # Excel's own limit for one cell

# Control characters but tab and line feed, halves of surrogate pairs, non-characters (none of them may stand in XML),
# and the signs that reverse the direction of writing: they only serve to make a text look like another.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


def clean_text(value: Any) -> str:
    """The value as text without characters that no cell and no page should carry; line ends become "\\n"."""
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return _UNWANTED.sub("", text)


def display_width(text: str) -> int:
    """Width in columns of a Latin letter; Chinese characters take two."""
    return sum(1 if ord(character) < 0x2E80 else 2 for character in text)
