"""The HUD service checked from outside: over real sockets, against the lake."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from spymaster.checks.check import Check
from spymaster.checks.hud_values import TABLES, ValueComparison
from spymaster.checks.run import FAILED, PASSED, CheckResult, DayReport
from spymaster.errors import UserError
from spymaster.hud.columns import BOOK
from spymaster.hud.day_tables import DayTables, day_tables
from spymaster.lake import Lake, iter_batches
from spymaster.progress import Advance

Row = dict[str, Any]

SECOND: Final = 1_000_000_000
RING_WINDOWS: Final = 1800
MESSAGES_A_SECOND: Final = 20
MESSAGE_BYTES: Final = 1 << 20
SPEEDS: Final = (4.0, 60.0, 120.0)
SPEED_SECONDS: Final = 1.5
SPEED_SLACK_SECONDS: Final = 0.15
_TIMEOUT: Final = 30.0
_ROW_TIMEOUT: Final = 2.0
_REFUSAL_BYTES: Final = 2_000

SENTENCES: Final = {
    "windows": "Played from its first window to its last, the day has every window, in order.",
    "messages": "A message is one Arrow stream of at most 1 MiB; at most 20 come in a second.",
    "end": "The end of the day is announced, with its last window.",
    "ring": "The ring behind a playback never holds more than 1800 windows.",
    "same_window": "A row's gamma exposure is of the same window_end_ts_ns as its book.",
    "nulls": "Unknown is null and known is not.",
    "seam": "Bootstraps up to an instant and the stream from it are the day, each window once.",
    "seek": "After a seek the next row is the first window that ends after the instant.",
    "speed": "At each speed so many windows come in a second; a pause stops them.",
    **{
        f"values_{name}": f"Streamed {name} are the rows of {key}."
        for name, (key, _) in TABLES.items()
    },
}


class HudClient:
    """A client of a service at `url` for one day."""

    def __init__(self, url: str, token: str | None, symbol: str, dt: str, version: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._day = {"symbol": symbol, "dt": dt, "version": version}

    def bootstrap(self, **parameters: object) -> pa.Table:
        """Return the rows of a bootstrap; UserError if it fails."""
        query = urlencode({**self._day, **parameters})
        request = urllib.request.Request(
            f"{self._url}/v1/hud/bootstrap?{query}", headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                return pa.ipc.open_stream(response.read()).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"{self._url}: bootstrap failed: {_reason(error)}") from None

    @contextmanager
    def stream(self, **parameters: object) -> Iterator[Stream]:
        """Open a playback; gives it after its `hello` and first `state`. UserError if it fails."""
        query = urlencode({**self._day, **parameters})
        url = f"{self._url}/v1/hud/stream?{query}".replace("http", "ws", 1)
        try:
            with connect(url, max_size=None, additional_headers=self._headers) as socket:
                stream = Stream(socket)
                stream.hello, stream.state = stream.text("hello"), stream.text("state")
                yield stream
        except (OSError, WebSocketException) as error:
            raise UserError(f"{self._url}: the stream failed: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    body = b""
    if isinstance(error, urllib.error.HTTPError):
        body = error.read(_REFUSAL_BYTES)
    elif isinstance(error, InvalidStatus):
        body = bytes(error.response.body[:_REFUSAL_BYTES])
    if body:
        try:
            return str(json.loads(body)["error"])
        except (ValueError, LookupError, TypeError):  # not our service's
            return body.decode(errors="replace")
    return str(error) or type(error).__name__


@dataclass
class Stream:
    """An open playback."""

    socket: ClientConnection
    hello: Row = field(default_factory=dict)
    state: Row = field(default_factory=dict)

    def next(self, seconds: float = _TIMEOUT) -> bytes | Row | None:
        """Return the next message, JSON read; None if none comes in time."""
        try:
            message = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return None
        return json.loads(message) if isinstance(message, str) else message

    def text(self, kind: str) -> Row:
        """Return the next text message of a kind, passing over others and over rows.

        Raises UserError if none comes in 30 s.
        """
        while True:
            message = self.next()
            if message is None:
                raise UserError(f"the stream sent no {kind!r} in {_TIMEOUT:.0f} s")
            if isinstance(message, dict) and message["type"] == kind:
                return message

    def first_end(self) -> int | None:
        """Return the end of the next row's window; None if no row comes in time."""
        while (message := self.next(_ROW_TIMEOUT)) is not None:
            if isinstance(message, bytes):
                batch = pa.ipc.open_stream(message).read_next_batch()
                return int(batch["window_end_ts_ns"][0].as_py())
        return None

    def say(self, **message: object) -> None:
        """Send a control message."""
        self.socket.send(json.dumps(message))

    def ask(self, **message: object) -> Row:
        """Send a control message and return the `state` that answers it."""
        self.say(**message, id="ask")
        while (state := self.text("state")).get("id") != "ask":
            pass
        return state


