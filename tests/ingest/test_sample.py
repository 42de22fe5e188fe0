"""The sample market: its files read back, and the stream obeys the rules of a real one."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import databento
import numpy as np
import pytest
from click.testing import CliRunner
from databento_dbn import F_BAD_TS_RECV
from dbn_files import databento_records

from ingest.sample import Form, MarketConfig, file_name, write_day
from ingest.sample.command import sample
from ingest.sample.day import MIN_CHUNK_RECORDS
from spymaster.errors import UserError
from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, UNDEF_PRICE

MARKET = MarketConfig(messages=60_000, minutes=4)
TICK = 250_000_000
SNAPSHOT_FLAGS = int(F_SNAPSHOT) | int(F_BAD_TS_RECV)
NS = 1_000_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sample")


@pytest.fixture(scope="module")
def stream(folder: Path) -> np.ndarray[Any, Any]:
    write_day(folder / "new.dbn.zst", MARKET)
    return databento_records(folder / "new.dbn.zst")


@pytest.fixture(scope="module")
def flow(stream: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return stream[(stream["flags"] & int(F_SNAPSHOT)) == 0]


def events(flow: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    ends = np.flatnonzero(flow["flags"] & int(F_LAST)) + 1
    assert ends[-1] == len(flow)
    start = 0
    for end in ends.tolist():
        yield flow[start:end]
        start = end


def actions(event: np.ndarray[Any, Any]) -> str:
    return b"".join(event["action"].tolist()).decode()


def test_same_seed_same_bytes_whatever_the_chunks(folder: Path) -> None:
    market = dataclasses.replace(MARKET, messages=150_000)
    small, large = folder / "small.dbn.zst", folder / "large.dbn.zst"
    write_day(small, market, chunk_records=MIN_CHUNK_RECORDS)
    write_day(large, market)
    again = folder / "again.dbn.zst"
    write_day(again, market)
    assert large.read_bytes() == again.read_bytes()
    assert np.array_equal(databento_records(small), databento_records(large))
    write_day(again, dataclasses.replace(market, seed=8))
    assert large.read_bytes() != again.read_bytes()


def test_metadata_names_contract_and_day(stream: np.ndarray[Any, Any], folder: Path) -> None:
    metadata = databento.DBNStore.from_bytes((folder / "new.dbn.zst").read_bytes()).metadata
    assert (metadata.dataset, str(metadata.schema), metadata.version) == ("GLBX.MDP3", "mbo", 3)
    mapping = metadata.mappings["ESH6"][0]
    assert mapping["start_date"] == date(2026, 1, 6)
    assert set(stream["instrument_id"].tolist()) == {int(mapping["symbol"])}


def test_message_count(stream: np.ndarray[Any, Any]) -> None:
    assert len(stream) == MARKET.messages


def test_snapshot(stream: np.ndarray[Any, Any]) -> None:
    count = int(((stream["flags"] & int(F_SNAPSHOT)) != 0).sum())
    snapshot = stream[:count]
    assert count == 1 + 13_000
    assert (snapshot["flags"][:-1] == SNAPSHOT_FLAGS).all()
    assert snapshot["flags"][-1] == SNAPSHOT_FLAGS | int(F_LAST)
    assert snapshot["action"][0] == b"R"
    assert snapshot["price"][0] == UNDEF_PRICE
    assert set(snapshot["action"][1:].tolist()) == {b"A"}
    assert (snapshot["ts_recv"] == MARKET.midnight_ns).all()
    ages = MARKET.midnight_ns - snapshot["ts_event"].astype("i8")
    assert (ages > 0).all()
    assert np.median(ages) > 1_800 * NS
    bids = snapshot["price"][snapshot["side"] == b"B"]
    asks = snapshot["price"][snapshot["side"] == b"A"]
    assert bids.max() < asks.min()


def test_clocks(stream: np.ndarray[Any, Any], flow: np.ndarray[Any, Any]) -> None:
    assert (np.diff(flow["ts_event"].astype("i8")) >= 0).all()
    assert (np.diff(stream["ts_recv"].astype("i8")) >= 0).all()
    assert (np.diff(flow["sequence"].astype("i8")) >= 0).all()
    latency = flow["ts_recv"].astype("i8") - flow["ts_event"].astype("i8")
    assert latency.min() > 0
    assert np.median(latency) < 1_000_000
    start = MARKET.midnight_ns + (14 * 60 + 28) * 60 * NS
    assert flow["ts_event"][0] >= start
    assert flow["ts_event"][-1] <= start + 4 * 60 * NS
    assert flow["ts_event"][-1] > start + (4 * 60 - 2) * NS


def test_prices_lie_on_the_tick_grid(stream: np.ndarray[Any, Any]) -> None:
    priced = stream["price"][stream["price"] != UNDEF_PRICE]
    assert (priced % TICK == 0).all()
    assert (priced > 0).all()


def test_event_grammar(flow: np.ndarray[Any, Any]) -> None:
    shapes: dict[str, int] = defaultdict(int)
    for event in events(flow):
        assert len(set(event["ts_event"].tolist())) == 1
        shape = actions(event)
        shapes[shape] += 1
        if shape.endswith("N"):
            last = event[-1]
            assert (last["order_id"], last["size"], last["side"]) == (0, 0, b"N")
            assert last["price"] == UNDEF_PRICE
            shape = shape[:-1]
        if len(shape) > 1:
            assert shape.strip("A").lstrip("TF").strip("CM") == ""
            assert shape[:2] == "TF"
    assert set("ACM") <= set(shapes)
    for shape in ("TFC", "TFM", "TFCN", "TFMN"):
        assert shapes[shape] > 10
    assert any(shape.count("T") > 1 for shape in shapes)
    assert any("FF" in shape and "CM" in shape for shape in shapes)


def test_old_form_is_the_same_stream_without_n(stream: np.ndarray[Any, Any], folder: Path) -> None:
    write_day(folder / "old.dbn.zst", dataclasses.replace(MARKET, form=Form.OLD))
    old = databento_records(folder / "old.dbn.zst")
    ends_span = np.flatnonzero(stream["action"] == b"N")
    assert len(ends_span) > 100
    assert not (old["action"] == b"N").any()
    expected = stream.copy()
    assert not (expected["flags"][ends_span - 1] & int(F_LAST)).any()
    expected["flags"][ends_span - 1] |= int(F_LAST)
    assert np.array_equal(np.delete(expected, ends_span), old)


class Replay:
    """A book in plain Python that checks each event against price-time priority."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[bytes, int, int]] = {}
        self.queues: dict[tuple[bytes, int], dict[int, None]] = defaultdict(dict)
        self.refreshed = self.partial_cancels = 0

    def add(self, order_id: int, side: bytes, price: int, size: int) -> None:
        assert order_id not in self.orders
        assert size > 0
        self.orders[order_id] = (side, price, size)
        self.queues[side, price][order_id] = None

    def remove(self, order_id: int) -> None:
        side, price, _ = self.orders.pop(order_id)
        del self.queues[side, price][order_id]
        if not self.queues[side, price]:
            del self.queues[side, price]

    def best(self, side: bytes) -> int | None:
        prices = [price for of_side, price in self.queues if of_side == side]
        return (max(prices) if side == b"B" else min(prices)) if prices else None

    def crossed(self, prices: dict[bytes, int]) -> bool:
        other = {b"A": b"B", b"B": b"A"}
        for side, price in prices.items():
            best = self.best(other[side])
            if best is not None and (price <= best if side == b"A" else price >= best):
                return True
        return False

    def check_fills(self, event: list[tuple[Any, ...]]) -> dict[int, int]:
        """Check T against its F, and F against the queues; return contracts filled by order."""
        announced: dict[int, int] = defaultdict(int)
        queues: dict[tuple[bytes, int], list[int]] = {}
        trade_left = 0
        trade_price = 0
        auction = event[0][4] == b"N"
        gone = {row[1] for row in event if row[0] == b"C"}
        for action, order_id, price, size, side in event:
            if action == b"T":
                assert trade_left == 0
                trade_left, trade_price = size * (2 if auction else 1), price
            elif action == b"F":
                trade_left -= size
                announced[order_id] += size
                own_side, own_price, own_size = self.orders[order_id]
                if auction:
                    continue
                assert (own_side, own_price) == (side, price)
                assert price == trade_price
                queue = queues.setdefault((side, price), list(self.queues[side, price]))
                while queue[0] != order_id and queue[0] in gone:
                    assert announced[queue[0]] >= self.orders[queue[0]][2]
                    queue.pop(0)
                assert queue[0] == order_id
                if announced[order_id] >= own_size:
                    queue.append(queue.pop(0))
        assert trade_left == 0
        return announced

    def apply(self, event: list[tuple[Any, ...]]) -> None:
        announced = self.check_fills(event) if event[0][0] == b"T" else {}
        for action, order_id, price, size, side in event:
            if action == b"A":
                self.add(order_id, side, price, size)
            elif action == b"C":
                own_side, own_price, own_size = self.orders[order_id]
                assert (own_side, own_price) == (side, price)
                assert size <= own_size
                if announced:
                    assert announced[order_id] >= own_size == size
                if size == own_size:
                    self.remove(order_id)
                else:
                    self.partial_cancels += 1
                    self.orders[order_id] = (side, price, own_size - size)
            elif action == b"M":
                self.modify(order_id, side, price, size, announced.get(order_id, 0))

    def modify(self, order_id: int, side: bytes, price: int, size: int, filled: int) -> None:
        own_side, own_price, own_size = self.orders[order_id]
        assert own_side == side
        refreshed = filled > 0 and size != own_size - filled
        self.refreshed += refreshed
        assert not filled or price == own_price
        if refreshed or price != own_price or size > own_size:
            self.remove(order_id)
            self.add(order_id, side, price, size)
        else:
            self.orders[order_id] = (side, price, size)


