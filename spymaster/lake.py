"""The lake: partitions by key, symbol and date; how they are published whole and read whole.

A partition is a folder with `part-0.parquet`, `_MANIFEST.json` and `_SUCCESS`. It is built in
`_staging/`, on the same file system, and moved into place file by file, `_SUCCESS` last and removed
first: whoever finds `_SUCCESS` finds a whole partition, whenever a writer was killed.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

import spymaster
from spymaster.contracts import Contract, check_parquet
from spymaster.errors import UserError
from spymaster.staging import LeftOver, left_overs, locked, staging_folder

if TYPE_CHECKING:
    import duckdb

DEFAULT_LAKE = "lake"
LAKE_VARIABLE = "SPYMASTER_LAKE"
DATA_NAME = "part-0.parquet"
MANIFEST_NAME = "_MANIFEST.json"
SUCCESS_NAME = "_SUCCESS"
LAYERS = ("bronze", "silver", "gold")

_KEY = re.compile(r"[a-z][a-z_0-9]*\.[a-z][a-z_0-9]*\.[a-z][a-z_0-9]*")
_SYMBOL = re.compile(r"[A-Z0-9]{1,12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_READ_ATTEMPTS = 50
_READ_PAUSE_SECONDS = 0.02
_PACKAGES = ("duckdb", "pyarrow", "numba", "dbt-duckdb", "databento")
_COMPUTED = ("dataset_key", "symbol", "dt", "row_count", "data_file", "contract", "versions")


def _default_root() -> Path:
    return Path(os.environ.get(LAKE_VARIABLE) or DEFAULT_LAKE).absolute()


@dataclass(frozen=True)
class Lake:
    """A lake on a file system; `root` need not exist yet: SPYMASTER_LAKE, else ./lake, if not given.

    >>> Lake("lake").root
    PosixPath('lake')
    """

    root: Path = field(default_factory=_default_root)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with every table as a view: see spymaster/warehouse.py."""
        from spymaster.warehouse import connect

        return connect(self)

    @classmethod
    def from_option(cls, path: str | None) -> Lake:
        """Return the lake of the option --lake, else of SPYMASTER_LAKE, else ./lake; it need not exist.

        Raises UserError if something else than a folder is there.
        """
        root = Path(path).absolute() if path else _default_root()
        if root.exists() and not root.is_dir():
            raise UserError(f"the lake {root} is not a directory")
        return cls(root)

    def check_exists(self) -> None:
        """Raise UserError if there is no such folder; who only reads must not take it for empty."""
        if not self.root.is_dir():
            raise UserError(f"there is no lake {self.root}; ingest files or name it: --lake PATH")

    @contextlib.contextmanager
    def staging(self, purpose: str = "") -> Iterator[Path]:
        """Give a fresh folder on the lake's file system, removed at the end; see spymaster/staging.py.

        `purpose` is told of it if the process dies.
        """
        with staging_folder(self._staging, purpose) as folder:
            yield folder

    def sweep_staging(self) -> list[Path]:
        """Remove the staging folders of processes that have died; returns these folders."""
        return [left.folder for left in self.left_overs(remove=True)]

    def left_overs(self, remove: bool = False) -> list[LeftOver]:
        """Return the staging folders of processes that have died, and remove them if asked to."""
        return left_overs(self._staging, remove)

    @property
    def _staging(self) -> Path:
        return self.root / "_staging"

    def require_writable(self) -> None:
        """Raise UserError if the lake is there and this process cannot write into it."""
        if self.root.exists() and not os.access(self.root, os.W_OK | os.X_OK):
            raise UserError(f"the lake {self.root} is read-only for this user")

    @contextlib.contextmanager
    def build_lock(
        self, symbol: str, dt: str, on_wait: Callable[[str], None] = lambda who: None
    ) -> Iterator[None]:
        """Hold the right to build a (symbol, dt); whoever dies lets go of it.

        While another process holds it, this waits, after one call of `on_wait` with whom it waits for,
        such as "ESH6 2026-01-06, pid 4711".
        """
        self.require_writable()
        with _lock_file(self, f"build {symbol} {dt}").open("a+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                on_wait(f"{symbol} {dt}, pid {lock.read(20).decode(errors='replace') or 'unknown'}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
            lock.flush()
            yield


@dataclass(frozen=True)
class PartitionRef:
    """One partition's name: dataset key, symbol (contract or root), UTC date.

    Raises UserError if a part is malformed, so that no other text ever becomes part of a path.
    """

    lake: Lake
    key: str
    symbol: str
    dt: str

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key) or self.key.split(".")[0] not in LAYERS:
            raise UserError(
                f"{self.key!r} is not a dataset key (such as silver.future_mbo.wall_surface_1s)"
            )
        if not _SYMBOL.fullmatch(self.symbol):
            raise UserError(f"{self.symbol!r} is not a symbol (such as ESH6)")
        try:
            datetime.date.fromisoformat(self.dt if _DATE.fullmatch(self.dt) else "")
        except ValueError:
            raise UserError(f"{self.dt!r} is not a date (such as 2026-01-06)") from None

    def __str__(self) -> str:
        return f"{self.key} {self.symbol} {self.dt}"

    @property
    def folder(self) -> Path:
        """The partition's folder; it need not exist."""
        layer, product_type, table = self.key.split(".")
        layer_folder = self.lake.root / layer
        if layer == "bronze":
            layer_folder /= "source=databento"
        return layer_folder.joinpath(
            f"product_type={product_type}",
            f"symbol={self.symbol}",
            f"table={table}",
            f"dt={self.dt}",
        )

    @property
    def data_path(self) -> Path:
        """The parquet file."""
        return self.folder / DATA_NAME

    @property
    def manifest_path(self) -> Path:
        """What the partition was made of."""
        return self.folder / MANIFEST_NAME

    @property
    def success_path(self) -> Path:
        """Empty file that is there exactly while the partition is whole."""
        return self.folder / SUCCESS_NAME


