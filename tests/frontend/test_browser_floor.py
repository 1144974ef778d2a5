"""Every style sheet and script that the server offers works in Chromium 86 (Windows 7 ends at 109)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from tests.frontend import floor

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"


def served(suffix: str) -> Iterator[tuple[str, Path]]:
    """(path under /static/, file) of everything the static file finders know, packages included."""
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            if path.endswith(suffix) and not path.startswith(tuple(floor.NEVER_LINKED)):
                yield path, Path(storage.path(path))


def compiled(files: list[Path], *, target: str, folder: Path) -> dict[Path, str]:
    """The scripts without comments, as the compiler writes them for `target`. Optional chaining: 80, esbuild says 91."""
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    out = folder / target
    options = [f"--target={target}", "--supported:optional-chain=true", f"--outdir={out}", "--outbase=/"]
    quiet = ["--minify-whitespace", "--legal-comments=none", "--log-level=error", "--charset=utf8"]
    done = subprocess.run(
        [str(ESBUILD), *map(str, files), *options, *quiet],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {file: (out / file.relative_to("/")).read_text() for file in files}


@pytest.fixture(scope="module")
def frontend_files() -> None:
    assert ESBUILD.exists(), "front-end files are missing: python deploy/frontend.py"


def test_stylesheets_stay_within_the_floor(frontend_files: None) -> None:
    sheets = dict(served(".css"))
    assert {"vendor/bootstrap.css", "css/gridgov.css", "admin/css/base.css"} <= set(sheets)
    newer = {path: floor.css_newer(file.read_text()) for path, file in sheets.items()}
    unexpected = {path: names - set(floor.CSS_ALLOWED.get(path, {})) for path, names in newer.items()}
    assert {path: names for path, names in unexpected.items() if names} == {}


def test_stylesheet_allowances_are_all_needed(frontend_files: None) -> None:
    sheets = dict(served(".css"))
    for path, reasons in floor.CSS_ALLOWED.items():
        assert set(reasons) <= floor.css_newer(sheets[path].read_text()), path


def test_scripts_stay_within_the_floor(frontend_files: None, tmp_path: Path) -> None:
    scripts = dict(served(".js"))
    assert {"vendor/htmx.js", "vendor/echarts.js", "js/gridgov.js", "admin/js/core.js"} <= set(scripts)
    lowered = compiled(list(scripts.values()), target="chrome86", folder=tmp_path)
    untouched = compiled(list(scripts.values()), target="esnext", folder=tmp_path)
    failures: dict[str, set[str]] = {}
    for path, file in scripts.items():
        names = floor.js_newer(lowered[file])
        if lowered[file] != untouched[file]:
            names.add("syntax that has to be rewritten")
        if names:
            failures[path] = names
    assert failures == {}


@pytest.mark.parametrize("code", ["class A{static{a()}}", "a ??= /x/d", "class A{#x;has(o){return #x in o}}"])
def test_newer_syntax_is_noticed(code: str, tmp_path: Path, frontend_files: None) -> None:
    file = tmp_path / "newer.js"
    file.write_text(code)
    assert compiled([file], target="chrome86", folder=tmp_path) != compiled(
        [file], target="esnext", folder=tmp_path
    )


@pytest.mark.parametrize(
    "code", ["a.at(-1)", "structuredClone(a)", "crypto.randomUUID()", 'document.querySelector("a:has(b)")']
)
def test_newer_name_is_noticed(code: str) -> None:
    assert floor.js_newer(code)


@pytest.mark.parametrize("code", ["if(a.moveBefore){a.moveBefore(b)}", "class A{at(i){return 1}};a.at(1)"])
def test_name_that_is_asked_for_or_defined_is_fine(code: str) -> None:
    assert not floor.js_newer(code)


@pytest.mark.parametrize(
    "rule",
    [
        "a{inset:0}",
        "a:is(b,c){}",
        "@layer x{}",
        "a{color:color-mix(in srgb,red,blue)}",
        "a:not(b, c){}",
        "a{height:1dvh}",
    ],
)
def test_newer_css_is_noticed(rule: str) -> None:
    assert floor.css_newer(rule)


def test_excluded_packages_are_linked_by_no_page() -> None:
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        assert not [prefix for prefix in floor.NEVER_LINKED if prefix in text], template
