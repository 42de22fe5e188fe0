"""The flow of one DBN file to its partitions: staged, judged, published; the same for all schemas."""

from __future__ import annotations

import contextlib
import dataclasses
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

from ingest.bronze_writer import Partition, PartitionWriters
from ingest.dbn_file import CHUNK_RECORDS, DbnFile, SourceFile
from ingest.instruments import date_of
from ingest.kinds import LAYOUTS, RecordKind, kind_of
from ingest.record_columns import RecordBlock
from ingest.record_layouts import RecordLayout
from ingest.routing import NoRecordsError, NothingWantedError, Target
from ingest.row_columns import DamagedTextError
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
_CHUNKS_AHEAD: Final = 2
_MODULES: Final = (
    "record_layouts.py",
    "dbn_file.py",
    "record_columns.py",
    "mbo_columns.py",
    "row_columns.py",
    "bronze_writer.py",
    "instruments.py",
    "instrument_table.py",
    "routing.py",
    "definitions.py",
    "statistics.py",
    "mbo.py",
    "kinds.py",
    "file_ingest.py",
)
_NAMES: Final = ", ".join(layout.name for layout in LAYOUTS)


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
    batches: list[tuple[Partition, pa.RecordBatch]] = field(default_factory=list)


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
    """Read a DBN file of schema mbo, definition or statistics and publish its partitions.

    MBO gives one partition per outright future, and per underlying future of options, and UTC date;
    definitions and statistics one per root and UTC date. A live recording is read once for each of
    the three schemas, definitions first.

    Nothing of a schema is published before the whole file has been read without an error. `root`
    takes one product only. A partition made of the same file (by sha256), definitions and contract
    is left as it is; one of another file is an error unless `overwrite`. `claimed` collects the
    partitions of all files of one run: two files for the same one are an error.

    Raises UserError, one line that names the file, for anything that is wrong with the file, the
    partitions or the disk.

    >>> ingest_file(Path("es.dbn.zst"), Lake(Path("lake")), root="ES").messages
    1000
    """
    claimed = {} if claimed is None else claimed
    parts: list[IngestedFile] = []
    unwanted: list[NothingWantedError] = []
    for layout in _layouts_of(path):
        with _write_errors_are_user_errors(path, lake), DbnFile(path) as file:
            one = _FileIngest(file, lake, kind_of(layout, file, lake, root), overwrite, claimed)
            try:
                parts.append(one.run(on_progress, chunk_records))
            except NothingWantedError as error:
                unwanted.append(error)
            except NoRecordsError:
                if not file.is_live:
                    raise
    if not parts:
        raise (
            unwanted[0]
            if unwanted
            else NothingWantedError(f"{path}: a live recording without a record of {_NAMES}")
        )
    return IngestedFile(
        source=parts[0].source,
        messages=sum(part.messages for part in parts),
        seconds=sum(part.seconds for part in parts),
        skipped=", ".join(part.skipped for part in parts if part.skipped),
        partitions=[partition for part in parts for partition in part.partitions],
    )


def _layouts_of(path: Path) -> list[RecordLayout]:
    """Return what to read a file for; UserError if its schema is none of those ingested."""
    with DbnFile(path) as file:
        found = [layout for layout in LAYOUTS if file.is_live or file.schema == layout.name]
        if not found:
            raise UserError(f"{path}: its schema is {file.schema}, not {_NAMES}")
        return found


