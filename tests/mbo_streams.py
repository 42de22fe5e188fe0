"""Adversarial MBO streams for tests: few orders, few prices, every kind of event.

`random_stream` writes what a market may send (and, with `hostile`, what it should not). The same
generator state gives the same market in the vendor's two forms: `old`, where an event's last real
record carries F_LAST, and `new`, where an event of several packets ends in an extra N record.

Corners that are left out, because no rule decides them: a snapshot record without a `ts_recv`, and
prices so large that the sum of two leaves 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st
from mbo_damage import HostileWriter
from mbo_events import EVENTS
from mbo_market import BEGINNINGS, REST_NS, SECOND, SNAPSHOT_STYLES, START_NS, Event

from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, NO_SIDE, NONE, RECORD, UNDEF_PRICE


def random_stream(
    rng: np.random.Generator,
    n_events: int,
    *,
    tick_int: int,
    form: str = "new",
    hostile: float = 0.0,
    snapshot: str = "with_r",
    start_ns: int = START_NS,
    rest_ns: int = REST_NS,
    centre_ticks: int | None = None,
) -> np.ndarray:
    """Write about `n_events` events of a small market as RECORD array.

    `snapshot` is the stream's beginning: a snapshot of a style, a clear, or none. `hostile` is the
    chance of damage after each event; without it no record is an anomaly. `centre_ticks` is where
    the prices lie (drawn if None; at zero and below, too).
    """
    if centre_ticks is None:
        centre_ticks = int(rng.choice([0, 3, -5, -150, 19_240]))
    market = HostileWriter(rng, tick_int, centre_ticks * tick_int, start_ns, rest_ns)
    kinds = list(EVENTS)
    weights = np.array(list(EVENTS.values()), dtype=float)
    weights /= weights.sum()
    if snapshot in SNAPSHOT_STYLES:
        market.event_snapshot(None, snapshot)
    elif snapshot == "clear":
        market.event_clear(None)
        market.close()
    elif snapshot != "none":
        raise ValueError(f"unknown beginning: {snapshot}")
    for _ in range(n_events):
        market.pass_time()
        market.write(str(rng.choice(kinds, p=weights)))
        if hostile and market.events and market.chance(hostile):
            market.spoil()
        market.open_snapshot &= bool(
            market.events and market.events[-1].records[-1]["flags"] & F_SNAPSHOT
        )
    return _to_records(market.events, form, rng)


def _to_records(events: list[Event], form: str, rng: np.random.Generator) -> np.ndarray:
    if form not in ("new", "old"):
        raise ValueError(f"unknown form: {form}")
    records: list[dict[str, int]] = []
    for event in events:
        extra = int(rng.choice([0, 2, 2, 2, 8, 4]))  # bits that mean nothing here
        for record in event.records:
            records.append({**record, "flags": record["flags"] | extra})
        if form == "new" and event.packets and records[-1]["flags"] & F_LAST:
            last = records[-1]
            last["flags"] &= ~F_LAST
            end = {"order_id": 0, "price": UNDEF_PRICE, "size": 0, "action": NONE, "side": NO_SIDE}
            records.append({**last, **end, "flags": last["flags"] | F_LAST})
    array = np.zeros(len(records), dtype=RECORD)
    for name in RECORD.names:
        array[name] = np.array([record[name] for record in records], dtype=RECORD[name])
    array["sequence"] = np.arange(len(records))
    return array


def random_splits(rng: np.random.Generator, n: int) -> list[slice]:
    """Cut n records into batches of any size; some are empty, some hold one record."""
    slices: list[slice] = []
    at = 0
    while at < n:
        size = int(rng.choice([0, 1, 1, 2, 3, 10, 100, n]))
        if size > 1:
            size = int(rng.integers(1, size + 1))
        end = min(at + size, n)
        slices.append(slice(at, end))
        at = end
    if rng.random() < 0.5:
        slices.append(slice(n, n))
    return slices


@dataclass(frozen=True)
class Stream:
    """A drawn stream. `settings` are the arguments of the book that runs it."""

    seed: int
    n_events: int
    options: dict[str, Any]  # of random_stream
    settings: dict[str, Any]  # of the book

    @cached_property
    def records(self) -> np.ndarray:
        return self.in_form(self.options["form"])

    def in_form(self, form: str) -> np.ndarray:
        """The same market in the form `old` or `new`."""
        options = {**self.options, "form": form}
        return random_stream(np.random.default_rng(self.seed), self.n_events, **options)


@st.composite
def streams(
    draw: st.DrawFn, *, max_events: int = 120, hostile: tuple[float, ...] = (0.0, 0.1, 0.5)
) -> Stream:
    """Streams with the settings of a book: sessions that begin and end anywhere, other ticks."""
    seed = draw(st.integers(0, 2**32 - 1))
    n_events = draw(st.integers(0, max_events))
    rest_ns = draw(st.sampled_from([REST_NS, REST_NS, 0, 1_500_000_000]))
    options = {
        "tick_int": draw(st.sampled_from([250_000_000, 10_000_000, 7, 2])),
        "form": draw(st.sampled_from(["new", "old"])),
        "hostile": draw(st.sampled_from(hostile)),
        "snapshot": draw(st.sampled_from(BEGINNINGS)),
        "rest_ns": rest_ns,
    }
    first = START_NS // SECOND
    start = first + draw(st.sampled_from([-5, 0, 0, 1, 7, 30]))
    length = draw(st.sampled_from([400, 400, 60, 5, 2]))
    settings = {
        "tick_int": options["tick_int"],
        "session_start_ns": start * SECOND,
        "session_end_ns": (start + length) * SECOND,
        "hud_max_ticks": draw(st.sampled_from([200, 200, 600, 3, 0])),
        "rest_ns": rest_ns,
        "assume_valid": draw(st.booleans()),
    }
    return Stream(seed, n_events, options, settings)