@pytest.mark.parametrize(("seed", "messages"), [(4, 20_000), (7, 60_000)])
def test_replay_has_no_unknown_order_and_never_crosses(
    folder: Path, seed: int, messages: int
) -> None:
    write_day(folder / "replay.dbn.zst", dataclasses.replace(MARKET, seed=seed, messages=messages))
    stream = databento_records(folder / "replay.dbn.zst")
    replay = Replay()
    opened = False
    was_crossed = False
    names = ["action", "order_id", "price", "size", "side"]
    for event in events(stream):
        rows = event[names].tolist()
        if event["flags"][0] & int(F_SNAPSHOT):
            for row in rows[1:]:
                replay.add(*(row[1], row[4], row[2], row[3]))
            continue
        replay.apply(rows)
        prices = {row[4]: row[2] for row in rows if row[0] in (b"A", b"M")}
        opened = opened or rows[0][0] == b"T"
        crossed = bool(prices) and replay.crossed(prices)
        was_crossed = was_crossed or crossed
        assert not (opened and crossed)
    best_bid, best_ask = replay.best(b"B"), replay.best(b"A")
    assert best_bid is not None
    assert best_ask is not None
    assert best_bid < best_ask
    assert was_crossed
    if messages == MARKET.messages:
        assert replay.refreshed > 0
        assert replay.partial_cancels > 0


