"""Gamma exposure of the options on one future: the chain of a day, its volatilities, its exposures.

Three calls, each for one window or many: `OptionChain.of_options` once a day, `total_vols` from the
options' quotes, `exposures` from the volatilities. Conventions (docs/options.md): exposure in US dollars
of delta per 1 % move, dealers long calls and short puts, so gex = call - put; unknown is NaN.

One expiration, F = 6000, two strikes, one hour before the end:

>>> chain = OptionChain.of_options(
...     strike_int=[5995 * 10**9, 6005 * 10**9], is_call=[False, True], expiration_ns=[HOUR_NS] * 2,
...     open_interest=[100, 300], multiplier=50,
... )
>>> gex = chain.exposures([6000 * 10**9], [0], np.full((1, 2), 0.0014), rate=0.04, grid_count=1)
>>> gex.strike_int[0] / 1e9
array([5995., 6000., 6005.])
>>> [round(float(x) / 1e6, 1) for x in gex.column("gex_call_abs")[0]]
[0.0, 0.0, 214.9]
>>> [round(float(gex.level(name)[0]), 1) for name in ("call_wall", "put_wall", "quote_coverage")]
[6005.0, 5995.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from spymaster_udf import gex_kernel as kernels
from spymaster_udf.book_state import NONE_INT
from spymaster_udf.gex_kernel import NOT_LISTED, PRICE_SCALE

HOUR_NS: Final = 3_600_000_000_000
DEFAULT_GRID_STEP_INT: Final = 5_000_000_000
DEFAULT_GRID_COUNT: Final = 12

SURFACE_COLUMNS: Final = {
    "gex_call_abs": kernels.GEX_CALL,
    "gex_put_abs": kernels.GEX_PUT,
    "quote_coverage": kernels.COVERAGE,
    "iv": kernels.SIGMA,
    "gamma": kernels.GAMMA,
    "open_interest_call": kernels.OI_CALL,
    "open_interest_put": kernels.OI_PUT,
}
"""Columns of `Exposures.surface` by name."""

LEVELS: Final = {
    "net_gex": kernels.NET_GEX,
    "abs_gex": kernels.ABS_GEX,
    "zero_gamma_price": kernels.ZERO_GAMMA,
    "call_wall": kernels.CALL_WALL,
    "put_wall": kernels.PUT_WALL,
    "abs_wall": kernels.ABS_WALL,
    "vanna_exposure_1vol": kernels.VANNA_EXPOSURE,
    "charm_exposure_1d": kernels.CHARM_EXPOSURE,
    "quote_coverage": kernels.TOTAL_COVERAGE,
}
"""Columns of `Exposures.levels` by name."""

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class GexError(ValueError):
    """Arguments that do not fit together; the message is one line."""


@dataclass(frozen=True)
class Exposures:
    """What `OptionChain.exposures` found, for W windows with R = 2·grid_count + 1 strikes each.

    Rows of windows without a forward are NaN, their strikes NONE_INT.
    """

    strike_int: IntArray
    """(W, R): the grid's strikes, price x 1e9, ascending."""
    surface: FloatArray
    """(W, R, 7): see SURFACE_COLUMNS; a strike without options is 0, its iv and gamma NaN."""
    levels: FloatArray
    """(W, 9): see LEVELS, over all strikes of the chain; prices are points."""

    def column(self, name: str) -> FloatArray:
        """Return (W, R) values of a column of SURFACE_COLUMNS; KeyError for another name."""
        return self.surface[:, :, SURFACE_COLUMNS[name]]

    def level(self, name: str) -> FloatArray:
        """Return (W,) values of a column of LEVELS; KeyError for another name."""
        return self.levels[:, LEVELS[name]]