def partition_ref(lake: Lake, key: str, symbol: str, dt: str | datetime.date) -> PartitionRef:
    """Return a partition's name; UserError if a part of it is malformed.

    >>> ref = partition_ref(Lake(Path("lake")), "bronze.future_mbo.mbo", "ESH6", "2026-01-06")
    >>> ref.folder.relative_to("lake").as_posix()
    'bronze/source=databento/product_type=future_mbo/symbol=ESH6/table=mbo/dt=2026-01-06'
    """
    return PartitionRef(lake, key, symbol, dt if isinstance(dt, str) else dt.isoformat())


def complete_partitions(lake: Lake, key: str, symbol: str) -> list[PartitionRef]:
    """Return the complete partitions of a table and symbol, by date."""
    table_folder = partition_ref(lake, key, symbol, datetime.date.min).folder.parent
    dates = sorted(
        path.parent.name[len("dt=") :] for path in table_folder.glob(f"dt=*/{SUCCESS_NAME}")
    )
    return [partition_ref(lake, key, symbol, dt) for dt in dates if _DATE.fullmatch(dt)]


def is_partition_complete(ref: PartitionRef) -> bool:
    """Return whether the partition is there and whole."""
    return ref.success_path.is_file()


def partition_damage(ref: PartitionRef) -> str | None:
    """Return what is wrong with a partition that has `_SUCCESS`; None if nothing is, or it has none.

    Compares the data file's size and time with the manifest's; only data that is newer than its manifest
    (a copy of a lake may be) is read, to compare its sha256. A publisher that replaces the partition
    meanwhile does not disturb.
    """
    damage = None
    for attempt in range(_READ_ATTEMPTS):
        if attempt:
            time.sleep(_READ_PAUSE_SECONDS)
        before = _manifest_bytes_or_none(ref)
        damage = _damage(ref)
        if damage is None or before == _manifest_bytes_or_none(ref):
            break
    return damage


