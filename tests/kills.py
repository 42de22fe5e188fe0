"""`make kills`: builds killed with SIGKILL at random moments, while readers look on: kills.py [rounds].

Each round overwrites a lake of four days with two workers and kills the parent or a worker at a moment
drawn from the time that a whole run takes. A thread reads partitions all the while; after each round
Python, the duckdb CLI and (every tenth round) dbt read all that has _SUCCESS. In the end the next run
completes, the tables are byte for byte those of an undisturbed run, and lake/raw is as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.contracts import known_keys
from spymaster.dbt_code import dbt_project_dir
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    complete_partitions,
    partition_damage,
    read_manifest,
    read_partition,
)

BIN = Path(sys.executable).parent
SYMBOLS, DATES = ("ESH6", "ESM6"), ("2026-01-05", "2026-01-06")
SESSION = ("session_start=09:29", "session_end=09:31")


def make_lake(folder: Path) -> Lake:
    """Two dates of two contracts, their files under raw, ingested."""
    lake = Lake(folder / "lake")
    for symbol in SYMBOLS:
        for dt in DATES:
            path = lake.root / "raw" / "source=databento" / f"{dt}.{symbol}.mbo.dbn.zst"
            path.parent.mkdir(parents=True, exist_ok=True)
            config = MarketConfig(
                contract=symbol, dt=date.fromisoformat(dt), minutes=2.5,
                messages=20_000,
            )  # fmt: skip
            write_day(path, config)
            ingest_file(path, lake, root="ES")
    return lake


def start_build(lake: Lake, *options: str, workers: int = 2) -> subprocess.Popen[str]:
    """Start `spymaster build` over the lake's days."""
    variables = [part for var in SESSION for part in ("--var", var)]
    return subprocess.Popen(
        [
            BIN / "spymaster", "build", "--symbol", ",".join(SYMBOLS), "--dates", ":".join(DATES),
            "--lake", lake.root, "--workers", str(workers), *variables, *options,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def children(pid: int) -> list[int]:
    """The worker processes of a build: its children that are not Python's resource tracker."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes()
            if parent == pid and b"spawn_main" in command:
                found.append(int(folder.name))
    return found


def wait_for_end(pids: list[int], seconds: float = 10.0) -> None:
    """Fail unless processes end soon."""
    deadline = time.monotonic() + seconds
    while any(_is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {pids}"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    return False


def partitions(lake: Lake):
    """Every complete partition of the lake."""
    return [
        ref for key in known_keys() for symbol in SYMBOLS
        for ref in complete_partitions(lake, key, symbol)
    ]  # fmt: skip


def digests(root: Path) -> dict[str, str]:
    """The sha256 of every data file below a folder, by its path."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(("_", "."))
    }


def check_whole(lake: Lake) -> int:
    """Python and the duckdb CLI find every partition that has _SUCCESS whole; returns how many."""
    refs = partitions(lake)
    queries, expected = [], []
    for ref in refs:
        assert partition_damage(ref) is None, partition_damage(ref)
        manifest = read_manifest(ref)
        data = ref.data_path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == manifest["data_file"]["sha256"], ref
        assert read_partition(ref).num_rows == manifest["row_count"]
        queries.append(f"select count(*) from read_parquet('{ref.folder}/part-*.parquet')")
        expected.append(manifest["row_count"])
    done = subprocess.run(
        [BIN / "duckdb", "-json", "-c", " union all ".join(f"({q})" for q in queries)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = [next(iter(row.values())) for row in json.loads(done.stdout)]
    assert sorted(counts) == sorted(expected)
    return len(refs)


def check_dbt(lake: Lake, scratch: Path) -> None:
    """dbt's tests of the tables that are whole pass."""
    refs = [ref for ref in partitions(lake) if ref.symbol == SYMBOLS[0] and ref.dt == DATES[0]]
    names = [ref.key.rsplit(".", 1)[1] for ref in refs if not ref.key.startswith("bronze.")]
    project = dbt_project_dir()
    variables = dict(part.split("=") for part in SESSION) | {"symbol": SYMBOLS[0], "dt": DATES[0]}
    if names:
        subprocess.run(
            [BIN / "dbt", "test", "--project-dir", project, "--profiles-dir", project,
             "--target-path", scratch / "target", "--log-path", scratch / "logs", "--quiet",
             "--vars", json.dumps(variables), "--indirect-selection", "cautious",
             "--exclude-resource-type", "unit_test", "--select", *names],
            env={**os.environ, "SPYMASTER_LAKE": str(lake.root)}, check=True,
        )  # fmt: skip


class Reader(threading.Thread):
    """Reads partitions all the while; what it reads is whole, or is not there."""

    def __init__(self, lake: Lake, refs) -> None:
        super().__init__(daemon=True)
        self.lake, self.refs, self.reads = lake, refs, 0
        self.fault: BaseException | None = None
        self._stop_now = threading.Event()

    def run(self) -> None:
        rng = random.Random(1)
        while not self._stop_now.is_set() and self.fault is None:
            ref = rng.choice(self.refs)
            try:
                read_partition(ref)
                self.reads += 1
            except UserError as error:
                if "not in the lake" not in str(error):
                    self.fault = error
            except BaseException as error:
                self.fault = error
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop_now.set()
        self.join()
        if self.fault:
            raise self.fault


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rng = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="spymaster-kills-") as name:
        folder = Path(name)
        lake = make_lake(folder)
        start = time.monotonic()
        first = start_build(lake)
        output = first.communicate()[0]
        assert first.returncode == 0, output
        start = time.monotonic()
        assert start_build(lake, "--overwrite").wait() == 0
        whole = time.monotonic() - start
        undisturbed, raw = digests(lake.root / "silver"), digests(lake.root / "raw")
        reader = Reader(lake, partitions(lake))
        reader.start()
        killed = {"parent": 0, "worker": 0, "nothing": 0}
        round_ = 0
        while round_ < rounds:
            victim = kill_one(lake, rng, whole)
            killed[victim] += 1
            # The run had ended before its moment came: that round does not count.
            if victim == "nothing":
                whole *= 0.9
                continue
            round_ += 1
            count = check_whole(lake)
            print(f"round {round_} of {rounds}: {count} partitions, all whole", flush=True)
            if round_ % 10 == 0:
                check_dbt(lake, folder)
        last = start_build(lake)
        output = last.communicate()[0]
        assert last.returncode == 0, output
        reader.stop()
        assert digests(lake.root / "silver") == undisturbed
        assert digests(lake.root / "raw") == raw
        assert not list((lake.root / "_staging").iterdir())
        print(f"{rounds} rounds: {killed}; {reader.reads:,} reads meanwhile, none torn")


def kill_one(lake: Lake, rng: random.Random, whole: float) -> str:
    """Overwrite everything and kill at a random moment; returns what was killed."""
    victim = rng.choice(("parent", "worker"))
    process = start_build(lake, "--overwrite")
    time.sleep(rng.uniform(0, whole))
    workers = children(process.pid)
    if process.poll() is not None or (victim == "worker" and not workers):
        victim = "nothing" if process.poll() is not None else "parent"
    if victim == "parent":
        os.kill(process.pid, signal.SIGKILL)
    elif victim == "worker":
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
    output = process.communicate()[0]
    if victim == "worker":
        assert process.returncode == 0, output
    wait_for_end(workers)
    return victim


if __name__ == "__main__":
    main()
