"""The page that is shipped is what its sources build, small, and types are sound."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spymaster.hud.app import PAGE_FOLDER

SOURCES = PAGE_FOLDER.parent / "page_src"
NPM = shutil.which("npm")


def test_the_page_is_small():
    """At most 50 kB on the wire, everything together."""
    files = [path for path in PAGE_FOLDER.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"index.html", "hud.js", "hud.css"}
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 50_000


def test_versions_are_exact():
    """Another day builds the same bytes."""
    package = json.loads((SOURCES / "package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(version[0].isdigit() for version in versions)
    assert not list(SOURCES.glob("*lock*"))


@pytest.mark.skipif(NPM is None or shutil.which("node") is None, reason="no node or npm here")
def test_the_page_is_its_sources_build(tmp_path: Path):
    """Rebuilt from source it is the same, byte for byte; the compiler finds nothing in the sources."""
    work = tmp_path / "page_src"
    shutil.copytree(SOURCES, work, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    environment = {**os.environ, "npm_config_cache": str(tmp_path / "cache")}
    try:
        subprocess.run(
            install, cwd=work, check=True, capture_output=True, timeout=60, env=environment
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install here: {error}")
    subprocess.run(["npx", "tsc", "--noEmit"], cwd=work, check=True, timeout=60)
    subprocess.run(["node", "build.mjs", str(tmp_path / "out")], cwd=work, check=True, timeout=60)
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (PAGE_FOLDER / path.name).read_bytes(), (
            f"{path.name}: make page"
        )
