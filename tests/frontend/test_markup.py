"""Templates keep the content security policy (nothing inline) and name only icons that are shipped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy import frontend

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ROOMS = ("gridgov", "grids", "members", "incidents", "inspections", "assessments")

INLINE = {
    "style attribute": re.compile(r"<[a-z][^<>]*\sstyle\s*=", re.IGNORECASE),
    "event attribute": re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on attribute": re.compile(r"\s(?:data-)?hx-on[:-]", re.IGNORECASE),
    "style element": re.compile(r"<style\b", re.IGNORECASE),
    "script with code": re.compile(r"<script\b(?![^>]*\ssrc=)(?![^>]*application/json)", re.IGNORECASE),
    "javascript address": re.compile(r"""(?:href|src|action)\s*=\s*["']\s*javascript:""", re.IGNORECASE),
    "foreign address": re.compile(
        r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*["'](?:https?:)?//""", re.IGNORECASE
    ),
}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert [name for name, pattern in INLINE.items() if pattern.search(text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_comment_stays_on_one_line(template: Path) -> None:
    """Django shows a {# comment #} that is broken over two lines to the reader."""
    assert not re.search(r"\{#(?:(?!#\}).)*$", template.read_text(), re.MULTILINE)


def test_icons_named_in_templates_are_shipped() -> None:
    named: set[str] = set()
    for template in TEMPLATES:
        text = template.read_text()
        named |= set(re.findall(r"""components/icon\.html["'] with name=["']([\w-]+)["']""", text))
        named |= set(re.findall(r"""\sicon=["']([\w-]+)["']""", text))
    assert named, "no icon found: has the component been renamed?"
    assert named <= set(frontend.ICONS)


def test_icons_named_in_navigation_are_shipped() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    named = {
        name
        for path in files
        for name in re.findall(r"""["']?\bicon["']?\s*[=:]\s*["']([\w-]+)["']""", path.read_text())
    }
    assert named <= set(frontend.ICONS)


def test_second_run_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert frontend.STAMP.read_text() == frontend.digest(), (
        "front-end files are out of date: python deploy/frontend.py"
    )
    assert frontend.main() == 0
    assert capsys.readouterr().out == ""


def test_lock_file_names_no_registry_and_every_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    fetched = [entry for path, entry in packages.items() if path]
    assert not [entry for entry in fetched if "resolved" in entry]
    assert all("integrity" in entry for entry in fetched)
