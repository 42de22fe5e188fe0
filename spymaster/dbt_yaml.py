"""The dbt YAML of every table, from its contract: types, enforced contract, descriptions, tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from spymaster.contract_rules import needs_quotes, row_rules
from spymaster.contracts import Contract, Field, all_contracts, contracts_dir, load_contract

_WINDOW_LINKS = {
    "same_windows_as": "{}_has_the_windows_of_{}",
    "windows_from": "{}_agrees_with_{}",
}
_TEST_TEXTS = {
    "rules": "Each row obeys every rule of the contract.",
    "key_rises": "The rows are in the order of their key, and no two share one.",
    "same_windows_as": "Both tables have the same windows, each with as many rows and the same values.",
    "windows_from": "Every window is in the other table too, with the same values.",
}


@dataclass(frozen=True)
class Engine:
    """A Python model that computes rows of several tables in one pass."""

    name: str
    description: str
    tables: tuple[str, ...]
    left_to_sql: Callable[[str], bool] = lambda column: False
    """Which of the tables' columns it does not compute."""


_GEX_SQL = re.compile(
    r"d[123]_.*|gex|gex_abs|gex_imbalance_ratio|underlying.*|spot_.*|rel_ticks|strike_points"
)

ENGINES = (
    Engine(
        "book_engine",
        "The book engine's one pass over the future's day.",
        tuple(
            f"silver.future_mbo.{t}"
            for t in ("book_snapshot_1s", "wall_surface_1s", "radar_zone_flow_1s")
        ),
    ),
    Engine(
        "order_engine",
        "A second pass over the future's day, order by order.",
        ("silver.future_mbo.level_orders_1s",),
    ),
    Engine(
        "option_quotes",
        "One pass over the records of all options on the contract, instrument by instrument.",
        ("silver.future_option_mbo.option_quote_1s",),
    ),
    Engine(
        "gex_engine",
        "Volatility and gamma exposure of every window.",
        ("silver.future_option_mbo.gex_surface_1s", "gold.hud.gex_levels_1s"),
        lambda column: _GEX_SQL.fullmatch(column) is not None,
    ),
)
_TABLE_NAME = Field("table_name", "The table that a row belongs to.", "VARCHAR", False, {})
_HEADER = "# Made from dbt_project/contracts by `spymaster contracts generate`; do not edit.\n"


def generated_yaml() -> dict[Path, str]:
    """Return path → text of every generated YAML file: one a layer and product type.

    >>> any(path.name == "silver_future_mbo.yml" for path in generated_yaml())
    True
    """
    groups: dict[tuple[str, str], list[Contract]] = {}
    for contract in all_contracts():
        layer, product_type, _ = contract.key.split(".")
        groups.setdefault((layer, product_type), []).append(contract)
    models = contracts_dir().parent / "models"
    files = {}
    for (layer, product_type), contracts in groups.items():
        content = _ingested if layer == "bronze" else _built
        document = {"version": 2, "models": [content(contract) for contract in contracts]}
        text = _HEADER + yaml.safe_dump(document, sort_keys=False, width=100)
        folder = models / layer / product_type
        files[folder / f"{layer}_{product_type}.yml"] = text
    for engine in ENGINES:
        text = _HEADER + yaml.safe_dump(
            {"version": 2, "models": [_engine_model(engine)]}, sort_keys=False, width=100
        )
        folder = models.joinpath(*engine.tables[0].split(".")[:2])
        files[folder / f"{engine.name}.yml"] = text
    return files


def model_name(key: str) -> str:
    """Return a table's dbt name: a bronze table's has its product type before it, to be unique.

    >>> model_name("bronze.future_mbo.mbo"), model_name("silver.future_mbo.wall_surface_1s")
    ('future_mbo__mbo', 'wall_surface_1s')
    """
    layer, product_type, table = key.split(".")
    return f"{product_type}__{table}" if layer == "bronze" else table


def _engine_model(engine: Engine) -> dict[str, Any]:
    """One pass makes the rows of several tables: its columns are all of theirs that it computes."""
    columns = {"table_name": _column(_TABLE_NAME)}
    for key in engine.tables:
        for field in load_contract(key).fields:
            if not engine.left_to_sql(field.name):
                columns.setdefault(field.name, _column(field))
    return {
        "name": engine.name,
        "description": f"{engine.description} Rows are tagged with their table's name. A scratch "
        "table of the run, never published.",
        "columns": list(columns.values()),
    }


def _ingested(contract: Contract) -> dict[str, Any]:
    """Ingest has checked what it published; to test 200 million rows again in each run serves nobody."""
    return {
        "name": model_name(contract.key),
        "description": contract.doc,
        "columns": [_column(field) for field in contract.fields],
    }


def _built(contract: Contract) -> dict[str, Any]:
    return {
        "name": model_name(contract.key),
        "description": contract.doc,
        "config": {"contract": {"enforced": True}},
        "columns": [_column(field) for field in contract.fields],
        "data_tests": _data_tests(contract),
    }


def _column(field: Field) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": field.name,
        "data_type": field.duckdb_type.lower(),
        "description": field.doc,
    }
    return {**column, "quote": True} if needs_quotes(field.name) else column


def _data_tests(contract: Contract) -> list[dict[str, Any]]:
    name, properties = model_name(contract.key), contract.properties
    tests = [_test("rules", f"{name}_rules", rules=row_rules(contract))]
    if "unique_key" in properties:
        tests.append(_test("key_rises", f"{name}_key_rises", columns=properties["unique_key"]))
    for link, test_name in _WINDOW_LINKS.items():
        if link in properties:
            other, columns = properties[link]["table"], properties[link]["columns"]
            tests.append(
                _test(link, test_name.format(name, other), other=f"ref('{other}')", columns=columns)
            )
    return tests


def _test(kind: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {kind: {"name": name, "description": _TEST_TEXTS[kind], "arguments": arguments}}
