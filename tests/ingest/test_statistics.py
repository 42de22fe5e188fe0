"""Statistics files: rows of the root that the day's definitions or the file's symbols name."""

from __future__ import annotations

from pathlib import Path

import databento
import numpy as np
import pytest
from databento_dbn import UNDEF_PRICE, Schema
from dbn_files import (
    DAY_NS,
    ESH6,
    MIDNIGHT_NS,
    NOON_NS,
    NQH6,
    definition,
    mbo_records,
    metadata,
    option,
    rows_of,
    write_dbn,
    write_definitions,
)
from real_data import real_path

from ingest.file_ingest import ingest_file
from ingest.instruments import DEFINITIONS_KEY
from ingest.mbo_columns import MBO_KEY
from ingest.record_layouts import MBO, STATISTICS, SYMBOL_MAPPING
from ingest.statistics import STATISTICS_KEY
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref, read_manifest, read_partition

CALL, SPREAD, STRANGER = 77, 78, 79
SYMBOLS = {"ESH6": ESH6, "NQH6": NQH6, "EW2F6 C7000": CALL, "ESH6-ESM6": SPREAD}
RECORDS = [
    {"instrument_id": number, "ts_recv": NOON_NS + place, "stat_type": 9, "quantity": 100 + place}
    for place, number in enumerate((ESH6, CALL, NQH6, SPREAD, STRANGER, CALL, ESH6))
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def write(
    path: Path, records: list[dict[str, object]], version: int = 3, *, frames: int = 1
) -> Path:
    header = metadata(SYMBOLS, version=version, schema=Schema.STATISTICS)
    return write_dbn(path, rows_of(STATISTICS, version, records), header, frames=frames)


def column(lake: Lake, name: str, root: str = "ES", dt: str = "2026-01-06") -> list[object]:
    table = read_partition(partition_ref(lake, STATISTICS_KEY, root, dt))
    values: list[object] = table.column(name).to_pylist()
    return values


def test_real_file(lake: Lake) -> None:
    """The rows of a real file are what Databento's package decodes; undefined is NULL."""
    path = real_path("esh1-20201228.statistics.dbn.zst")
    ingest_file(path, lake, "ES")
    messages = list(databento.DBNStore.from_bytes(path.read_bytes()))
    expected = {
        "ts_recv_ns": [m.ts_recv for m in messages],
        "ts_ref_ns": [None if m.ts_ref == 2**64 - 1 else m.ts_ref for m in messages],
        "stat_type": [int(m.stat_type) for m in messages],
        "price_int": [None if m.price == UNDEF_PRICE else m.price for m in messages],
        "quantity": [None if m.quantity == 2**63 - 1 else m.quantity for m in messages],
        "stat_flags": [m.stat_flags for m in messages],
        "sequence": [m.sequence for m in messages],
        "update_action": [int(m.update_action) for m in messages],
    }
    for name, values in expected.items():
        assert column(lake, name, dt="2020-12-28") == values, name


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version(tmp_path: Path, lake: Lake, version: int) -> None:
    """Both widths of quantity are read, and the largest value of either is NULL."""
    undefined = 2**63 - 1 if version == 3 else 2**31 - 1
    records: list[dict[str, object]] = [
        {"instrument_id": ESH6, "ts_recv": NOON_NS, "stat_type": 9, "quantity": 2_000_000},
        {"instrument_id": ESH6, "ts_recv": NOON_NS, "stat_type": 3, "quantity": undefined,
         "price": 6_900 * 10**9, "ts_ref": MIDNIGHT_NS},
    ]  # fmt: skip
    ingest_file(write(tmp_path / "s.dbn", records, version), lake)
    assert column(lake, "quantity") == [2_000_000, None]
    assert column(lake, "price_int") == [None, 6_900 * 10**9]
    assert column(lake, "ts_ref_ns") == [None, MIDNIGHT_NS]
    assert column(lake, "ts_event_ns") == [None, None]


@pytest.mark.parametrize("chunk_records", [1, 3, 100])
def test_by_definitions_then_by_symbols(tmp_path: Path, lake: Lake, chunk_records: int) -> None:
    """Definitions name options and spreads; without them futures are taken, the rest counted.

    When the definitions come later, the same file is read again and not taken for known.
    """
    path = write(tmp_path / "s.dbn.zst", RECORDS)
    result = ingest_file(path, lake, "ES", chunk_records=chunk_records)
    assert column(lake, "instrument_id") == [ESH6, ESH6]
    assert "options without a definition on 2026-01-06 in the lake (2 records)" in result.skipped
    assert "NQ (1 records)" in result.skipped
    assert not ingest_file(path, lake, "ES").partitions[0].published

    rows = [option(CALL, "EW2F6 C7000", "ESH6"), definition(SPREAD, "ESH6-ESM6", asset="ES")]
    ingest_file(write_definitions(tmp_path / "d.dbn", rows), lake, "ES")
    result = ingest_file(path, lake, "ES", chunk_records=chunk_records)
    assert result.partitions[0].published
    assert column(lake, "instrument_id") == [ESH6, CALL, SPREAD, CALL, ESH6]
    assert column(lake, "quantity") == [100, 101, 103, 105, 106]
    manifest = read_manifest(partition_ref(lake, STATISTICS_KEY, "ES", "2026-01-06"))
    assert [source["key"] for source in manifest["inputs"]] == [DEFINITIONS_KEY]
    assert not ingest_file(path, lake, "ES").partitions[0].published


def test_dates_and_products(tmp_path: Path, lake: Lake) -> None:
    """Without --root each product, and each UTC date of ts_recv, has its partition."""
    records = [{**RECORDS[n], "ts_recv": MIDNIGHT_NS + DAY_NS + n - 1} for n in (0, 2)]
    ingest_file(write(tmp_path / "s.dbn", records), lake)
    assert column(lake, "quantity", "ES") == [100]
    assert column(lake, "quantity", "NQ", "2026-01-07") == [102]


def test_another_and_truncated(tmp_path: Path, lake: Lake) -> None:
    """Another file for the same partition is a conflict; a cut one gives nothing."""
    path = write(tmp_path / "a.dbn", RECORDS, frames=0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(UserError, match="truncated"):
        ingest_file(path, lake)
    path.write_bytes(whole)
    ingest_file(path, lake)
    with pytest.raises(UserError, match=r"made of another file \(a.dbn\)"):
        ingest_file(write(tmp_path / "b.dbn", RECORDS[:3]), lake)


def live_file(path: Path) -> Path:
    """A recording that mixes mapping records, MBO, statistics and definitions."""
    mapping = np.zeros(1, SYMBOL_MAPPING.record_dtype(3, ts_out=False))
    mapping["length"], mapping["rtype"] = mapping.dtype.itemsize // 4, SYMBOL_MAPPING.rtype
    mapping["instrument_id"] = ESH6
    mapping["stype_in_symbol"], mapping["stype_out_symbol"] = b"ES.v.0", b"ESH6"
    mbo = mbo_records(40)
    statistics = rows_of(STATISTICS, 3, [RECORDS[0], RECORDS[-1]])
    parts = [mapping, mbo[:25], statistics[:1], mbo[25:], statistics[1:]]
    content = b"".join(part.tobytes() for part in parts)
    header = metadata({}, schema=None, stype_in=None)
    return write_dbn(path, np.frombuffer(content, np.uint8), header)


@pytest.mark.parametrize("block", [700, 1 << 20])
def test_live_recording(
    tmp_path: Path, lake: Lake, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a live recording the known schemas are taken, with the symbols of its own mapping."""
    monkeypatch.setattr("ingest.dbn_file._READ_PIECE_BYTES", block)
    path = live_file(tmp_path / "live.dbn.zst")
    result = ingest_file(path, lake, "ES", chunk_records=7)
    assert result.messages == 42
    mbo = read_partition(partition_ref(lake, MBO_KEY, "ESH6", "2026-01-06"))
    assert mbo.column("order_id").to_pylist() == mbo_records(40)["order_id"].tolist()
    assert column(lake, "quantity") == [100, 106]
    plain = write_dbn(tmp_path / "cut.dbn", np.zeros(0, np.uint8), metadata({}, schema=None))
    plain.write_bytes(metadata({}, schema=None) + mbo_records(3).tobytes()[:-5])
    with pytest.raises(UserError, match="truncated"):
        ingest_file(plain, lake, "ES")
    plain.write_bytes(metadata({}, schema=None) + bytes(20))
    with pytest.raises(UserError, match="record 0 is damaged: it claims 0 bytes"):
        ingest_file(plain, lake, "ES")
    foreign = rows_of(STATISTICS, 1, [RECORDS[0]])
    foreign["rtype"] = MBO.rtype
    plain.write_bytes(metadata({}, schema=None) + foreign.tobytes())
    with pytest.raises(UserError, match="record 0 is not an MBO record"):
        ingest_file(plain, lake, "ES")


def test_real_live_recording(lake: Lake) -> None:
    """The real recording's open interest of ESZ4 is found: 1768."""
    ingest_file(real_path("live-mixed-20231120.dbn.zst"), lake, "ES")
    values = list(
        zip(
            column(lake, "stat_type", dt="2023-11-21"),
            column(lake, "quantity", dt="2023-11-21"),
            strict=True,
        )
    )
    assert (9, 1768) in values
    assert read_partition(partition_ref(lake, MBO_KEY, "ESZ4", "2023-11-19")).num_rows == 5
