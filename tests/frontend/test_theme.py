"""Text can be read: every pair of ink and ground that the theme puts together has a contrast of at least 4.5."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

THEME = (Path(__file__).resolve().parents[2] / "static" / "css" / "theme.css").read_text()
LIGHT, DARK = THEME.split("@media screen and (prefers-color-scheme: dark)")

PAIRS = [
    *[(ink, ground) for ink in ("ink", "ink-soft", "link") for ground in ("paper", "ground", "brand-soft")],
    *[
        (tone, ground)
        for tone in ("done", "soon", "late", "wait")
        for ground in ("paper", "ground", "brand-soft")
    ],
    *[(tone, f"{tone}-soft") for tone in ("done", "soon", "late", "wait")],
    *[("ink", f"{tone}-soft") for tone in ("done", "soon", "late", "wait")],
    ("on-brand", "brand"),
    ("on-brand", "brand-strong"),
]


def colours(text: str) -> dict[str, str]:
    found = dict(re.findall(r"--gg-([\w-]+): (#[0-9a-f]{3,6});", text))
    link = re.search(r"--bs-link-color: (#[0-9a-f]{6});", text)
    return found | ({"link": link[1]} if link else {})


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_defined() -> None:
    assert round(contrast("#fff", "#000000"), 1) == 21.0
    assert round(contrast("#777777", "#fff"), 2) == 4.48


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_enough_contrast(mode: str, ink: str, ground: str) -> None:
    palette = colours(LIGHT) | (colours(DARK) if mode == "dark" else {})
    assert contrast(palette[ink], palette[ground]) >= 4.5, (palette[ink], palette[ground])
