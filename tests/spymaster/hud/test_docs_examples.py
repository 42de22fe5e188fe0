"""The examples of docs/hud.md run as they stand, against a built day on a port of this test."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hud_lake import DT
from option_days import OptionDay

from spymaster.hud.catalogue import CatalogueReader
from spymaster.hud.columns import WALL, selected
from spymaster.hud.control import hello
from spymaster.hud.day import load_day
from spymaster.hud.encoding import View
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import partition_ref

PAGE = (Path(__file__).parents[3] / "docs" / "hud.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(SHELL,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def port(es_option_day: OptionDay) -> Iterator[int]:
    with HudServer(es_option_day.lake, ServerOptions(port=0)).in_thread() as server:
        yield server.port


def output(arguments: list[str], port: int, day: OptionDay) -> str:
    """What an example prints; its port is that of the test."""
    environment = {
        **os.environ,
        "SPYMASTER_LAKE": str(day.lake.root),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    arguments = [text.replace(":8765", f":{port}") for text in arguments]
    result = subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def python_example(word: str) -> list[str]:
    (code,) = (code for code in PYTHON if word in code)
    return [sys.executable, "-W", "error", "-c", code]


def test_ten_lines_of_python_print_the_day(port: int, es_option_day: OptionDay):
    lines = output(python_example("websockets"), port, es_option_day).splitlines()
    day = load_day(es_option_day.lake, es_option_day.symbol, DT)
    assert [int(line.split()[0]) for line in lines] == day.ends_ns.tolist()
    assert len([line for line in python_example("websockets")[-1].splitlines() if line]) <= 11


def test_curl_into_duckdb(port: int, es_option_day: OptionDay):
    shown = output(["bash", "-o", "pipefail", "-c", SHELL], port, es_option_day)
    path = partition_ref(es_option_day.lake, WALL, es_option_day.symbol, DT).data_path
    price, _, eaten = duckdb.sql(f"""
        select price_int / 1e9 as price, side, sum(fill_qty)::int as eaten
        from read_parquet('{path}', hive_partitioning = false)
        group by all order by eaten desc, price limit 1
    """).fetchall()[0]
    first = next(line for line in shown.splitlines() if f"{price}" in line)
    assert f" {eaten} " in first


def test_polars_and_the_in_process_api(port: int, es_option_day: OptionDay):
    assert "largest" in output(python_example("polars"), port, es_option_day)
    stamp, _, bought = output(python_example("HudStream"), port, es_option_day).split()
    day = load_day(es_option_day.lake, es_option_day.symbol, DT)
    assert int(stamp) == day.ends_ns[59]
    assert int(bought) == sum(day.rows["trade_buy_qty"].to_pylist()[:60])


def test_json_of_the_page_has_the_keys_that_are_sent(es_option_day: OptionDay):
    blocks = "\n".join(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    day = load_day(es_option_day.lake, es_option_day.symbol, DT)
    for key in hello(View(day, day.reach, selected(["book"]))):
        assert f'"{key}": ' in blocks
    catalogue = json.dumps(CatalogueReader(es_option_day.lake).read().as_json())
    for key in set(re.findall(r'"(\w+)": ', catalogue)) - set(
        CatalogueReader(es_option_day.lake).read().as_json()["symbols"][0]["days"][0]["surfaces"]
    ):
        assert f'"{key}": ' in blocks, key