def test_auction_prints_one_price_for_all(flow: np.ndarray[Any, Any]) -> None:
    auctions = [event for event in events(flow) if event["side"][0] == b"N"]
    assert len(auctions) == 1
    prints = auctions[0][np.isin(auctions[0]["action"], [b"T", b"F"])]
    assert set(prints["side"].tolist()) == {b"N"}
    assert len(set(prints["price"].tolist())) == 1
    assert auctions[0]["ts_event"][0] == MARKET.midnight_ns + (14 * 60 + 29) * 60 * NS
    assert not (flow["action"][flow["ts_event"] < auctions[0]["ts_event"][0]] == b"T").any()


def test_session_start_has_its_auction_and_the_halt_is_silent(folder: Path) -> None:
    market = MarketConfig(messages=20_000, start=time(16, 59), minutes=63, auction=False)
    write_day(folder / "session.dbn.zst", market)
    stream = databento_records(folder / "session.dbn.zst")
    flow = stream[(stream["flags"] & int(F_SNAPSHOT)) == 0]
    seconds = (flow["ts_event"].astype("i8") - market.midnight_ns) / NS
    halt, pre_open, session = 22 * 3600, 23 * 3600 - 60, 23 * 3600
    assert not ((seconds > halt) & (seconds < pre_open)).any()
    auction = flow[(flow["action"] == b"T") & (flow["side"] == b"N")]
    assert auction["ts_event"].tolist() == [market.midnight_ns + session * NS]


@pytest.mark.parametrize("messages", [1_000, 1_001, 4_321])
def test_few_messages(folder: Path, messages: int) -> None:
    summary = write_day(folder / "few.dbn.zst", MarketConfig(messages=messages))
    assert summary.messages == messages == len(databento_records(folder / "few.dbn.zst"))


def test_other_product_and_price(folder: Path) -> None:
    market = MarketConfig(root="CL", contract="CLG6", price=60.0, messages=20_000)
    summary = write_day(folder / "cl.dbn.zst", market)
    assert summary.first_price is not None
    assert abs(summary.first_price - 60 * NS) < NS
    prices = databento_records(folder / "cl.dbn.zst")["price"]
    assert (prices[prices != UNDEF_PRICE] % 10_000_000 == 0).all()


@pytest.mark.parametrize(
    "options",
    [
        ["--dt", "2026-13-01"],
        ["--dt", "1960-01-04"],
        ["--dt", "2199-12-30"],
        ["--dt", "2026-01-10"],
        ["--minutes", "0"],
        ["--minutes", "nan"],
        ["--minutes", "600"],
        ["--messages", "999"],
        ["--root", "XX"],
        ["--contract", "NQH6"],
        ["--contract", "ESH6-ESM6"],
        ["--start", "25:00"],
        ["--start", "17:10"],
        ["--price", "-3"],
        ["--price", "nan"],
        ["--seed", "-1"],
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(sample, ["--out", str(tmp_path / "out"), *options])
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(sample, ["--out", str(tmp_path / "file" / "out")])
    assert isinstance(result.exception, UserError)


def test_nothing_half_written_remains(tmp_path: Path) -> None:
    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_day(tmp_path / "es.dbn.zst", MARKET, fail)
    assert list(tmp_path.iterdir()) == []


def test_command_names_file_and_next_step(tmp_path: Path) -> None:
    result = CliRunner().invoke(sample, ["--out", str(tmp_path), "--messages", "5000"])
    assert result.exception is None
    path = tmp_path / file_name(MarketConfig())
    assert path.is_file()
    assert f"spymaster ingest {tmp_path} --root ES" in result.output
    assert "5,000 messages" in result.output
