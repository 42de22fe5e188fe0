"""Definition records: their columns, and the product that each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.bronze_writer import ParquetLayout
from ingest.instruments import DEFINITIONS_KEY, OPTION_CLASSES
from ingest.record_columns import RecordBlock
from ingest.routing import Route, Router, Target
from ingest.row_columns import (
    Column,
    RowColumns,
    counts,
    ids,
    integers,
    letters,
    names,
    prices,
    texts,
    times,
)
from spymaster.products import outright_root

_COLUMNS: Final = (
    Column("ts_recv_ns", "ts_recv", times),
    Column("ts_event_ns", "ts_event", times),
    Column("publisher_id", "publisher_id", integers),
    Column("instrument_id", "instrument_id", integers),
    Column("raw_symbol", "raw_symbol", names),
    Column("security_update_action", "security_update_action", letters),
    Column("instrument_class", "instrument_class", letters),
    Column("security_type", "security_type", texts),
    Column("underlying", "underlying", texts),
    Column("underlying_id", "underlying_id", ids),
    Column("asset", "asset", texts),
    Column("security_group", "group", texts),
    Column("exchange", "exchange", texts),
    Column("cfi", "cfi", texts),
    Column("secsubtype", "secsubtype", texts),
    Column("user_defined_instrument", "user_defined_instrument", letters),
    Column("strike_price_int", "strike_price", prices),
    Column("strike_price_currency", "strike_price_currency", texts),
    Column("expiration_ns", "expiration", times),
    Column("activation_ns", "activation", times),
    Column("maturity_year", "maturity_year", counts),
    Column("maturity_month", "maturity_month", counts),
    Column("maturity_day", "maturity_day", counts),
    Column("maturity_week", "maturity_week", counts),
    Column("currency", "currency", texts),
    Column("settl_currency", "settl_currency", texts),
    Column("unit_of_measure", "unit_of_measure", texts),
    Column("unit_of_measure_qty_int", "unit_of_measure_qty", prices),
    Column("contract_multiplier", "contract_multiplier", counts),
    Column("contract_multiplier_unit", "contract_multiplier_unit", counts),
    Column("original_contract_size", "original_contract_size", counts),
    Column("decay_quantity", "decay_quantity", counts),
    Column("decay_start_date", "decay_start_date", counts),
    Column("flow_schedule_type", "flow_schedule_type", counts),
    Column("min_price_increment_int", "min_price_increment", prices),
    Column("min_price_increment_amount_int", "min_price_increment_amount", prices),
    Column("tick_rule", "tick_rule", counts),
    Column("display_factor_int", "display_factor", prices),
    Column("price_display_format", "price_display_format", counts),
    Column("main_fraction", "main_fraction", counts),
    Column("sub_fraction", "sub_fraction", counts),
    Column("price_ratio_int", "price_ratio", prices),
    Column("high_limit_price_int", "high_limit_price", prices),
    Column("low_limit_price_int", "low_limit_price", prices),
    Column("max_price_variation_int", "max_price_variation", prices),
    Column("match_algorithm", "match_algorithm", letters),
    Column("market_depth", "market_depth", counts),
    Column("market_depth_implied", "market_depth_implied", counts),
    Column("min_trade_vol", "min_trade_vol", counts),
    Column("max_trade_vol", "max_trade_vol", counts),
    Column("min_lot_size", "min_lot_size", counts),
    Column("min_lot_size_block", "min_lot_size_block", counts),
    Column("min_lot_size_round_lot", "min_lot_size_round_lot", counts),
    Column("inst_attrib_value", "inst_attrib_value", counts),
    Column("underlying_product", "underlying_product", counts),
    Column("market_segment_id", "market_segment_id", counts),
    Column("appl_id", "appl_id", counts),
    Column("channel_id", "channel_id", counts),
    Column("raw_instrument_id", "raw_instrument_id", ids),
    Column("leg_count", "leg_count", integers, absent=0),
    Column("leg_index", "leg_index", integers, of_leg=True),
    Column("leg_instrument_id", "leg_instrument_id", ids, of_leg=True),
    Column("leg_raw_symbol", "leg_raw_symbol", texts, of_leg=True),
    Column("leg_instrument_class", "leg_instrument_class", letters, of_leg=True),
    Column("leg_side", "leg_side", letters, of_leg=True),
    Column("leg_underlying_id", "leg_underlying_id", ids, of_leg=True),
    Column("leg_price_int", "leg_price", prices, of_leg=True),
    Column("leg_delta_int", "leg_delta", prices, of_leg=True),
    Column("leg_ratio_price_numerator", "leg_ratio_price_numerator", integers, of_leg=True),
    Column("leg_ratio_price_denominator", "leg_ratio_price_denominator", integers, of_leg=True),
    Column("leg_ratio_qty_numerator", "leg_ratio_qty_numerator", integers, of_leg=True),
    Column("leg_ratio_qty_denominator", "leg_ratio_qty_denominator", integers, of_leg=True),
)


class DefinitionColumns(RowColumns):
    """Turns definition records of any DBN version into rows of the contract."""

    def __init__(self) -> None:
        super().__init__(DEFINITIONS_KEY, _COLUMNS, ParquetLayout(row_weight=16))


class DefinitionRouter(Router):
    """Routes each definition to the root of its product.

    A future's root is that of its symbol, else its asset. An option's is that of the future it is
    on, whatever the option is called. A strategy's is that of its underlying, else its asset.
    """

    def _codes(self, records: RecordBlock, _day: int) -> NDArray[np.int16]:
        classes = records["instrument_class"]
        is_option = np.isin(classes, [ord(letter) for letter in OPTION_CLASSES])
        is_future = classes == ord("F")
        is_other = ~is_option & ~is_future
        codes = np.empty(len(records), np.int16)
        for chosen, field, fallback in (
            (is_option, "underlying", None),
            (is_future, "raw_symbol", "asset"),
            (is_other, "underlying", "asset"),
        ):
            if chosen.any():
                codes[chosen] = self._codes_of(records, np.flatnonzero(chosen), field, fallback)
        return codes

    def _codes_of(
        self, records: RecordBlock, rows: NDArray[np.int64], field: str, fallback: str | None
    ) -> NDArray[np.int16]:
        codes = _coded(records[field][rows], self._code_of_symbol)
        if fallback is None:
            codes[codes < 0] = self._code(Route(None, "options on no outright future"))
        missing = np.flatnonzero(codes < 0)
        if len(missing):
            codes[missing] = _coded(records[str(fallback)][rows[missing]], self._code_of_root)
        return codes

    def _code_of_symbol(self, symbol: str) -> int:
        root = outright_root(symbol)
        return -1 if root is None else self._code_of_root(root)

    def _code_of_root(self, root: str) -> int:
        return self._code(self._route_of_root(root, Target(DEFINITIONS_KEY, root)))


def _coded(values: NDArray[np.bytes_], code_of: Callable[[str], int]) -> NDArray[np.int16]:
    """Return the code of each text; each different one is judged once."""
    coded = names(values, pa.string()).dictionary_encode()
    codes = np.array([code_of(text) for text in coded.dictionary.to_pylist()], np.int16)
    of_record: NDArray[np.int16] = codes[coded.indices.to_numpy()]
    return of_record
