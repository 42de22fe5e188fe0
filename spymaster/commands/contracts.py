"""`spymaster contracts`: what is generated from the contracts, and whether it is up to date."""

from __future__ import annotations

import click

from spymaster.contracts import all_contracts
from spymaster.dbt_yaml import generated_files
from spymaster.errors import UserError


@click.group()
def contracts() -> None:
    """Tables' contracts (dbt_project/contracts/*.avsc) and what is made from them.

    \b
    Example:
      spymaster contracts generate --check
    """


@contracts.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a file is out of date.")
def generate(check: bool) -> None:
    """Write the dbt YAML of every table from its contract.

    \b
    Example:
      spymaster contracts generate
    """
    stale = [
        (path, text)
        for path, text in generated_files().items()
        if not path.exists() or path.read_text() != text
    ]
    if check and stale:
        names = ", ".join(path.name for path, _ in stale)
        raise UserError(f"out of date: {names}; run: spymaster contracts generate")
    for path, text in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        click.echo(f"wrote {path}")
    click.echo(f"{len(all_contracts())} contracts, {len(stale)} files written")
