"""The sample options: files as a vendor delivers them, books by the rules, and the truth recovered."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter, defaultdict
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from databento_dbn import UNDEF_PRICE
from option_market import (
    END,
    MARKET,
    NS,
    OPENS,
    OPTIONS,
    SNAPSHOT_FLAGS,
    START,
    TICK,
    YEAR_NS,
    Files,
    fields,
    records,
    store,
)
from oracle_book import OracleResult, oracle_book

from ingest.sample import (
    Form,
    MarketConfig,
    OptionConfig,
    file_name,
    write_day,
    write_day_with_options,
)
from ingest.sample.command import sample
from ingest.sample.option_day import MIN_OPTION_CHUNK_RECORDS
from ingest.sample.smile import smile_volatility
from spymaster.errors import UserError
from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, RECORD


@pytest.fixture(scope="module")
def by_instrument(files: Files) -> dict[int, np.ndarray[Any, Any]]:
    order = np.argsort(files.stream["instrument_id"], kind="stable")
    ids = files.stream["instrument_id"][order]
    parts = np.split(order, np.flatnonzero(np.diff(ids)) + 1)
    return {int(files.stream["instrument_id"][part[0]]): files.stream[part] for part in parts}


@pytest.fixture(scope="module")
def books(by_instrument: dict[int, np.ndarray[Any, Any]]) -> dict[int, OracleResult]:
    """What the oracle says of each option's book in each second."""
    return {
        number: oracle_book(
            np.frombuffer(part.tobytes(), RECORD),
            tick_int=TICK,
            session_start_ns=START,
            session_end_ns=END,
            hud_max_ticks=1,
            instrument_id=number,
        )
        for number, part in by_instrument.items()
    }


def test_files_are_named_as_databento_names_them(files: Files) -> None:
    assert files.summary.definition_path.name == "glbx-mdp3-20260106.definition.dbn.zst"
    assert files.summary.statistics_path.name == "glbx-mdp3-20260106.statistics.dbn.zst"
    assert files.summary.mbo_path.name == "glbx-mdp3-20260106.mbo.ES.OPT.dbn.zst"
    assert files.summary.truth_path.name == "glbx-mdp3-20260106.truth.parquet"
    assert sorted(files.future.parent.iterdir()) == sorted(
        [files.future, *dataclasses.astuple(files.summary)[:4]]
    )


def test_the_future_is_the_same_without_options(files: Files, tmp_path: Path) -> None:
    write_day(tmp_path / "alone.dbn.zst", MARKET)
    assert (tmp_path / "alone.dbn.zst").read_bytes() == files.future.read_bytes()


def test_metadata_maps_every_instrument(files: Files) -> None:
    for path, schema in (
        (files.summary.definition_path, "definition"),
        (files.summary.statistics_path, "statistics"),
        (files.summary.mbo_path, "mbo"),
    ):
        metadata = store(path).metadata
        assert (metadata.dataset, str(metadata.schema)) == ("GLBX.MDP3", schema)
        assert (metadata.version, str(metadata.stype_in)) == (3, "parent")
        assert {"E1B.OPT", "E1C.OPT", "ES.OPT"} <= set(metadata.symbols)
        mapped = {int(spans[0]["symbol"]): name for name, spans in metadata.mappings.items()}
        assert {spans[0]["start_date"] for spans in metadata.mappings.values()} == {
            date(2026, 1, 6)
        }
        assert set(records(path)["instrument_id"].tolist()) <= set(mapped)
    names = {int(row["instrument_id"]): row["raw_symbol"].decode() for row in files.definitions}
    traded = set(files.stream["instrument_id"].tolist())
    assert traded <= set(names)
    assert files.summary.options == 2 * 25 * 3 + 4 == len(traded) - 2


def test_message_count_and_live_orders(files: Files, books: dict[int, OracleResult]) -> None:
    assert len(files.stream) == OPTIONS.messages == files.summary.messages
    assert sum(len(book.orders) for book in books.values()) == files.summary.orders


