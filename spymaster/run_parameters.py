"""A run's parameters: dbt's vars, checked, with what the product and the date make of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE, product_of_symbol
from spymaster.sessions import session_of

Json = dict[str, Any]

ENGINE_PARAMETERS: Final = (
    "tick_int", "session_start_ns", "session_end_ns",
    "hud_max_ticks", "rest_ns", "assume_valid", "max_anomaly_share",
)  # fmt: skip
"""Those that BookParams takes, under its names."""

OWN_TO_A_DAY: Final = ("session_start_ns", "session_end_ns", "max_anomaly_share")
"""Those in which two days may differ and their values still compare."""

CALIBRATION_MODES: Final = ("same_day", "prior")
BAND_REACH_TICKS: Final = 20  # the radar's zone and the physics bands
MAX_LOOKBACK_SESSIONS: Final = 1_000
MAX_DAYS_TO_EXPIRATION: Final = 10_000
MAX_STRIKES_A_SIDE: Final = 1_000


def run_parameters(symbol: str, dt: str, given: Json) -> Json:
    """Return the parameters of a run of a contract or root; UserError for a var that makes no sense.

    >>> run_parameters("ESH6", "2026-01-06", {
    ...     "hud_max_ticks": 200, "rest_ns": 0, "assume_valid": False, "max_anomaly_share": 0.001,
    ...     "calibration_mode": "same_day", "calibration_lookback_sessions": 5, "gex_max_dte": 0,
    ...     "gex_strike_step": 5, "gex_strike_count": 12, "risk_free_rate": 0.04})["tick_int"]
    250000000
    """
    product = product_of_symbol(symbol)
    session = session_of(
        date.fromisoformat(dt),
        str(given.get("session_start") or product.session_start),
        str(given.get("session_end") or product.session_end),
        str(given.get("session_tz") or product.session_tz),
    )
    return {
        "tick_int": product.tick_int,
        "session": session.text,
        "session_start_ns": session.start_ns,
        "session_end_ns": session.end_ns,
        "hud_max_ticks": _integer(given, "hud_max_ticks", at_least=BAND_REACH_TICKS),
        "rest_ns": _integer(given, "rest_ns"),
        "assume_valid": boolean(given, "assume_valid"),
        "max_anomaly_share": _share(given, "max_anomaly_share"),
        "calibration_mode": _one_of(given, "calibration_mode", CALIBRATION_MODES),
        "calibration_lookback_sessions": _integer(
            given, "calibration_lookback_sessions", at_least=1, at_most=MAX_LOOKBACK_SESSIONS
        ),
        "gex_max_dte": _integer(given, "gex_max_dte", at_least=-1, at_most=MAX_DAYS_TO_EXPIRATION),
        "gex_strike_step": _number(given, "gex_strike_step", above=0, at_most=1e6),
        "gex_strike_count": _integer(given, "gex_strike_count", at_most=MAX_STRIKES_A_SIDE),
        "risk_free_rate": _number(given, "risk_free_rate", above=-1, at_most=1),
    }


def gex_parameters(parameters: Json, dt: str) -> Json:
    """Return the keywords of spymaster_udf's GexParams; a day of expiration is New York's.

    >>> gex_parameters({"gex_max_dte": -1, "gex_strike_step": 5, "gex_strike_count": 12,
    ...                 "risk_free_rate": 0.04}, "2026-01-06")["expiration_before_ns"] is None
    True
    """
    before = None
    if parameters["gex_max_dte"] >= 0:
        last = date.fromisoformat(dt) + timedelta(days=parameters["gex_max_dte"])
        before = session_of(last, "00:00", "24:00", "America/New_York").end_ns
    return {
        "expiration_before_ns": before,
        "grid_step_int": round(parameters["gex_strike_step"] * PRICE_SCALE),
        "grid_count": parameters["gex_strike_count"],
        "rate": float(parameters["risk_free_rate"]),
    }


def boolean(given: Json, name: str) -> bool:
    """Return a var that must be true or false; UserError if it is neither."""
    value = given.get(name)
    if not isinstance(value, bool):
        raise UserError(f"the var {name} is {value!r}, not true or false")
    return value


def _integer(given: Json, name: str, at_least: int = 0, at_most: int | None = None) -> int:
    value = given.get(name)
    limits = f">= {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise UserError(f"the var {name} is {value!r}, not a whole number {limits}")
    if at_most is not None and value > at_most:
        raise UserError(f"the var {name} is {value!r}, not a whole number {limits}")
    return value


def _share(given: Json, name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UserError(f"the var {name} is {value!r}, not a share between 0 and 1")
    return float(value)


def _number(given: Json, name: str, above: float, at_most: float) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"the var {name} is {value!r}, not a number")
    if not above < value <= at_most:
        raise UserError(f"the var {name} is {value!r}, not above {above:g} and up to {at_most:g}")
    return value


def _one_of(given: Json, name: str, choices: tuple[str, ...]) -> str:
    value = given.get(name)
    if value not in choices:
        raise UserError(f"the var {name} is {value!r}, not one of {', '.join(choices)}")
    return str(value)
