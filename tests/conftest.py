"""Fixtures that more than one test file needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_day import LabelledDay
from option_days import OptionDay
from oracle_book import OracleResult, oracle_book
from real_data import ESH4, ESH4_SESSION, real_mbo, real_path

from ingest.file_ingest import ingest_file
from spymaster.dbt_run import build_day
from spymaster.lake import Lake


@pytest.fixture(scope="session")
def esh4_oracle() -> OracleResult:
    """What the oracle says of the real ESH4 day's two hours."""
    return oracle_book(real_mbo(ESH4), **ESH4_SESSION)


def _option_day(root: str, folders: pytest.TempPathFactory) -> OptionDay:
    folder = folders.mktemp(root)
    (folder / "files").mkdir()
    return OptionDay(root, folder)


@pytest.fixture(scope="session")
def es_option_day(tmp_path_factory: pytest.TempPathFactory) -> OptionDay:
    """Three minutes of ES and its options, built; tests that change something copy the lake."""
    return _option_day("ES", tmp_path_factory)


@pytest.fixture(scope="session")
def nq_option_day(tmp_path_factory: pytest.TempPathFactory) -> OptionDay:
    """The same of NQ; test_options_build.py asks for both by their names."""
    return _option_day("NQ", tmp_path_factory)


@pytest.fixture(scope="session")
def labelled_day(tmp_path_factory: pytest.TempPathFactory) -> LabelledDay:
    """Ten minutes of the sample market, built, with the labels beside them."""
    return LabelledDay(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="session")
def esh4_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The two hours of the real ESH4 file, built; tests that change something copy the lake."""
    path = real_path(ESH4)
    lake = Lake(Path(tmp_path_factory.mktemp("esh4")) / "lake")
    ingest_file(path, lake, root="ES")
    session = {"session_start": "22:00", "session_end": "24:00", "session_tz": "UTC"}
    build_day(lake, "ESH4", "2023-12-25", session)
    return lake
