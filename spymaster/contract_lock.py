"""The record of released contracts, against which a breaking change without a raised version is refused.

`dbt_project/contracts/released.json` has of every table its version and its columns' types. It is made
by `spymaster contracts generate` and committed, so that the check needs no history.
"""

from __future__ import annotations

import json
from typing import Any, Final

from spymaster.contract_diff import breaking, contract_changes

Json = dict[str, Any]
LOCK_NAME: Final = "released.json"


def released(schema: Json) -> Json:
    """Return what the lock records of an Avro schema."""
    return {
        "version": schema.get("version"),
        "fields": [{"name": field["name"], "type": field["type"]} for field in schema["fields"]],
    }


def lock_text(schemas: dict[str, Json]) -> str:
    """Return the lock's text for schemas by key, a line a column.

    >>> print(lock_text({"a.b.c": {"version": 1, "fields": [{"name": "x", "type": "int"}]}}))
    {
     "a.b.c": {"version": 1, "fields": [
      {"name": "x", "type": "int"}
     ]}
    }
    <BLANKLINE>
    """
    tables = []
    for key in sorted(schemas):
        entry = released(schemas[key])
        fields = ",\n".join(f"  {json.dumps(field)}" for field in entry["fields"])
        version = json.dumps(entry["version"])
        tables.append(f' {json.dumps(key)}: {{"version": {version}, "fields": [\n{fields}\n ]}}')
    return "{\n" + ",\n".join(tables) + "\n}\n"


def refusals(lock: dict[str, Json], schemas: dict[str, Json]) -> list[str]:
    """Return why schemas must not follow what the lock records, a line a table; empty: they may.

    >>> old = {"t": {"version": 1, "fields": [{"name": "x", "type": "int"}]}}
    >>> refusals(old, {"t": {"version": 1, "fields": [{"name": "x", "type": "string"}]}})[0][:31]
    't: breaks: x changed from int t'
    >>> refusals(old, {"t": {"version": 2, "fields": [{"name": "x", "type": "string"}]}})
    []
    """
    problems = []
    for key, schema in schemas.items():
        version = schema.get("version")
        if type(version) is not int or version < 1:
            problems.append(f"{key}: version is {version!r}, not a whole number from 1")
        elif key in lock:
            before = lock[key]["version"]
            broken = breaking(contract_changes(lock[key], schema))
            if version < before:
                problems.append(
                    f"{key}: version {version} is lower than {before}, the released one"
                )
            elif broken and version == before:
                problems.append(f"{key}: {broken[0]}; raise its version above {before}")
    problems += [
        f"{key}: released, but its contract is gone; take it out of {LOCK_NAME} on purpose"
        for key in lock
        if key not in schemas
    ]
    return problems