def _damage(ref: PartitionRef) -> str | None:
    try:
        manifest = read_manifest(ref)
        data = ref.data_path.stat()
        written = ref.manifest_path.stat()
    except FileNotFoundError as error:
        return f"no {Path(error.filename).name} in {ref.folder}" if ref.folder.is_dir() else None
    except UserError as error:
        return str(error).removeprefix(f"{ref}: ") if is_partition_complete(ref) else None
    expected = manifest["data_file"]["bytes"]
    if data.st_size != expected:
        return f"{ref.data_path} has {data.st_size} bytes, its manifest says {expected}"
    if data.st_mtime_ns > written.st_mtime_ns:
        with ref.data_path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != manifest["data_file"].get("sha256"):
            return f"{ref.data_path} is newer than its manifest and differs from it"
    return None


def read_manifest(ref: PartitionRef) -> dict[str, Any]:
    """Return a complete partition's manifest; UserError if it is absent or damaged."""
    return _parse_manifest(ref, _read_manifest_bytes(ref))


def manifest_sha256(ref: PartitionRef) -> str:
    """Return the hex sha256 of the manifest file: it changes whenever the partition does."""
    return hashlib.sha256(_read_manifest_bytes(ref)).hexdigest()


def read_partition(ref: PartitionRef, threads: bool = True) -> pa.Table:
    """Return a partition's rows; UserError if it is not complete or damaged.

    A publisher that replaces it meanwhile does not disturb: all rows are of one version. Without
    `threads` Arrow starts none: where they have just been started, a process that ends aborts now and
    then (apache/arrow issue 34314), so a few rows are better read without.
    """
    with _open_consistent(ref, threads) as file, _damage_is_user_error(ref):
        return file.read(use_threads=threads)


