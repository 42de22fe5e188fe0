"""A message is a whole Arrow stream of exactly the rows asked for, cut to columns and ticks."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.ipc
import pytest
from hud_lake import DT, SYMBOL
from hypothesis import given
from hypothesis import strategies as st

from spymaster.hud.columns import BY_NAME, COLUMNS, GROUPS, selected
from spymaster.hud.day import Day, load_day
from spymaster.hud.encoding import MAX_MESSAGE_BYTES, MAX_PACED_BYTES, View, Views
from spymaster.lake import Lake

ALL = tuple(column.name for column in COLUMNS)


@pytest.fixture(scope="module")
def day(awkward_lake: Lake) -> Day:
    return load_day(awkward_lake, SYMBOL, DT)


@given(st.data())
def test_any_stretch_comes_back_as_it_went(day: Day, data: st.DataObject):
    """At any place, of any length, of any columns: bitmaps that start within a byte included."""
    first = data.draw(st.integers(0, 399))
    stop = data.draw(st.integers(first, 400))
    columns = selected(data.draw(st.sets(st.sampled_from([*ALL, *GROUPS]))))
    message = View(day, day.reach, columns).encode(first, stop)
    reader = pa.ipc.open_stream(message)
    table = reader.read_all()
    assert table.column_names == list(columns)
    expected = pa.Table.from_batches([day.rows.select(list(columns)).slice(first, stop - first)])
    assert table.equals(expected)


@given(first=st.integers(0, 399), count=st.integers(1, 9), ticks=st.integers(1, 19))
def test_cut_lists_are_the_middle_of_the_whole(day: Day, first: int, count: int, ticks: int):
    view = View(day, ticks, ALL)
    stop = min(first + count, 400)
    table = pa.ipc.open_stream(view.encode(first, stop)).read_all()
    assert table.schema.metadata[b"ticks"] == str(ticks).encode()
    for found, whole in zip(
        table.to_pylist(), day.rows.slice(first, stop - first).to_pylist(), strict=True
    ):
        for name, value in whole.items():
            is_cut = value is not None and BY_NAME[name].shape == "ticks"
            assert found[name] == (value[20 - ticks : 21 + ticks] if is_cut else value)


@pytest.mark.parametrize("columns", [ALL, ("window_end_ts_ns",), selected(["book", "gex"])])
@pytest.mark.parametrize("ticks", [20, 3])
def test_messages_keep_their_bound_wherever_they_start(
    day: Day, columns: tuple[str, ...], ticks: int
):
    view = View(day, ticks, columns)
    for rows, bound in (
        (view.max_rows, MAX_MESSAGE_BYTES),
        (view.max_paced_rows, MAX_PACED_BYTES),
    ):
        for first in range(0, 8):
            assert len(view.encode(first, min(first + rows, 400))) <= bound


def test_one_encoding_for_all_clients_of_a_view(day: Day):
    views = Views(day)
    view = views.get(20, ALL)
    assert views.get(20, ALL) is view
    before = view.encodings
    assert view.message(5, 6) is view.message(5, 6)
    assert view.encodings == before + 1


def test_what_is_remembered_is_bounded(day: Day):
    view = View(day, 20, ALL)
    for first in range(300):
        view.message(first, first + 100)
    kept = sum(map(len, view._memo.values()))
    assert kept == view._memo_bytes <= 4 << 20


def test_a_bootstraps_pieces_are_one_stream(day: Day):
    body = b"".join(View(day, 20, ALL).stream(30, 230))
    reader = pa.ipc.open_stream(body)
    batches = list(reader)
    assert max(batch.num_rows for batch in batches) == 64
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches([day.rows.slice(30, 200)]))
    assert pa.ipc.open_stream(b"".join(View(day, 20, ALL).stream(0, 0))).read_all().num_rows == 0


def test_names_that_are_no_columns():
    with pytest.raises(KeyError, match="depth_of_field"):
        selected(["depth", "depth_of_field"])
