"""The HTTP half over real sockets: catalogue, surfaces, bootstrap, page; strict about its parameters."""

from __future__ import annotations

import http.client
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hud_clients import Api
from hud_lake import DT, FIRST_START_NS, SECOND, SYMBOL, HudDay, hud_lake, write_hud_day

from spymaster.hud.catalogue import SURFACES, CatalogueReader
from spymaster.hud.columns import BOOK, CHAIN, COLUMNS, DAY_TABLES, GEX, VACUUM, WALL
from spymaster.hud.day import load_day
from spymaster.hud.limits import Limits
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake, partition_ref

BOOTSTRAP = "/v1/hud/bootstrap"
SURFACE = "/v1/surfaces/wall_surface_1s"


def table_of(lake: Lake, key: str) -> pa.Table:
    return pq.read_table(partition_ref(lake, key, SYMBOL, DT).data_path)


def test_healthz(api: Api):
    answer = api.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok", "protocol": 1})


def test_catalogue(api: Api):
    catalogue = api.get("/v1/catalog").json
    assert catalogue["default"] == {"symbol": SYMBOL, "dt": DT}
    (symbol,) = catalogue["symbols"]
    (day,) = symbol["days"]
    assert (symbol["symbol"], symbol["tick_int"]) == (SYMBOL, "250000000")
    assert day["complete"] is True
    assert day["missing"] == []
    assert day["windows"] == 400
    assert day["first_window_end_ts_ns"] == str(FIRST_START_NS + SECOND)
    assert day["last_window_end_ts_ns"] == str(FIRST_START_NS + 400 * SECOND)
    assert day["surfaces"]["book_snapshot_1s"] == 400
    assert set(day["surfaces"]) == {key.rsplit(".", 1)[1] for key in DAY_TABLES}


def test_the_catalogue_of_several_days(tmp_path: Path):
    """The default is the newest complete day; what cannot be read is left out, not an error."""
    clock = [0.0]
    lake = hud_lake(tmp_path, HudDay(windows=5))
    write_hud_day(lake, HudDay(windows=5, without=(GEX, CHAIN)), dt="2026-01-08")
    write_hud_day(lake, HudDay(windows=5), symbol="NQH6", dt="2026-01-08")
    write_hud_day(lake, HudDay(windows=5, without=(VACUUM,)), dt="2026-01-09")
    reader = CatalogueReader(lake, lambda: clock[0])
    catalogue = reader.read()
    assert list(catalogue.days) == [
        (SYMBOL, DT), (SYMBOL, "2026-01-08"), (SYMBOL, "2026-01-09"), ("NQH6", "2026-01-08"),
    ]  # fmt: skip
    assert catalogue.default == catalogue.days["NQH6", "2026-01-08"], "newest, whole, with options"
    assert not catalogue.days[SYMBOL, "2026-01-09"].complete
    partition_ref(lake, BOOK, SYMBOL, DT).manifest_path.write_text("{")
    assert reader.read() is catalogue, "read again only after two seconds"
    clock[0] = 3.0
    assert (SYMBOL, DT) not in reader.read().days


def test_an_empty_lake_has_an_empty_catalogue(tmp_path: Path):
    with HudServer(Lake(tmp_path / "none"), ServerOptions(port=0)).in_thread() as server:
        api = Api(server.port)
        assert api.get("/v1/catalog").json == {"protocol": 1, "default": None, "symbols": []}
        for path in (BOOTSTRAP, SURFACE):
            answer = api.get(path)
            assert (answer.status, answer.error) == (
                404,
                "the lake has no complete day; build one first",
            )


@pytest.mark.parametrize("key", DAY_TABLES)
def test_a_surface_is_the_table(api: Api, awkward_lake: Lake, key: str):
    answer = api.get(f"/v1/surfaces/{key.rsplit('.', 1)[1]}", symbol=SYMBOL, dt=DT)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert answer.table.equals(table_of(awkward_lake, key))


def test_a_surface_between_instants_of_some_columns(api: Api, awkward_lake: Lake):
    """Windows that end after the start and at or before the end; columns in the table's order."""
    start, end = FIRST_START_NS + 100 * SECOND, FIRST_START_NS + 103 * SECOND
    columns = "depth_qty_end,window_start_ts_ns,rel_ticks"
    answer = api.get(SURFACE, start_ts_ns=start, end_ts_ns=end, columns=columns)
    whole = table_of(awkward_lake, WALL)
    inside = pc.and_(
        pc.greater(whole["window_end_ts_ns"], start), pc.less_equal(whole["window_end_ts_ns"], end)
    )
    names = ["window_start_ts_ns", "rel_ticks", "depth_qty_end"]
    assert answer.table.equals(whole.filter(inside).select(names))
    assert answer.table.num_rows > 100
    limited = api.get(SURFACE, start_ts_ns=start, end_ts_ns=end, columns=columns, limit=7)
    assert limited.table.equals(answer.table.slice(0, 7))
    assert api.get(SURFACE, start_ts_ns=end, end_ts_ns=start).table.num_rows == 0


def test_polars_reads_the_same_bytes(api: Api):
    body = api.get(SURFACE, limit=1000).body
    assert polars.read_ipc_stream(io.BytesIO(body)).to_arrow().num_rows == 1000
    body = api.get(BOOTSTRAP, windows=50).body
    frame = polars.read_ipc_stream(io.BytesIO(body))
    table = pa.ipc.open_stream(body).read_all()
    assert frame["spot_ref_price_int"].to_list() == table["spot_ref_price_int"].to_pylist()
    assert frame["ask_depth_qty_end"].to_list() == table["ask_depth_qty_end"].to_pylist()


