"""What every part of the warehouse shares: lake, contracts, products, runs, command line.

What notebooks and scripts need of it can be imported from here; docs/python.md shows how.

>>> from spymaster import Lake, partition_ref
>>> partition_ref(Lake("lake"), "gold.hud.gex_levels_1s", "ESH6", "2026-01-06").data_path.name
'part-0.parquet'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spymaster.contracts import load_contract
    from spymaster.errors import UserError
    from spymaster.lake import (
        Lake,
        PartitionRef,
        complete_partitions,
        is_partition_complete,
        iter_batches,
        partition_ref,
        read_manifest,
        read_partition,
    )
    from spymaster.partition_writer import write_partition

__version__ = "0.1.0"
__all__ = [
    "Lake",
    "PartitionRef",
    "UserError",
    "complete_partitions",
    "is_partition_complete",
    "iter_batches",
    "load_contract",
    "partition_ref",
    "read_manifest",
    "read_partition",
    "write_partition",
]

_MODULES = {
    "UserError": "errors",
    "load_contract": "contracts",
    "write_partition": "partition_writer",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: pyarrow costs a command its quick start."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"spymaster.{_MODULES.get(name, 'lake')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
