"""A DBN file: opened, checked and decoded in chunks of records, each byte read once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
from databento_dbn import DBN_VERSION, Metadata
from numpy.typing import NDArray

from ingest.record_layouts import MBO, SYMBOL_MAPPING, RecordLayout, Records
from spymaster.errors import UserError

CHUNK_RECORDS: Final = 65_536

_LENGTH_UNIT_BYTES: Final = 4
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGICS: Final = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))
_PRELUDE_BYTES: Final = 8
_MAX_METADATA_BYTES: Final = 256 << 20
_READ_PIECE_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 16
_A_RECORD: Final = {
    "mbo": "an MBO record",
    "definition": "a definition record",
    "statistics": "a statistics record",
    "symbol mapping": "a symbol mapping record",
}


@dataclass(frozen=True)
class SourceFile:
    """Which file something was made of: its name without folder, size in bytes, hex sha256."""

    name: str
    size: int
    sha256: str


class _HashedFile(io.RawIOBase):
    """A file that hashes what is read of it, so that the source's sha256 costs no second read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._pushed_back = b""
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """Return the first bytes, which the next read returns again."""
        while len(self._pushed_back) < size:
            piece = self._file.read(size - len(self._pushed_back))
            if not piece:
                break
            self._pushed_back += piece
        return self._pushed_back

    def read(self, size: int = -1) -> bytes:
        piece = self._pushed_back or self._file.read(size) or b""
        self._pushed_back = b""
        self._sha256.update(piece)
        self.bytes_read += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._pushed_back:
            piece = self._pushed_back[: len(view)]
            self._pushed_back = self._pushed_back[len(piece) :]
            view[: len(piece)] = piece
            count = len(piece)
        else:
            count = self._file.readinto(view) or 0
        self._sha256.update(view[:count])
        self.bytes_read += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


