"""`spymaster check hud` passes on a built day and on an awkward one, and sees each way to be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hud_lake import DT, SYMBOL, HudDay, hud_lake
from option_days import OptionDay

from spymaster.checks import hud as hud_check
from spymaster.checks.hud import SENTENCES, check_hud
from spymaster.cli import cli
from spymaster.errors import UserError
from spymaster.hud import control, day_cache, encoding, playback
from spymaster.hud.columns import COLUMNS
from spymaster.hud.day import Day, load_day
from spymaster.hud.playback import Playback
from spymaster.hud.queries import Query
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A day with all that a day may have."""
    day = HudDay(windows=200, no_spot=range(3), invalid=range(10, 20), crossed=(30,), no_gex=(5,))
    return hud_lake(tmp_path_factory.mktemp("check"), day)


def failed(lake: Lake, patch: Patch, speed_seconds: float = 0.3) -> set[str]:
    """The checks that fail on a service of this process; it is as wrong as what was patched in it."""
    patch.setattr(hud_check, "SPEEDS", (60.0,))
    patch.setattr(hud_check, "SPEED_SECONDS", speed_seconds)
    told: list[int] = []
    with HudServer(lake, ServerOptions(port=0)).in_thread() as server:
        report = check_hud(
            lake, SYMBOL, DT, server.url, None, lambda done, total=None: told.append(done)
        )
    assert {result.check.name for result in report.results} == set(SENTENCES)
    for result in report.results:
        assert (result.violations == 0) == (result.outcome == "passed")
    return {result.check.name for result in report.results if result.outcome != "passed"}


def test_a_built_day_passes_over_real_sockets(es_option_day: OptionDay):
    """The command, with a service of its own: a day from files to exposure, as `make hud` shows it."""
    arguments = ["check", "hud", "--symbol", es_option_day.symbol, "--dates", f"2026-01-05:{DT}",
                 "--json", "--lake", str(es_option_day.lake.root)]  # fmt: skip
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    (day,) = json.loads(result.stdout)["days"]
    assert {check["name"]: check["outcome"] for check in day["checks"]} == dict.fromkeys(
        SENTENCES, "passed"
    )
    assert result.exit_code == 0
    assert "nothing of ESH6 in the lake, skipped: 2026-01-05" in result.stderr


def test_an_awkward_day_passes(lake: Lake, monkeypatch: Patch):
    assert failed(lake, monkeypatch) == set()


def test_a_day_without_options_passes(tmp_path: Path, monkeypatch: Patch):
    without = ("silver.future_option_mbo.gex_surface_1s", "gold.hud.gex_levels_1s")
    day = HudDay(windows=60, without=without)
    assert failed(hud_lake(tmp_path, day), monkeypatch) == set()


def loads(change: Callable[[Day], Day]) -> Callable[[Patch], None]:
    """A service whose days are changed after loading."""
    return lambda patch: patch.setattr(
        day_cache, "load_day", lambda *arguments: change(load_day(*arguments))
    )


def with_column(day: Day, name: str, array: pa.Array) -> Day:
    index = day.rows.schema.get_field_index(name)
    return replace(day, rows=day.rows.set_column(index, day.rows.schema.field(index), array))


def one_more(name: str) -> Callable[[Day], Day]:
    """One item of a list, in one window, is one more than the lake says."""

    def change(day: Day) -> Day:
        rows = day.rows[name].to_pylist()
        place = next(i for i, item in enumerate(rows[50]) if item)
        rows[50][place] += 1
        return with_column(day, name, pa.array(rows, day.rows[name].type))

    return change


def known_for_unknown(day: Day) -> Day:
    """0 where nothing is known."""
    rows = day.rows["ask_depth_qty_end"].to_pylist()
    rows[12] = [item or 0 for item in rows[12]]
    return with_column(day, "ask_depth_qty_end", pa.array(rows, day.rows["ask_depth_qty_end"].type))


def gex_a_window_late(day: Day) -> Day:
    for column in COLUMNS:
        if column.shape == "strikes":
            late = np.r_[0, np.arange(len(day.ends_ns) - 1)]
            day = with_column(day, column.name, day.rows[column.name].take(pa.array(late)))
    return day


