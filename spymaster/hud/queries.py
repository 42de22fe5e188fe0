"""Query strings, read strictly: what is unknown, doubled, malformed or out of range is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.datastructures import QueryParams

from spymaster.hud.catalogue import Catalogue
from spymaster.hud.columns import COLUMNS, selected
from spymaster.hud.playback import MAX, MAX_SPEED, MIN_SPEED, RING_WINDOWS
from spymaster.hud.refusal import RefusalError

DEFAULT_TICKS: Final = 200
MAX_LIMIT: Final = 2**63 - 1

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_VERSION: Final = re.compile(r"[0-9a-f]{16}")
_QUERY_BYTES: Final = 4096

T = TypeVar("T")


@dataclass(frozen=True)
class Query:
    """A request's parameters, each once and each known."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, params: QueryParams, known: Collection[str]) -> Query:
        """Refuse unknown and doubled parameters."""
        if len(str(params)) > _QUERY_BYTES:
            raise RefusalError(400, f"the query is longer than {_QUERY_BYTES} bytes")
        pairs = params.multi_items()
        values = dict(pairs)
        unknown = sorted(set(values) - set(known) - {"token"})
        if unknown:
            raise RefusalError(
                400, f"unknown parameter {unknown[0]!r}: known are {', '.join(known)}"
            )
        if len(values) != len(pairs):
            raise RefusalError(400, "a parameter is given twice")
        return cls(values)

    def _read(self, name: str, default: T, parse: Callable[[str], T | None], what: str) -> T:
        text = self.values.get(name)
        if text is None:
            return default
        value = parse(text)
        if value is None:
            raise RefusalError(400, f"{name} is {text[:40]!r}, not {what}")
        return value

    def day(self, catalogue: Catalogue) -> tuple[str, str]:
        """Return (symbol, dt), both of the catalogue; the default day for what is not given.

        Raises RefusalError (404) for what the catalogue has not.
        """
        default = catalogue.default
        symbol = self.values.get("symbol")
        if symbol is None and default is not None:
            symbol = default.symbol
        dates = [day.dt for day in catalogue.days.values() if day.symbol == symbol]
        if symbol is None or not dates:
            raise RefusalError(404, f"no symbol {symbol[:40]!r} in the catalogue" if symbol else
                          "the lake has no complete day; build one first")  # fmt: skip
        dt = self.values.get("dt", max(dates))
        if dt not in dates:
            raise RefusalError(404, f"no {symbol} of {dt[:40]!r} in the catalogue")
        return symbol, dt

    def ts_ns(self, name: str, default: int | None = None) -> int | None:
        """Return an instant, UTC nanoseconds."""
        return self._read(name, default, _ts_ns, "UTC nanoseconds")

    def count(self, name: str, default: int, at_most: int) -> int:
        """Return a whole number from 1."""

        def parse(text: str) -> int | None:
            value = int(text) if _DIGITS.fullmatch(text) else 0
            return value if 1 <= value <= at_most else None

        return self._read(name, default, parse, f"a whole number from 1 to {at_most}")

    def ticks(self, reach: int) -> int:
        """Return how far lists reach: the day's reach or 200, whichever is less, unless given."""
        return self.count("ticks", min(reach, DEFAULT_TICKS), reach)

    def windows(self) -> int:
        """Return how many windows to give."""
        return self.count("windows", RING_WINDOWS, RING_WINDOWS)

    def columns(self) -> tuple[str, ...]:
        """Return names of HUD columns, all unless given; RefusalError (400) for an unknown one."""
        text = self.values.get("columns")
        if text is None:
            return tuple(column.name for column in COLUMNS)
        try:
            return selected(text.split(","))
        except KeyError as error:
            raise RefusalError(
                400, f"unknown column or group {str(error.args[0])[:40]!r}"
            ) from None

    def speed(self) -> float:
        """Return the speed, MAX for `max`."""
        what = f"{MIN_SPEED:g} to {MAX_SPEED:g} or max"
        return self._read("speed", 1.0, parse_speed, what)

    def playing(self) -> bool:
        """Return whether to begin playing."""
        return self._read("playing", True, {"true": True, "false": False}.get, "true or false")

    def version(self) -> str | None:
        """Return the day's version wanted, if any."""
        return self._read(
            "version", None, lambda text: text if _VERSION.fullmatch(text) else None, "a version"
        )


def parse_speed(text: str) -> float | None:
    """Return a speed, MAX for `max`, None for what is neither.

    >>> parse_speed("60"), parse_speed("max"), parse_speed("nan"), parse_speed("1e2")
    (60.0, inf, None, None)
    """
    if text == "max":
        return MAX
    return checked_speed(float(text)) if _DECIMAL.fullmatch(text) else None


def checked_speed(speed: float) -> float | None:
    """Return a finite speed within bounds, else None."""
    return speed if math.isfinite(speed) and MIN_SPEED <= speed <= MAX_SPEED else None


def _ts_ns(text: str) -> int | None:
    value = int(text) if _DIGITS.fullmatch(text) else MAX_LIMIT + 1
    return value if value <= MAX_LIMIT else None
