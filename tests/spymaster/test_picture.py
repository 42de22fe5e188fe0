from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hud_lake import DT, SYMBOL, HudDay, write_hud_day
from PIL import Image

from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.picture import draw_heatmap

WINDOWS = 60


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    write_hud_day(lake, HudDay(windows=WINDOWS))
    write_hud_day(lake, HudDay(windows=3, no_spot=range(3)), dt="2026-01-07")
    return lake


def test_a_day_is_drawn_in_its_sides_colours(lake: Lake, tmp_path: Path):
    draw_heatmap(lake, SYMBOL, DT, tmp_path / "made" / "day.png", width=400, height=300)
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["day.png"]
    with Image.open(tmp_path / "made" / "day.png") as image:
        assert (image.format, image.size) == ("PNG", (400, 300))
        red, _, blue = np.moveaxis(np.asarray(image.convert("RGB"), np.int64), 2, 0)
    assert (red > blue + 60).any(), "asks are amber"
    assert (blue > red + 60).any(), "bids are blue-green"


@pytest.mark.parametrize("name", ["day", "day.jpg", ""])
def test_only_a_png_is_written(lake: Lake, tmp_path: Path, name: str):
    with pytest.raises(UserError, match=r"the name must end with \.png"):
        draw_heatmap(lake, SYMBOL, DT, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said(lake: Lake, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*(Not a directory|File exists)"):
        draw_heatmap(lake, SYMBOL, DT, tmp_path / "file" / "day.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*folder\.png: Is a directory"):
        draw_heatmap(lake, SYMBOL, DT, tmp_path / "folder.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_day_without_rows_to_draw(lake: Lake, tmp_path: Path):
    with pytest.raises(UserError, match="has not been built; run: spymaster build"):
        draw_heatmap(lake, SYMBOL, "2026-01-08", tmp_path / "day.png")
    with pytest.raises(UserError, match="no window of the session has a price"):
        draw_heatmap(lake, SYMBOL, "2026-01-07", tmp_path / "day.png")
