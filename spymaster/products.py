"""The product table: what the warehouse needs to know of a futures root. One row a product."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spymaster.errors import UserError

PRICE_SCALE = 1_000_000_000
"""Databento's fixed point: a price of 1.0 is the integer 1e9."""

_OUTRIGHT = re.compile(r"(?P<root>[A-Z0-9]{1,4})(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")


@dataclass(frozen=True)
class Product:
    """A futures root: tick in 1e-9 price units, regular session in the exchange's local time."""

    root: str
    name: str
    tick_int: int
    session_start: str
    session_end: str
    session_tz: str


def _product(root: str, name: str, tick: str) -> Product:
    whole, _, fraction = tick.partition(".")
    tick_int = int(whole) * PRICE_SCALE + int(fraction.ljust(9, "0"))
    return Product(root, name, tick_int, "06:00", "16:00", "America/New_York")


PRODUCTS = {
    product.root: product
    for product in (
        _product("ES", "E-mini S&P 500", "0.25"),
        _product("MES", "Micro E-mini S&P 500", "0.25"),
        _product("NQ", "E-mini Nasdaq-100", "0.25"),
        _product("MNQ", "Micro E-mini Nasdaq-100", "0.25"),
        _product("RTY", "E-mini Russell 2000", "0.10"),
        _product("M2K", "Micro E-mini Russell 2000", "0.10"),
        _product("YM", "E-mini Dow", "1.0"),
        _product("MYM", "Micro E-mini Dow", "1.0"),
        _product("CL", "Crude Oil", "0.01"),
        _product("MCL", "Micro Crude Oil", "0.01"),
        _product("NG", "Henry Hub Natural Gas", "0.001"),
        _product("GC", "Gold", "0.10"),
        _product("MGC", "Micro Gold", "0.10"),
        _product("SI", "Silver", "0.005"),
    )
}


def product_of_root(root: str) -> Product:
    """Return the product of a root symbol; UserError names the known roots if there is none.

    >>> product_of_root("CL").tick_int
    10000000
    """
    try:
        return PRODUCTS[root]
    except KeyError:
        raise UserError(f"unknown product {root!r}: known are {', '.join(PRODUCTS)}") from None


def is_root(symbol: str) -> bool:
    """Return whether a symbol is a product's, such as ES, and not a contract's.

    >>> is_root("ES"), is_root("ESH6")
    (True, False)
    """
    return symbol in PRODUCTS


def product_of_symbol(symbol: str) -> Product:
    """Return the product of a root or of a contract; UserError if it is neither.

    >>> product_of_symbol("ES") is product_of_symbol("ESH6")
    True
    """
    return PRODUCTS[symbol] if is_root(symbol) else product_of_contract(symbol)


def outright_root(symbol: str) -> str | None:
    """Return the root of an outright future's raw symbol; None for a spread, option or anything else.

    >>> outright_root("ESH6"), outright_root("M2KZ25"), outright_root("ESH6-ESM6")
    ('ES', 'M2K', None)
    """
    match = _OUTRIGHT.fullmatch(symbol)
    return match["root"] if match else None


def product_of_contract(symbol: str) -> Product:
    """Return the product of a contract such as ESH6; UserError if it is not a known outright future.

    >>> product_of_contract("ESH6").root
    'ES'
    """
    root = outright_root(symbol)
    if root is None:
        raise UserError(f"{symbol!r} is not an outright futures contract (such as ESH6)")
    return product_of_root(root)
