"""One WebSocket connection: sends the rows that are due, obeys control messages, tells what happens.

The client's queue is virtual: what is due and not sent yet is a stretch of rows, encoded only when
the socket takes it. A client that does not read costs the one message that its socket holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from spymaster.hud import control
from spymaster.hud.control import Control, ControlError, parse_control
from spymaster.hud.encoding import View, Views
from spymaster.hud.limits import Limits, TokenBucket
from spymaster.hud.playback import Playback

_ANSWERS: Final = 256
"""Answers to controls that may wait for a client that does not read them."""

POLICY_VIOLATION: Final = 1008

WRITABLE: Final = "spymaster.writable"
"""Extension of the ASGI scope: an asyncio.Event that is set while the socket takes data."""


class Session:
    """Plays `playback` over `view` to an accepted WebSocket, until either side closes.

    `views` is the day that the view is of: held, so that the client may ask for more of its version.
    """

    def __init__(
        self, socket: WebSocket, views: Views, view: View, playback: Playback, limits: Limits
    ) -> None:
        self._socket, self._views, self._view, self._playback = socket, views, view, playback
        self._bucket = TokenBucket(limits.controls_a_second, limits.control_burst)
        self._bad_left = limits.bad_controls
        self._answers: deque[dict[str, Any]] = deque()
        self._close_reason = ""
        self._is_gone = False
        self._end_told = False
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._writable: asyncio.Event | None = socket.scope["extensions"].get(WRITABLE)

    async def run(self) -> None:
        """Play until the connection is closed."""
        self._answers += [control.hello(self._view), control.state(self._playback)]
        listener = asyncio.create_task(self._listen())
        try:
            await self._send_all()
        except (WebSocketDisconnect, RuntimeError):
            # RuntimeError: Starlette's word for sending on what the other side has closed.
            pass
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def _send_all(self) -> None:
        while True:
            # What to send is chosen when it can go: nothing waits in memory for a client that does not
            # read, and the answer to a seek stands before the rows of the new place.
            if self._writable is not None:
                await self._writable.wait()
            if self._is_gone:
                return
            if self._answers:
                await self._socket.send_text(json.dumps(self._answers.popleft()))
            elif self._close_reason:
                await self._socket.close(POLICY_VIOLATION, self._close_reason)
                return
            else:
                await self._send_rows_or_wait()

    async def _send_rows_or_wait(self) -> None:
        now = self._loop.time()
        rows = self._playback.take(now)
        if rows is not None:
            if rows.first > rows.gap_first:
                await self._socket.send_text(json.dumps(control.gap(self._view, rows)))
            await self._socket.send_bytes(self._view.message(rows.first, rows.stop))
        elif self._playback.at_end and not self._end_told:
            self._end_told = True
            self._answers.append(control.end(self._view))
        else:
            await self._sleep_until(self._playback.next_time(now))

    async def _sleep_until(self, time: float | None) -> None:
        self._wake = self._loop.create_future()
        timer = None if time is None else self._loop.call_at(time, self._ring, self._wake)
        try:
            await self._wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()

    def _ring(self, wake: asyncio.Future[None] | None) -> None:
        if wake is not None and not wake.done():
            wake.set_result(None)

    async def _listen(self) -> None:
        while not self._close_reason and not self._is_gone:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._is_gone = True
            else:
                self._hear(message.get("text"))
            self._ring(self._wake)

    def _hear(self, text: str | None) -> None:
        if not self._bucket.take():
            self._refuse(ControlError("too_fast", "too many control messages"), is_last=True)
            return
        try:
            self._obey(parse_control(text))
        except ControlError as bad:
            self._bad_left -= 1
            self._refuse(bad, is_last=self._bad_left <= 0)
        if len(self._answers) > _ANSWERS:
            self._close_reason = "the client does not read its answers"

    def _refuse(self, bad: ControlError, is_last: bool) -> None:
        self._answers.append(bad.as_json())
        if is_last:
            self._close_reason = bad.reason

    def _obey(self, message: Control) -> None:
        now = self._loop.time()
        if message.kind == "play":
            self._playback.play(now)
        elif message.kind == "pause":
            self._playback.pause(now)
        elif message.kind == "speed":
            self._playback.set_speed(message.speed, now)
        else:
            self._playback.seek(message.ts_ns, now)
            self._end_told = False
        self._answers.append(control.state(self._playback, message.id))