def test_snapshot_of_every_instrument(files: Files) -> None:
    """A clear and adds with flags 40, the last 168; instruments added later have none."""
    count = int(((files.stream["flags"] & int(F_SNAPSHOT)) != 0).sum())
    snapshot = files.stream[:count]
    assert ((snapshot["flags"] & ~np.uint8(int(F_LAST))) == SNAPSHOT_FLAGS).all()
    assert (snapshot["ts_recv"] == MARKET.midnight_ns).all()
    assert (snapshot["ts_event"] < MARKET.midnight_ns).all()
    ends = np.flatnonzero(snapshot["flags"] & int(F_LAST)) + 1
    assert ends[-1] == count
    parts = np.split(snapshot, ends[:-1])
    assert len(parts) == files.summary.options - 4 + 2
    for part in parts:
        assert len(set(part["instrument_id"].tolist())) == 1
        assert part["action"][0] == b"R"
        assert set(part["action"][1:].tolist()) <= {b"A"}
        assert (np.diff(part["ts_event"].astype("i8")) >= 0).all()


def test_clocks_and_prices(files: Files) -> None:
    flow = files.stream[(files.stream["flags"] & int(F_SNAPSHOT)) == 0]
    assert (np.diff(files.stream["ts_recv"].astype("i8")) >= 0).all()
    assert (np.diff(flow["ts_event"].astype("i8")) >= 0).all()
    assert flow["ts_event"][0] >= START
    assert END - NS < flow["ts_event"][-1] < END
    priced = files.stream["price"][files.stream["price"] != UNDEF_PRICE]
    assert (priced % TICK == 0).all()
    assert (priced > 0).all()


