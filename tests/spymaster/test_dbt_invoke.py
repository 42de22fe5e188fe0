"""Ctrl-C while dbt runs in this process is Ctrl-C, in whatever step dbt was."""

from __future__ import annotations

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from spymaster.dbt_invoke import invoke_dbt
from spymaster.runs import graph_cache


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dbt returns of a Ctrl-C, which it catches."""
    result = dbtRunnerResult(success=False, exception=KeyboardInterrupt())
    monkeypatch.setattr(dbtRunner, "invoke", lambda *_: result)


@pytest.mark.usefixtures("interrupted")
def test_an_interrupt_in_dbt_is_raised():
    with pytest.raises(KeyboardInterrupt):
        invoke_dbt(["build"])


@pytest.mark.usefixtures("interrupted")
def test_an_interrupt_while_dbt_parses_is_no_fault_of_the_project():
    with pytest.raises(KeyboardInterrupt):
        graph_cache._parse("key", {})


def test_other_failures_are_returned(monkeypatch: pytest.MonkeyPatch):
    result = dbtRunnerResult(success=False, exception=RuntimeError("no"))
    monkeypatch.setattr(dbtRunner, "invoke", lambda *_: result)
    assert invoke_dbt(["build"]) is result
