"""Clients of a HUD service on this machine: HTTP with any header, WebSocket with every message."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.ipc
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Json = dict[str, Any]


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def table(self) -> pa.Table:
        assert self.status == 200, self.body
        return pa.ipc.open_stream(self.body).read_all()

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass
class Played:
    """What a stream sent: rows in order, text messages in order, with when they came."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    texts: list[Json] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def ends(self) -> list[int]:
        return [e for batch in self.batches for e in batch["window_end_ts_ns"].to_pylist()]

    def of(self, kind: str) -> list[Json]:
        return [text for text in self.texts if text["type"] == kind]


class Socket:
    """A WebSocket client that keeps all it gets."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.played = Played()

    def get(self, seconds: float = 10.0) -> Json | pa.RecordBatch | None:
        """The next message, read; None if none comes."""
        try:
            message = self.connection.recv(timeout=seconds)
        except TimeoutError:
            return None
        self.played.at.append(time.monotonic())
        if isinstance(message, str):
            self.played.texts.append(json.loads(message))
            return self.played.texts[-1]
        self.played.sizes.append(len(message))
        (batch,) = pa.ipc.open_stream(message).read_all().to_batches()
        self.played.batches.append(batch)
        return batch

    def until(self, kind: str, seconds: float = 20.0) -> Json:
        """The next text message of a kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = self.get(max(deadline - time.monotonic(), 0.01))
            if isinstance(message, dict) and message["type"] == kind:
                return message
        raise AssertionError(f"no {kind} in {seconds} s, but {self.played.texts}")

    def say(self, **message: object) -> None:
        self.connection.send(json.dumps(message))

    def ask(self, **message: object) -> Json:
        """Send, and return the next answer: a state or an error."""
        self.say(**message, id="ask")
        while True:
            answer = self.get()
            assert answer is not None, "no answer"
            if isinstance(answer, dict) and answer.get("id") == "ask":
                return answer

    def closed(self, seconds: float = 20.0) -> tuple[int, str]:
        """Read until the server closes; return code and reason."""
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                self.get(max(deadline - time.monotonic(), 0.01))
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason
        raise AssertionError("the server did not close")


class Api:
    """A service on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(
        self, path: str, method: str = "GET", headers: Json | None = None, **query: object
    ) -> Answer:
        """Send a request; headers that are given replace those that are usual."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        target = path + (f"?{urlencode(query)}" if query else "")
        connection.putrequest(method, target, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{self.port}", **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            with connection.getresponse() as response:
                lower = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, lower, response.read())
        finally:
            connection.close()

    @contextmanager
    def stream(self, headers: Json | None = None, **query: object) -> Iterator[Socket]:
        """Open a playback."""
        url = f"ws://127.0.0.1:{self.port}/v1/hud/stream?{urlencode(query)}"
        with connect(url, max_size=None, additional_headers=headers, max_queue=None) as connection:
            yield Socket(connection)
