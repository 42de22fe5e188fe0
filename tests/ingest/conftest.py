"""The sample market with options, for the tests of its files and of its books."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from option_market import MARKET, OPTIONS, Files, records

from ingest.sample import write_day_with_options


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    future, options = write_day_with_options(tmp_path_factory.mktemp("options"), MARKET, OPTIONS)
    return Files(
        options,
        future.path,
        records(options.definition_path),
        records(options.statistics_path),
        records(options.mbo_path),
        pq.read_table(options.truth_path).to_pylist(),
    )
