"""DBN files: every version and packing gives the records, damage gives a clear line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from databento_dbn import Schema
from dbn_files import databento_records, mbo_records, metadata, write_dbn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import ESH4, real_path

from ingest.dbn_file import DbnFile
from spymaster.errors import UserError


def read(path: Path, chunk_records: int = 1000) -> np.ndarray:
    with DbnFile(path) as file:
        return np.concatenate([records.copy() for records in file.chunks(chunk_records)])


def error_of(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("frames", [0, 1, 3])
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("ts_out", [False, True])
def test_every_version_and_packing(tmp_path: Path, version: int, frames: int, ts_out: bool) -> None:
    """The records come back bit for bit, and the sha256 is that of the file."""
    records = mbo_records(2500, ts_out=ts_out)
    header = metadata(version=version, ts_out=ts_out)
    path = write_dbn(tmp_path / "any-name", records, header, frames=frames)
    with DbnFile(path) as file:
        assert file.version == version
        found = np.concatenate([chunk.copy() for chunk in file.chunks(1000)])
        assert file.estimated_records() == 2500
        source = file.source()
    assert found.tobytes() == records.tobytes()
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.size == path.stat().st_size


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(count=st.integers(0, 300), chunk_records=st.integers(1, 310), frames=st.integers(0, 4))
def test_any_chunk_size(tmp_path: Path, count: int, chunk_records: int, frames: int) -> None:
    """How the stream is cut into chunks and frames changes nothing."""
    records = mbo_records(count)
    path = write_dbn(tmp_path / "es.dbn", records, frames=frames)
    with DbnFile(path) as file:
        chunks = [chunk.copy() for chunk in file.chunks(chunk_records)]
    assert b"".join(chunk.tobytes() for chunk in chunks) == records.tobytes()
    assert all(len(chunk) == chunk_records for chunk in chunks[:-1])


def test_source_reads_the_rest(tmp_path: Path) -> None:
    """The sha256 is of the whole file, also when nothing was decoded."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(100_000))
    with DbnFile(path) as file:
        assert file.source().sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_as_databento(tmp_path: Path) -> None:
    """A real file gives what Databento's own reader gives."""
    path = real_path(ESH4)
    theirs = databento_records(path)
    assert read(path).tobytes() == theirs.tobytes()


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_truncated_anywhere(tmp_path: Path, frames: int) -> None:
    """A file cut off at any byte is an error, except where a plain file ends with a record."""
    whole = write_dbn(tmp_path / "whole", mbo_records(20), frames=frames).read_bytes()
    header = len(metadata())
    path = tmp_path / "cut"
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        is_whole_plain = frames == 0 and size >= header and (size - header) % 56 == 0
        is_whole_frame = frames == 2 and len(_frame(whole, 1)) == size
        if is_whole_plain:
            assert len(read(path)) == (size - header) // 56 if size > header else True
        elif is_whole_frame:
            assert "truncated" in error_of(path)  # half of the content is no whole record
        elif size < 4:
            assert "not a DBN" in error_of(path) or "truncated" in error_of(path)
        else:
            assert "truncated" in error_of(path)


def _frame(content: bytes, number: int) -> bytes:
    return content[: content.index(b"\x28\xb5\x2f\xfd", number)]


def test_absent_empty_and_foreign(tmp_path: Path) -> None:
    """What is no DBN file is told by name and reason."""
    path = tmp_path / "es.dbn.zst"
    assert "no such file" in error_of(path)
    path.write_bytes(b"")
    assert "empty" in error_of(path)
    path.write_bytes(b"ts_event,price\n1,2\n")
    assert "not a DBN file" in error_of(path)
    write_dbn(path, mbo_records(1), b"PK\x03\x04 something else")
    assert "not a DBN file" in error_of(path)
    assert "not a file" in error_of(tmp_path)


def test_other_versions_and_lengths(tmp_path: Path) -> None:
    """A version from the future and a false metadata length are errors, and cost no memory."""
    path = tmp_path / "es.dbn"
    path.write_bytes(b"DBN\x09" + metadata()[4:])
    assert "version 9" in error_of(path)
    for length in (2**32 - 1, 200 << 20, 1, 0):
        path.write_bytes(metadata()[:4] + length.to_bytes(4, "little") + metadata()[8:])
        error_of(path)


def test_other_schemas(tmp_path: Path) -> None:
    """A file of another schema than the wanted one is not decoded."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(1), metadata(schema=Schema.TRADES))
    assert "schema is trades, not mbo" in error_of(path)


@pytest.mark.parametrize(("column", "value"), [("rtype", 161), ("length", 13), ("length", 0)])
def test_foreign_record(tmp_path: Path, column: str, value: int) -> None:
    """A record of another type or length inside the stream is named by its number."""
    records = mbo_records(3000)
    records[column][2345] = value
    assert "record 2,345 is not an MBO record" in error_of(write_dbn(tmp_path / "x", records))


def test_damaged_zstd(tmp_path: Path) -> None:
    """Bytes changed inside a zstd stream never pass for other records unnoticed by the decoder."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(500))
    content = bytearray(path.read_bytes())
    content[10:14] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    error_of(path)


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk while reading is a line, not a traceback."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(5))

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in error_of(path)
