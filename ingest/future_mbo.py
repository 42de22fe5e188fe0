"""The flow of one DBN file of futures to its partitions of bronze.future_mbo.mbo."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.bronze_writer import MBO_KEY, MboColumns, PartitionWriters
from ingest.dbn_file import CHUNK_RECORDS, DbnFile, SourceFile
from ingest.instruments import ContractResolver
from ingest.record_columns import RecordColumns
from ingest.run_ahead import run_ahead
from spymaster.contracts import load_contract
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    partition_ref,
    publish,
    read_manifest,
)

OnProgress = Callable[[int, int | None], None]
"""Called with the messages read since the last call and the estimated total of the file."""

_DAY_NS: Final = 86_400 * 10**9
_EPOCH: Final = datetime.date(1970, 1, 1)
_CHUNKS_AHEAD: Final = 2

_Partition = tuple[str, int]
"""Contract and its UTC date of ts_recv, in days since 1970-01-01."""


@dataclass(frozen=True)
class IngestedPartition:
    """One partition after a file was ingested; not `published` if it was there already."""

    ref: PartitionRef
    messages: int
    size: int
    published: bool


@dataclass(frozen=True)
class IngestedFile:
    """What became of a file. `skipped`: which records were left out, in words; may be empty."""

    source: SourceFile
    messages: int
    seconds: float
    skipped: str
    partitions: list[IngestedPartition]


@dataclass
class _Piece:
    """What one chunk of the file gives; `batches` in the order of the days."""

    messages: int
    batches: list[tuple[_Partition, pa.RecordBatch]] = field(default_factory=list)


def ingest_file(
    path: Path,
    lake: Lake,
    root: str | None = None,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda _done, _total: None,
    claimed: dict[PartitionRef, Path] | None = None,
    chunk_records: int = CHUNK_RECORDS,
) -> IngestedFile:
    """Read a DBN file of schema mbo and publish one partition per outright future and UTC date.

    Nothing is published before the whole file has been read without an error. `root` takes the
    futures of one product only. A partition made of the same file (by sha256) and contract is left
    as it is; one of another file is an error unless `overwrite`. `claimed` collects the partitions
    of all files of one run: two files for the same one are an error.

    Raises UserError, one line that names the file, for anything that is wrong with the file, the
    partitions or the disk.

    >>> ingest_file(Path("es.dbn.zst"), Lake(Path("lake")), root="ES")  # doctest: +SKIP
    """
    with _write_errors_are_user_errors(path, lake), DbnFile(path) as file:
        return _FileIngest(file, lake, root, overwrite, {} if claimed is None else claimed).run(
            on_progress, chunk_records
        )


class _FileIngest:
    def __init__(
        self,
        file: DbnFile,
        lake: Lake,
        root: str | None,
        overwrite: bool,
        claimed: dict[PartitionRef, Path],
    ) -> None:
        file.require_mbo()
        self._file = file
        self._lake = lake
        self._overwrite = overwrite
        self._claimed = claimed
        self._contract = load_contract(MBO_KEY)
        self._columns = MboColumns()
        self._resolver = ContractResolver(file.metadata, root, str(file.path))
        self._refs: dict[_Partition, PartitionRef] = {}

    def run(self, on_progress: OnProgress, chunk_records: int) -> IngestedFile:
        start = time.monotonic()
        with self._lake.staging() as staging:
            messages, files = self._write_all(staging, on_progress, chunk_records)
            self._resolver.require_kept()
            source = self._file.source()
            # All are judged before the first is published: a conflict leaves nothing behind.
            wanted = {part: self._is_wanted(self._refs[part], source) for part in files}
            seconds = time.monotonic() - start
            manifest = {
                "sources": [dataclasses.asdict(source)],
                "source_records": messages,
                "source_records_skipped": self._resolver.skipped.total(),
                "model": {"name": "ingest.future_mbo", "checksum": code_checksum()},
                "seconds": round(seconds, 3),
            }
            for part, staged in files.items():
                if wanted[part]:
                    publish(self._refs[part], staged, manifest, self._contract)
        partitions = [self._result(self._refs[part], wanted[part]) for part in sorted(files)]
        self._claimed.update(dict.fromkeys(self._refs.values(), self._file.path))
        skipped = self._resolver.skipped_text()
        return IngestedFile(source, messages, time.monotonic() - start, skipped, partitions)

    def _write_all(
        self, staging: Path, on_progress: OnProgress, chunk_records: int
    ) -> tuple[int, dict[_Partition, Path]]:
        writers = PartitionWriters(staging, self._columns.schema)
        files: dict[_Partition, Path] = {}
        messages, current_day = 0, -1
        pieces = run_ahead(self._pieces(chunk_records), _CHUNKS_AHEAD)
        with contextlib.closing(writers), contextlib.closing(pieces):
            for piece in pieces:
                for partition, batch in piece.batches:
                    if partition[1] != current_day:
                        files |= writers.finish()
                        current_day = partition[1]
                    if partition not in self._refs:
                        self._refs[partition] = self._claim(*partition)
                    writers.add(partition, batch)
                messages += piece.messages
                on_progress(piece.messages, self._file.estimated_records())
            files |= writers.finish()
        return messages, files

    def _pieces(self, chunk_records: int) -> Generator[_Piece, None, None]:
        records_before, last_recv = 0, 0
        for chunk in self._file.chunks(chunk_records):
            records = RecordColumns.of(chunk)
            received = records["ts_recv"]
            self._check_times(received, records_before, last_recv)
            unknown = self._columns.find_unknown_letter(records)
            if unknown:
                number, what = unknown
                raise UserError(f"{self._file.path}: record {records_before + number:,}: {what}")
            piece = _Piece(len(records))
            for day, of_day in _days(records, received):
                for instrument_id, mine in _instruments(of_day):
                    count = len(of_day) if mine is None else len(mine)
                    symbol = self._resolver.contract_of(instrument_id, day, count)
                    if symbol is not None:
                        wanted = of_day if mine is None else of_day.take(mine)
                        batch = self._columns.batch(wanted)
                        piece.batches.append(((symbol, day), batch))
            records_before += len(records)
            last_recv = int(received[-1])
            yield piece

    def _check_times(self, received: NDArray[np.uint64], before: int, last_recv: int) -> None:
        backwards = received[1:] < received[:-1]
        if received[0] < last_recv:
            number = before
        elif backwards.any():
            number = before + 1 + int(np.argmax(backwards))
        elif received[-1] >= np.uint64(1 << 63):
            number = before + int(np.argmax(received >= np.uint64(1 << 63)))
            raise UserError(f"{self._file.path}: record {number:,} has no ts_recv")
        else:
            return
        raise UserError(
            f"{self._file.path}: record {number:,}: ts_recv goes back, which it never does in "
            "Databento's files"
        )

    def _claim(self, symbol: str, day: int) -> PartitionRef:
        date = _EPOCH + datetime.timedelta(days=day)
        ref = partition_ref(self._lake, MBO_KEY, symbol, date)
        if ref in self._claimed:
            raise UserError(f"{self._file.path}: {ref} comes from {self._claimed[ref]} already")
        if not self._overwrite and is_partition_complete(ref):
            # A file of another size is another file: no need to read it all to find out.
            sources = _sources(ref)
            if [source.get("size") for source in sources] != [self._file.size]:
                raise self._conflict(ref, sources)
        return ref

    def _is_wanted(self, ref: PartitionRef, source: SourceFile) -> bool:
        if self._overwrite or not is_partition_complete(ref):
            return True
        sources = _sources(ref)
        if [known.get("sha256") for known in sources] != [source.sha256]:
            raise self._conflict(ref, sources)
        return bool(read_manifest(ref)["contract"]["sha256"] != self._contract.sha256)

    def _conflict(self, ref: PartitionRef, sources: list[dict[str, object]]) -> UserError:
        names = ", ".join(str(source.get("name")) for source in sources) or "something else"
        return UserError(
            f"{self._file.path}: {ref} is in the lake already, made of another file ({names}); "
            "--overwrite replaces it"
        )

    def _result(self, ref: PartitionRef, published: bool) -> IngestedPartition:
        manifest = read_manifest(ref)
        size = manifest["data_file"]["bytes"]
        return IngestedPartition(ref, manifest["row_count"], size, published)


@functools.cache
def code_checksum() -> str:
    """Return the sha256 of the modules that decide what bronze rows look like."""
    here = Path(__file__).parent
    names = (
        "dbn_file.py",
        "instruments.py",
        "record_columns.py",
        "bronze_writer.py",
        "future_mbo.py",
    )
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in names)).hexdigest()


def _days(
    records: RecordColumns, received: NDArray[np.uint64]
) -> Iterator[tuple[int, RecordColumns]]:
    start = 0
    while start < len(records):
        day = int(received[start]) // _DAY_NS
        stop = int(np.searchsorted(received, np.uint64((day + 1) * _DAY_NS)))
        yield day, records.slice(start, stop)
        start = stop


def _instruments(records: RecordColumns) -> Iterator[tuple[int, NDArray[np.int64] | None]]:
    """Yield each instrument with the indices of its records, in file order; None: all of them."""
    ids = records["instrument_id"]
    if (ids == ids[0]).all():
        yield int(ids[0]), None
        return
    order = np.argsort(ids, kind="stable")
    bounds = np.flatnonzero(np.diff(ids[order])) + 1
    for mine in np.split(order, bounds):
        yield int(ids[mine[0]]), mine


def _sources(ref: PartitionRef) -> list[dict[str, object]]:
    sources = read_manifest(ref).get("sources")
    if not isinstance(sources, list):
        return []
    return [source for source in sources if isinstance(source, dict)]


@contextlib.contextmanager
def _write_errors_are_user_errors(path: Path, lake: Lake) -> Iterator[None]:
    # Errors of reading the file are told by DbnFile: what is left comes from writing the lake.
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path}: cannot write to the lake {lake.root}: {reason}") from error
