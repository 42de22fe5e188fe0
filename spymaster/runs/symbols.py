"""The symbols that a run is asked for: contracts and roots."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref
from spymaster.products import is_root, product_of_contract


def parse_symbols(texts: Iterable[str]) -> list[str]:
    """Return the symbols of comma lists, once each, in their order; UserError for an unknown one.

    >>> parse_symbols(["ESH6,ESM6", "ESH6"])
    ['ESH6', 'ESM6']
    """
    symbols = list(dict.fromkeys(s.strip() for text in texts for s in text.split(",") if s.strip()))
    if not symbols:
        raise UserError("no symbol is given (such as --symbol ESH6)")
    for symbol in symbols:
        if not is_root(symbol):
            # What could not be part of a path is said to be no symbol before it is looked up.
            partition_ref(Lake(Path()), "bronze.future_mbo.mbo", symbol, "2026-01-06")
            product_of_contract(symbol)
    return symbols
