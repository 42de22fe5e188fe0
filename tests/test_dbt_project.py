"""What every model of the dbt project keeps: its size, its grain sentence, its tests."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml

from spymaster.dbt_code import code_checksum, dbt_project_dir, macro_texts
from spymaster_udf.book_windows import BUCKETS, ZONE_TICKS, zone_bucket

MODELS = sorted(dbt_project_dir().glob("models/*/*/*.sql"))
BUILT = [path for path in MODELS if "bronze" not in path.parts]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_short_and_says_its_grain(path: Path):
    """At most 150 lines; a grain sentence, in the SQL or, where it is a bare selection, in the YAML."""
    text = path.read_text()
    assert len(text.splitlines()) <= 150
    says_itself = text.startswith("-- Grain: one row per ")
    assert says_itself or "where table_name = " in text, path


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.stem)
def test_every_model_has_a_unit_test(path: Path):
    """Given rows, expected rows, beside the model."""
    tested = {
        test["model"]
        for file in path.parent.glob("*unit_tests.yml")
        for test in yaml.safe_load(file.read_text())["unit_tests"]
    }
    assert path.stem in tested


def test_the_radar_kernel_and_the_bands_seed_agree():
    """AT, NEAR, MID, FAR are the same ticks in the compiled engine and in the SQL's seed."""
    seed = dbt_project_dir() / "seeds" / "price_bands.csv"
    bands = duckdb.sql(f"select band, first_tick, last_tick from '{seed}'").fetchall()
    for distance in range(-1, ZONE_TICKS + 2):
        names = [band for band, first, last in bands if first <= distance <= last]
        bucket = zone_bucket(distance)
        assert names == ([BUCKETS[bucket]] if bucket else []), distance


def test_a_models_code_is_also_the_macros_of_its_macros():
    """A change in `norm` changes what calls it through vacuum_score, and not the radar."""
    texts = macro_texts(dbt_project_dir())
    changed = {**texts, "norm": texts["norm"] + " "}

    def differs(*macros: str) -> bool:
        names = [f"macro.spymaster.{name}" for name in macros]
        return code_checksum("", names, [], texts) != code_checksum("", names, [], changed)

    assert differs("vacuum_score")
    assert differs("norm")
    assert not differs("seed_rows", "tick_int")
