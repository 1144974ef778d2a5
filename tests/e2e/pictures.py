"""`make pictures`: the pictures of the README, taken of the demo that runs at http://HOST:PORT (default 127.0.0.1:8000)."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.e2e.browser import WIDE, Complaints, Visitor, launch

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "images"
PICTURES = (("township", "/", "desk", WIDE),)


def password(account: str) -> str:
    """As the first start printed it."""
    given = os.environ.get("GRIDGOV_DEMO_PASSWORD", "")
    if given:
        return given
    kept = Path(os.environ.get("GRIDGOV_DATA") or ROOT / "var") / "demo-accounts.txt"
    words = dict(line.split() for line in kept.read_text(encoding="utf-8").splitlines())
    return words[account]


def main() -> None:
    base = f"http://{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    complaints = Complaints()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for account, address, name, size in PICTURES:
            visitor = Visitor(browser, base, complaints, account)
            visitor.log_in(password(account))
            visitor.page.set_viewport_size(size)  # type: ignore[arg-type]
            visitor.open(address)
            visitor.page.wait_for_timeout(1000)  # the charts draw themselves
            save(visitor.page.screenshot(), FOLDER / f"{name}.png")
        browser.close()
    if complaints.errors:
        sys.exit("\n".join(complaints.errors))


def save(picture: bytes, path: Path) -> None:
    """With a palette: a third of the size, and pages have few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(128)
    image.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
