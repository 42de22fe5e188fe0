"""Where compiled kernels are kept between processes.

numba's own cache notices a change in the file of a kernel, but not in the files of the functions that
the kernel calls. So the folder carries a hash of all kernel sources: any edit compiles anew.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from numba import config


def sources_hash(*packages: Path) -> str:
    """Return a short hash over the Python sources of some package folders.

    >>> len(sources_hash(Path(__file__).parent))
    16
    """
    digest = hashlib.sha256()
    for package in packages:
        for source in sorted(package.rglob("*.py")):
            digest.update(source.relative_to(package).as_posix().encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def use_kernel_cache() -> None:
    """Point numba at a cache folder of these very sources, unless NUMBA_CACHE_DIR is set."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    here = Path(__file__).parent
    packages = [here, *(p for p in [here.parent / "ingest" / "sample"] if p.is_dir())]
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    config.CACHE_DIR = str(root / "spymaster" / f"kernels-{sources_hash(*packages)}")
