"""Names and phone numbers as they are shown to those who need not know them. What is not understood shows nothing."""

import re
import unicodedata

HIDDEN = "****"


def mask_name(name: str) -> str:
    """The first character and at most two stars: "张三丰" and longer names become "张**", "张三" "张*", "张" "*"."""
    stripped = name.strip()
    if len(stripped) < 2:
        return "*" * len(stripped)
    return stripped[0] + "*" * min(len(stripped) - 1, 2)


def mask_phone(phone: str) -> str:
    """A mobile number keeps its first three and last four digits, another one its last three, anything else nothing."""
    text = re.sub(r"[\s\-()]", "", unicodedata.normalize("NFKC", phone))
    if not text:
        return ""
    mobile = re.fullmatch(r"(?:\+?86|0086)?(1[0-9]{2})[0-9]{4}([0-9]{4})", text)
    if mobile:
        return f"{mobile[1]}{HIDDEN}{mobile[2]}"
    if re.fullmatch(r"\+?[0-9]{7,15}", text):
        return HIDDEN + text[-3:]
    return HIDDEN
