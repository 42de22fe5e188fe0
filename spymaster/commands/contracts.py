"""`spymaster contracts`: what is made from the contracts, and what a change of one breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from spymaster.checks.pages import checks_page
from spymaster.contract_diff import breaking, contract_changes
from spymaster.contract_lock import LOCK_NAME, lock_text, refusals
from spymaster.contract_pages import tables_page
from spymaster.contracts import ContractError, all_contracts, contracts_dir, parse_contract
from spymaster.dbt_yaml import generated_yaml
from spymaster.errors import UserError
from spymaster.radar_contract import KEY as RADAR_KEY
from spymaster.radar_contract import radar_contract_text


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
    """Write what follows from the contracts: dbt's YAML, docs/tables.md and checks.md, the record of
    released ones.

    Refuses a change that breaks readers while the contract's version stays as it was released.

    \b
    Example:
      spymaster contracts generate
    """
    try:
        _generate(check)
    except ContractError as error:
        raise UserError(str(error)) from None


def _generate(check: bool) -> None:
    seeded = _seeded_contracts()
    paths = {c.key: _contract_path(c.key) for c in all_contracts()}
    schemas = {k: json.loads(seeded.get(path) or path.read_text()) for k, path in paths.items()}
    lock = contracts_dir() / LOCK_NAME
    problems = refusals(_released(lock), schemas)
    if problems:
        raise UserError("; ".join(problems))
    stale = _write_stale(seeded, check)
    contracts_found = all_contracts()
    # In an installed package there is no docs folder beside the project, and nothing to keep in it.
    docs = contracts_dir().parent.parent / "docs"
    pages = {}
    if docs.is_dir():
        pages = {
            docs / "tables.md": tables_page(contracts_found),
            docs / "checks.md": checks_page(),
        }
    stale += _write_stale({**generated_yaml(), **pages, lock: lock_text(schemas)}, check)
    if check and stale:
        names = ", ".join(path.name for path in stale)
        raise UserError(f"out of date: {names}; run: spymaster contracts generate")
    click.echo(f"{len(contracts_found)} contracts, {len(stale)} files written")


@contracts.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def diff(old: Path, new: Path) -> None:
    """Say whether the change from the contract OLD to NEW (.avsc files) breaks readers; exit 1 if so.

    Removing or retyping a column breaks; adding one that may be NULL does not.

    \b
    Example:
      git show HEAD~1:dbt_project/contracts/bronze/future_mbo/mbo.avsc > old.avsc
      spymaster contracts diff old.avsc dbt_project/contracts/bronze/future_mbo/mbo.avsc
    """
    changes = contract_changes(_schema_of(old), _schema_of(new))
    for change in changes:
        click.echo(str(change))
    broken = breaking(changes)
    if broken:
        raise UserError(f"{len(broken)} of {len(changes)} changes break readers: raise the version")
    click.echo(f"{len(changes)} changes, none breaks readers")


def _released(lock: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(lock.read_text())) if lock.exists() else {}
    except ValueError as error:
        raise UserError(f"{lock}: damaged ({error}); take it from the last commit") from None


def _seeded_contracts() -> dict[Path, str]:
    seed = contracts_dir().parent / "seeds" / "radar_features.csv"
    return {_contract_path(RADAR_KEY): radar_contract_text(seed)}


def _contract_path(key: str) -> Path:
    return contracts_dir().joinpath(*key.split(".")).with_suffix(".avsc")


def _write_stale(files: dict[Path, str], check: bool) -> list[Path]:
    """Write the files that differ, unless only checking; return them."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in [] if check else stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
        click.echo(f"wrote {path}")
    return stale


def _schema_of(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    try:
        parse_contract(str(path), text)
    except ContractError as error:
        raise UserError(str(error)) from None
    return dict(json.loads(text))
