"""The documentation site: nothing on it without text, one file, and its lineage in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
BIN = Path(sys.executable).parent
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Where dbt's page, 1280 x 800, has its buttons for the lineage and for its full view.
LINEAGE_BUTTON, FULL_VIEW_BUTTON = (1220, 740), (1230, 51)
SHOWN_NODES = """() => {
    const graph = document.querySelector('.__________cytoscape_container')._cyreg.cy;
    const shown = graph.nodes().filter(node => node.visible() && node.style('display') !== 'none');
    return shown.map(node => node.id());
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The site's address, served by the command, and its file."""
    path = tmp_path_factory.mktemp("site") / "index.html"
    command = [BIN / "spymaster", "docs", "--out", path, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"wrote {path}")
    yield process.stdout.readline().split()[0], path
    process.send_signal(2)
    assert process.wait(timeout=20) == 0, "Ctrl-C ends it without an error"
    process.stdout.close()


def manifest_of(path: Path) -> dict[str, Any]:
    """dbt's manifest, as it stands in the page."""
    page = path.read_text()
    start = page.index(
        '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest'
    )
    manifest, _ = json.JSONDecoder().raw_decode(page[start:])
    return dict(manifest)


def test_everything_on_the_site_has_its_text(site: tuple[str, Path]):
    """Every model, seed, source and exposure is described, and so is every column."""
    manifest = manifest_of(site[1])
    nodes = [
        node
        for group in ("nodes", "sources", "exposures")
        for node in manifest[group].values()
        if node["resource_type"] in ("model", "seed", "source", "exposure")
    ]
    assert {"wall_surface_1s", "mbo_dbn", "hud", "price_bands"} <= {node["name"] for node in nodes}
    for node in nodes:
        assert node["description"], node["name"]
        if node["resource_type"] in ("model", "seed"):
            assert node["columns"], node["name"]
        for column in node.get("columns", {}).values():
            assert column["description"], f"{node['name']}.{column['name']}"


def test_only_the_page_is_served_and_only_here(site: tuple[str, Path]):
    """The address is this machine's, and no other path answers with anything."""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", site[0])
    for path in ("etc/passwd", "../index.html", "%2e%2e/index.html", "index.html/x"):
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(site[0] + path)
        caught.value.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (make browser)")
def test_a_browser_finds_the_lineage_of_wall_surface_1s(site: tuple[str, Path]):
    """From the DBN file to the HUD; nothing is asked of another origin and no script fails."""
    from playwright.sync_api import sync_playwright

    url, _ = site
    requests: list[str] = []
    script_errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: script_errors.append(str(error)))
        page.goto(url + "#!/model/model.spymaster.wall_surface_1s")
        page.wait_for_selector("text=depth_qty_rest")
        page.click("text=depth_qty_rest")
        page.get_by_text("whose orders have rested for rest_ns or longer").last.wait_for()
        page.mouse.click(*LINEAGE_BUTTON)
        page.wait_for_function(f"({SHOWN_NODES})().includes('model.spymaster.wall_surface_1s')")
        page.wait_for_function(f"({SHOWN_NODES})().length < 12")
        near = set(page.evaluate(SHOWN_NODES))
        page.mouse.click(*FULL_VIEW_BUTTON)
        page.wait_for_function(f"({SHOWN_NODES})().includes('source.spymaster.databento.mbo_dbn')")
        whole = set(page.evaluate(SHOWN_NODES))
        browser.close()
    assert {"model.spymaster.book_engine", "model.spymaster.vacuum_metrics",
            "exposure.spymaster.hud"} <= near  # fmt: skip
    assert {"source.spymaster.databento.mbo_dbn", "model.spymaster.future_mbo__mbo",
            "model.spymaster.vacuum_surface_1s", "model.spymaster.physics_bands_1s",
            "exposure.spymaster.hud"} <= whole  # fmt: skip
    assert "model.spymaster.radar_vacuum_1s" not in whole, "the radar does not come from the walls"
    assert [address for address in requests if not address.startswith(url)] == []
    assert script_errors == []
