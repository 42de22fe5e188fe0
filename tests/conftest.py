"""Fixtures that more than one test file needs."""

from __future__ import annotations

import pytest
from oracle_book import OracleResult, oracle_book
from real_data import ES_TICK_INT, ESH4, real_mbo

ESH4_OPEN_NS = 1_703_541_600_000_000_000  # 2023-12-25 22:00:00 UTC
ESH4_SESSION = {
    "tick_int": ES_TICK_INT,
    "session_start_ns": ESH4_OPEN_NS,
    "session_end_ns": ESH4_OPEN_NS + 7_200_000_000_000,
    "hud_max_ticks": 40,  # the oracle needs half a minute for 200
}


@pytest.fixture(scope="session")
def esh4_oracle() -> OracleResult:
    """What the oracle says of the real ESH4 day's two hours."""
    return oracle_book(real_mbo(ESH4), **ESH4_SESSION)
