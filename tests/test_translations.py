"""The Chinese is complete: every text in the code has its translation, with the same placeholders."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PO = Path("locale/zh_Hans/LC_MESSAGES/django.po")
SOURCES = ("gridgov", "grids", "members", "incidents", "inspections", "assessments", "templates")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(ROOT / PO))


def test_every_text_is_translated(catalogue):
    assert [entry.msgid for entry in catalogue if not entry.translated()] == []


def test_placeholders_are_the_same(catalogue):
    def names(text: str) -> list[str]:
        return sorted(match.group(0) for match in PLACEHOLDER.finditer(text))

    pairs = [(entry.msgid, entry.msgstr or entry.msgstr_plural[0]) for entry in catalogue]
    assert [pair for pair in pairs if names(pair[0]) != names(pair[1])] == []


def test_no_text_of_the_code_is_missing(tmp_path):
    """Collects the texts anew in a copy; what is new there has no translation yet."""
    if shutil.which("xgettext") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("xgettext is missing (package gettext)")
        pytest.skip("xgettext is not installed (package gettext)")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / PO).parent.mkdir(parents=True)
    shutil.copy(ROOT / PO, tmp_path / PO)
    command = [
        sys.executable,
        "-m",
        "django",
        "makemessages",
        "--locale",
        "zh_Hans",
        "--no-wrap",
        "--no-obsolete",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    fresh = polib.pofile(str(tmp_path / PO))
    assert len(fresh) > 100
    assert [entry.msgid for entry in fresh if not entry.translated()] == []
