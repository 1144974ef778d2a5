"""A person at a browser. Everything a page complains about is collected while the story is told."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, Response

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
# A browser that speaks to nobody but the page it is asked for.
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
]
WIDE = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
REPORTS = "e2e: "
# Runs in every page before its own scripts: what the page violates, in which language it is, and which words stayed English.
WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
addEventListener("load", () => {
  const words = [...document.querySelectorAll("button, .btn, input[type=submit], a, th, label, legend, h1, h2, summary, option, dt, p")]
    .filter((one) => !one.closest(".visually-hidden"))
    .map((one) => (one.tagName === "INPUT" ? one.value : one.textContent).trim().replace(/\\s+/g, " "))
    .filter((text) => /[A-Za-z]{3}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text) && !/^https?:\\S+$/.test(text));
  console.debug("e2e: " + JSON.stringify({lang: document.documentElement.lang, words: [...new Set(words)]}));
});
"""


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@dataclass
class Complaints:
    """`errors`: console errors, CSP violations, failures. `languages`, `english`: address -> what was seen there."""

    errors: list[str] = field(default_factory=list)
    languages: dict[str, str] = field(default_factory=dict)
    english: dict[str, list[str]] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)  # pages that must be pushed sideways on a phone


class Visitor:
    """One browser of one's own: cookies, pages, language."""

    def __init__(self, browser: Browser, base: str, complaints: Complaints, name: str = "anonymous") -> None:
        self.base, self.name, self.complaints = base, name, complaints
        self.context: BrowserContext = browser.new_context(
            base_url=base,
            viewport=WIDE,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,  # type: ignore[arg-type]
        )
        self.context.set_default_timeout(20_000)
        self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._complain(f"script: {error}"))
        self.page.on("request", self._look_outside)
        self.page.on("response", self._look_at)

    def _complain(self, text: str) -> None:
        self.complaints.errors.append(f"{self.name} {self.page.url.removeprefix(self.base)}: {text}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(message.text)
        elif message.text.startswith(REPORTS):
            self._note(message.text.removeprefix(REPORTS))

    def _note(self, text: str) -> None:
        seen = json.loads(text)
        where = f"{self.name} {self.page.url.removeprefix(self.base)}"
        self.complaints.languages[where] = seen["lang"]
        if seen["words"]:
            self.complaints.english[where] = seen["words"]

    def _look_outside(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self._complain(f"asked for {request.url}")

    def _look_at(self, response: Response) -> None:
        if response.status >= 400:
            self._complain(f"{response.status} {response.url}")

    def log_in(self, password: str) -> None:
        self.open("/login/")
        self.page.fill("input[name=username]", self.name)
        self.page.fill("input[name=password]", password)
        self.page.click("main form button[type=submit]")
        self.page.wait_for_url("**/")

    def open(self, path: str) -> Page:
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None and answer.ok, f"{self.name} {path}: {answer and answer.status}"
        return self.page

    def press(self, selector: str) -> None:
        """Presses a button and waits for the page that follows, confirming what is asked about."""
        button = self.page.locator(selector)
        asks = button.evaluate(
            "one => Boolean(one.dataset.confirm || (one.form && one.form.dataset.confirm))"
        )
        with self.page.expect_navigation(wait_until="load"):
            button.click()
            if asks:
                self.page.click("dialog [data-confirm-ok]")

    def act(self, incident: str, action: str, **fields: Any) -> None:
        """One action on the page of a matter: its form opens in place."""
        self._act(f"/incidents/{incident}/", f"/incidents/{incident}/actions/{action}/", fields)

    def act_in_admin(self, incident: str, action: str, **fields: Any) -> None:
        """The same on the management pages."""
        matter = f"/admin/incidents/incident/{incident}"
        self._act(f"{matter}/change/", f"{matter}/act/{action}/", fields)

    def _act(self, page: str, address: str, fields: dict[str, Any]) -> None:
        self.open(page)
        form = f'form[action="{address}"]'
        for offer in self.page.locator(f"details:has({form})").all():  # the outer one first
            if offer.get_attribute("open") is None:
                offer.locator("> summary").click()
        self.fill(form, **fields)
        self.press(f"{form} [type=submit]")
        self.must_be_done(address)

    def must_be_done(self, what: str) -> None:
        errors = self.page.locator(".message-error, .errorlist, .errornote").all_inner_texts()
        assert not errors, f"{self.name} {what}: {errors}"

    def fill(self, form: str, **fields: Any) -> None:
        """By the names of the fields: words, a choice (its value, or True for the first real one), a radio, a tick."""
        for name, value in fields.items():
            field = self.page.locator(f'{form} [name="{name}"]')
            match field.first.evaluate("one => one.type"):
                case "select-one":
                    field.select_option(str(value))
                case "radio":
                    self.page.locator(f'{form} [name="{name}"][value="{value}"]').check()
                case "checkbox":
                    field.set_checked(bool(value))
                case "file":
                    field.set_input_files(value)
                case _:
                    field.fill(str(value))

    def first_option(self, form: str, name: str, prefix: str = "") -> str:
        """The value of the first choice that begins with `prefix`."""
        option = self.page.locator(f'{form} [name="{name}"] option[value^="{prefix}"]')
        return str(option.first.get_attribute("value"))

    def links(self, selector: str) -> list[str]:
        """Where the links lead, in their order."""
        found = self.page.locator(selector).evaluate_all("all => all.map(one => one.getAttribute('href'))")
        return [str(href) for href in found]

    def shoot(self, folder: Path, title: str) -> None:
        """The page as it stands, wide and as on a phone."""
        self.page.screenshot(path=folder / f"{self.name}-{title}-wide.png", full_page=True)
        self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.complaints.too_wide.append(f"{self.name} {self.page.url.removeprefix(self.base)}")
        self.page.screenshot(path=folder / f"{self.name}-{title}-phone.png", full_page=True)
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