class _Findings:
    """What is wrong, by check."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {name: [] for name in SENTENCES}
        self.counts: dict[str, int] = dict.fromkeys(SENTENCES, 0)
        self.seconds: dict[str, float] = {}

    def wrong(self, name: str, **row: object) -> None:
        self.counts[name] += 1
        self.rows[name].append(row)

    def results(self) -> list[CheckResult]:
        return [
            CheckResult(
                Check(name, sentence, ""), FAILED if self.counts[name] else PASSED,
                self.counts[name], self.rows[name][:5], self.seconds.get(name, 0.0),
            )
            for name, sentence in SENTENCES.items()
        ]  # fmt: skip


def check_hud(
    lake: Lake, symbol: str, dt: str, url: str, token: str | None, advance: Advance
) -> DayReport:
    """Check a service that shows `lake` at `url`; `advance` is told the windows compared.

    Raises UserError if the service cannot be reached or shows another version of the day.
    """
    tables = day_tables(lake, symbol, dt)
    ends = _ends(lake, tables)
    client = HudClient(url, token, symbol, dt, tables.version)
    findings = _Findings()
    parts: list[tuple[tuple[str, ...], Callable[[], None]]] = [
        (("windows", "messages", "end", "ring", "same_window", "nulls"),
         lambda: _check_whole_day(client, lake, tables, ends, findings, advance)),
        (("seam",), lambda: _check_seam(client, ends, findings)),
        (("seek",), lambda: _check_seek(client, ends, findings)),
        (("speed",), lambda: _check_speed(client, ends, findings)),
    ]  # fmt: skip
    for names, part in parts:
        start = time.monotonic()
        part()
        findings.seconds[names[0]] = time.monotonic() - start
    return DayReport("hud", symbol, dt, findings.results())


def _ends(lake: Lake, tables: DayTables) -> list[int]:
    batches = iter_batches(tables.ref(lake, BOOK), columns=["window_end_ts_ns"])
    return [end for batch in batches for end in batch.column(0).to_pylist()]


def _check_whole_day(
    client: HudClient, lake: Lake, tables: DayTables, ends: list[int], findings: _Findings,
    advance: Advance,
) -> None:  # fmt: skip
    seen: list[int] = []
    arrivals: list[float] = []
    with client.stream(speed="max") as stream:
        ticks = stream.hello["ticks"]
        comparison = ValueComparison(lake, tables, ticks)
        while True:
            message = stream.next()
            if message is None:
                findings.wrong("end", problem=f"nothing for {_TIMEOUT:.0f} s, no end")
                break
            if isinstance(message, dict):
                if message["type"] == "end":
                    _check_end(message, ends, findings)
                    break
                _check_text(message, findings)
                continue
            arrivals.append(time.monotonic())
            if len(message) > MESSAGE_BYTES:
                findings.wrong("messages", message=len(arrivals), bytes=len(message))
            batch = _one_batch(message, findings)
            seen += batch["window_end_ts_ns"].to_pylist()
            comparison.add(batch)
            advance(batch.num_rows)
            if len(arrivals) % 16 == 0:
                stream.say(type="play")  # answered by a state, which tells the ring's size
        comparison.finish()
        _check_ring(stream.ask(type="pause"), findings)
    for found, wanted in zip(seen, ends, strict=False):
        if found != wanted:
            findings.wrong("windows", window_end_ts_ns=wanted, streamed_end_ts_ns=found)
    if len(seen) != len(ends):
        findings.wrong("windows", windows=len(ends), streamed=len(seen))
    _check_rate(arrivals, findings)
    for name, count in comparison.differing.items():
        key = name if name == "nulls" else f"values_{name}"
        findings.counts[key] += count
        findings.rows[key] += comparison.first_rows[name]
    # Strikes are compared with their window's time as key, and the book with the same time.
    for name in ("strikes", "chain"):
        findings.counts["same_window"] += comparison.differing[name]
        findings.rows["same_window"] += comparison.first_rows[name]


def _one_batch(message: bytes, findings: _Findings) -> pa.RecordBatch:
    table = pa.ipc.open_stream(message).read_all()
    batches = table.to_batches()
    if len(batches) != 1:
        findings.wrong("messages", batches=len(batches))
    return table.combine_chunks().to_batches()[0]


def _check_text(message: Row, findings: _Findings) -> None:
    if message["type"] == "gap":
        findings.wrong("windows", problem="gap at speed max", **message)
    elif message["type"] == "state":
        _check_ring(message, findings)


def _check_ring(state: Row, findings: _Findings) -> None:
    if not 0 <= state["ring_windows"] <= RING_WINDOWS:
        findings.wrong("ring", ring_windows=state["ring_windows"])


def _check_end(message: Row, ends: list[int], findings: _Findings) -> None:
    if message["last_window_end_ts_ns"] != str(ends[-1]):
        findings.wrong("end", announced=message["last_window_end_ts_ns"], last=str(ends[-1]))


def _check_rate(arrivals: list[float], findings: _Findings) -> None:
    """The server spaces messages by 50 ms; what the network bunches is allowed one message more."""
    for index in range(len(arrivals)):
        in_a_second = int(np.searchsorted(arrivals, arrivals[index] + 1.0)) - index
        if in_a_second > MESSAGES_A_SECOND + 2:
            findings.wrong("messages", message=index, messages_a_second=in_a_second)


def _check_seam(client: HudClient, ends: list[int], findings: _Findings) -> None:
    instant = ends[len(ends) // 2] - SECOND // 3  # within a window, which is then still to come
    seen: list[int] = []
    until = instant
    while until > ends[0] - SECOND:
        piece = client.bootstrap(end_ts_ns=until, columns="window_end_ts_ns")
        found = piece["window_end_ts_ns"].to_pylist()
        if not found:
            break
        seen = found + seen
        until = found[0] - SECOND
    with client.stream(start_ts_ns=instant, speed="max", columns="window_end_ts_ns") as stream:
        while not (isinstance(message := stream.next(), dict) and message["type"] == "end"):
            if message is None:
                break
            if isinstance(message, bytes):
                seen += pa.ipc.open_stream(message).read_all()["window_end_ts_ns"].to_pylist()
    if seen != ends:
        findings.wrong("seam", windows=len(ends), seen=len(seen), instant_ts_ns=instant)


def _check_seek(client: HudClient, ends: list[int], findings: _Findings) -> None:
    count = len(ends)
    instants = [0, ends[0] - SECOND, ends[0], ends[count // 3] + 1, ends[count // 2] - 1,
                ends[-1] - SECOND, ends[count // 4]]  # fmt: skip
    instants = [instant for instant in instants if instant < ends[-1]]
    with client.stream(speed=MESSAGES_A_SECOND, playing="false", columns="book") as stream:
        for instant in instants:
            wanted = next(end for end in ends if end > instant)
            state = stream.ask(type="seek", ts_ns=str(instant))
            if state["next_window_end_ts_ns"] != str(wanted):
                findings.wrong("seek", instant_ts_ns=instant, said=state["next_window_end_ts_ns"])
            stream.ask(type="play")
            got = stream.first_end()
            if got != wanted:
                findings.wrong("seek", instant_ts_ns=instant, window_end_ts_ns=got)
            stream.ask(type="pause")
        beyond = stream.ask(type="seek", ts_ns=str(ends[-1] + SECOND))
        if beyond["next_window_end_ts_ns"] is not None:
            findings.wrong("seek", instant_ts_ns=ends[-1] + SECOND, said=beyond)


def _check_speed(client: HudClient, ends: list[int], findings: _Findings) -> None:
    """Count windows against the clock: slack for the network, but none that adds up over time."""
    for speed in SPEEDS:
        with client.stream(speed=speed, columns="window_end_ts_ns") as stream:
            start = time.monotonic()
            at: list[float] = []
            while (left := start + SPEED_SECONDS - time.monotonic()) > 0 and len(at) < len(ends):
                message = stream.next(left)
                if isinstance(message, bytes):
                    rows = pa.ipc.open_stream(message).read_all().num_rows
                    at += [time.monotonic() - start] * rows
            for row, seconds in enumerate(at):
                early_by = (row + 1) / speed - seconds
                late_by = seconds - (row + 1) / speed - MESSAGE_SPACING
                if max(early_by, late_by) > SPEED_SLACK_SECONDS:
                    findings.wrong("speed", speed=speed, row=row, seconds=seconds)
                    break
            if speed * SPEED_SECONDS * 0.5 > len(at) < len(ends):
                findings.wrong("speed", speed=speed, windows=len(at), seconds=SPEED_SECONDS)
            _check_pause(stream, findings)


MESSAGE_SPACING: Final = 1 / MESSAGES_A_SECOND
"""A row may wait so long for the others of its message."""


def _check_pause(stream: Stream, findings: _Findings) -> None:
    stream.ask(type="pause")
    message = stream.next(4 * MESSAGE_SPACING)
    if isinstance(message, bytes):
        findings.wrong("speed", problem="rows after the answer to a pause")
