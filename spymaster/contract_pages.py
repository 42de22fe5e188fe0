"""docs/tables.md: every table's contract in readable form."""

from __future__ import annotations

import textwrap
from typing import Final

from spymaster.contracts import Contract, Field

_WIDTH: Final = 108
_INTRODUCTION: Final = """\
# Tables

Every table has a contract, an Avro schema in `dbt_project/contracts/`. This page is made from the
contracts by `spymaster contracts generate`; the contracts decide. Names, order, types and nullability of
the columns are checked on every file before it is published, and the rules below are dbt tests that run
before it is published too.

A table's name is `{layer}.{product_type}.{table}`. Units stand in the names: `_ns` nanoseconds since
1970-01-01 UTC, `_int` price times 1e9, `_qty` contracts, `_ticks` ticks, `_log` natural logarithm,
`_norm` 0 to 1, `d1_`, `d2_`, `d3_` backward differences over windows. How the values come about is told
in [book.md](book.md) and [physics.md](physics.md). Folders are below the lake's root.
"""


def tables_page(contracts: list[Contract]) -> str:
    """Return the page's text.

    >>> from spymaster.contracts import load_contract
    >>> "## bronze.future_mbo.mbo" in tables_page([load_contract("bronze.future_mbo.mbo")])
    True
    """
    return "\n".join([_INTRODUCTION, *(_section(contract) for contract in contracts)])


def _section(contract: Contract) -> str:
    layer, product_type, table = contract.key.split(".")
    source = "source=databento/" if layer == "bronze" else ""
    key = ", ".join(f"`{name}`" for name in contract.properties.get("unique_key", []))
    lines = [
        f"## {contract.key}",
        "",
        _wrap(contract.doc),
        "",
        *(
            [f"- Key: {key}; the rows are in its order, no two share it"]
            if key
            else ["- Key: none; the order of the rows, that of the file, is the identity"]
        ),
        *(_wrap(line, "  ") for line in _links(contract)),
        f"- Folder: `{layer}/{source}product_type={product_type}/symbol=…/table={table}/dt=…/`",
        f"- Contract: [{table}.avsc](../{contract.path}), version {contract.properties['version']}",
        "",
        "Columns:",
        "",
        *(_column(field) for field in contract.fields),
    ]
    rules = contract.properties.get("rules", [])
    if rules:
        lines += ["", "Rules, true of every row:", ""]
        lines += [_wrap(f"- `{rule['name']}`: `{rule['expression']}`", "  ") for rule in rules]
    return "\n".join(lines) + "\n"


def _links(contract: Contract) -> list[str]:
    lines = []
    for name, text in (
        ("same_windows_as", "- Windows: those of `{}`, with as many rows and the same {}"),
        ("windows_from", "- Windows: some of those of `{}`, with the same {}"),
    ):
        if name in contract.properties:
            link = contract.properties[name]
            columns = " and ".join(f"`{column}`" for column in link["columns"])
            lines.append(text.format(link["table"], columns))
    return lines


def _column(field: Field) -> str:
    limits = [
        text.format(field.properties[name])
        for name, text in (("minimum", "at least {}"), ("maximum", "at most {}"))
        if name in field.properties
    ]
    if "accepted_values" in field.properties:
        limits.append(f"one of {', '.join(field.properties['accepted_values'])}")
    kind = field.duckdb_type + (" or NULL" if field.nullable else "")
    bounds = f" ({'; '.join(limits)})" if limits else ""
    return _wrap(f"- `{field.name}` {kind}{bounds}: {field.doc}", "  ")


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