def events(part: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    ends = np.flatnonzero(part["flags"] & int(F_LAST)) + 1
    assert ends[-1] == len(part)
    return np.split(part, ends[:-1])


def test_event_grammar(by_instrument: dict[int, np.ndarray[Any, Any]]) -> None:
    shapes: Counter[str] = Counter()
    sides: Counter[bytes] = Counter()
    for part in by_instrument.values():
        for event in events(part[(part["flags"] & int(F_SNAPSHOT)) == 0]):
            shape = b"".join(event["action"].tolist()).decode()
            shapes[shape] += 1
            if shape[0] == "T":
                assert shape.rstrip("N").lstrip("TF").strip("CM") == ""
                fills = event[event["action"] == b"F"]
                sides.update(set(fills["side"].tolist()))
                no_side = event["side"][0] == b"N"
                assert set(fills["side"].tolist()) == ({b"N"} if no_side else {fills["side"][0]})
                bought = fills["size"].sum()
                assert bought in (event["size"][0], 2 * event["size"][0])
    assert set("ACMR") <= set(shapes)
    assert shapes["TFCN"] + shapes["TFC"] > 10
    assert shapes["TFMN"] + shapes["TFM"] > 10
    assert any(shape.startswith("TFF") for shape in shapes)
    assert any(shape.startswith("RA") for shape in shapes)
    assert min(sides[side] for side in (b"A", b"B", b"N")) > 5


def test_every_book_replays_without_anomaly(books: dict[int, OracleResult]) -> None:
    for book in books.values():
        assert book.anomalies == {}
        assert (book.unknown_modifies, book.unknown_fills) == (0, 0)
        assert all(row["book_valid"] for row in book.book_snapshot_1s[-1:])


def test_crossed_and_one_sided_moments(files: Files, books: dict[int, OracleResult]) -> None:
    """Crossed in the pre-open, and after it only for moments; bids and offers missing far out."""
    crossed: Counter[bool] = Counter()
    sides: Counter[tuple[bool, bool]] = Counter()
    for book in books.values():
        for row in book.book_snapshot_1s:
            bid, ask = row["best_bid_price_int"], row["best_ask_price_int"]
            sides[bid is not None, ask is not None] += 1
            if bid is not None and ask is not None and bid >= ask:
                crossed[row["window_end_ts_ns"] <= OPENS] += 1
    assert crossed[True] > 50
    assert 0 < crossed[False] < 40
    assert sides[False, True] > 100
    assert sides[True, False] > 100
    flow = files.stream[(files.stream["flags"] & int(F_SNAPSHOT)) == 0]
    assert (flow["action"] == b"R").sum() > 20
    assert not (flow["action"][flow["ts_event"] < OPENS] == b"T").any()


def test_strikes_added_during_the_day_begin_with_a_clear(
    files: Files, by_instrument: dict[int, np.ndarray[Any, Any]]
) -> None:
    added = [row for row in files.truth if row["listed_ns"] is not None]
    assert len(added) == 2
    for row in added:
        part = by_instrument[row["instrument_id_call"]]
        assert (part["action"][0], int(part["flags"][0])) == (b"R", int(F_LAST))
        assert 0 <= int(part["ts_event"][0]) - row["listed_ns"] < NS
        assert START < row["listed_ns"] < END


def test_options_stop_at_their_expiration(tmp_path: Path) -> None:
    market = MarketConfig(start=time(15, 59), minutes=2, messages=15_000, auction=False)
    config = OptionConfig(strikes=5, messages=20_000)
    _, options = write_day_with_options(tmp_path, market, config)
    stream = records(options.mbo_path)
    truth = pq.read_table(options.truth_path).to_pylist()
    close = min(row["expiration_ns"] for row in truth)
    assert close == market.midnight_ns + 21 * 3_600 * NS
    ended = {row["instrument_id_call"] for row in truth if row["expiration_ns"] == close}
    late = stream[stream["ts_event"] > close + NS]
    assert len(late) > 100
    assert not ended & set(late["instrument_id"].tolist())


# ---- truth ---------------------------------------------------------------------------------------


def price(forward: float, strike: float, deviation: float, discount: float, sign: int) -> float:
    d1 = math.log(forward / strike) / deviation + deviation / 2
    inside, paid = (0.5 * math.erfc(-sign * d / math.sqrt(2)) for d in (d1, d1 - deviation))
    return discount * sign * (forward * inside - strike * paid)


def implied(value: float, forward: float, strike: float, discount: float, sign: int) -> float:
    low, high = 1e-6, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        if price(forward, strike, middle, discount, sign) < value:
            low = middle
        else:
            high = middle
    return low


def gamma(forward: float, strike: float, deviation: float) -> float:
    d1 = math.log(forward / strike) / deviation + deviation / 2
    return math.exp(-d1 * d1 / 2) / (forward * deviation)


def test_truth_is_the_smile(files: Files) -> None:
    metadata = pq.read_schema(files.summary.truth_path).metadata
    smile = json.loads(metadata[b"smile"])
    assert smile["risk_free_rate"] == files.truth[0]["risk_free_rate"] == 0.04
    years = {round(left * YEAR_NS): left for left in smile["years_at_start"].values()}
    for row in files.truth:
        left = years[min(years, key=lambda ns: abs(START + ns - row["expiration_ns"]))]
        expected = smile_volatility(row["strike_price_int"] / NS, 6925.0, left)
        assert row["volatility"] == pytest.approx(expected, rel=1e-12)
        assert row["multiplier"] == 50
    assert len(files.truth) == 3 * 25 + 2


@pytest.fixture(scope="module")
def forwards(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """The future's mid at the end of each second."""
    chunks: list[np.ndarray[Any, Any]] = []
    path = tmp_path_factory.mktemp("forwards") / "es.dbn.zst"
    write_day(path, MARKET, watch=lambda mids, _: chunks.append(mids))
    mids = np.concatenate(chunks)
    ends = np.arange(START + NS, END + 1, NS)
    last = np.searchsorted(mids["time"], ends) - 1
    return dict(zip(ends.tolist(), (mids["mid_int"][last] / NS).tolist(), strict=True))


def test_gamma_exposure_from_the_quotes_is_the_truths(
    files: Files, books: dict[int, OracleResult], forwards: dict[int, float]
) -> None:
    """Of each expiry within 1 % in every second; of a strike near the forward too, nearly always."""
    quotes = {
        number: {row["window_end_ts_ns"]: row for row in book.book_snapshot_1s}
        for number, book in books.items()
    }
    found: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    near: list[float] = []
    for row in files.truth:
        strike, expiration = row["strike_price_int"] / NS, row["expiration_ns"]
        interest = (row["open_interest_call"] or 0) + (row["open_interest_put"] or 0)
        for end, forward in forwards.items():
            if end <= OPENS + 5 * NS:
                continue
            right, sign = ("call", 1) if strike >= forward else ("put", -1)
            quote = quotes[row[f"instrument_id_{right}"]].get(end)
            bid, ask = (
                fields(quote, "best_bid_price_int", "best_ask_price_int") if quote else (0, 0)
            )
            if not bid or not ask or bid >= ask:
                continue
            years = (expiration - end) / YEAR_NS
            discount = math.exp(-0.04 * years)
            true = row["volatility"] * math.sqrt(years)
            value = (bid + ask) / 2 / NS
            seen = implied(value, forward, strike, discount, sign)
            ratio = gamma(forward, strike, seen) / gamma(forward, strike, true)
            weight = interest * gamma(forward, strike, true)
            found[expiration, end][0] += weight * ratio
            found[expiration, end][1] += weight
            if abs(math.log(strike / forward)) < 1.5 * true:
                near.append(abs(ratio - 1))
    totals = np.array([abs(seen / true - 1) for seen, true in found.values()])
    assert len(totals) == 3 * 175
    assert totals.max() < 0.01
    assert np.quantile(near, 0.98) < 0.01
    assert np.median(near) < 0.001


# ---- the same bytes ------------------------------------------------------------------------------


def test_same_seed_same_bytes_whatever_the_chunks(files: Files, tmp_path: Path) -> None:
    _, again = write_day_with_options(
        tmp_path,
        MARKET,
        OPTIONS,
        chunk_records=2 * 20_064,
        option_chunk_records=MIN_OPTION_CHUNK_RECORDS,
    )
    assert np.array_equal(records(again.mbo_path), files.stream)
    for path, other in zip(
        dataclasses.astuple(files.summary)[:4], dataclasses.astuple(again)[:4], strict=True
    ):
        if path != files.summary.mbo_path:
            assert path.read_bytes() == other.read_bytes()
    write_day_with_options(tmp_path, dataclasses.replace(MARKET, seed=8), OPTIONS)
    assert not np.array_equal(records(again.mbo_path), files.stream)


def test_old_form_is_the_same_stream_without_n(files: Files, tmp_path: Path) -> None:
    market = dataclasses.replace(MARKET, form=Form.OLD)
    _, options = write_day_with_options(tmp_path, market, OPTIONS)
    old = records(options.mbo_path)
    ends_span = np.flatnonzero(files.stream["action"] == b"N")
    assert len(ends_span) > 20
    expected = files.stream.copy()
    expected["flags"][ends_span - 1] |= int(F_LAST)
    assert np.array_equal(np.delete(expected, ends_span), old)


# ---- the command ---------------------------------------------------------------------------------


def test_command_writes_and_names_the_files(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--messages", "5000", "--options"]
    sizes = ["--option-strikes", "5", "--option-expiries", "2", "--option-messages", "9000"]
    result = CliRunner().invoke(sample, [*arguments, *sizes])
    assert result.exception is None
    assert len(list(tmp_path.iterdir())) == 5
    for path in tmp_path.iterdir():
        assert str(path) in result.output
    assert len(records(tmp_path / file_name(MarketConfig(), "mbo", "ES.OPT"))) == 9_000


@pytest.mark.parametrize(
    "options",
    [
        ["--option-strikes", "2"],
        ["--option-strikes", "3000"],
        ["--option-expiries", "0"],
        ["--option-depth", "0"],
        ["--option-depth", "128", "--option-strikes", "1200"],
        ["--option-messages", "1000"],
        ["--root", "CL", "--contract", "CLG6"],
        ["--contract", "ESF6"],
        ["--contract", "ESH6", "--dt", "2026-03-23"],
        ["--price", "100", "--option-strikes", "61"],
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(sample, ["--out", str(tmp_path / "out"), "--options", *options])
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.glob("out/*"))
