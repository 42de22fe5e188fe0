"""Control messages: JSON text in both directions, as docs/hud.md says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from spymaster.hud.day import PROTOCOL, WINDOW_NS
from spymaster.hud.encoding import View
from spymaster.hud.limits import MAX_CONTROL_BYTES
from spymaster.hud.playback import MAX, MAX_SPEED, MIN_SPEED, Playback, Rows
from spymaster.hud.queries import checked_speed

Json = dict[str, Any]
Kind = Literal["play", "pause", "speed", "seek"]

_KINDS: Final = get_args(Kind)
_TS: Final = re.compile(r"[0-9]{1,19}")
_MAX_TS: Final = 2**63 - 1
_MAX_ID: Final = 2**53


class ControlError(Exception):
    """A control message that makes no sense: its code, the reason, the message's id if it has one."""

    def __init__(self, code: str, reason: str, id_: str | int | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.id = code, reason, id_

    def as_json(self) -> Json:
        """Return the `error` message."""
        return _with_id({"type": "error", "code": self.code, "message": self.reason}, self.id)


@dataclass(frozen=True)
class Control:
    """A client's message; `speed` (MAX for max) and `ts_ns` are set where its kind has them."""

    kind: Kind
    id: str | int | None = None
    speed: float = 0.0
    ts_ns: int = 0


def parse_control(text: str | None) -> Control:
    """Read a client's text message (None: it was not text); raises ControlError.

    >>> parse_control('{"type": "seek", "ts_ns": "5"}').ts_ns
    5
    """
    if text is None or len(text.encode()) > MAX_CONTROL_BYTES:
        raise ControlError("bad_message", "a control message is a short text")
    try:
        message = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ControlError("bad_message", "not JSON") from None
    if not isinstance(message, dict):
        raise ControlError("bad_message", "not a JSON object")
    id_ = _id(message.get("id"))
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ControlError("bad_type", f"type is one of {', '.join(_KINDS)}", id_)
    if kind == "speed":
        return Control("speed", id_, speed=_speed(message.get("speed"), id_))
    if kind == "seek":
        return Control("seek", id_, ts_ns=_ts_ns(message.get("ts_ns"), id_))
    return Control(cast(Kind, kind), id_)


def hello(view: View) -> Json:
    """Return the message that comes first."""
    day = view.day
    return {
        "type": "hello", "protocol": PROTOCOL, "symbol": day.symbol, "dt": day.dt,
        "version": day.version, "tick_int": str(day.tick_int), "ticks": view.ticks,
        "strikes": day.strikes, "window_ns": str(WINDOW_NS), "windows": day.windows,
        "first_window_end_ts_ns": str(day.ends_ns[0]),
        "last_window_end_ts_ns": str(day.ends_ns[-1]), "missing": list(day.missing),
    }  # fmt: skip


def state(playback: Playback, id_: str | int | None = None) -> Json:
    """Return where the playback is."""
    end_ns = playback.next_end_ns
    speed = playback.speed
    message = {
        "type": "state", "playing": playback.playing,
        "speed": "max" if speed == MAX else int(speed) if speed.is_integer() else speed,
        "epoch": playback.epoch,
        "next_window_end_ts_ns": None if end_ns is None else str(end_ns),
        "ring_windows": len(playback.ring),
    }  # fmt: skip
    return _with_id(message, id_)


def gap(view: View, rows: Rows) -> Json:
    """Return what says that rows were left out."""
    ends = view.day.ends_ns
    return {
        "type": "gap", "first_window_end_ts_ns": str(ends[rows.gap_first]),
        "last_window_end_ts_ns": str(ends[rows.first - 1]),
        "windows": rows.first - rows.gap_first,
    }  # fmt: skip


def end(view: View) -> Json:
    """Return what says that the last row was sent."""
    return {"type": "end", "last_window_end_ts_ns": str(view.day.ends_ns[-1])}


def _with_id(message: Json, id_: str | int | None) -> Json:
    return message if id_ is None else {**message, "id": id_}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _id(value: object) -> str | int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_ID
    if value is None or is_number or (isinstance(value, str) and len(value) <= 64):
        return cast("str | int | None", value)
    raise ControlError("bad_message", "id is a short string or a whole number")


def _speed(value: object, id_: str | int | None) -> float:
    if value == "max":
        return MAX
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A number of a thousand digits is no float; it is too fast all the same.
        speed = checked_speed(float(value)) if abs(value) <= MAX_SPEED else None
        if speed is not None:
            return speed
    reason = f'speed is {MIN_SPEED:g} to {MAX_SPEED:g} or "max"'
    raise ControlError("bad_speed", reason, id_)


def _ts_ns(value: object, id_: str | int | None) -> int:
    if isinstance(value, str) and _TS.fullmatch(value) and int(value) <= _MAX_TS:
        return int(value)
    raise ControlError("bad_ts", "ts_ns is a string of digits, UTC nanoseconds", id_)