def test_bootstrap_is_the_last_windows_before_an_instant(api: Api, awkward_lake: Lake):
    day = load_day(awkward_lake, SYMBOL, DT)
    whole = pa.Table.from_batches([day.rows])
    answer = api.get(BOOTSTRAP)
    assert answer.table.equals(whole)
    assert answer.headers["spymaster-day-version"] == day.version
    assert answer.table.schema.metadata[b"version"] == day.version.encode()
    instant = FIRST_START_NS + 300 * SECOND + 1
    some = api.get(BOOTSTRAP, end_ts_ns=instant, windows=40, columns="book,bands").table
    assert some.equals(whole.select(some.column_names).slice(260, 40))
    assert api.get(BOOTSTRAP, end_ts_ns=FIRST_START_NS).table.num_rows == 0
    assert api.get(BOOTSTRAP, ticks=3).table.schema.field("bid_fill_qty").type.list_size == 7


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/v1/surfaces/nothing_1s", {}, 404),
        ("/v1/surfaces/mbo", {}, 404),
        (SURFACE, {"symbol": "NQH6"}, 404),
        (SURFACE, {"symbol": "../../etc"}, 404),
        (SURFACE, {"dt": "2026-01-07"}, 404),
        (SURFACE, {"dt": "../2026-01-06"}, 404),
        (SURFACE, {"symbol": "ESH6\0"}, 404),
        (SURFACE, {"columns": "nothing"}, 400),
        (SURFACE, {"columns": ""}, 400),
        (SURFACE, {"limit": "0"}, 400),
        (SURFACE, {"limit": "-1"}, 400),
        (SURFACE, {"limit": "9" * 30}, 400),
        (SURFACE, {"start_ts_ns": "nan"}, 400),
        (SURFACE, {"end_ts_ns": "9" * 19}, 400),
        (SURFACE, {"end_ts_ns": "1e18"}, 400),
        (SURFACE, {"where": "1=1"}, 400),
        ("/v1/surfaces/physics_norm_calibration", {"start_ts_ns": "1"}, 400),
        ("/v1/surfaces/radar_vacuum_1s", {}, 404),
        (BOOTSTRAP, {"windows": "1801"}, 400),
        (BOOTSTRAP, {"windows": "1.5"}, 400),
        (BOOTSTRAP, {"ticks": "21"}, 400),
        (BOOTSTRAP, {"ticks": "NaN"}, 400),
        (BOOTSTRAP, {"columns": "book,dept"}, 400),
        (BOOTSTRAP, {"version": "0123456789abcdef"}, 409),
        (BOOTSTRAP, {"version": "x"}, 400),
        (BOOTSTRAP, {"speed": "1"}, 400),
        (BOOTSTRAP, {"columns": "book," * 2000}, 400),
        ("/v1/catalog", {"x": "1"}, 400),
        ("/v1/nothing", {}, 404),
        ("/etc/passwd", {}, 404),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_reason(
    api: Api, path: str, query: dict[str, Any], status: int
):
    answer = api.get(path, **query)
    assert answer.status == status
    assert answer.error
    assert "\n" not in answer.error
    assert answer.headers["content-type"] == "application/json"


def test_a_parameter_twice_is_refused(api: Api):
    assert api.get(f"{SURFACE}?limit=1&limit=2").status == 400


def test_head_and_other_methods(api: Api):
    assert api.get("/healthz", method="HEAD").status == 200
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = api.get("/v1/catalog", method=method)
        assert (answer.status, answer.error) == (405, "only GET")


def test_the_page_and_nothing_else_is_served_from_its_folder(api: Api):
    page = api.get("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in page.body.lower()
    for path in ("/app.py", "/../app.py", "/..%2fapp.py", "/%2e%2e/app.py", "/index.html/../x"):
        assert api.get(path).status == 404


def test_readers_are_bounded_and_slow_ones_are_dropped(tmp_path: Path):
    """Who does not read its answer holds a place only for so long; others are told to wait."""
    limits = replace(Limits(), readers=1, stall_seconds=1.0)
    lake = hud_lake(tmp_path, HudDay(windows=3_000, reach=60))
    with HudServer(lake, ServerOptions(port=0, limits=limits)).in_thread() as server:
        api = Api(server.port)
        slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        slow.request("GET", BOOTSTRAP)
        assert slow.getresponse().status == 200  # and reads no more
        answer = api.get(BOOTSTRAP, windows=1)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        for _ in range(100):
            if (answer := api.get(BOOTSTRAP, windows=1)).status == 200:
                break
            time.sleep(0.05)
        assert answer.status == 200
        slow.close()


def test_columns_are_those_of_the_docs():
    """docs/hud.md has each column, in its group, with its type, in the order of the row."""
    text = (Path(__file__).parents[3] / "docs" / "hud.md").read_text()
    table = text[text.index("| group | column |") : text.index("The columns come in this order")]
    group, listed = "", []
    for line in table.splitlines()[2:]:
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        group = cells[0].strip("`") or group
        listed += [(name.strip(" `"), group) for name in cells[1].split(",")]
    assert sorted(listed) == sorted((column.name, column.group) for column in COLUMNS)
    assert set(SURFACES) >= {key.rsplit(".", 1)[1] for key in DAY_TABLES}
