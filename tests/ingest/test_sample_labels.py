"""What the sample says of its walls and icebergs, against the records that show it to others."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

import databento
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from ingest.sample import MarketConfig, truth_name, write_day
from ingest.sample.command import sample
from ingest.sample.day import MIN_CHUNK_RECORDS
from ingest.sample.labels import KIND_NAMES, TRUTH_SCHEMA
from spymaster.errors import UserError
from spymaster_udf.mbo import F_LAST

MARKET = MarketConfig(messages=200_000, minutes=6)
Rows = list[dict[str, Any]]
ACTIONS = {
    "wall_built": "A",
    "wall_pulled": "C",
    "wall_eaten": "F",
    "iceberg_refresh": "F",
    "absorption": "F",
    "gave_way": "CM",
}
"""The record that shows a label of each kind."""


def records(path: Path) -> np.ndarray[Any, Any]:
    return databento.DBNStore.from_bytes(path.read_bytes()).to_ndarray()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    write_day(folder / "es.dbn.zst", MARKET, truth=folder / "truth.parquet")
    return folder


@pytest.fixture(scope="module")
def stream(folder: Path) -> np.ndarray[Any, Any]:
    return records(folder / "es.dbn.zst")


@pytest.fixture(scope="module")
def labels(folder: Path) -> Rows:
    return pq.read_table(folder / "truth.parquet").to_pylist()


def of_kind(labels: Rows, kind: str) -> Rows:
    return [label for label in labels if label["kind"] == kind]


def test_every_kind_is_there_in_order(folder: Path, labels: Rows):
    assert pq.read_schema(folder / "truth.parquet").equals(TRUTH_SCHEMA)
    assert {label["kind"] for label in labels} == set(KIND_NAMES) == set(ACTIONS)
    of_flow = [label for label in labels if label["ts_event"] > MARKET.midnight_ns]
    assert [x["sequence"] for x in of_flow] == sorted(x["sequence"] for x in of_flow)


def test_a_label_is_of_a_record(stream: np.ndarray[Any, Any], labels: Rows):
    """By time, sequence and order id: the record at the same side and price that shows it."""
    found: dict[tuple[int, ...], list[tuple[Any, ...]]] = defaultdict(list)
    names = ["ts_event", "sequence", "order_id", "action", "side", "price", "size"]
    for ts_event, sequence, order_id, *rest in stream[names].tolist():
        found[ts_event, sequence, order_id].append(rest)
    for label in labels:
        shown = found[label["ts_event"], label["sequence"], label["order_id"]]
        places = [(side, price) for action, side, price, _ in shown
                  if action.decode() in ACTIONS[label["kind"]]]  # fmt: skip
        assert places, label
        # A price change names the new place, and a fill in an auction the auction's price.
        if label["kind"] != "gave_way" and (b"N", places[0][1]) not in places:
            assert (label["side"].encode(), label["price_int"]) in places, label


def test_walls_are_conserved(stream: np.ndarray[Any, Any], labels: Rows):
    """What was built and neither pulled nor eaten still rests, order by order."""
    left: dict[int, int] = defaultdict(int)
    for label in labels:
        sign = {"wall_built": 1, "wall_pulled": -1, "wall_eaten": -1}.get(label["kind"], 0)
        left[label["order_id"]] += sign * label["quantity"]
    resting: dict[int, int] = {}
    for action, order_id, size in stream[["action", "order_id", "size"]].tolist():
        if action in {b"A", b"M"}:
            resting[order_id] = size
        elif action == b"C":
            resting[order_id] -= size
    walls = {label["order_id"] for label in of_kind(labels, "wall_built")}
    assert len(walls) > 20
    assert {order_id: left[order_id] for order_id in walls} == {
        order_id: resting[order_id] for order_id in walls
    }


def test_refreshes_and_absorption_are_what_a_book_by_hand_says(
    stream: np.ndarray[Any, Any], labels: Rows
):
    """Dictionaries alone: shown after an event more than the fill left; and what stood after a trade."""
    refreshed: dict[tuple[int, int], int] = defaultdict(int)
    for label in of_kind(labels, "iceberg_refresh"):
        refreshed[label["ts_event"], label["order_id"]] += label["quantity"]
    absorbed = {(x["ts_event"], x["side"], x["price_int"], x["quantity"])
                for x in of_kind(labels, "absorption")}  # fmt: skip
    large = {label["order_id"] for label in of_kind(labels, "wall_built")}
    large |= {order_id for _, order_id in refreshed}
    orders: dict[int, tuple[bytes, int, int]] = {}
    depth: dict[tuple[bytes, int], int] = defaultdict(int)
    found: dict[tuple[int, int], int] = {}
    stood = set()
    event: list[tuple[Any, ...]] = []
    names = ["action", "order_id", "side", "price", "size", "ts_event", "flags"]
    for row in stream[names].tolist():
        event.append(row)
        if not row[-1] & int(F_LAST):
            continue
        before = {order_id: orders[order_id] for kind, order_id, *_ in event if kind == b"F"}
        filled: dict[int, int] = defaultdict(int)
        hit: dict[tuple[bytes, int], list[int]] = defaultdict(list)
        for action, order_id, side, price, size, _, _ in event:
            if action == b"F":
                filled[order_id] += size
                hit[side, price] += [order_id] * size
            elif action in {b"A", b"C", b"M"}:
                old = orders.pop(order_id, (side, price, 0))
                depth[old[:2]] -= old[2]
                left = size if action != b"C" else old[2] - size
                if left:
                    orders[order_id] = (side, price, left)
                    depth[side, price] += left
        time, is_auction = event[0][5], event[0][2] == b"N"
        for order_id, size in filled.items():
            more = orders.get(order_id, (b"", 0, 0))[2] + size - before[order_id][2]
            if more:
                found[time, order_id] = more
        for (side, price), order_ids in hit.items():
            if depth[side, price] and large & set(order_ids) and not is_auction:
                stood.add((time, side.decode(), price, len(order_ids)))
        event = []
    assert found == refreshed
    assert len(found) > 100
    # An iceberg that never came up again shows itself to nobody: the labels know it all the same.
    assert stood <= absorbed
    assert len(stood) > 0.8 * len(absorbed)


def test_the_file_is_the_same_with_and_without(folder: Path, stream: np.ndarray[Any, Any]):
    """Nothing is drawn for the labels, and they do not depend on the chunks."""
    plain = folder / "plain.dbn.zst"
    write_day(plain, MARKET)
    assert plain.read_bytes() == (folder / "es.dbn.zst").read_bytes()
    write_day(plain, MARKET, chunk_records=MIN_CHUNK_RECORDS, truth=folder / "again.parquet")
    assert np.array_equal(records(plain), stream)
    again = pq.read_table(folder / "again.parquet")
    assert again.equals(pq.read_table(folder / "truth.parquet"))


def test_nothing_half_written_remains(tmp_path: Path):
    def fail(_: int) -> None:
        raise KeyboardInterrupt

    market = dataclasses.replace(MARKET, messages=2_000)
    with pytest.raises(KeyboardInterrupt):
        write_day(tmp_path / "es.dbn.zst", market, fail, truth=tmp_path / "truth.parquet")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="cannot write"):
        write_day(tmp_path / "es.dbn.zst", market, truth=tmp_path / "no" / "truth.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--options", "--option-messages", "30000", "--option-strikes", "5"],
        ["--days", "2", "--next-contract", "ESM6", "--roll-date", "2026-01-07"],
    ],
    ids=["one day", "with options", "a roll"],
)
def test_the_command_writes_one_a_contract_and_day(tmp_path: Path, options: list[str]):
    arguments = ["--out", str(tmp_path), "--messages", "5000", "--truth", *options]
    result = CliRunner().invoke(sample, arguments)
    assert result.exception is None
    futures = [path.name for path in tmp_path.glob("*.mbo.ES??.dbn.zst")]
    truths = {path.name for path in tmp_path.glob("*.truth.ES??.parquet")}
    assert truths == {
        name.replace(".mbo.", ".truth.").replace("dbn.zst", "parquet") for name in futures
    }
    assert truth_name(MarketConfig()) in truths
    assert all(str(tmp_path / name) in result.output for name in truths)
