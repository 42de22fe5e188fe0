"""docs/add-a-model.md is followed word for word on a throwaway copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.lake import Lake, partition_ref, read_partition

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "add-a-model.md").read_text()
STEPS = re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:]
FILE = re.compile(r"^`(dbt_project/\S+)`\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```\n(.*?)```", re.MULTILINE | re.DOTALL)
COPIED = ("dbt_project", "docs", "ingest", "spymaster", "spymaster_udf", ".sqlfluff")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with the sample's bronze data, its first tables built."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            junk = shutil.ignore_patterns("__pycache__", "target", "logs")
            shutil.copytree(ROOT / name, copy / name, ignore=junk)
        else:
            shutil.copy(ROOT / name, copy / name)
    path = tmp_path / "es.dbn.zst"
    write_day(path, MarketConfig(minutes=2, messages=10_000))
    ingest_file(path, Lake(copy / "lake"), root="ES")
    run(
        copy,
        BUILD_COMMAND.replace("--select ", "--select +").replace(
            "trade_imbalance", "book_snapshot"
        ),
    )
    return copy


def commands(step: str) -> list[str]:
    """The lines of a step's command blocks."""
    return [line for block in COMMANDS.findall(step) for line in block.splitlines()]


BUILD_COMMAND = commands(STEPS[4])[0]


def run(project: Path, command: str) -> str:
    """Run a command of the page in the project's folder; returns what it printed."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(project),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_has_six_steps_and_they_work(project: Path):
    """Each file is written as shown and each command run in turn; the table is published and sound."""
    assert len(STEPS) == 6
    printed = {}
    for number, step in enumerate(STEPS, start=1):
        for path, text in FILE.findall(step):
            (project / path).write_text(text)
        printed[number] = "".join(run(project, command) for command in commands(step))
    ref = partition_ref(
        Lake(project / "lake"), "silver.future_mbo.trade_imbalance_1s", "ESH6", "2026-01-06"
    )
    rows = read_partition(ref).to_pylist()
    assert any(row["trade_imbalance"] is not None for row in rows)
    assert all((row["trade_imbalance"] is None) == (row["trade_qty"] == 0) for row in rows)
    for passed in ("imbalance_is_null_without_trades", "trade_imbalance_1s_rules",
                   "trade_imbalance_1s_has_the_windows_of_book_snapshot_1s"):  # fmt: skip
        assert re.search(rf"PASS .*{passed}", printed[5]), passed
    assert "published trade_imbalance_1s" in printed[5]
    assert "book_snapshot_1s:" not in printed[5], "its parent is not built again"
    assert "trade_imbalance_1s" in (project / "docs" / "tables.md").read_text()
