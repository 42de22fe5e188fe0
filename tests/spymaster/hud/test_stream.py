"""The WebSocket half over real sockets: order, control, seams, gaps, the end, slow clients."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hud_clients import Api
from hud_lake import DT, FIRST_START_NS, SECOND, SYMBOL, HudDay, hud_lake
from websockets.exceptions import ConnectionClosed, InvalidStatus

from spymaster.hud.day import load_day
from spymaster.hud.limits import Limits
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

ENDS = [FIRST_START_NS + (i + 1) * SECOND for i in range(400)]


def test_hello_then_state_then_the_whole_day_then_the_end(api: Api, awkward_lake: Lake):
    day = load_day(awkward_lake, SYMBOL, DT)
    with api.stream(symbol=SYMBOL, dt=DT, speed="max") as stream:
        end = stream.until("end")
        hello, state = stream.played.texts[:2]
        assert hello == {
            "type": "hello", "protocol": 1, "symbol": SYMBOL, "dt": DT, "version": day.version,
            "tick_int": "250000000", "ticks": 20, "strikes": 25, "window_ns": "1000000000",
            "windows": 400, "first_window_end_ts_ns": str(ENDS[0]),
            "last_window_end_ts_ns": str(ENDS[-1]), "missing": [],
        }  # fmt: skip
        assert state == {
            "type": "state", "playing": True, "speed": "max", "epoch": 0,
            "next_window_end_ts_ns": str(ENDS[0]), "ring_windows": 0,
        }  # fmt: skip
        assert end == {"type": "end", "last_window_end_ts_ns": str(ENDS[-1])}
        assert pa.Table.from_batches(stream.played.batches).equals(
            pa.Table.from_batches([day.rows])
        )
        assert stream.get(0.2) is None, "after the end nothing comes"


def test_bootstrap_and_stream_meet_at_any_instant(api: Api):
    for instant in (ENDS[99], ENDS[99] + 1, ENDS[100] - 1, 0, ENDS[-1] + SECOND):
        past = api.get("/v1/hud/bootstrap", end_ts_ns=instant, columns="window_end_ts_ns").table
        version = past.schema.metadata[b"version"].decode()
        with api.stream(
            start_ts_ns=instant, speed="max", columns="window_end_ts_ns", version=version
        ) as stream:
            stream.until("end")
        assert past["window_end_ts_ns"].to_pylist() + stream.played.ends == ENDS


def test_control_is_answered_and_obeyed(api: Api):
    with api.stream(playing="false", speed=20, columns="book") as stream:
        assert stream.get()["type"] == "hello"
        assert stream.get()["playing"] is False
        assert stream.get(0.3) is None
        seek = stream.ask(type="seek", ts_ns=str(ENDS[199]))
        assert (seek["epoch"], seek["next_window_end_ts_ns"]) == (1, str(ENDS[200]))
        assert stream.ask(type="speed", speed=120)["speed"] == 120
        assert stream.ask(type="speed", speed=0.5)["speed"] == 0.5
        assert stream.ask(type="speed", speed="max")["speed"] == "max"
        assert stream.ask(type="play")["playing"] is True
        stream.until("end")
        assert stream.played.ends == ENDS[200:]
        last = stream.ask(type="pause")
        assert (last["next_window_end_ts_ns"], last["ring_windows"]) == (None, 200)
        stream.ask(type="seek", ts_ns=str(ENDS[-3]))
        stream.ask(type="play")
        assert stream.until("end")["last_window_end_ts_ns"] == str(ENDS[-1])
        assert stream.played.ends == ENDS[200:] + ENDS[-2:]


def test_rows_before_the_answer_to_a_seek_are_of_the_old_place(api: Api):
    with api.stream(speed=120, columns="book") as stream:
        while len(stream.played.ends) < 12:
            stream.get()
        stream.ask(type="seek", ts_ns=str(ENDS[299]))
        old = len(stream.played.ends)
        stream.until("end", 5.0)
        assert stream.played.ends[:old] == ENDS[:old]
        assert stream.played.ends[old:] == ENDS[300:]


def test_speed_is_exact(api: Api):
    """The slack is for a busy machine; it does not add up over the rows."""
    with api.stream(speed=60, columns="window_end_ts_ns") as stream:
        stream.until("state")
        start, rows = time.monotonic(), 0
        while rows < 120:
            rows += stream.get().num_rows
        assert abs(time.monotonic() - start - 2.0) < 0.3
        assert len(stream.played.sizes) <= 2 * 20 + 2


def test_bad_messages_are_answered_and_too_many_end_the_connection(api: Api):
    with api.stream(playing="false") as stream:
        error = stream.ask(type="speed", speed=1000)
        assert (error["type"], error["code"]) == ("error", "bad_speed")
        stream.connection.send(b"\x00\x01")
        assert stream.until("error")["code"] == "bad_message"
        assert stream.ask(type="play")["type"] == "state", "it goes on"
        for _ in range(20):
            stream.connection.send("{")
        assert stream.closed() == (1008, "not JSON")


def test_a_message_too_long_closes_with_1009(api: Api):
    with api.stream(playing="false") as stream:
        stream.connection.send("x" * 5_000)
        code, _ = stream.closed()
        assert code == 1009


def test_ten_thousand_rapid_seeks(api: Api):
    """The flood ends with a reason, and the service answers others as before."""
    with api.stream(playing="false", columns="book") as stream:
        for number in range(10_000):
            try:
                stream.say(type="seek", ts_ns=str(ENDS[number % 400]))
            except ConnectionClosed:
                break
        assert stream.closed() == (1008, "too many control messages")
    assert api.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"symbol": "../ESH6"}, 404), ({"dt": "2026-01-07"}, 404), ({"speed": "nan"}, 400),
        ({"speed": "-1"}, 400), ({"speed": "1e99"}, 400), ({"speed": "121"}, 400),
        ({"start_ts_ns": "-5"}, 400), ({"start_ts_ns": "9" * 40}, 400), ({"ticks": "0"}, 400),
        ({"columns": "x"}, 400), ({"playing": "yes"}, 400), ({"windows": "5"}, 400),
        ({"version": "0" * 16}, 409),
    ],
)  # fmt: skip
def test_a_handshake_that_makes_no_sense_is_an_http_error(api: Api, query: dict, status: int):
    with pytest.raises(InvalidStatus) as caught, api.stream(**query):
        pass
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["error"]


def test_clients_are_counted(awkward_lake: Lake):
    options = ServerOptions(port=0, limits=replace(Limits(), clients=2))
    with HudServer(awkward_lake, options).in_thread() as server:
        api = Api(server.port)
        with api.stream() as one, api.stream():
            with pytest.raises(InvalidStatus) as caught, api.stream():
                pass
            assert caught.value.response.status_code == 503
            one.connection.close()
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                try:
                    with api.stream() as again:
                        assert again.get()["type"] == "hello"
                        break
                except InvalidStatus:
                    time.sleep(0.02)
            else:
                raise AssertionError("the place of a client that left is not given again")


def stalled_client(port: int, query: str) -> socket.socket:
    """A client that shakes hands and then reads nothing, with a small buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(
        f"GET /v1/hud/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b"101" in connection.recv(64)
    return connection


@pytest.fixture(scope="module")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A day long and wide enough to fill the buffers of a socket."""
    return hud_lake(tmp_path_factory.mktemp("long"), HudDay(windows=3_000, reach=200))


def test_a_client_that_was_too_slow_is_told_the_gap_and_can_fill_it(long_day: Lake):
    """What was left out is exactly what the gap names, and bootstrap has it."""
    with HudServer(long_day, ServerOptions(port=0)).in_thread() as server:
        api = Api(server.port)
        url = f"ws://127.0.0.1:{server.port}/v1/hud/stream?speed=120"
        from hud_clients import Socket
        from websockets.sync.client import connect

        with connect(url, max_size=None, max_queue=1) as connection:
            time.sleep(8)  # reads nothing: 960 windows of 25 kB are due, buffers hold few
            stream = Socket(connection)
            gap = stream.until("gap")
            before = stream.played.ends
            stream.get()
            first, last = int(gap["first_window_end_ts_ns"]), int(gap["last_window_end_ts_ns"])
            assert before[-1] == first - SECOND
            assert stream.played.ends[len(before)] == last + SECOND
            assert gap["windows"] == (last - first) // SECOND + 1 > 120
            missing = api.get(
                "/v1/hud/bootstrap", end_ts_ns=last, windows=gap["windows"],
                columns="window_end_ts_ns", version=stream.played.texts[0]["version"],
            ).table["window_end_ts_ns"].to_pylist()  # fmt: skip
            got = stream.played.ends
            whole = got[: len(before)] + missing + got[len(before) :]
            assert whole == list(range(whole[0], whole[-1] + 1, SECOND))


def test_a_client_that_reads_nothing_is_dropped_in_time(long_day: Lake):
    """It is pinged, does not answer, and its place is free again; others never notice."""
    options = ServerOptions(port=0, limits=replace(Limits(), stall_seconds=1.0))
    with HudServer(long_day, options).in_thread() as server:
        api = Api(server.port)
        stalled = [stalled_client(server.port, "speed=max") for _ in range(5)]
        service = server.app.state.service
        with api.stream(speed=20, columns="book") as healthy:
            healthy.until("state")
            start = time.monotonic()
            while len(healthy.played.ends) < 60:
                assert healthy.get(1.0) is not None
            assert time.monotonic() - start < 4.0
            deadline = time.monotonic() + 5
            while service.clients > 1 and time.monotonic() < deadline:
                healthy.get(0.1)
            assert service.clients == 1
        for connection in stalled:
            connection.close()


def test_clients_of_a_day_share_their_encodings(tmp_path: Path):
    """The same windows to eight clients: encoded once, not eight times."""
    lake = hud_lake(tmp_path, HudDay(windows=300, reach=20))
    with HudServer(lake, ServerOptions(port=0)).in_thread() as server:
        api = Api(server.port)
        with ExitStack() as stack:
            streams = [stack.enter_context(api.stream(speed=100)) for _ in range(8)]
            for stream in streams:
                stream.until("end")
        service = server.app.state.service
        (views,) = service.days._latest.values()
        (view,) = views._views.values()
        assert view.encodings <= 1 + 300 // 5 + 4 * 8, "a late message may differ"
        assert all(stream.played.ends == streams[0].played.ends for stream in streams)
