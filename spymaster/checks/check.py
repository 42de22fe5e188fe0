"""One check: what must be true, the query of what is not, and how much of that is borne."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spymaster.contract_rules import row_rules
from spymaster.contracts import Contract
from spymaster.dbt_yaml import model_name

ERROR: Final = "error"
WARNING: Final = "warning"

_FOLDER: Final = Path(__file__).parent
_SEVERITY: Final = re.compile(
    r"severity: (?P<severity>error|warning)"
    r"(?: above (?P<percent>[0-9.]+) % of (?P<table>\w+))?"
)
_VAR: Final = re.compile(r"\{\{ var\('(\w+)'\) \}\}")


@dataclass(frozen=True)
class Check:
    """A named query of the rows that break a sentence.

    It fires when more than `tolerated_share` of the rows of `share_of` break it; without `share_of`,
    when any does.
    """

    name: str
    sentence: str
    query: str
    severity: str = ERROR
    tolerated_share: float = 0.0
    share_of: str | None = None


def checks_in(folder: str) -> list[Check]:
    """Return the checks of a folder of this package, by name.

    >>> [check.name for check in checks_in("partitions")][0]
    'contract_columns'
    """
    return [parse_check(p.stem, p.read_text()) for p in sorted((_FOLDER / folder).glob("*.sql"))]


def parse_check(name: str, text: str) -> Check:
    """Return the check in a file's text; ValueError if its comment does not say what and how bad.

    >>> parse_check("rows", '''-- There are no rows.
    ... -- severity: warning above 0.5 % of book_snapshot_1s
    ... select 1''').tolerated_share
    0.005
    """
    lines = text.splitlines()
    comment = []
    while lines and lines[0].startswith("-- "):
        comment.append(lines.pop(0).removeprefix("-- "))
    match = _SEVERITY.fullmatch(comment[-1]) if comment else None
    sentence = " ".join(comment[:-1])
    if match is None or not sentence.endswith("."):
        raise ValueError(f"{name}.sql: needs a sentence and a line `-- severity: …` at its top")
    return Check(
        name=name,
        sentence=sentence,
        query="\n".join(lines).strip().rstrip(";"),
        severity=match["severity"],
        tolerated_share=float(match["percent"] or 0) / 100,
        share_of=match["table"],
    )


def contract_check(contract: Contract) -> Check:
    """Return the check of a table's rows against the rules of its contract, key and order included."""
    table = model_name(contract.key)
    rules = row_rules(contract)
    cases = ",\n".join(
        f"        case when ({_with_parameters(rule['expression'])}) is not true"
        f" then '{rule['name']}' end"
        for rule in rules
    )
    key = ", ".join(contract.properties["unique_key"])
    query = f"""
with checked as (
    select
        *,
        row({key}) as row_key,
        lag(row({key})) over () as row_key_before
    from {table}
),

judged as (
    select
        * exclude (row_key, row_key_before),
        list_filter([
        case when row_key <= row_key_before then 'key_rises' end,
{cases}
        ], lambda rule: rule is not null) as broken_rules
    from checked
    cross join parameters
)

select {key}, broken_rules
from judged
where len(broken_rules) > 0"""
    sentence = (
        f"Each row of {table} keeps its contract: order of the key, not null, bounds, "
        "accepted values, rules."
    )
    return Check(f"contract_{table}", sentence, query.strip())


def _with_parameters(expression: str) -> str:
    return _VAR.sub(r"parameters.\1", expression)
