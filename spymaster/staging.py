"""Folders in which partitions are built, outside of every glob; those of the dead are recognised.

Each has a `.lock` that its process holds as long as it lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_STAGING_NAME = re.compile(r"[0-9a-f]{32}")
_LOCK_NAME = ".lock"
_UNBORN_PREFIX = ".new-"
_ABANDONED_AFTER_SECONDS = 3600.0


@dataclass(frozen=True)
class LeftOver:
    """A staging folder whose process has died, what it was for (may be ""), and its size."""

    folder: Path
    purpose: str
    bytes: int


@contextlib.contextmanager
def staging_folder(home: Path, purpose: str) -> Iterator[Path]:
    """Give a fresh folder below `home`, removed at the end; `purpose` is written into its `.lock`."""
    home.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    unborn, folder = home / f"{_UNBORN_PREFIX}{name}", home / name
    unborn.mkdir()
    # Locked before it gets its name: a sweeper never finds a named folder that is not locked.
    with locked(unborn / _LOCK_NAME) as lock:
        lock.write(purpose.encode())
        lock.flush()
        unborn.rename(folder)
        try:
            yield folder
        finally:
            _remove(folder)


def left_overs(home: Path, remove: bool) -> list[LeftOver]:
    """Return the folders of processes that have died, and remove them if asked to."""
    found = []
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        if folder.is_symlink() or not folder.is_dir():
            continue
        with _dead(folder) as is_dead:
            if is_dead:
                found.append(_left_over(folder))
                if remove:
                    _remove(folder)
    return found


@contextlib.contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Hold a lock file, made if need be; the system lets go of it when the process dies."""
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


@contextlib.contextmanager
def _dead(folder: Path) -> Iterator[bool]:
    """Say whether a staging folder's process has died; its lock is held meanwhile, if it has one."""
    if not _STAGING_NAME.fullmatch(folder.name):
        yield folder.name.startswith(_UNBORN_PREFIX) and _is_abandoned(folder)
        return
    try:
        lock = (folder / _LOCK_NAME).open("rb+")
    except FileNotFoundError:
        yield _is_abandoned(folder)
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _is_abandoned(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime >= _ABANDONED_AFTER_SECONDS
    except FileNotFoundError:
        return False


def _left_over(folder: Path) -> LeftOver:
    purpose, size = "", 0
    with contextlib.suppress(OSError):
        purpose = (folder / _LOCK_NAME).read_text(errors="replace")[:40]
    with contextlib.suppress(OSError):  # another sweeper may be ahead
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    return LeftOver(folder, purpose, size)


def _remove(folder: Path) -> None:
    # The lock goes last, so that a sweeper that was killed half way leaves what the next one finds.
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK_NAME:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
