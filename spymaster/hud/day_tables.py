"""Which partitions make up a day, and whether they belong together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from spymaster.errors import UserError
from spymaster.hud.columns import BOOK, DAY_TABLES, WALL
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    partition_ref,
    read_manifest,
)
from spymaster.lake import manifest_sha256 as sha256_of_manifest

Json = dict[str, Any]


@dataclass(frozen=True)
class DayTables:
    """The partitions of a day that are whole and belong together, by dataset key.

    `missing` are the tables that are absent or were built from older versions of the others:
    their values would stand beside rows they were not computed from.
    """

    symbol: str
    dt: str
    manifests: dict[str, Json]
    sha256s: dict[str, str]
    missing: tuple[str, ...]

    @property
    def version(self) -> str:
        """Changes whenever a row of the day may have changed."""
        text = "\n".join(f"{key} {sha}" for key, sha in sorted(self.sha256s.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def windows(self) -> int:
        """Number of windows of the book."""
        return int(self.manifests[BOOK]["row_count"])

    def ref(self, lake: Lake, key: str) -> PartitionRef:
        """Return the partition of one of the tables."""
        return partition_ref(lake, key, self.symbol, self.dt)

    def parameter(self, name: str) -> Any:
        """Return a parameter the book was built with; UserError if its manifest has none."""
        try:
            return self.manifests[BOOK]["parameters"][name]
        except (KeyError, TypeError):
            raise _damaged(BOOK, f"no parameter {name}") from None


def day_tables(lake: Lake, symbol: str, dt: str) -> DayTables:
    """Return the tables of a day; UserError if the book is not in the lake.

    A partition that is being replaced counts as absent; its return changes the version.
    """
    manifests: dict[str, Json] = {}
    shas: dict[str, str] = {}
    for key in DAY_TABLES:
        ref = partition_ref(lake, key, symbol, dt)
        found = _manifest_and_sha(ref)
        if found:
            manifests[key], shas[key] = found
    if BOOK not in manifests:
        raise UserError(f"{partition_ref(lake, BOOK, symbol, dt)}: not in the lake {lake.root}")
    stale = _stale(manifests, shas)
    for key in stale:
        del manifests[key], shas[key]
    missing = tuple(key for key in DAY_TABLES if key not in manifests)
    return DayTables(symbol, dt, manifests, shas, missing)


def day_stamp(lake: Lake, symbol: str, dt: str) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes whenever a partition of a day is replaced, without reading a file.

    A publisher moves new files into place, so that a manifest has another inode or time.
    """
    stamp: list[tuple[int, int, int] | None] = []
    for key in DAY_TABLES:
        ref = partition_ref(lake, key, symbol, dt)
        for path in (ref.success_path, ref.manifest_path):
            try:
                found = path.stat()
                stamp.append((found.st_ino, found.st_mtime_ns, found.st_size))
            except OSError:
                stamp.append(None)
    return tuple(stamp)


def _manifest_and_sha(ref: PartitionRef) -> tuple[Json, str] | None:
    """Return both of the same version, None if the partition is absent or just being replaced."""
    try:
        if not is_partition_complete(ref):
            return None
        before = sha256_of_manifest(ref)
        manifest = read_manifest(ref)
        return (manifest, before) if sha256_of_manifest(ref) == before else None
    except UserError:
        return None


def _stale(manifests: dict[str, Json], shas: dict[str, str]) -> set[str]:
    """Return the tables that were not built from the others as they are now, at any remove."""
    book, wall = manifests[BOOK], manifests.get(WALL)
    stale = set()
    # Both come from one pass of the engine: they match if it read the same and ran the same.
    if wall and _run(wall) != _run(book):
        stale.add(WALL)
    while True:
        found = {
            key
            for key, manifest in manifests.items()
            if key not in stale and any(
                wanted_key in DAY_TABLES
                and (wanted_key in stale or shas.get(wanted_key) != sha)
                for wanted_key, sha in _inputs(manifest)
            )
        }  # fmt: skip
        if not found:
            return stale
        stale |= found


def _run(manifest: Json) -> tuple[set[tuple[str, str]], Any]:
    return _inputs(manifest), manifest.get("parameters")


def _inputs(manifest: Json) -> set[tuple[str, str]]:
    try:
        return {(entry["key"], entry["manifest_sha256"]) for entry in manifest["inputs"]}
    except (KeyError, TypeError):
        raise _damaged(manifest["dataset_key"], "no inputs") from None


def _damaged(key: str, what: str) -> UserError:
    return UserError(f"{key}: damaged manifest, {what}; build it again")
