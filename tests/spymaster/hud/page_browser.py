"""The page in Debian's Chromium. Its policy forbids eval, so waiting is done from outside."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Any

import pytest
from chromium import CHROMIUM
from hud_lake import FIRST_START_NS, SECOND

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (make browser)"
)
DRAWN = "!!(window.hud && hud.times.length)"
STATUS = "document.getElementById('status').textContent"

COLOUR = """([x, y]) => {
    for (const canvas of document.querySelectorAll('#picture canvas')) {
        const at = x - Math.round(canvas.getBoundingClientRect().left);
        if (at < 0 || at >= canvas.width) continue;
        return [...canvas.getContext('2d').getImageData(at, y, 1, 1).data].slice(0, 3);
    }
}"""
"""The colour at a place of the picture, on the canvas that the screen has there."""


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


def instant(index: int) -> int:
    """The end of a window."""
    return FIRST_START_NS + (index + 1) * SECOND


def head(page: Any) -> int:
    """The newest window that the page has."""
    return int(page.evaluate("hud.position.head"))


def pixels(page: Any, *parts: str) -> str:
    """What the screen shows of parts of the page: without any, all between header and footer."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    pictures = [page.locator(part).screenshot() for part in parts or ("main",)]
    return sha256(b"".join(pictures)).hexdigest()
