"""Real Databento files for tests: where they lie, and how they are read.

They are licensed and never part of the project. A test that does not find its file is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import databento
import numpy as np
import pytest

from spymaster_udf.mbo import RECORD

ESH4_SNAPSHOT = "esh4-glbx-mdp3-20231224.mbo.dbn.zst"
ESH4 = "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
ESM4 = "esm4-glbx-mdp3-20240508T000000-000002.mbo.dbn.zst"

ES_TICK_INT = 250_000_000

ESH4_OPEN_NS = 1_703_541_600_000_000_000  # 2023-12-25 22:00:00 UTC
ESH4_SESSION = {
    "tick_int": ES_TICK_INT,
    "session_start_ns": ESH4_OPEN_NS,
    "session_end_ns": ESH4_OPEN_NS + 7_200_000_000_000,
    "hud_max_ticks": 40,  # the oracle needs half a minute for 200
}


def real_data_folder() -> Path:
    """The folder of SPYMASTER_REAL_DATA, by default `../shared/data/real` beside the project."""
    root = Path(__file__).resolve().parent.parent
    return root / Path(os.environ.get("SPYMASTER_REAL_DATA", "../shared/data/real"))


def real_path(name: str) -> Path:
    """The path of a real file; skips the running test when there is none."""
    path = real_data_folder() / name
    if not path.is_file():
        pytest.skip(f"no real data: {path} not found (SPYMASTER_REAL_DATA names the folder)")
    return path


def real_mbo(name: str) -> np.ndarray:
    """The MBO records of a real file as one RECORD array, in the file's order."""
    store = databento.DBNStore.from_bytes(real_path(name).read_bytes())
    return store.to_ndarray().view(RECORD)
