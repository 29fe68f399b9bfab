"""Opens pages in headless Chromium and keeps what happened there: messages, errors, requests.

Needs Debian's package chromium (or OFFBEAT_CHROMIUM, the path of a Chrome or Chromium) and, from PyPI, playwright,
which drives it over the DevTools protocol, and axe-playwright-python, which carries axe-core.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

DESKTOP, PHONE = 1280, 390
_FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Where Chromium is; skips the test where it is not."""
    named = os.environ.get("OFFBEAT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not named:
        pytest.skip("no Chromium: install Debian's package chromium, or set OFFBEAT_CHROMIUM")
    return named


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium with an empty profile."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page that was opened, and what it did.

    Attributes:
        troubles: console errors and warnings, uncaught exceptions, breaches of the content security policy.
        requests: addresses asked for, other than the page itself.
    """

    page: Page
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    def charts(self) -> tuple[int, int]:
        """Charts that are on the page where they can be seen, and those of them that are drawn."""
        shown = "[...document.querySelectorAll('.chart')].filter(c => c.clientWidth > 0)"
        wanted, drawn = self.page.evaluate(
            f"[{shown}.length, {shown}.filter(c => c.querySelector('svg path')).length]"
        )
        return wanted, drawn

    def unfold(self) -> None:
        """Open every fold."""
        self.page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        self.page.wait_for_timeout(300)


@contextmanager
def opened(
    browser: Browser, path: Path, *, width: int = DESKTOP, scheme: str = "light", scripts: bool = True
) -> Iterator[Opened]:
    """A file in a window of a width, with its charts drawn.

    Args:
        width: CSS pixels. scheme: light or dark, as the system asks for it. scripts: whether they may run.
    """
    window: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "accept_downloads": True}
    context = browser.new_context(
        **window, color_scheme=scheme, java_script_enabled=scripts, has_touch=width == PHONE
    )
    page = context.new_page()
    seen = Opened(page)
    address = path.resolve().as_uri()
    page.on("console", lambda message: seen.troubles.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: seen.troubles.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url) if request.url != address else None)
    page.goto(address)
    if scripts:
        page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every(c => !c.clientWidth || c.querySelector('svg'))"
        )
    try:
        yield seen
    finally:
        context.close()


def serious_faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical, one line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:120] for node in fault['nodes'][:3]]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def assert_fit_for_all(browser: Browser, path: Path) -> None:
    """Look at a page at desktop and phone width: quiet, offline, drawn, no wider than the window, no serious fault.

    Pictures go to OFFBEAT_ARTIFACTS where that is set, under the names of the page and the folder it lies in.
    """
    kept = os.environ.get("OFFBEAT_ARTIFACTS")
    for width, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        with opened(browser, path, width=width, scheme=scheme) as seen:
            wanted, drawn = seen.charts()
            if kept:
                Path(kept).mkdir(parents=True, exist_ok=True)
                name = f"{path.parent.name}-{path.stem}-{width}-{scheme}.png"
                seen.page.screenshot(path=Path(kept) / name, full_page=True)
            assert not seen.overflow(), f"{path.name}: {seen.overflow()} pixels too wide for {width}"
            seen.unfold()
            assert not seen.overflow(), (
                f"{path.name}, unfolded: {seen.overflow()} pixels too wide for {width}"
            )
            assert not seen.troubles, f"{path.name}: {seen.troubles}"
            assert not seen.requests, f"{path.name}: asks for {seen.requests}"
            assert drawn == wanted, f"{path.name}: {drawn} of {wanted} charts are drawn"
            faults = serious_faults(seen.page)
            assert not faults, f"{path.name}: {faults}"
