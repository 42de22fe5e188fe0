"""The HUD service: encoding, a thousand clients, clients that stall, a full-size day in memory.

The day is random rows of the size of a full ES session: 36,000 windows, 401 ticks, both sides. The
service runs in one process, its clients in another; on Linux each is held to a core of its own.
Delay is from when a row was due by the playback's clock to when the client had it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hud_lake import DT, SYMBOL, HudDay, write_hud_day

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
STALLED = 20
PAGE = os.environ.get("HUD_COLUMNS", "")
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
    before = rss_mb()
    start = time.perf_counter()
    day = load_day(Lake(Path(folder) / "lake"), SYMBOL, DT)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"load: {seconds:.1f} s, {day.nbytes / 1e6:,.0f} MB in memory "
        f"({day.nbytes / day.windows / 1e3:.1f} kB a window), process grew {rss_mb() - before:,.0f} MB, "
        f"peak {peak:,.0f} MB"
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
    server.run()


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def rss_mb(pid: int | str = "self") -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


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
                if os.readlink(descriptor) == f"socket:[{inode}]":
                    return int(process.name)
    raise RuntimeError("nobody listens")


class Client(asyncio.Protocol):
    """A WebSocket client that reads frames and notes when each binary message was whole."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.buffer = bytearray()
        self.is_open = False
        self.arrivals: list[float] = []
        self.bytes = 0
        self.opened = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.is_open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert b" 101 " in self.buffer[:16], bytes(self.buffer[:200])
            del self.buffer[: end + 4]
            self.is_open = True
        while self.frame():
            pass

    def frame(self) -> bool:
        if len(self.buffer) < 4:
            return False
        size, head = self.buffer[1], 2
        if size == 126:
            size, head = struct.unpack_from("!H", self.buffer, 2)[0], 4
        elif size == 127:
            if len(self.buffer) < 10:
                return False
            size, head = struct.unpack_from("!Q", self.buffer, 2)[0], 10
        if len(self.buffer) < head + size:
            return False
        if self.buffer[0] & 15 == 2:
            self.arrivals.append(time.perf_counter())
            self.bytes += size
        elif not self.opened:
            self.opened = time.perf_counter()  # hello: the playback's clock began just before
        del self.buffer[: head + size]
        return True


def request(port: int, query: str) -> bytes:
    return (
        f"GET /v1/hud/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def delays_ms(client: Client) -> np.ndarray:
    """How late each message was, against the earliest that the client's own clock allows.

    Row i is due (i + 1)/speed after the playback began; the beginning is taken from the message that
    came earliest, so that a late `hello` does not hide a late row.
    """
    at = np.asarray(client.arrivals)
    due = np.arange(1, len(at) + 1) / ROWS_A_SECOND
    return ((at - due) - (at - due).min()) * 1e3


async def fan_out(port: int) -> None:
    loop = asyncio.get_running_loop()
    columns = f"&columns={PAGE}" if PAGE else ""
    head = request(port, f"speed={ROWS_A_SECOND}{columns}")
    clients = []
    for _ in range(CLIENTS):
        _, client = await loop.create_connection(lambda: Client(head), "127.0.0.1", port)
        clients.append(client)
        await asyncio.sleep(0.002)
    while not all(client.opened for client in clients):
        await asyncio.sleep(0.1)
    pid = pid_of(port)
    await asyncio.sleep(2)
    for client in clients:
        client.skip = len(client.arrivals)
    cpu, start = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(SECONDS)
    used, seconds = cpu_seconds(pid) - cpu, time.perf_counter() - start
    delays = np.concatenate([delays_ms(client)[client.skip :] for client in clients])
    sent = sum(client.bytes for client in clients)
    expected = CLIENTS * ROWS_A_SECOND * seconds
    print(
        f"{CLIENTS:,} clients at {ROWS_A_SECOND} rows/s: {len(delays) / seconds:,.0f} rows/s "
        f"({len(delays) / expected:.1%} of what was due), delay p50 {np.percentile(delays, 50):.1f} "
        f"p99 {np.percentile(delays, 99):.1f} max {delays.max():.0f} ms; target p99 150; "
        f"server {used / seconds:.0%} of a core, {sent / (seconds + 2) / 1e6:,.0f} MB/s"
    )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def stalled(port: int) -> None:
    loop = asyncio.get_running_loop()
    pid = pid_of(port)
    healthy_request = request(port, f"speed={ROWS_A_SECOND}")
    _, healthy = await loop.create_connection(lambda: Client(healthy_request), "127.0.0.1", port)
    await asyncio.sleep(5)
    before, alone = rss_mb(pid), delays_ms(healthy)
    sockets = []
    for speed in ["10", "60", "120", "max"] * (STALLED // 4):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(request(port, f"speed={speed}"))
        sockets.append(connection)
    mark = len(healthy.arrivals)
    peak = before
    for _ in range(SECONDS * 2):
        await asyncio.sleep(0.5)
        peak = max(peak, rss_mb(pid))
    delays = delays_ms(healthy)[mark:]
    print(
        f"{STALLED} stalled clients: the service grew {peak - before:.1f} MB (target 10); a healthy one's "
        f"delay p50 {np.percentile(delays, 50):.1f} p99 {np.percentile(delays, 99):.1f} ms (target 5; "
        f"alone before p99 {np.percentile(alone, 99):.1f})"
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
