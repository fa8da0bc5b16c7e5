"""A server with the explorer, and a real Chromium in front of it.

The browser is Debian's `chromium`, driven by Playwright; the page is what `make explorer` builds.
Where one of them is missing these tests are skipped, except where `OMNIBIS_TEST_BROWSER=required`
(CI) says that they must run. Screenshots are kept in `build/screenshots/`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import Demonstration, demonstration
from api.explorer import is_built
from api.settings import load_settings
from tests.serving import serve

KEY = bytes(range(32))
ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "build" / "screenshots"
# Without these Chromium looks for hosts of its makers at every start.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Explorer:
    """The page on screen, where it is served from, and all that it asked for and complained of."""

    page: Page
    address: str
    installation: Demonstration
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, fragment: str = "") -> None:
        """Go to the page and wait until a query can be typed."""
        self.page.goto(f"{self.address}/{fragment}")
        self.page.locator(".graphiql-query-editor .view-line").first.wait_for()
        self.page.locator("[data-question]").first.wait_for()

    def ask(self, name: str) -> None:
        """Run a saved question and wait for its answer."""
        self.page.locator(f"[data-question={name}]").click()
        self.page.locator("[data-panel=cost][role=status]").wait_for()

    def look(self, panel: str) -> None:
        """Open a panel."""
        self.page.locator(f"#tab-{panel}").click()
        self.page.locator(f"#panel[data-panel={panel}]").wait_for()

    def keep(self, name: str) -> None:
        """Keep a screenshot, for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def missing() -> str | None:
    if shutil.which("chromium") is None:
        return "Debian's chromium is not installed"
    return None if is_built() else "the explorer is not built: run `make explorer`"


@pytest.fixture(scope="module")  # its driver keeps the thread's event loop, which others need
def browser() -> Iterator[Browser]:
    reason = missing()
    if reason is not None:
        if os.environ.get("OMNIBIS_TEST_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(QUIET)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Demonstration]]:
    settings = load_settings({}, explorer=True, introspection=True, suggestions=True)
    built = demonstration(settings)
    with serve(create_app(settings, built.parts, TokenBox((KEY,))), lifespan=True) as address:
        yield address, built


@pytest.fixture
def explorer(browser: Browser, served: tuple[str, Demonstration]) -> Iterator[Explorer]:
    """A fresh browser profile; the test fails if the page complained or asked another host."""
    address, built = served
    context = browser.new_context(viewport={"width": 1500, "height": 950})
    explorer = Explorer(context.new_page(), address, built)

    def heard(message: ConsoleMessage) -> None:
        # A refused request is written by the browser itself; tests assert those on the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            explorer.complaints.append(message.text)

    def asked(request: Request) -> None:
        explorer.requests.append(request.url)

    explorer.page.on("console", heard)
    explorer.page.on("pageerror", lambda error: explorer.complaints.append(str(error)))
    context.on("request", asked)
    yield explorer
    context.close()
    for fault in built.faults.values():
        fault.off = False
    for lane in built.parts.lanes.values():
        lane._open_until = 0.0
    elsewhere = [
        url
        for url in explorer.requests
        if not url.startswith((address, "data:", f"blob:{address}"))
    ]
    assert elsewhere == []
    assert explorer.complaints == []


def numbers(text: str) -> list[int]:
    """The numbers in a text, in their order."""
    return [int(each) for each in re.findall(r"\d+", text)]
