"""The HUD service: encoding, a thousand clients, clients that stall, a full-size day in memory.

The day is random rows of the size of a full ES session: 36,000 windows, 401 ticks, both sides. The
service runs in one process, its clients in another; on Linux each is held to a core of its own.
Delay is from when a row was due by the playback's clock to when the client had it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from own_process import peak_mb, resident_mb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hud_lake import DT, SECOND, SYMBOL, HudDay, write_hud_day
from websockets.sync.client import connect

from spymaster.hud.columns import COLUMNS
from spymaster.hud.day import load_day
from spymaster.hud.encoding import View
from spymaster.hud.server import HudServer, ServerOptions
from spymaster.lake import Lake

WINDOWS = int(os.environ.get("HUD_WINDOWS", "36000"))
REACH = 200
CLIENTS = 1_000
ROWS_A_SECOND = 10
SECONDS = 15
BINARY, PING = 2, 9  # opcodes of WebSocket frames
STALLED = 20
COLUMNS_ASKED = os.environ.get("HUD_COLUMNS", "")
"""Columns the thousand clients ask for; all unless set."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        start = time.perf_counter()
        write_hud_day(lake, HudDay(windows=WINDOWS, reach=REACH))
        print(f"a random day of {WINDOWS:,} windows written in {time.perf_counter() - start:.0f} s")
        subprocess.run([sys.executable, __file__, "load", folder], check=True)
        encode(folder)
        for mode in ("fan-out", "stalled"):
            with served(folder) as port:
                subprocess.run([sys.executable, __file__, mode, str(port)], check=True)


def load(folder: str) -> None:
    before = resident_mb()
    start = time.perf_counter()
    day = load_day(Lake(Path(folder) / "lake"), SYMBOL, DT)
    seconds, grown = time.perf_counter() - start, resident_mb() - before
    print(
        f"load: {seconds:.1f} s, {day.nbytes / 1e6:,.0f} MB in memory "
        f"({day.nbytes / day.windows / 1e3:.1f} kB a window), process grew {grown:,.0f} MB, "
        f"peak {peak_mb():,.0f} MB"
    )


def encode(folder: str) -> None:
    day = load_day(Lake(Path(folder) / "lake"), SYMBOL, DT)
    view = View(day, REACH, tuple(column.name for column in COLUMNS))
    for rows in (1, 6):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for first in range(0, 3_000, rows):
                size = len(view.encode(first, first + rows))
            best = min(best, (time.perf_counter() - start) / 3_000)
        print(
            f"encode: {best * 1e6:.0f} µs a row in messages of {rows} ({size / 1e3:.1f} kB); target 50"
        )


