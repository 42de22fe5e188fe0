"""The page in Debian's Chromium. Its policy forbids eval, so waiting is done from outside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (make browser)"
)
DRAWN = "!!(window.hud && hud.times.length)"
STATUS = "document.getElementById('status').textContent"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def until(page: Any, expression: str, seconds: float = 10) -> None:
    """Wait until the expression is true in the page."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} did not become true"
        time.sleep(0.03)


def opened(page: Any, url: str) -> Any:
    """Open the page there and wait for its first drawing."""
    page.goto(url)
    until(page, DRAWN)
    until(page, "hud.app.stream.isOpen && hud.app.course !== null")
    settled(page)
    return page


def settled(page: Any) -> None:
    """Wait until nothing is left to draw."""
    until(page, "!hud.app.dirty && !hud.app.isSeeking")
