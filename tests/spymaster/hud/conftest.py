"""Lakes and services that several files of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hud_clients import Api
from hud_lake import HudDay, hud_lake

from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

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
