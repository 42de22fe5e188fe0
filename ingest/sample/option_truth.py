"""The known truth of the sample market's options, beside the files that a vendor would deliver."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.sample import smile
from ingest.sample.market import MarketConfig
from ingest.sample.option_chain import CALL, PUT, Chain, Option
from ingest.sample.option_statistics import settlement_int
from spymaster.whole_file import whole_file

TRUTH_SCHEMA: Final = pa.schema(
    [
        pa.field("expiration_ns", pa.int64(), nullable=False),
        pa.field("strike_price_int", pa.int64(), nullable=False),
        pa.field("underlying", pa.string(), nullable=False),
        pa.field("volatility", pa.float64(), nullable=False),
        pa.field("risk_free_rate", pa.float64(), nullable=False),
        pa.field("multiplier", pa.int64(), nullable=False),
        pa.field("listed_ns", pa.int64()),
        *(
            pa.field(f"{name}_{right}", kind, nullable=nullable)
            for right in ("call", "put")
            for name, kind, nullable in (
                ("option_symbol", pa.string(), False),
                ("instrument_id", pa.int64(), False),
                ("open_interest", pa.int64(), True),
                ("settlement_price_int", pa.int64(), True),
            )
        ),
    ]
)
"""One row an (expiration, strike). `volatility` is annual, on years of 365 days, and holds all day.
`open_interest` is the day before's in contracts, NULL if none is known; `settlement_price_int` its
final settlement; `listed_ns` when a strike was added during the day, else NULL.
"""


def write_truth(path: Path, market: MarketConfig, chain: Chain) -> None:
    """Write the truth as parquet, in order of expiration and strike.

    The file's metadata `smile` holds, as JSON, the parameters that `smile_volatility` drew the
    surface with. UserError if the file cannot be written.
    """
    pairs: dict[tuple[int, int], dict[str, Option]] = defaultdict(dict)
    for option in chain.options:
        pairs[option.expiry.expiration_ns, option.strike_int][option.right] = option
    rows = [_row(chain, pairs[key]) for key in sorted(pairs)]
    table = pa.Table.from_pylist(rows, TRUTH_SCHEMA)
    table = table.replace_schema_metadata({"smile": json.dumps(_parameters(market, chain))})
    with whole_file(path) as part:
        pq.write_table(table, part, compression="zstd")


def _row(chain: Chain, pair: dict[str, Option]) -> dict[str, object]:
    call = pair[CALL]
    row: dict[str, object] = {
        "expiration_ns": call.expiry.expiration_ns,
        "strike_price_int": call.strike_int,
        "underlying": call.expiry.underlying,
        "volatility": call.volatility,
        "risk_free_rate": smile.RISK_FREE_RATE,
        "multiplier": chain.product.multiplier,
        "listed_ns": call.listed_ns,
    }
    for right, name in ((CALL, "call"), (PUT, "put")):
        option = pair[right]
        settled = settlement_int(chain, option) if option.listed_ns is None else None
        row[f"option_symbol_{name}"] = option.symbol
        row[f"instrument_id_{name}"] = option.instrument_id
        row[f"open_interest_{name}"] = option.open_interest
        row[f"settlement_price_int_{name}"] = settled
    return row


def _parameters(market: MarketConfig, chain: Chain) -> dict[str, object]:
    expiries = {option.expiry.name: option.expiry for option in chain.options}
    years = {
        name: expiry.years(min(chain.start_ns, expiry.expiration_ns - 3_600 * 10**9))
        for name, expiry in expiries.items()
    }
    return {
        "seed": market.seed,
        "forward_int": chain.forward_int,
        "start_ns": chain.start_ns,
        "risk_free_rate": smile.RISK_FREE_RATE,
        "skew": smile.SKEW,
        "convexity": smile.CONVEXITY,
        "bend": smile.BEND,
        "years_at_start": years,
        "volatility_at_the_forward": {
            name: smile.at_the_money(left) for name, left in years.items()
        },
    }