@dataclass(frozen=True)
class OptionChain:
    """The options in scope as pairs of call and put, in order of strike, then expiration.

    All arrays have one element a pair; make it with `of_options`.
    """

    strike_int: IntArray
    expiration_ns: IntArray
    multiplier: FloatArray
    open_interest_call: FloatArray
    """Contracts; NaN listed but unknown, NOT_LISTED no such option."""
    open_interest_put: FloatArray
    call_option: IntArray
    """Place of the call among the options given to `of_options`, -1 if there is none."""
    put_option: IntArray
    option_count: int
    _strikes_int: IntArray = field(init=False, repr=False)
    _strike_place: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        strikes, place = np.unique(self.strike_int, return_inverse=True)
        object.__setattr__(self, "_strikes_int", strikes)
        object.__setattr__(self, "_strike_place", place.astype(np.int64))

    @classmethod
    def of_options(
        cls,
        strike_int: ArrayLike,
        is_call: ArrayLike,
        expiration_ns: ArrayLike,
        open_interest: ArrayLike,
        multiplier: ArrayLike,
    ) -> OptionChain:
        """Return the chain of n options: strikes as price x 1e9, expirations UTC ns, contracts.

        open_interest is NaN where it is not known; multiplier is one number or n. Series with the same
        strike, right and expiration stand in pairs of their own. Raises GexError for arrays of other
        lengths, strikes or multipliers that are not positive, a negative open interest.
        """
        strike = np.atleast_1d(np.asarray(strike_int, np.int64))
        count = strike.size
        call = _of_length(is_call, np.bool_, count, "is_call")
        expiration = _of_length(expiration_ns, np.int64, count, "expiration_ns")
        interest = _of_length(open_interest, np.float64, count, "open_interest")
        size = np.ascontiguousarray(np.broadcast_to(np.asarray(multiplier, np.float64), (count,)))
        if (strike <= 0).any() or not (size > 0).all():
            raise GexError("strikes and multipliers must be positive")
        if (interest < 0).any() or np.isinf(interest).any():
            raise GexError("open interest must be 0 or more, or NaN where it is not known")
        series = _occurrence(strike, expiration, call)
        keys = np.stack([strike, expiration, series], axis=1)
        pairs, pair = np.unique(keys, axis=0, return_inverse=True)
        pair = pair.reshape(-1)
        places = np.full((2, len(pairs)), -1, np.int64)
        places[np.where(call, 0, 1), pair] = np.arange(count)
        listed_interest = [_pick(interest, side, NOT_LISTED) for side in places]
        return cls(
            strike_int=np.ascontiguousarray(pairs[:, 0]),
            expiration_ns=np.ascontiguousarray(pairs[:, 1]),
            multiplier=_pick(size, places.max(axis=0), 1.0),
            open_interest_call=listed_interest[0],
            open_interest_put=listed_interest[1],
            call_option=places[0],
            put_option=places[1],
            option_count=count,
        )

    def __len__(self) -> int:
        return int(self.strike_int.size)

    @property
    def strike_points(self) -> FloatArray:
        """Strikes of the pairs in points."""
        return self.strike_int / PRICE_SCALE

    def total_vols(
        self,
        forward_int: ArrayLike,
        window_end_ns: ArrayLike,
        best_bid_int: ArrayLike,
        best_ask_int: ArrayLike,
        *,
        rate: float,
    ) -> FloatArray:
        """Return (W, pairs) total volatilities s = sigma·sqrt(T) from the options' best quotes.

        forward_int and window_end_ns have W elements; the quotes are (W, n), n options in the order of
        `of_options` (one row (n,) will do for one window), price x 1e9, NONE_INT for an empty side. NaN
        as gex.py's module says: no two-sided quote, a mid at or outside the bounds, an expiration
        that has passed, no forward. Raises GexError for shapes that do not fit.
        """
        forward, end = _windows(forward_int, window_end_ns)
        shape = (forward.size, self.option_count)
        bid = _of_shape(best_bid_int, np.int64, shape, "best_bid_int")
        ask = _of_shape(best_ask_int, np.int64, shape, "best_ask_int")
        s = np.empty((forward.size, len(self)))
        kernels.fill_total_vols(
            forward, end, float(rate), self.strike_points, self.expiration_ns, self.call_option,
            self.put_option, bid, ask, s,
        )  # fmt: skip
        return s

    def exposures(
        self,
        forward_int: ArrayLike,
        window_end_ns: ArrayLike,
        total_vols: ArrayLike,
        *,
        rate: float,
        grid_step_int: int = DEFAULT_GRID_STEP_INT,
        grid_count: int = DEFAULT_GRID_COUNT,
    ) -> Exposures:
        """Return the exposures of W windows by strike and in total.

        forward_int (price x 1e9, NONE_INT if unknown) and window_end_ns have W elements, total_vols is
        (W, pairs), NaN where unknown. The strikes are the multiple of grid_step_int nearest to the
        forward (half way: the even one) and grid_count of its neighbours on each side. Raises GexError
        for shapes or a grid that do not fit.
        """
        if grid_step_int < 1 or grid_count < 0:
            raise GexError("the grid's step must be positive and its count 0 or more")
        forward, end = _windows(forward_int, window_end_ns)
        s = _of_shape(total_vols, np.float64, (forward.size, len(self)), "total_vols")
        rows = 2 * grid_count + 1
        strike_int = np.empty((forward.size, rows), np.int64)
        surface = np.empty((forward.size, rows, kernels.STRIKE_COLUMNS))
        levels = np.empty((forward.size, kernels.LEVEL_COLUMNS))
        sums = np.empty((self._strikes_int.size + 1, kernels.SUM_COLUMNS))
        gaps = np.diff(self._strikes_int)
        room = np.empty((4, len(self)))
        kernels.fill_windows(
            forward, end, float(rate), float(gaps.min() / PRICE_SCALE) if gaps.size else 0.0,
            int(grid_step_int), s, self.strike_points, self._strikes_int, self._strike_place,
            self.expiration_ns, self.multiplier, self.open_interest_call,
            self.open_interest_put, sums, *room, strike_int, surface, levels,
        )  # fmt: skip
        return Exposures(strike_int, surface, levels)


