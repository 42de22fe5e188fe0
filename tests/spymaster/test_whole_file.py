"""A file appears whole or not at all, and what was there before stays until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster.errors import UserError
from spymaster.whole_file import whole_file


def test_the_file_appears_when_all_is_written(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["none/rows.csv", "file/rows.csv", "folder"])
def test_what_the_disk_refuses_is_said_in_a_line(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    refused = pytest.raises(UserError, match=rf"cannot write .*{name}")
    with refused, whole_file(tmp_path / name) as part:
        part.write_text("7")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