class _FileIngest:
    def __init__(
        self,
        file: DbnFile,
        lake: Lake,
        kind: RecordKind,
        overwrite: bool,
        claimed: dict[PartitionRef, Path],
    ) -> None:
        self._file = file
        self._lake = lake
        self._kind = kind
        self._overwrite = overwrite
        self._claimed = claimed
        self._refs: dict[Partition, PartitionRef] = {}

    def run(self, on_progress: OnProgress, chunk_records: int) -> IngestedFile:
        start = time.monotonic()
        router = self._kind.router
        with self._lake.staging() as staging:
            messages, files = self._write_all(staging, on_progress, chunk_records)
            router.require_kept()
            source = self._file.source()
            inputs = {part: router.inputs(*part) for part in files}
            # All are judged before the first is published: a conflict leaves nothing behind.
            wanted = {part: self._is_wanted(part, source, inputs[part]) for part in files}
            seconds = time.monotonic() - start
            manifest = {
                "sources": [dataclasses.asdict(source)],
                "source_records": messages,
                "source_records_skipped": router.skipped.total(),
                "model": {
                    "name": f"ingest.{self._kind.layout.name}",
                    "checksum": code_checksum(),
                },
                "seconds": round(seconds, 3),
            }
            for part, staged in files.items():
                if wanted[part]:
                    whole = {**manifest, "inputs": inputs[part]}
                    publish(self._refs[part], staged, whole, load_contract(part[0].key))
        order = sorted(files, key=lambda part: (part[0].key, part[0].symbol, part[1]))
        partitions = [self._result(self._refs[part], wanted[part]) for part in order]
        self._claimed.update(dict.fromkeys(self._refs.values(), self._file.path))
        skipped = router.skipped_text()
        return IngestedFile(source, messages, time.monotonic() - start, skipped, partitions)

    def _write_all(
        self, staging: Path, on_progress: OnProgress, chunk_records: int
    ) -> tuple[int, dict[Partition, Path]]:
        writers = PartitionWriters(staging, self._kind.columns.schema, self._kind.columns.parquet)
        files: dict[Partition, Path] = {}
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
        kind = self._kind
        records_before, last_recv = 0, 0
        for chunk in self._file.chunks(chunk_records, kind.layout):
            records = kind.block(chunk)
            received = records["ts_recv"]
            self._check_times(received, records_before, last_recv)
            wrong = kind.columns.find_error(records)
            if wrong:
                number, what = wrong
                raise UserError(f"{self._file.path}: record {records_before + number:,}: {what}")
            piece = _Piece(len(records))
            try:
                for day, of_day in _days(records, received):
                    for target, mine in kind.router.split(of_day, day):
                        piece.batches.append(((target, day), kind.columns.batch(mine)))
            except DamagedTextError as error:
                last = records_before + len(records) - 1
                raise UserError(
                    f"{self._file.path}: in records {records_before:,} to {last:,}: {error}"
                ) from error
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

    def _claim(self, target: Target, day: int) -> PartitionRef:
        ref = partition_ref(self._lake, target.key, target.symbol, date_of(day))
        if ref in self._claimed:
            raise UserError(f"{self._file.path}: {ref} comes from {self._claimed[ref]} already")
        if not self._overwrite and is_partition_complete(ref):
            # A file of another size is another file: no need to read it all to find out.
            sources = _sources(ref)
            if [source.get("size") for source in sources] != [self._file.size]:
                raise self._conflict(ref, sources)
        return ref

    def _is_wanted(self, part: Partition, source: SourceFile, inputs: list[dict[str, str]]) -> bool:
        ref = self._refs[part]
        if self._overwrite or not is_partition_complete(ref):
            return True
        sources = _sources(ref)
        if [known.get("sha256") for known in sources] != [source.sha256]:
            raise self._conflict(ref, sources)
        manifest = read_manifest(ref)
        same_contract = manifest["contract"]["sha256"] == load_contract(ref.key).sha256
        return not same_contract or manifest.get("inputs") != inputs

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
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in _MODULES)).hexdigest()


def _days(records: RecordBlock, received: NDArray[np.uint64]) -> Iterator[tuple[int, RecordBlock]]:
    start = 0
    while start < len(records):
        day = int(received[start]) // _DAY_NS
        stop = int(np.searchsorted(received, np.uint64((day + 1) * _DAY_NS)))
        yield day, records.slice(start, stop)
        start = stop


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