@contextlib.contextmanager
def served(folder: str):
    process = subprocess.Popen(
        [sys.executable, __file__, "serve", folder], stdout=subprocess.PIPE, text=True
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def serve(folder: str) -> None:
    pin(0)
    server = HudServer(Lake(Path(folder) / "lake"), ServerOptions(port=0))
    print(server.port, flush=True)
    # What loading the day left free would hide what clients cost: it goes back when the day is there.
    threading.Timer(10, trim).start()
    server.run()


def trim() -> None:
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def pid_of(port: int) -> int:
    """The process that listens on a port of this machine."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inode = next(
        row.split()[9]
        for row in rows
        if row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
    )
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return int(process.name)
    raise RuntimeError("nobody listens")


class Client(asyncio.Protocol):
    """A WebSocket client that keeps of each binary message when it was whole and its first row's time.

    The time lies `at` bytes into a message: the first buffer of its body. The rest is counted only.
    """

    def __init__(self, request: bytes, at: int) -> None:
        self.request, self.at = request, at
        self.head = bytearray()
        self.is_open = False
        self.left, self.place, self.kind = 0, 0, 0
        self.ping = b""
        self.first_ns = bytearray()
        self.arrivals: list[float] = []
        self.firsts: list[int] = []
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        start = 0
        while start < len(data):
            if self.left:
                start += self.payload(data, start)
                continue
            self.head.append(data[start])
            start += 1
            if self.is_open:
                self.frame_head()
            elif self.head.endswith(b"\r\n\r\n"):
                assert b" 101 " in self.head[:16], bytes(self.head[:200])
                self.is_open = True
                self.head.clear()

    def frame_head(self) -> None:
        size = self.head[1] if len(self.head) > 1 else 0
        length = 2 + {126: 2, 127: 8}.get(size, 0)
        if len(self.head) < max(length, 2):
            return
        self.left = int.from_bytes(self.head[2:length], "big") if length > 2 else size
        self.kind, self.place = self.head[0] & 15, 0
        self.head.clear()

    def payload(self, data: bytes, start: int) -> int:
        taken = min(self.left, len(data) - start)
        if self.kind == PING:
            self.ping += data[start : start + taken]
        elif self.kind == BINARY and self.place < self.at + 8 and self.place + taken > self.at:
            wanted = self.at + len(self.first_ns) - self.place
            self.first_ns += data[
                start + wanted : min(start + taken, start + self.at + 8 - self.place)
            ]
        self.place += taken
        self.left -= taken
        if not self.left and self.kind == PING:
            # A pong with the ping's bytes, masked with zeros as a client must.
            self.transport.write(bytes([0x8A, 0x80 | len(self.ping), 0, 0, 0, 0]) + self.ping)
            self.ping = b""
        elif not self.left and self.kind == BINARY:
            self.arrivals.append(time.perf_counter())
            self.firsts.append(int.from_bytes(self.first_ns, "little"))
            self.first_ns.clear()
            self.bytes += self.place
        return taken


def request(port: int, query: str) -> bytes:
    return (
        f"GET /v1/hud/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def first_row_at(message: bytes) -> int:
    """Where the first row's window_end_ts_ns lies: after schema, batch header, at the body's start."""
    schema = 8 + int.from_bytes(message[4:8], "little")
    return schema + 8 + int.from_bytes(message[schema + 4 : schema + 8], "little")


def delays_ms(client: Client, since: float) -> np.ndarray:
    """How late the first row of each message was, against the client's own earliest message.

    Row i is due (i + 1)/speed after the playback began. A message of several rows counts by its
    first, which has waited longest.
    """
    at = np.asarray(client.arrivals)
    rows = (np.asarray(client.firsts) - client.firsts[0]) // SECOND
    late = at - rows / ROWS_A_SECOND
    return (late - late.min())[at >= since] * 1e3


async def connected(port: int, query: str) -> Client:
    with connect(f"ws://127.0.0.1:{port}/v1/hud/stream?{query}", max_size=None) as probe:
        while not isinstance(message := probe.recv(), bytes):
            pass
    head, at = request(port, query), first_row_at(message)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(head, at), "127.0.0.1", port)
    return client


async def fan_out(port: int) -> None:
    loop = asyncio.get_running_loop()
    query = f"speed={ROWS_A_SECOND}" + (f"&columns={COLUMNS_ASKED}" if COLUMNS_ASKED else "")
    first = await connected(port, query)
    another = partial(Client, first.request, first.at)
    clients = [first]
    while len(clients) < CLIENTS:
        _, client = await loop.create_connection(another, "127.0.0.1", port)
        clients.append(client)
        await asyncio.sleep(0.003)
    while not all(client.firsts for client in clients):
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    pid = pid_of(port)
    rows, sent = [client.firsts[-1] for client in clients], sum(c.bytes for c in clients)
    cpu, own, start = cpu_seconds(pid), time.process_time(), time.perf_counter()
    await asyncio.sleep(SECONDS)
    seconds = time.perf_counter() - start
    used, own = cpu_seconds(pid) - cpu, time.process_time() - own
    got = sum(client.firsts[-1] - row for client, row in zip(clients, rows, strict=True)) / SECOND
    sent = sum(client.bytes for client in clients) - sent
    delays = np.concatenate([delays_ms(client, start) for client in clients])
    print(
        f"{CLIENTS:,} clients at {ROWS_A_SECOND} rows/s: {got / seconds:,.0f} rows/s, delay p50 "
        f"{np.percentile(delays, 50):.1f} p99 {np.percentile(delays, 99):.1f} max {delays.max():.0f} ms "
        f"(target p99 150); {sent / seconds / 1e6:,.0f} MB/s, server {used / seconds:.0%}, "
        f"clients {own / seconds:.0%} of a core"
    )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def stalled(port: int) -> None:
    pid = pid_of(port)
    healthy = await connected(port, f"speed={ROWS_A_SECOND}")
    await asyncio.sleep(15)
    before, alone = resident_mb(pid), delays_ms(healthy, 0.0)
    sockets = []
    for speed in ["10", "60", "120", "max"] * (STALLED // 4):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(request(port, f"speed={speed}"))
        assert connection.recv(12) == b"HTTP/1.1 101"  # and reads no more
        sockets.append(connection)
    mark, peak = time.perf_counter(), before
    for _ in range(SECONDS * 2):
        await asyncio.sleep(0.5)
        peak = max(peak, resident_mb(pid))
    delays = delays_ms(healthy, mark)
    print(
        f"{STALLED} stalled clients: the service grew {peak - before:.1f} MB (target 10); the delay of a "
        f"healthy one p50 {np.percentile(delays, 50):.1f} p99 {np.percentile(delays, 99):.1f} ms "
        f"(target 5), before them {np.percentile(alone, 99):.1f}"
    )
    for connection in sockets:
        connection.close()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "load":
        load(sys.argv[2])
    elif sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        pin(1)
        asyncio.run({"fan-out": fan_out, "stalled": stalled}[sys.argv[1]](int(sys.argv[2])))
