"""The clone, the people and the browser of the story; one of each, for all its chapters."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.api import Api
from tests.e2e.browser import Complaints, Visitor, launch
from tests.e2e.clone import Clone

PASSWORD = "e2e-demo-password"
FIGURES: list[str] = []  # printed when all is over


@dataclass
class Story:
    """What the chapters share: the running clone, who is logged in where, what happened so far."""

    clone: Clone
    browser: Browser
    shots: Path
    complaints: Complaints = field(default_factory=Complaints)
    matters: dict[str, Any] = field(default_factory=dict)  # name in the story -> the matter as REST gave it
    apis: dict[str, Api] = field(default_factory=dict)
    visitors: dict[str, Visitor] = field(default_factory=dict)

    def api(self, name: str) -> Api:
        if name not in self.apis:
            self.apis[name] = Api(self.clone.base, name, PASSWORD)
        return self.apis[name]

    def at_browser(self, name: str) -> Visitor:
        if name not in self.visitors:
            visitor = Visitor(self.browser, self.clone.base, self.complaints, name)
            visitor.log_in(PASSWORD)
            self.visitors[name] = visitor
        return self.visitors[name]

    def figure(self, text: str) -> None:
        FIGURES.append(text)


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where the screenshots go: E2E_KEEP, else a temporary folder."""
    folder = Path(os.environ.get("E2E_KEEP") or tempfile.mkdtemp(prefix="gridgov-shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def clone() -> Iterator[Clone]:
    kept = os.environ.get("E2E_FOLDER")
    folder = Path(kept or tempfile.mkdtemp(prefix="gridgov-e2e-"))
    running = Clone(folder, PASSWORD)
    try:
        running.bring()
        FIGURES.append(f"clone to first page: {running.start():.1f} s")
        yield running
    finally:
        try:
            running.stop()
        finally:
            running.end_whatever_is_left()
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def story(clone: Clone, browser: Browser, shots: Path) -> Story:
    return Story(clone, browser, shots)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A chapter that fails ends the story; what the pages and logs said last goes with the report."""
    report = yield
    story = getattr(item, "funcargs", {}).get("story")
    if report.failed and call.when == "call" and isinstance(story, Story):
        item.session.shouldfail = f"the story ended in {item.name}"
        for name, visitor in story.visitors.items():
            visitor.shoot(story.shots, "failed")
            report.sections.append((f"{name} was at", visitor.page.url))
        report.sections.append(("make run said", "\n".join(story.clone.said[-40:])))
        for program in ("web", "worker", "beat"):
            report.sections.append((f"{program}.log", story.clone.log_tail(program)))
        report.sections.append(("pages complained", "\n".join(story.complaints.errors)))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if FIGURES:
        terminalreporter.section("figures (nothing here is asserted)")
        terminalreporter.write_line("\n".join(FIGURES))