def iter_batches(
    ref: PartitionRef, batch_rows: int = 131_072, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a partition's rows in order, in record batches; as `read_partition` otherwise.

    `columns` reads those alone; UserError names one that the partition does not have.
    """
    with _open_consistent(ref) as file, _damage_is_user_error(ref):
        absent = [name for name in columns or () if name not in file.schema_arrow.names]
        if absent:
            raise UserError(f"{ref}: no column {', '.join(absent)}; build it again")
        yield from file.iter_batches(batch_size=batch_rows, columns=columns)


def publish(
    ref: PartitionRef, staged_file: Path, manifest: dict[str, Any], contract: Contract
) -> None:
    """Check a staged parquet file against its contract and make it the partition.

    `staged_file` lies in a folder of `Lake.staging` and is moved. `manifest` brings what only the
    caller knows (inputs or source, model, parameters, anomalies, seconds); key, symbol, dt, rows,
    data file, contract and package versions are added. Raises ContractError, with nothing changed.
    """
    given_twice = [name for name in _COMPUTED if name in manifest]
    if given_twice or contract.key != ref.key:
        raise ValueError(f"{ref}: computed by publish: {given_twice}; contract of {contract.key}")
    rows = check_parquet(staged_file, contract)
    with staged_file.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
        size = os.fstat(data.fileno()).st_size
        os.fsync(data.fileno())
    whole = {
        "inputs": [],
        "parameters": {},
        "anomalies": {},
        **manifest,
        "dataset_key": ref.key,
        "symbol": ref.symbol,
        "dt": ref.dt,
        "row_count": rows,
        "data_file": {"name": DATA_NAME, "bytes": size, "sha256": digest},
        "contract": {"path": contract.path, "sha256": contract.sha256},
        "versions": package_versions(),
    }
    staged_manifest = staged_file.with_name(staged_file.name + ".manifest")
    staged_success = staged_file.with_name(staged_file.name + ".success")
    text = json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    _write_synced(staged_manifest, text.encode())
    _write_synced(staged_success, b"")
    with _partition_lock(ref):
        _make_folder(ref)
        if is_partition_complete(ref):
            os.unlink(ref.success_path)  # noqa: PTH108 - the steps are os calls, for tests to count
            _sync_folder(ref.folder)
        os.replace(staged_file, ref.data_path)  # noqa: PTH105
        os.replace(staged_manifest, ref.manifest_path)  # noqa: PTH105
        _sync_folder(ref.folder)
        os.replace(staged_success, ref.success_path)  # noqa: PTH105
        _sync_folder(ref.folder)


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that shape the data, those that are installed."""
    versions = {"spymaster": spymaster.__version__}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _read_manifest_bytes(ref: PartitionRef) -> bytes:
    try:
        if is_partition_complete(ref):
            return ref.manifest_path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{ref}: no {MANIFEST_NAME} in {ref.folder}") from None
    raise UserError(f"{ref}: not in the lake {ref.lake.root}")


def _parse_manifest(ref: PartitionRef, text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        named = tuple(manifest[name] for name in ("dataset_key", "symbol", "dt"))
        counts = (manifest["row_count"], manifest["data_file"]["bytes"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{ref}: damaged manifest {ref.manifest_path}: {error!r}") from None
    if named != (ref.key, ref.symbol, ref.dt) or any(type(count) is not int for count in counts):
        raise UserError(f"{ref}: {ref.manifest_path} is not this partition's manifest")
    return dict(manifest)


@contextlib.contextmanager
def _open_consistent(ref: PartitionRef, threads: bool = True) -> Iterator[pq.ParquetFile]:
    """Open the data file that belongs to the manifest, also while another process replaces both."""
    with _matching_data(ref) as (data, manifest):
        with _damage_is_user_error(ref):
            file = pq.ParquetFile(data, pre_buffer=threads)
        if file.metadata.num_rows != manifest["row_count"]:
            raise UserError(
                f"{ref}: {ref.data_path} has {file.metadata.num_rows} rows, "
                f"its manifest says {manifest['row_count']}; build it again"
            )
        with file:
            yield file


@contextlib.contextmanager
def _matching_data(ref: PartitionRef) -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
    for attempt in range(_READ_ATTEMPTS):
        if attempt:
            time.sleep(_READ_PAUSE_SECONDS)
        before = _manifest_bytes_or_none(ref)
        if before is None:
            if ref.folder.is_dir():
                continue
            break
        try:
            data = ref.data_path.open("rb")
        except FileNotFoundError:
            continue
        with data:
            # _SUCCESS before the manifest: once it is seen again, its manifest is in place too.
            # The inode tells apart two publications that left equal manifests.
            after = _manifest_bytes_or_none(ref)
            if after != before or not _is_same_file(data, ref.data_path):
                continue
            manifest = _parse_manifest(ref, before)
            size = os.fstat(data.fileno()).st_size
            if size != manifest["data_file"]["bytes"]:
                raise UserError(
                    f"{ref}: {ref.data_path} has {size} bytes, its manifest says "
                    f"{manifest['data_file']['bytes']}; build it again"
                )
            yield data, manifest
            return
    raise UserError(f"{ref}: not in the lake {ref.lake.root} (or being replaced again and again)")


def _manifest_bytes_or_none(ref: PartitionRef) -> bytes | None:
    try:
        return ref.manifest_path.read_bytes() if is_partition_complete(ref) else None
    except FileNotFoundError:
        return None


def _is_same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _damage_is_user_error(ref: PartitionRef) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{ref}: cannot read {ref.data_path}: {error}; build it again") from error


@contextlib.contextmanager
def _partition_lock(ref: PartitionRef) -> Iterator[None]:
    with locked(_lock_file(ref.lake, str(ref))):
        yield


def _lock_file(lake: Lake, name: str) -> Path:
    # Lock files stay: whoever removed one could leave two processes holding different inodes.
    locks = lake.root / "_locks"
    locks.mkdir(parents=True, exist_ok=True)
    return locks / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"


def _make_folder(ref: PartitionRef) -> None:
    if ref.folder.is_dir():
        return
    ref.folder.mkdir(parents=True, exist_ok=True)
    for parent in ref.folder.parents:
        _sync_folder(parent)
        if parent == ref.lake.root:
            break


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
