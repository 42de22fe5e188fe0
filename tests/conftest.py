"""Fixtures that more than one test file needs."""

from __future__ import annotations

import pytest
from oracle_book import OracleResult, oracle_book
from real_data import ESH4, ESH4_SESSION, real_mbo


@pytest.fixture(scope="session")
def esh4_oracle() -> OracleResult:
    """What the oracle says of the real ESH4 day's two hours."""
    return oracle_book(real_mbo(ESH4), **ESH4_SESSION)
