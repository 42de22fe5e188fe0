"""The dbt YAML of every table, from its contract: types, enforced contract, descriptions, tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from spymaster.contracts import Contract, Field, all_contracts, contracts_dir

_HEADER = "# Made from dbt_project/contracts by `spymaster contracts generate`; do not edit.\n"


def generated_files() -> dict[Path, str]:
    """Return path → text of every generated YAML file: one a layer and product type.

    >>> any(path.name == "silver_future_mbo.yml" for path in generated_files())
    True
    """
    groups: dict[tuple[str, str], list[Contract]] = {}
    for contract in all_contracts():
        layer, product_type, _ = contract.key.split(".")
        groups.setdefault((layer, product_type), []).append(contract)
    models = contracts_dir().parent / "models"
    files = {}
    for (layer, product_type), contracts in groups.items():
        content = _sources if layer == "bronze" else _models
        text = _HEADER + yaml.safe_dump(
            content(f"{layer}_{product_type}", contracts), sort_keys=False, width=100
        )
        folder = models / layer / product_type
        files[folder / f"{layer}_{product_type}.yml"] = text
    return files


def _sources(name: str, contracts: list[Contract]) -> dict[str, Any]:
    tables = [
        {
            "name": _table(contract),
            "description": contract.doc,
            "config": {"meta": {"key": contract.key}},
            "columns": [_column(field) for field in contract.fields],
        }
        for contract in contracts
    ]
    return {"version": 2, "sources": [{"name": name, "schema": name, "tables": tables}]}


def _models(name: str, contracts: list[Contract]) -> dict[str, Any]:
    return {
        "version": 2,
        "models": [
            {
                "name": _table(contract),
                "description": contract.doc,
                "config": {"contract": {"enforced": True}},
                "columns": [_column(field) for field in contract.fields],
                "data_tests": _data_tests(contract),
            }
            for contract in contracts
        ],
    }


def _table(contract: Contract) -> str:
    return contract.key.rsplit(".", 1)[1]


def _column(field: Field) -> dict[str, Any]:
    return {"name": field.name, "data_type": field.duckdb_type.lower(), "description": field.doc}


def _data_tests(contract: Contract) -> list[dict[str, Any]]:
    rules = [rule for field in contract.fields for rule in _field_rules(field)]
    rules += contract.properties.get("rules", [])
    tests = [{"rules": {"name": f"{_table(contract)}_rules", "arguments": {"rules": rules}}}]
    key = contract.properties.get("unique_key")
    if key:
        tests.append(
            {"unique_key": {"name": f"{_table(contract)}_key", "arguments": {"columns": key}}}
        )
    return tests


def _field_rules(field: Field) -> list[dict[str, str]]:
    name, properties = field.name, field.properties
    conditions = []
    if not field.nullable:
        conditions.append(("not_null", f"{name} is not null"))
    for bound, sign in (("minimum", ">="), ("maximum", "<=")):
        if bound in properties:
            condition = f"{name} {sign} {properties[bound]}"
            conditions.append(
                (bound, f"{name} is null or {condition}" if field.nullable else condition)
            )
    if "accepted_values" in properties:
        values = ", ".join(f"'{value}'" for value in properties["accepted_values"])
        conditions.append(("accepted_values", f"{name} in ({values})"))
    return [{"name": f"{name}_{kind}", "expression": text} for kind, text in conditions]
