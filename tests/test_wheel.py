"""The wheel, in an environment of its own and without Node on PATH: it serves the HUD's page."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hud_lake import HudDay, hud_lake

PROJECT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=120, check=False)
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip(f"pip cannot get the build backend here: {built.stderr.splitlines()[-1]}")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("spymaster-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of a new environment with the wheel; what it depends on is this one's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [*PIP[:3], "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True, timeout=120,
    )  # fmt: skip
    # Only the folder: the .pth files in it, of this editable install, are not followed.
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def _environ(programs: Path) -> dict[str, str]:
    return {"PATH": str(programs), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}


def test_the_wheel_has_the_built_page_and_not_its_sources(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    page = {name for name in names if name.startswith("spymaster/hud/page/")}
    assert page == {f"spymaster/hud/page/{name}" for name in ("index.html", "hud.css", "hud.js")}
    assert not [name for name in names if "page_src" in name or name.startswith("tests/")]
    assert "dbt_project/dbt_project.yml" in names
    assert [name for name in names if name.endswith(".avsc")]


def test_an_installed_wheel_serves_the_page_without_node(environment: Path, tmp_path: Path):
    """The packages are the wheel's, no Node is found, and what is served is the page of the sources."""
    assert shutil.which("node", path=str(environment)) is None
    where = subprocess.run(
        [str(environment / "python"), "-c", "import spymaster; print(spymaster.__file__)"],
        cwd=tmp_path, env=_environ(environment), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(environment.parent))
    hud_lake(tmp_path, HudDay(windows=30))
    with served(environment, tmp_path) as url:
        for name in ("index.html", "hud.js", "hud.css"):
            with urllib.request.urlopen(url + name.replace("index.html", "")) as answer:
                assert answer.read() == (PROJECT / "spymaster/hud/page" / name).read_bytes()
        with urllib.request.urlopen(f"{url}v1/hud/bootstrap?windows=5") as answer:
            assert len(answer.read()) > 1_000


@contextmanager
def served(programs: Path, folder: Path) -> Iterator[str]:
    """The address of `spymaster serve`, of those programs, on the lake in a folder."""
    command = [str(programs / "spymaster"), "serve", "--port", "0", "--lake", str(folder / "lake")]
    with subprocess.Popen(
        command, cwd=folder, env=_environ(programs), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
