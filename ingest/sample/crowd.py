"""The state of the sample market's participants: clock, fair value, tastes for prices, walls."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ingest.sample.exchange import LEVELS, new_exchange
from ingest.sample.market import (
    DAY_SECONDS,
    SECOND_NS,
    SNAPSHOT_ORDERS,
    Form,
    MarketConfig,
    Schedule,
)
from spymaster.products import PRICE_SCALE

NEVER: Final = 2**62
TIMERS: Final = 4_096
WALLS: Final = 40
FAR: Final = 1_024
DISTANCES: Final = 8_192

MIND: Final = np.dtype(
    [
        ("end", "i8"),
        ("midnight", "i8"),
        ("step_end", "i8"),
        ("next_arrival", "i8"),
        ("second", "i8"),
        ("phase", "i8"),
        ("done", "i8"),
        ("arrivals", "i8"),
        ("messages", "i8"),
        ("rate", "f8"),
        ("cluster", "i8"),
        ("timers", "i8"),
        ("crossing", "i8"),
        ("population", "f8"),
        ("thickness", "f8"),
        ("fair", "f8"),
        ("home", "f8"),
        ("anchor", "f8"),
        ("drift", "f8"),
        ("regime", "f8"),
        ("trend", "f8"),
        ("log_volatility", "f8"),
        ("log_rate", "f8"),
        ("daily_ticks", "f8"),
        ("last_side", "i8"),
        ("round_unit", "i8"),
    ]
)
"""`crossing`: contracts that pre-open orders may still offer through the fair value."""

TIMER: Final = np.dtype([("time", "i8"), ("order_id", "i8"), ("slot", "i8")])
WALL_STATE: Final = np.dtype(
    [("until", "i8"), ("side", "i8"), ("level", "i8"), ("trigger", "i8"), ("live", "i8")]
)

_PROFILE: Final = (
    (0, 26.0),
    (2, 38.0),
    (5, 50.0),
    (12, 60.0),
    (25, 74.0),
    (45, 70.0),
    (80, 60.0),
    (150, 50.0),
    (300, 40.0),
    (420, 12.0),
    (1000, 2.5),
    (FAR, 2.0),
)
"""Resting contracts per level by ticks from the touch, as the ES book of May 2024 shows them."""

_ROUND_STEPS: Final = ((1, 1.25), (5, 1.5), (10, 1.5), (25, 1.6))
"""How much more depth multiples of the round unit draw, compounding."""


CROWD: Final = np.dtype(
    [
        ("mind", MIND, (1,)),
        ("activity", "f8", (DAY_SECONDS,)),
        ("left", "f8", (DAY_SECONDS + 1,)),
        ("phase", "i8", (DAY_SECONDS,)),
        ("volatility", "f8", (DAY_SECONDS,)),
        ("guide", "f8", (DAY_SECONDS,)),
        ("timers", TIMER, (TIMERS,)),
        ("walls", WALL_STATE, (WALLS,)),
        ("appeal", "f8", (LEVELS,)),
        ("profile", "f8", (FAR,)),
        ("distances", "i8", (DISTANCES,)),
    ]
)
"""All state of the participants. `guide`: levels that the fair value follows; NaN: it moves by itself."""

Crowd: TypeAlias = Any
"""A record of type CROWD."""


def round_unit_ticks(tick_int: int) -> int:
    """Return the ticks of the smallest power of ten that spans at least four ticks.

    >>> round_unit_ticks(250_000_000), round_unit_ticks(10_000_000)
    (4, 10)
    """
    unit = 1
    while unit < 4 * tick_int or unit % tick_int:
        unit *= 10
    return unit // tick_int


def new_market(
    config: MarketConfig, schedule: Schedule
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return an empty exchange and its participants, ready for the midnight snapshot."""
    exchange = new_exchange()
    state = exchange["state"]
    state["rng"] = config.seed
    state["origin_tick"] = origin = config.start_tick - LEVELS // 2
    state["tick_int"] = config.product.tick_int
    state["instrument_id"] = config.instrument_id
    state["span_record"] = config.form is Form.NEW
    state["next_order_id"] = 6_413_238_000_000 + config.dt.toordinal() * 1_000
    state["budget"] = schedule.messages

    crowd = np.zeros(1, CROWD)
    mind = crowd["mind"]
    mind["midnight"] = config.midnight_ns
    mind["end"] = config.midnight_ns + schedule.end * SECOND_NS
    mind["step_end"] = config.midnight_ns + schedule.start * SECOND_NS
    mind["next_arrival"] = NEVER
    mind["second"] = schedule.start - 1
    mind["fair"] = mind["home"] = mind["anchor"] = LEVELS / 2 + 0.5
    mind["regime"] = 1.0
    mind["daily_ticks"] = config.daily_ticks
    mind["population"] = population = min(SNAPSHOT_ORDERS, schedule.messages // 4)
    mind["thickness"] = population / SNAPSHOT_ORDERS
    mind["round_unit"] = unit = round_unit_ticks(config.product.tick_int)

    far, depth = zip(*_PROFILE, strict=True)
    profile = np.interp(np.arange(FAR), far, depth)
    crowd["activity"] = schedule.activity
    crowd["left"] = schedule.left
    crowd["phase"] = schedule.phase
    crowd["volatility"] = schedule.volatility
    crowd["guide"] = np.nan
    crowd["appeal"] = _appeal(config.seed, origin, unit)
    crowd["profile"] = profile * (population / SNAPSHOT_ORDERS)
    crowd["distances"] = _distances(profile)
    return exchange, crowd


def follow(crowd: npt.NDArray[Any], config: MarketConfig, prices: npt.NDArray[np.float64]) -> None:
    """Let the fair value follow `prices`, in price units, one a second of the UTC day."""
    ticks = prices * PRICE_SCALE / config.product.tick_int
    crowd["guide"] = np.clip(ticks - (config.start_tick - LEVELS // 2), FAR, LEVELS - FAR)


def _appeal(seed: int, origin: int, unit: int) -> npt.NDArray[np.float64]:
    """Return how much depth each level draws: round prices more, the rest by chance."""
    ticks = origin + np.arange(LEVELS)
    mixed = (ticks.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    chance = (mixed >> np.uint64(40)).astype(np.float64) / 2.0**24
    appeal = 0.55 + 0.9 * chance * chance
    for step, factor in _ROUND_STEPS:
        appeal[ticks % (step * unit) == 0] *= factor
    return appeal


def _distances(profile: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return ticks from the touch at even steps of probability, for patient orders."""
    weight = profile.copy()
    weight[:8] *= 0.4
    share = np.cumsum(weight) / weight.sum()
    return np.searchsorted(share, (np.arange(DISTANCES) + 0.5) / DISTANCES)
