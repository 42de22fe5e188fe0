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
from chromium import CHROMIUM, chromium
from dbt.cli.main import dbtRunner, dbtRunnerResult

from spymaster.dbt_code import dbt_project_dir
from spymaster.docs_site import build_docs
from spymaster.errors import UserError

BIN = Path(sys.executable).parent
PAGE_OF_WALLS = "#!/model/model.spymaster.wall_surface_1s"
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


def test_ctrl_c_is_not_an_error_of_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    interrupted = dbtRunnerResult(success=False, exception=KeyboardInterrupt())
    monkeypatch.setattr(dbtRunner, "invoke", lambda *_: interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_docs(tmp_path / "site.html")
    assert not list(tmp_path.iterdir())


def inlined(path: Path, artifact: str) -> dict[str, Any]:
    """dbt's manifest or catalog, as it stands in the page."""
    page = path.read_text()
    start = page.index(
        f'{{"metadata": {{"dbt_schema_version": "https://schemas.getdbt.com/dbt/{artifact}/'
    )
    content, _ = json.JSONDecoder().raw_decode(page[start:])
    return dict(content)


def test_everything_on_the_site_has_its_text(site: tuple[str, Path]):
    """Whatever the project shows there is described, tests and macros too, and so is every column."""
    manifest = inlined(site[1], "manifest")
    groups = ("nodes", "sources", "exposures", "unit_tests", "macros")
    nodes = [
        node
        for group in groups
        for node in manifest[group].values()
        # dbt's own macros are described by dbt; its operations are the two hooks, which have no page
        if node["package_name"] == "spymaster" and node["resource_type"] != "operation"
    ]
    names = {"wall_surface_1s", "mbo_dbn", "hud", "price_bands", "norm", "wall_surface_1s_rules"}
    assert names <= {node["name"] for node in nodes}
    for node in nodes:
        assert node["description"], node["name"]
        if node["resource_type"] in ("model", "seed"):
            assert node["columns"], node["name"]
        for column in node.get("columns", {}).values():
            assert column["description"], f"{node['name']}.{column['name']}"


def test_every_column_has_its_type(site: tuple[str, Path]):
    """Of tables, scratch tables and seeds alike; the types are those that the YAML names."""
    catalog = inlined(site[1], "catalog")["nodes"]
    for unique_id, node in inlined(site[1], "manifest")["nodes"].items():
        if node["resource_type"] in ("model", "seed"):
            said = {name: column["data_type"].upper() for name, column in node["columns"].items()}
            shown = catalog[unique_id]["columns"]
            assert {name: column["type"] for name, column in shown.items()} == said, unique_id


def test_a_failing_dbt_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model that does not compile is named, without the half megabyte of dbt's results."""
    project = shutil.copytree(dbt_project_dir(), tmp_path / "project")
    (project / "models" / "broken.sql").write_text("{{ no_such_macro() }}")
    monkeypatch.setattr("spymaster.docs_site.dbt_project_dir", lambda: project)
    # what dbt's threads write after the end is pytest's to remove
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match=r"^dbt docs failed: .*broken.*no_such_macro") as caught:
        build_docs(tmp_path / "site.html")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "site.html").exists()


def test_only_the_page_is_served_and_only_here(site: tuple[str, Path]):
    """The address is this machine's, and no other path answers with anything."""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", site[0])
    for path in ("etc/passwd", "../index.html", "%2e%2e/index.html", "index.html/x"):
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(site[0] + path)
        caught.value.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (make browser)")
def test_a_browser_finds_the_lineage_of_wall_surface_1s(site: tuple[str, Path]):
    """From the DBN file to the HUD; nothing is asked beside the page, and the console stays empty."""
    url, _ = site
    requests: list[str] = []
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
        page.goto(url + PAGE_OF_WALLS)
        page.wait_for_selector("text=depth_qty_rest")
        icon = page.locator("[data-nav-unique-id='model.spymaster.wall_surface_1s'] use:visible")
        assert icon.first.bounding_box()["width"] > 0, "the tree's icons are drawn"
        page.click("text=depth_qty_rest")
        page.get_by_text("whose orders have rested for rest_ns or longer").last.wait_for()
        page.click("[title='View Lineage Graph']")
        page.wait_for_function(f"({SHOWN_NODES})().includes('model.spymaster.wall_surface_1s')")
        page.wait_for_function(f"({SHOWN_NODES})().length < 12")
        near = set(page.evaluate(SHOWN_NODES))
        page.click("[title='View Fullscreen']:visible")
        page.wait_for_function(f"({SHOWN_NODES})().includes('source.spymaster.databento.mbo_dbn')")
        whole = set(page.evaluate(SHOWN_NODES))
    assert {"model.spymaster.book_engine", "model.spymaster.vacuum_metrics",
            "exposure.spymaster.hud"} <= near  # fmt: skip
    assert {"source.spymaster.databento.mbo_dbn", "model.spymaster.future_mbo__mbo",
            "model.spymaster.vacuum_surface_1s", "model.spymaster.physics_bands_1s",
            "exposure.spymaster.hud"} <= whole  # fmt: skip
    assert "model.spymaster.radar_vacuum_1s" not in whole, "the radar does not come from the walls"
    assert requests == [url]
    assert errors == []


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (make browser)")
def test_the_browser_refuses_what_is_not_in_the_page(site: tuple[str, Path]):
    """Were dbt's page to load a tracker or a font one day, the page itself forbids it."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(site[0])
        refused = page.evaluate(
            """() => new Promise(resolve => {
                addEventListener('securitypolicyviolation', event => resolve(event.blockedURI));
                fetch('http://elsewhere.invalid/font').catch(() => setTimeout(resolve, 5000));
            })"""
        )
    assert refused == "http://elsewhere.invalid/font"
