"""The examples in the docstrings of checks and inspection run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "spymaster.checks.check",
    "spymaster.checks.dates",
    "spymaster.checks.pages",
    "spymaster.checks.report",
    "spymaster.checks.run",
    "spymaster.checks.suites",
    "spymaster.contract_rules",
    "ingest.inspect.book_command",
    "ingest.inspect.flags_view",
    "ingest.inspect.ladder_view",
    "ingest.inspect.moment",
    "ingest.inspect.source",
    "spymaster_udf.book_ladder",
    "spymaster_udf.record_census",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0