class DbnFile:
    """An open DBN file, plain or zstd (told by its content), of any version.

    A file of one schema has records of one type. A recording of a live feed (its header names no
    schema) may have many: of these the wanted ones are taken, and the mapping records among them
    are kept in `live_symbols`, instrument to symbol.

    Raises UserError, naming the file, if it cannot be read, is not DBN, is cut off, or holds
    another schema than the wanted one.

    >>> with DbnFile(Path("es.dbn.zst")) as file:
    ...     for records in file.chunks():
    ...         print(len(records), records["price"].dtype)
    1000 int64
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records_read = 0
        if not path.exists():
            raise UserError(f"{path}: no such file")
        if not path.is_file():
            raise UserError(f"{path}: not a file")
        try:
            self._source = _HashedFile(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
        try:
            self.size = path.stat().st_size
            self._stream = self._open_stream()
            self.version, self.metadata = self._read_metadata()
        except BaseException:
            self._source.close()
            raise
        self.live_symbols: dict[int, str] = {}
        self._record_bytes: int | None = None

    def __enter__(self) -> DbnFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()

    @property
    def schema(self) -> str | None:
        """The name of the file's schema, such as mbo; None in a live recording."""
        schema = self.metadata.schema
        return None if schema is None else str(schema)

    @property
    def is_live(self) -> bool:
        """Whether it is a recording of a live feed, which may mix records of all types."""
        return self.schema is None

    def require(self, layout: RecordLayout) -> None:
        """Raise UserError if the file cannot hold records of this layout."""
        if self.schema not in (None, layout.name):
            raise UserError(f"{self.path}: its schema is {self.schema}, not {layout.name}")

    def estimated_records(self) -> int | None:
        """Return how many records the file has, judged by the share of its bytes read so far."""
        if self._is_plain and self._record_bytes:
            return (self.size - self._metadata_bytes) // self._record_bytes
        if not self._records_read or not self._source.bytes_read:
            return None
        return (
            self._records_read
            * max(self.size, self._source.bytes_read)
            // (self._source.bytes_read)
        )

    def chunks(
        self, chunk_records: int = CHUNK_RECORDS, layout: RecordLayout = MBO
    ) -> Iterator[Records]:
        """Yield the records of a layout in file order, at most `chunk_records` at a time.

        Each chunk is a structured array in a buffer that the next one may reuse: copy what you
        keep. Every record is checked to be of the layout's type and length; in a live recording
        those of other types are passed over.
        """
        self.require(layout)
        record = layout.record_dtype(self.version, ts_out=self.metadata.ts_out)
        if self.is_live:
            yield from self._live_chunks(chunk_records, layout, record)
            return
        self._record_bytes = record.itemsize
        buffer = np.empty(chunk_records, record)
        bytes_view = buffer.view(np.uint8).data
        while count := self._read_records(bytes_view, record.itemsize):
            records = buffer[:count]
            self._check_headers(records, layout)
            self._records_read += count
            yield records

    def source(self) -> SourceFile:
        """Return the file's name, size and sha256; reads whatever has not been read yet."""
        while self._source.read(_READ_PIECE_BYTES):
            pass
        return SourceFile(self.path.name, self._source.bytes_read, self._source.hexdigest())

    def _open_stream(self) -> Any:
        start = self._source.peek(4)
        if not start:
            raise UserError(f"{self.path}: is empty (0 bytes)")
        self._is_plain = start[:3] == b"DBN"
        if self._is_plain:
            return self._source
        if start != _ZSTD_MAGIC and start not in _SKIPPABLE_MAGICS:
            raise UserError(f"{self.path}: not a DBN file, neither plain nor zstd")
        return pa.CompressedInputStream(pa.PythonFile(self._source, mode="r"), "zstd")

    def _read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view):
            try:
                count = self._stream.readinto(view[filled:])
            except OSError as error:
                raise self._stream_error(error) from error
            if not count:
                break
            filled += count
        return filled

    def _read_bytes(self, size: int) -> bytes:
        # Piece by piece: the length comes from the file, and memory must not follow a false one.
        pieces = []
        while size:
            piece = bytearray(min(size, _READ_PIECE_BYTES))
            count = self._read_into(memoryview(piece))
            pieces.append(bytes(piece[:count]))
            if count < len(piece):
                break
            size -= count
        return b"".join(pieces)

    def _stream_error(self, error: OSError) -> UserError:
        text = str(error)
        if "Truncated" in text:
            known = f" after {self._records_read:,} records or more" if self._records_read else ""
            return UserError(
                f"{self.path}: truncated: its zstd stream breaks off{known}; download it again"
            )
        if "ZSTD" in text:
            return UserError(f"{self.path}: damaged zstd stream ({text}); download it again")
        return UserError(f"{self.path}: cannot be read: {error.strerror or text}")

    def _read_metadata(self) -> tuple[int, Metadata]:
        prelude = self._read_bytes(_PRELUDE_BYTES)
        if prelude[:3] != b"DBN":
            raise UserError(f"{self.path}: not a DBN file (its zstd content does not begin DBN)")
        if len(prelude) < _PRELUDE_BYTES:
            raise UserError(f"{self.path}: truncated in its header; download it again")
        version, length = prelude[3], int.from_bytes(prelude[4:], "little")
        if not 1 <= version <= DBN_VERSION:
            raise UserError(
                f"{self.path}: DBN version {version}; this databento package reads 1 to "
                f"{DBN_VERSION}"
            )
        if length > _MAX_METADATA_BYTES:
            raise UserError(f"{self.path}: damaged: its header claims {length:,} bytes of metadata")
        body = self._read_bytes(length)
        if len(body) < length:
            raise UserError(f"{self.path}: truncated in its metadata; download it again")
        self._metadata_bytes = _PRELUDE_BYTES + length
        try:
            return version, Metadata.decode(prelude + body)
        except Exception as error:  # the decoder says nothing of what it raises
            raise UserError(f"{self.path}: damaged metadata: {error}") from error

    def _read_records(self, view: memoryview, size: int) -> int:
        count, rest = divmod(self._read_into(view), size)
        if rest:
            raise UserError(
                f"{self.path}: truncated: {rest} bytes of a {size}-byte record after record "
                f"{self._records_read + count - 1:,}; download it again"
            )
        return count

    def _check_headers(self, records: Records, layout: RecordLayout) -> None:
        length = records.dtype.itemsize // _LENGTH_UNIT_BYTES
        starts = records.view(np.uint16).reshape(len(records), -1)[:, 0]
        wrong = starts != np.uint16(length | layout.rtype << 8)
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self._foreign_record(
                self._records_read + first,
                (int(records["length"][first]), int(records["rtype"][first])),
                (length, layout),
            )

    def _foreign_record(
        self, number: int, found: tuple[int, int], expected: tuple[int, RecordLayout]
    ) -> UserError:
        length, layout = expected
        return UserError(
            f"{self.path}: record {number:,} is not {_A_RECORD[layout.name]} (rtype {found[1]}, "
            f"{found[0] * _LENGTH_UNIT_BYTES} bytes; expected {layout.rtype}, "
            f"{length * _LENGTH_UNIT_BYTES})"
        )

    def _live_chunks(
        self, chunk_records: int, layout: RecordLayout, record: np.dtype[Any]
    ) -> Iterator[Records]:
        rest = b""
        while piece := self._read_bytes(_READ_PIECE_BYTES):
            block = rest + piece
            starts, end = self._record_starts(block)
            rest = block[end:]
            content = np.frombuffer(block, np.uint8)
            symbols = SYMBOL_MAPPING.record_dtype(self.version, ts_out=self.metadata.ts_out)
            for mapping in self._live_records(content, starts, SYMBOL_MAPPING, symbols):
                self._learn_symbol(mapping)
            found = self._live_records(content, starts, layout, record)
            self._records_read += len(starts)
            for start in range(0, len(found), chunk_records):
                yield found[start : start + chunk_records]
        if rest:
            raise UserError(
                f"{self.path}: truncated: {len(rest)} bytes of a record after record "
                f"{self._records_read - 1:,}; download it again"
            )

    def _record_starts(self, block: bytes) -> tuple[NDArray[np.int64], int]:
        """Return where the whole records of a block start, and where the last of them ends."""
        starts: list[int] = []
        at, size = 0, len(block)
        while at < size:
            length = block[at] * _LENGTH_UNIT_BYTES
            if length < _HEADER_BYTES:
                raise UserError(
                    f"{self.path}: record {self._records_read + len(starts):,} is damaged: it "
                    f"claims {length} bytes"
                )
            if at + length > size:
                break
            starts.append(at)
            at += length
        return np.array(starts, np.int64), at

    def _live_records(
        self,
        content: NDArray[np.uint8],
        starts: NDArray[np.int64],
        layout: RecordLayout,
        record: np.dtype[Any],
    ) -> Records:
        """Return the records of one layout out of a block of all types."""
        numbers = np.flatnonzero(content[starts + 1] == layout.rtype)
        mine = starts[numbers]
        length = record.itemsize // _LENGTH_UNIT_BYTES
        wrong = content[mine] != length
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self._foreign_record(
                self._records_read + int(numbers[first]),
                (int(content[mine[first]]), layout.rtype),
                (length, layout),
            )
        rows = content[mine[:, None] + np.arange(record.itemsize)]
        records: Records = rows.view(record).reshape(-1)
        return records

    def _learn_symbol(self, mapping: np.void) -> None:
        # The raw symbol stands on whichever side is no number, as databento reads it too.
        texts = [_text(mapping["stype_out_symbol"]), _text(mapping["stype_in_symbol"])]
        symbol = next((text for text in texts if text and not text.isdigit()), None)
        if symbol:
            self.live_symbols[int(mapping["instrument_id"])] = symbol


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode(errors="replace")
