"""Every example in a docstring runs, in a folder with the file es.dbn.zst: 1,000 records of ESH6."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from dbn_files import mbo_records, write_dbn

ROOT = Path(__file__).parent.parent
PACKAGES = ("ingest", "spymaster", "spymaster_udf")


def modules_with_examples() -> list[str]:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    with_examples = (file for file in files if ">>> " in file.read_text())
    return sorted(
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in with_examples
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_dbn(folder / "es.dbn.zst", mbo_records(1_000))
    return folder


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0