def _windows(forward_int: ArrayLike, window_end_ns: ArrayLike) -> tuple[IntArray, IntArray]:
    forward = np.atleast_1d(np.asarray(forward_int, np.int64))
    end = _of_length(window_end_ns, np.int64, forward.size, "window_end_ns")
    return np.ascontiguousarray(forward), end


def _of_length(values: ArrayLike, kind: Any, count: int, name: str) -> Any:
    return _of_shape(values, kind, (count,), name)


def _of_shape(values: ArrayLike, kind: Any, shape: tuple[int, ...], name: str) -> Any:
    """Return a contiguous array of a shape; one window's row may come without its first axis.

    Always one that may be written: read-only arrays are another type to numba, and compiled again.
    """
    array = np.ascontiguousarray(np.asarray(values, kind))
    if array.shape != shape and not (array.size == np.prod(shape) and shape[0] == 1):
        raise GexError(f"{name} must have the shape {shape}, not {array.shape}")
    array = array.reshape(shape)
    return array if array.flags.writeable else array.copy()


def _pick(values: FloatArray, places: IntArray, none: float) -> FloatArray:
    """Return values[places], `none` where a place is -1."""
    if values.size == 0:
        return np.empty(0)
    return np.where(places >= 0, values[places], none)


def _occurrence(strike: IntArray, expiration: IntArray, call: Any) -> IntArray:
    """Return 0 for the first option of a strike, expiration and right, 1 for the second, and so on."""
    order = np.lexsort((call, expiration, strike))
    seen = np.zeros(strike.size, np.int64)
    for before, here in pairwise(order):
        same = (
            strike[before] == strike[here]
            and expiration[before] == expiration[here]
            and call[before] == call[here]
        )
        seen[here] = seen[before] + 1 if same else 0
    return seen


__all__ = [
    "LEVELS",
    "NONE_INT",
    "NOT_LISTED",
    "SURFACE_COLUMNS",
    "Exposures",
    "GexError",
    "OptionChain",
]
