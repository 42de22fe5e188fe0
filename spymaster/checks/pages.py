"""docs/checks.md: the suites and their checks, from the checks themselves."""

from __future__ import annotations

from spymaster.checks.check import Check, checks_in
from spymaster.checks.suites import SUITES, Suite

_HEAD = """# Checks

<!-- Made from spymaster/checks by `spymaster contracts generate`; do not edit. -->

`spymaster check data|physics|gex` runs a suite of checks over the published partitions of a contract and
date. A check is a sentence that must be true and a SQL query of the rows for which it is not:
[spymaster/checks](../spymaster/checks) has one file a check. Read it, or print it with its views and
paste it into any DuckDB:

```
spymaster check data --symbol ESH6 --dt 2026-01-06 --show depth_carries_over | duckdb
```

- Only complete partitions are read; if one is replaced meanwhile, the day is to be checked again.
- An *error* that fires, a missing table or a damaged manifest make exit code 1; a *warning* does not.
- A check that needs a missing table is `not run`.
- The tables stand under their names, bronze as `future_mbo__mbo`; `parameters` is one row of what they
  were built with, `partitions` and `partition_inputs` are what the manifests say and what the files are.
- `contract_…` checks take every rule from the table's contract ([tables.md](tables.md)) and name those
  that are broken.
- The dbt tests keep wrong rows from being published. The checks find what they cannot: files that were
  changed later, tables that do not belong together, what follows from records or from another table.

## Why files of SQL

- dbt's tests run on what is staged and need a dbt run, some seconds and the day's vars: too much for cron
  over a month of days, and blind to what happens to a file afterwards.
- Assertions in Python are quick to write, but nobody can paste one into a notebook and look at the rows.
- A query of wrong rows can be read and pasted. Its price: what takes several steps is a longer query.
  Tables of a day are joined on (window, price, side), which takes seconds for 14.6 million rows; a
  positional join looks cheaper and had not ended after minutes.

## JSON

`--json` prints `suite`, `symbol`, `passed` and `days`, each with

| key | what |
|---|---|
| `dt` | date |
| `passed` | no error fired, nothing is missing, no problem |
| `problem` | why nothing could be checked (a damaged manifest), else null |
| `nothing_to_check` | `a day without options` (gex), else null |
| `missing` | keys of tables that are not in the lake |
| `checks` | one object a check, see below |

and of each check

| key | what |
|---|---|
| `name`, `sentence`, `severity` | as below |
| `outcome` | `passed`, `failed`, `warned` or `not run` |
| `violations` | number of rows that break it; null if it was not run |
| `rows` | the first five of them, in order; a time also as text (`window_start`) |
| `reason` | why it was not run or could not read a table, else null |
| `seconds` | how long it took |

In cron:

```
spymaster check data --symbol ESH6 --dates 2026-01-05:2026-01-09 --json > checks.json || mail -s lake desk
```
"""


def checks_page() -> str:
    """Return the text of docs/checks.md.

    >>> checks_page().startswith("# Checks")
    True
    """
    parts = [_HEAD, "## Every suite: the partitions\n", _table(checks_in("partitions"))]
    for suite in SUITES.values():
        parts += [f"\n## {suite.name}\n", _about(suite), _table(_own_checks(suite))]
    return "\n".join(parts)


def _about(suite: Suite) -> str:
    own = ", ".join(f"`{key.split('.')[-1]}`" for key in suite.own_tables)
    others = ", ".join(f"`{key}`" for key in suite.other_tables)
    text = f"About {own}; compared with {others}."
    if suite.of_options:
        text += " A day without options passes, unless `--require-options`."
    return text + "\n"


def _own_checks(suite: Suite) -> list[Check]:
    common = {check.name for check in checks_in("partitions")}
    return [check for check in suite.checks() if check.name not in common]


def _table(checks: list[Check]) -> str:
    rows = [f"| `{check.name}` | {check.sentence} | {_severity(check)} |" for check in checks]
    return "\n".join(["| check | what must be true | severity |", "|---|---|---|", *rows, ""])


def _severity(check: Check) -> str:
    if check.share_of is None:
        return check.severity
    return f"{check.severity} above {100 * check.tolerated_share:g} % of `{check.share_of}`"