def shifted_scores(day: Day) -> Day:
    late = pa.array(np.r_[0, np.arange(len(day.ends_ns) - 1)])
    return with_column(day, "above_score", day.rows["above_score"].take(late))


def skips_a_window(patch: Patch) -> None:
    take = Playback.take

    def skipping(self: Playback, now: float) -> Any:
        rows = take(self, now)
        if rows is not None and rows.first < 50 < rows.stop - 1:
            self.next_row = 50
            return replace(rows, stop=49)
        return rows

    patch.setattr(Playback, "take", skipping)


def ring_of(size: int) -> Callable[[Patch], None]:
    state = control.state
    return lambda patch: patch.setattr(
        control, "state", lambda *arguments: {**state(*arguments), "ring_windows": size}
    )


def seeks_a_second_late(patch: Patch) -> None:
    seek = Playback.seek
    patch.setattr(Playback, "seek", lambda self, ts_ns, now: seek(self, ts_ns + 10**9, now))


def plays_too_fast(patch: Patch) -> None:
    speed = Query.speed
    patch.setattr(Query, "speed", lambda self: min(speed(self) * 1.4, playback.MAX))


def floods(patch: Patch) -> None:
    """Many small messages, without a pause between them."""
    patch.setattr(playback, "_MIN_INTERVAL", 0.001)
    patch.setattr(encoding, "MAX_MESSAGE_BYTES", 12_000)


def announces_another_end(patch: Patch) -> None:
    patch.setattr(control, "end", lambda view: {"type": "end", "last_window_end_ts_ns": "1"})


@pytest.mark.parametrize(
    ("lie", "names"),
    [
        (loads(one_more("bid_fill_qty")), {"values_walls"}),
        (loads(one_more("ask_order_count_end")), {"values_walls"}),
        (loads(one_more("ask_vacuum_score")), {"values_vacuum"}),
        (loads(one_more("bid_liquidity_velocity")), {"values_physics"}),
        (loads(shifted_scores), {"values_bands"}),
        (loads(known_for_unknown), {"nulls"}),
        (loads(gex_a_window_late), {"values_strikes", "same_window"}),
        (lambda patch: patch.setattr(Day, "first_after", lambda day, ts: 7), {"seam"}),
        (floods, {"messages"}),
        (announces_another_end, {"end"}),
        (ring_of(1_801), {"ring"}),
        (seeks_a_second_late, {"seek"}),
    ],
)  # fmt: skip
def test_each_way_to_be_wrong_is_seen_and_named(
    lake: Lake, monkeypatch: Patch, lie: Callable[[Patch], None], names: set[str]
):
    lie(monkeypatch)
    assert failed(lake, monkeypatch) == names


def test_a_window_left_out_is_seen(lake: Lake, monkeypatch: Patch):
    skips_a_window(monkeypatch)
    assert "windows" in failed(lake, monkeypatch)


def test_another_speed_is_seen(lake: Lake, monkeypatch: Patch):
    plays_too_fast(monkeypatch)
    assert failed(lake, monkeypatch, speed_seconds=1.5) == {"speed"}


def test_what_cannot_be_reached_is_one_line(lake: Lake):
    arguments = ["check", "hud", "--symbol", SYMBOL, "--dt", DT, "--lake", str(lake.root)]
    result = CliRunner().invoke(cli, [*arguments, "--url", "http://127.0.0.1:9/"])
    assert isinstance(result.exception, UserError)
    assert "127.0.0.1:9" in str(result.exception)


def test_a_service_that_shows_another_version_is_one_line(lake: Lake, tmp_path: Path):
    other = hud_lake(tmp_path, HudDay(windows=20, seed=9))
    with (
        HudServer(other, ServerOptions(port=0)).in_thread() as server,
        pytest.raises(UserError, match="the stream failed: ESH6 2026-01-06 was replaced"),
    ):
        check_hud(lake, SYMBOL, DT, server.url, None, lambda done, total=None: None)
