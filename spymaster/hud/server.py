"""The service on a socket: uvicorn, with deadlines for clients that send or read nothing."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from spymaster.errors import UserError
from spymaster.hud.app import hud_app
from spymaster.hud.day import DEFAULT_REACH_TICKS
from spymaster.hud.limits import MAX_CONTROL_BYTES, Limits
from spymaster.hud.security import Access
from spymaster.hud.session import WRITABLE
from spymaster.lake import Lake

_BACKLOG = 2048
_HEAD_BYTES = 16_384
_STOP_SECONDS = 3
_START_SECONDS = 30.0


@dataclass(frozen=True)
class ServerOptions:
    """Where the service listens and what it lets through; `port` 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    names: tuple[str, ...] = ()
    max_ticks: int = DEFAULT_REACH_TICKS
    limits: Limits = field(default_factory=Limits)


class HudServer:
    """A service that listens from construction on; `run` answers until it is stopped.

    Raises UserError if the address cannot be had or needs a token.
    """

    def __init__(self, lake: Lake, options: ServerOptions) -> None:
        # Refused before anything listens; the port is not known yet.
        Access.of(options.host, options.port, options.token, options.names)
        self._socket = _listening(options.host, options.port)
        self.port = int(self._socket.getsockname()[1])
        access = Access.of(options.host, self.port, options.token, options.names)
        self.app = hud_app(lake, access, options.max_ticks, options.limits)
        limits = options.limits
        config = uvicorn.Config(
            self.app,
            http=_http_protocol(limits),
            ws=_websocket_protocol(),
            ws_max_size=MAX_CONTROL_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=limits.stall_seconds / 2,
            ws_ping_timeout=limits.stall_seconds / 2,
            timeout_keep_alive=math.ceil(limits.request_seconds),
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            backlog=_BACKLOG,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="warning",
        )
        self._server = uvicorn.Server(config)
        host = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"http://{host}:{self.port}/"

    def run(self) -> None:
        """Answer until `stop`, Ctrl-C or SIGTERM."""
        # uvicorn stops in order at Ctrl-C and then raises it again.
        with suppress(KeyboardInterrupt):
            asyncio.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        """Make `run` return; from any thread."""
        self._server.should_exit = True

    @contextmanager
    def in_thread(self) -> Iterator[HudServer]:
        """Answer in a thread of this process, until the block ends."""
        thread = threading.Thread(target=self.run, name="hud-server", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join(_STOP_SECONDS + 5)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UserError(f"cannot serve on {host}: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listening from now on, so that who is told the port is not turned away.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(f"cannot serve on {host}:{port}: {error.strerror}; try --port 0") from None
    listener.setblocking(False)
    return listener


def _http_protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with deadlines: for a request's head, and for a stalled answer."""

    class DeadlineProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _is_websocket = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            is_answered = self.cycle is None or self.cycle.response_complete
            if self._is_websocket or not is_answered:
                self._cancel()
            elif self._deadline is None and not self.transport.is_closing():
                self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._is_websocket = True
            super().handle_websocket_upgrade(event)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._cancel()
            self._deadline = self.loop.call_later(limits.stall_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._cancel()

        def _await_head(self) -> None:
            self._deadline = self.loop.call_later(limits.request_seconds, self.transport.abort)

        def _cancel(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return DeadlineProtocol


def _websocket_protocol() -> type[WebSocketsSansIOProtocol]:
    class AbortingProtocol(WebSocketsSansIOProtocol):
        def handle_connect(self, event: Any) -> None:
            super().handle_connect(event)
            if hasattr(self, "scope"):  # not if the handshake was malformed
                extensions: dict[str, Any] = self.scope["extensions"]
                extensions[WRITABLE] = self.writable

        def keepalive_timeout(self) -> None:
            # A close would wait for a client that reads nothing, for ever.
            super().keepalive_timeout()
            self.transport.abort()

        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
                # A refused handshake is complete too; uvicorn would log it as an error of ours.
                self.handshake_complete = True

    return AbortingProtocol
