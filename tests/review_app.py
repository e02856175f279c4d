"""`octavo review` as a user starts it, for tests: the command in a process of its own, and a browser beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 30_000


@contextmanager
def reviewing(out: Path, *flags: str) -> Iterator[str]:
    """The app over an output folder; gives its link."""
    command = [sys.executable, "-m", "octavo", "review", "--no-browser", "--out", str(out), *flags]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = process.stderr.readline()
        link = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", said)
        assert link, said + process.stderr.read()
        try:
            yield link[0]
        finally:
            process.terminate()
            process.stderr.read()


@dataclass
class Watched:
    """One browser window of a reviewer, and everything in it that should not happen."""

    page: Page
    base: str
    link: str = ""
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to an address of the app, and wait until it is shown whole."""
        self.page.goto(self.base + path)
        self.settled()

    def settled(self) -> None:
        """Wait until what was begun is done and the view has its marks."""
        self.page.wait_for_selector("body:not([data-busy])", state="attached")
        if self.page.locator("main[data-view=value], main[data-view=document]").count():
            self.page.wait_for_selector("main[data-ready]", timeout=PATIENCE_MS)

    def press(self, key: str) -> None:
        """Press a key, and wait for what it does."""
        with self.page.expect_response(lambda answer: answer.request.method == "POST", timeout=PATIENCE_MS):
            self.page.keyboard.press(key)
        self.settled()

    def click(self, selector: str) -> None:
        """Click on something that says a word, and wait for what it does."""
        with self.page.expect_response("**/api/say"):
            self.page.click(selector)
        self.settled()

    @property
    def focus(self) -> str:
        """The field in focus."""
        return str(self.page.get_attribute("#view", "data-field"))


def watched(browser: Browser, link: str, **options: object) -> Watched:
    """A reviewer with a browser of its own who has opened the link."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options}).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE_MS)
    base = link.partition("/?")[0]
    reviewer = Watched(page, base, link)

    def dismissed(dialog: Dialog) -> None:
        reviewer.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            reviewer.faults.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((base, "data:")):
            reviewer.faults.append(f"asked {request.url}")

    page.on("dialog", dismissed)
    page.on("pageerror", lambda error: reviewer.faults.append(f"error {error}"))
    page.on("console", told)
    page.on("request", asked)
    page.goto(link)
    page.wait_for_url(f"{base}/")
    return reviewer


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; the test is skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=str(CHROMIUM), args=[*QUIET, "--no-first-run"])
        yield started
        started.close()
