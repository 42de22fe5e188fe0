"""Ten days of two contracts: cold with one worker and with two, again, and after a change of one model.

Prints the ratio of one worker's time to two's, on lakes of the same bronze data, whose data files must be
equal; the time of a build that finds everything fresh; and what a changed SQL model rebuilds:
bench_workers.py [days] [messages a day].
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.lake import Lake

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = ("ESH6", "ESM6")
FIRST = date(2026, 3, 2)
MINUTES = 5
VARS = ("--var", "session_start=09:28", "--var", "session_end=09:33")


def make_bronze(folder: Path, days: int, messages: int) -> Lake:
    lake = Lake(folder / "one")
    for symbol in SYMBOLS:
        for day in weekdays(days):
            path = folder / f"{symbol}.{day}.dbn.zst"
            write_day(
                path, MarketConfig(contract=symbol, dt=day, minutes=MINUTES, messages=messages)
            )
            ingest_file(path, lake, root="ES")
            path.unlink()
    return lake


def weekdays(count: int) -> list[date]:
    every = (FIRST + timedelta(days=n) for n in range(2 * count + 7))
    return [day for day in every if day.weekday() < 5][:count]


def build(lake: Path, days: int, *options: str, code: Path = ROOT) -> tuple[float, str]:
    """Run the command; returns its seconds, process start included, and what it printed."""
    dates = weekdays(days)
    start = time.perf_counter()
    done = subprocess.run(
        [BIN / "spymaster", "build", "--symbol", ",".join(SYMBOLS),
         "--dates", f"{dates[0]}:{dates[-1]}", "--lake", lake, *VARS, *options],
        check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(code)},
    )  # fmt: skip
    return time.perf_counter() - start, done.stdout


def digests(lake: Path) -> dict[str, str]:
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for layer in ("silver", "gold")
        for path in sorted((lake / layer).rglob("part-*.parquet"))
    }


def changed_code(folder: Path) -> Path:
    """A copy of the packages in which one SQL model has one comment more."""
    code = folder / "code"
    for name in ("dbt_project", "ingest", "spymaster", "spymaster_udf"):
        junk = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(ROOT / name, code / name, ignore=junk)
    model = code / "dbt_project" / "models" / "silver" / "future_mbo" / "vacuum_surface_1s.sql"
    model.write_text(model.read_text() + "\n-- another thought\n")
    return code


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory(prefix="spymaster-bench-") as name:
        folder = Path(name)
        one = make_bronze(folder, days, messages).root
        two = folder / "two"
        shutil.copytree(one, two, copy_function=shutil.copy2)
        shutil.copytree(one, folder / "warm", copy_function=shutil.copy2)
        build(folder / "warm", 1)  # kernels and the graph are in their caches from here on
        single, _ = build(one, days, "--workers", "1")
        double, _ = build(two, days, "--workers", "2")
        assert digests(one) == digests(two)
        print(
            f"{days} days of {len(SYMBOLS)} contracts: {single:.1f} s with one worker, {double:.1f} s "
            f"with two: {single / double:.2f} times as fast, {len(digests(one))} data files equal"
        )
        again, text = build(two, days)
        assert text.count("fresh") == days * len(SYMBOLS) + 1, text
        print(f"again, all fresh: {again:.2f} s")
        seconds, text = build(two, days, code=changed_code(folder))
        reasons = sorted(set(re.findall(r"^(\w+) \w+ \S+: (stale, .*)$", text, re.MULTILINE)))
        print(f"a changed vacuum_surface_1s: {seconds:.1f} s, rebuilt:")
        for table, reason in reasons:
            print(f"  {table}: {reason}")


if __name__ == "__main__":
    main()
