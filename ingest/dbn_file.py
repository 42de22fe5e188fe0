"""A DBN file of MBO records: opened, checked and decoded in chunks, each byte read once."""

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
from databento_dbn import DBN_VERSION, MBOMsg, Metadata, RType, Schema
from numpy.typing import NDArray

from spymaster.errors import UserError

RECORD: Final = np.dtype(
    [(name, "u1" if kind == "S1" else kind) for name, kind in MBOMsg._dtypes]
).newbyteorder("<")
"""One 56-byte MBO record; `action` and `side` are the ASCII codes of their letters."""
RECORD_TS_OUT: Final = np.dtype([*RECORD.descr, ("ts_out", "<u8")])
"""The same with the time it was sent, in files recorded from a live feed with ts_out."""
CHUNK_RECORDS: Final = 65_536

_MBO_RTYPE: Final = int(RType.from_schema(Schema.MBO))
_LENGTH_UNIT_BYTES: Final = 4
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGICS: Final = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))
_PRELUDE_BYTES: Final = 8
_MAX_METADATA_BYTES: Final = 256 << 20
_READ_PIECE_BYTES: Final = 1 << 20

Records = NDArray[np.void]


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
    """An open DBN file of the MBO schema, plain or zstd (told by its content), of any version.

    Raises UserError, naming the file, if it cannot be read, is not DBN, is cut off, or holds
    another schema.

    >>> with DbnFile(Path("es.dbn.zst")) as file:  # doctest: +SKIP
    ...     for records in file.chunks():
    ...         print(records["price"][:3])
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
        self.record_dtype = RECORD_TS_OUT if self.metadata.ts_out else RECORD

    def __enter__(self) -> DbnFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()

    def require_mbo(self) -> None:
        """Raise UserError if the file's schema is not MBO."""
        schema = self.metadata.schema
        if schema is None:
            raise UserError(
                f"{self.path}: a live recording of mixed record types, not a file of schema mbo"
            )
        if schema != Schema.MBO:
            raise UserError(f"{self.path}: its schema is {schema}, not mbo")

    def estimated_records(self) -> int | None:
        """Return how many records the file has, judged by the share of its bytes read so far."""
        if self._is_plain:
            return (self.size - self._metadata_bytes) // self.record_dtype.itemsize
        if not self._records_read or not self._source.bytes_read:
            return None
        return (
            self._records_read
            * max(self.size, self._source.bytes_read)
            // (self._source.bytes_read)
        )

    def chunks(self, chunk_records: int = CHUNK_RECORDS) -> Iterator[Records]:
        """Yield the records in file order, at most `chunk_records` at a time.

        Each chunk is a structured array of `record_dtype` in a buffer that the next one reuses:
        copy what you keep. Every record is checked to be an MBO record by its type and length.
        """
        self.require_mbo()
        buffer = np.empty(chunk_records, self.record_dtype)
        bytes_view = buffer.view(np.uint8).data
        while count := self._read_records(bytes_view):
            records = buffer[:count]
            self._check_headers(records)
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
            return UserError(
                f"{self.path}: truncated: its zstd stream breaks off after "
                f"{self._records_read:,} records; download it again"
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
        except Exception as error:
            raise UserError(f"{self.path}: damaged metadata: {error}") from error

    def _read_records(self, view: memoryview) -> int:
        size = self.record_dtype.itemsize
        count, rest = divmod(self._read_into(view), size)
        if rest:
            raise UserError(
                f"{self.path}: truncated: {rest} bytes of a {size}-byte record after record "
                f"{self._records_read + count - 1:,}; download it again"
            )
        return count

    def _check_headers(self, records: Records) -> None:
        length = self.record_dtype.itemsize // _LENGTH_UNIT_BYTES
        expected = np.uint16(length | _MBO_RTYPE << 8)
        starts = records.view(np.uint16).reshape(len(records), -1)[:, 0]
        wrong = starts != expected
        if wrong.any():
            first = int(np.argmax(wrong))
            found_length, found_rtype = int(records["length"][first]), int(records["rtype"][first])
            raise UserError(
                f"{self.path}: record {self._records_read + first:,} is not an MBO record (rtype "
                f"{found_rtype}, {found_length * _LENGTH_UNIT_BYTES} bytes; expected {_MBO_RTYPE}, "
                f"{length * _LENGTH_UNIT_BYTES})"
            )
