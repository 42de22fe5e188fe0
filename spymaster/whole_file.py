"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spymaster.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the name to write under; when all is written the file gets its own name, `path`.

    An error, Ctrl-C among them, leaves nothing new and what was there before. UserError for what the
    disk refuses.

    >>> with whole_file(Path("seven.txt")) as part:
    ...     _ = part.write_text("7")
    >>> Path("seven.txt").read_text()
    '7'
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
