"""Lakes and services that several files of this folder share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium
from hud_clients import Api
from hud_lake import HudDay, hud_lake

from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

SCREENSHOTS = os.environ.get("SPYMASTER_SCREENSHOTS")

AWKWARD = HudDay(
    windows=400, reach=20, no_spot=range(3), invalid=range(10, 20), crossed=(30,), no_gex=(5, 6),
    largest=70_000,
)  # fmt: skip
"""A day with all that a day may have: nothing known, invalid, crossed, missing, large."""


@pytest.fixture(scope="session")
def awkward_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with the day AWKWARD."""
    return hud_lake(tmp_path_factory.mktemp("awkward"), AWKWARD)


@pytest.fixture(scope="session")
def server(awkward_lake: Lake) -> Iterator[HudServer]:
    """A service on it, on a free port."""
    with HudServer(awkward_lake, ServerOptions(port=0)).in_thread() as running:
        yield running


@pytest.fixture
def api(server: HudServer) -> Api:
    """A client of it."""
    return Api(server.port)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; the tests of a file share it."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A new page, which has had no error and nothing to tell the console when the test ends.

    A test that stops the service, which the console is told, sets `may_complain`. The last that the
    page showed is kept in the folder SPYMASTER_SCREENSHOTS, if there is one.
    """
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.errors, tab.requests, tab.may_complain = [], [], False
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("console", lambda message: tab.errors.append(message.text))
    yield tab
    if SCREENSHOTS:
        name = re.sub(r"[^\w.-]+", "_", request.node.name)
        tab.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")
    tab.close()
    assert tab.may_complain or tab.errors == []
