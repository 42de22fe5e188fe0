"""Runs a dbt command in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult


def invoke_dbt(arguments: list[str], **runner: Any) -> dbtRunnerResult:
    """Run dbt with a command's arguments; `runner` is what dbtRunner takes, such as a manifest.

    dbt returns what it raised; KeyboardInterrupt, which it returns too, is raised here.
    """
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner(**runner).invoke(arguments)
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    return outcome
