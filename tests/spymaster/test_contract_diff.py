"""What a change of a contract breaks, and that a breaking one is refused until its version is raised."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spymaster import contracts
from spymaster.commands import contracts as commands
from spymaster.contract_diff import NEW_READERS, OLD_READERS, contract_changes
from spymaster.contract_lock import refusals
from spymaster.errors import UserError

ENUM = {"type": "enum", "name": "letters", "symbols": ["A", "B"]}
MORE = {"type": "enum", "name": "letters", "symbols": ["A", "B", "C"]}
UINT = {"type": "long", "logicalType": "uint64"}


def schema(**fields: Any) -> dict[str, Any]:
    return {"fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def broken(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """Whom the change breaks."""
    return {reader for change in contract_changes(old, new) for reader in change.breaks}


@pytest.mark.parametrize(
    ("old", "new", "whom"),
    [
        (schema(a="int", b="long"), schema(b="long", a="int"), set()),  # order
        (schema(a="int"), schema(a="int", b=["null", "long"]), set()),
        (schema(a="int"), schema(a="int", b="long"), {NEW_READERS}),
        (schema(a="int", b="long"), schema(a="int"), {OLD_READERS}),
        (schema(a="int", b=["null", "long"]), schema(a="int"), {OLD_READERS}),
        (schema(a="int"), schema(a="long"), {OLD_READERS}),
        (schema(a="long"), schema(a="int"), {NEW_READERS}),
        (schema(a="long"), schema(a="double"), {OLD_READERS, NEW_READERS}),
        (schema(a="long"), schema(a="string"), {OLD_READERS, NEW_READERS}),
        (schema(a="long"), schema(a=UINT), {OLD_READERS, NEW_READERS}),
        (schema(a="long"), schema(a=["null", "long"]), {OLD_READERS}),
        (schema(a=["null", "long"]), schema(a="long"), {NEW_READERS}),
        (schema(a=["null", "long"]), schema(a=["long", "null"]), set()),
        (schema(a=ENUM), schema(a=MORE), {OLD_READERS}),
        (schema(a=MORE), schema(a=ENUM), {NEW_READERS}),
        (schema(a=ENUM), schema(a={**ENUM, "name": "other"}), set()),
        (schema(a=ENUM), schema(a="string"), {OLD_READERS, NEW_READERS}),
    ],
)
def test_whom_a_change_breaks(old: dict[str, Any], new: dict[str, Any], whom: set[str]):
    """Each rule, for both kinds of readers; a long widened to double loses digits, so it breaks too."""
    assert broken(old, new) == whom


def test_nothing_changed_is_no_change():
    """Docs, rules and bounds are not what readers read."""
    old = {"fields": [{"name": "a", "type": "long", "doc": "x", "minimum": 0}], "rules": []}
    new = {"fields": [{"name": "a", "type": "long", "doc": "y"}], "rules": ["z"], "version": 2}
    assert contract_changes(old, new) == []


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's contracts, all that is made from them up to date."""
    project = tmp_path / "dbt_project"
    shutil.copytree(
        contracts.contracts_dir().parent, project, ignore=shutil.ignore_patterns("target", "logs")
    )
    (tmp_path / "docs").mkdir()
    for module in (contracts, commands):
        monkeypatch.setattr(module, "contracts_dir", lambda: project / "contracts")
    monkeypatch.setattr("spymaster.dbt_yaml.contracts_dir", lambda: project / "contracts")
    assert "contracts" in run("generate")
    run("generate", "--check")
    return project / "contracts" / "silver" / "future_mbo" / "wall_surface_1s.avsc"


def run(*arguments: str) -> str:
    """The output of `spymaster contracts …`; raises what it raises."""
    return CliRunner().invoke(commands.contracts, arguments, catch_exceptions=False).output


def edit(path: Path, version: int, drop: str = "", add: Any = None) -> None:
    raw = json.loads(path.read_text())
    raw["fields"] = [field for field in raw["fields"] if field["name"] != drop]
    raw["fields"] += [add] if add else []
    path.write_text(json.dumps({**raw, "version": version}))


def test_a_breaking_change_is_refused_until_the_version_is_raised(copied: Path):
    """Neither generate nor --check takes it; with version 2 both do, and 1 is then too low."""
    edit(copied, version=1, drop="order_count_end")
    for arguments in (["generate"], ["generate", "--check"]):
        with pytest.raises(
            UserError, match=r"wall_surface_1s: breaks: order_count_end removed .*raise"
        ):
            run(*arguments)
    edit(copied, version=2)
    run("generate")
    run("generate", "--check")
    edit(copied, version=1)
    with pytest.raises(UserError, match="version 1 is lower than 2"):
        run("generate")


def test_a_compatible_change_is_recorded_without_a_new_version(copied: Path):
    """--check asks for it to be recorded; from then on the new column is released like the others."""
    edit(copied, version=1, add={"name": "x", "type": ["null", "long"], "doc": "A new one."})
    with pytest.raises(UserError, match=r"out of date: .*tables.md, released.json"):
        run("generate", "--check")
    run("generate")
    edit(copied, version=1, drop="x")
    with pytest.raises(UserError, match="x removed"):
        run("generate")


def test_versions_and_lost_tables():
    """A version is a number, and a table does not vanish by accident."""
    one = {"version": 1, **schema(a="int")}
    assert refusals({}, {"t": one}) == []
    assert "version is '1'" in refusals({}, {"t": {**one, "version": "1"}})[0]
    assert "version is None" in refusals({}, {"t": schema(a="int")})[0]
    assert "contract is gone" in refusals({"t": one}, {})[0]


def test_diff_tells_line_by_line(tmp_path: Path):
    """One line a change and a verdict; the exit code is the command line's, 1 for an error."""
    files = {}
    for name, fields in (
        ("old", [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]),
        ("new", [{"name": "a", "type": "int"}, {"name": "c", "type": ["null", "int"]}]),
    ):
        files[name] = tmp_path / f"{name}.avsc"
        text = {"type": "record", "namespace": "x.y", "name": "z", "fields": fields}
        files[name].write_text(json.dumps(text))
    with pytest.raises(UserError, match="1 of 2 changes break readers"):
        run("diff", str(files["old"]), str(files["new"]))
    assert run("diff", str(files["old"]), str(files["old"])) == "0 changes, none breaks readers\n"
    with pytest.raises(UserError, match=r"cannot read .*nothing"):
        run("diff", str(tmp_path / "nothing"), str(files["old"]))
    files["new"].write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        run("diff", str(files["old"]), str(files["new"]))
