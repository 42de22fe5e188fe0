"""The contract of radar_vacuum_1s, from the list of its features (dbt_project/seeds/radar_features.csv).

Its 196 feature columns follow from 49 names: each feature, then the first, second and third differences
of all. Keys and rules stand here, the features' meaning in the seed.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Final

KEY: Final = "silver.future_mbo.radar_vacuum_1s"
_NS, _, _NAME = KEY.rpartition(".")
_TICKS: Final = "_ticks"  # features that count ticks are whole numbers
_DIFFERENCES: Final = (
    ("", ""),
    ("d1_", "Change of {feature} since the window before; 0 where there is none."),
    ("d2_", "Change of d1_{feature} since the window before; 0 where there is none."),
    ("d3_", "Change of d2_{feature} since the window before; 0 where there is none."),
)
_KEYS: Final[list[dict[str, Any]]] = [
    {
        "name": "window_start_ts_ns",
        "type": "long",
        "doc": "Start of the one-second window, UTC nanoseconds, aligned to the epoch.",
        "minimum": 0,
    },
    {
        "name": "window_end_ts_ns",
        "type": "long",
        "doc": "End of the window (exclusive), UTC nanoseconds: start + 1 s.",
        "minimum": 0,
    },
    {
        "name": "spot_ref_price",
        "type": "double",
        "doc": "The window's reference price in price units.",
    },
    {
        "name": "spot_ref_price_int",
        "type": "long",
        "doc": "The window's reference price, price x 1e9 (book_snapshot_1s).",
    },
    {
        "name": "approach_dir",
        "type": {
            "type": "enum",
            "name": "approach_dir",
            "symbols": ["approach_up", "approach_down", "approach_none"],
        },
        "doc": "Sign of spot_ref now less spot_ref three windows ago; approach_none if equal or unknown.",
    },
]


def radar_contract_text(seed: Path) -> str:
    """Return the Avro schema as the text of its file; `seed` has the columns feature and meaning.

    >>> from spymaster.contracts import contracts_dir
    >>> text = radar_contract_text(contracts_dir().parent / "seeds" / "radar_features.csv")
    >>> len(json.loads(text)["fields"]) - len(_KEYS)
    196
    """
    with seed.open(newline="") as file:
        features = [(row["feature"], row["meaning"]) for row in csv.DictReader(file)]
    fields = [*_KEYS]
    for prefix, meaning_of_difference in _DIFFERENCES:
        for feature, meaning in features:
            fields.append(
                {
                    "name": prefix + feature,
                    "type": "long" if feature.endswith(_TICKS) else "double",
                    "doc": meaning_of_difference.format(feature=feature) or meaning,
                }
            )
    head = {
        "type": "record",
        "namespace": _NS,
        "name": _NAME,
        "doc": "One row per row of radar_zone_flow_1s: how the zone of 0-20 ticks around spot_ref gives "
        "way, in 49 features and their differences over windows. A difference never crosses a gap.",
        "version": 1,
        "unique_key": ["window_start_ts_ns"],
        "same_windows_as": {"table": "radar_zone_flow_1s", "columns": ["spot_ref_price_int"]},
        "rules": [
            {
                "name": "window_is_one_second",
                "expression": "window_end_ts_ns = window_start_ts_ns + 1000000000 "
                "and window_start_ts_ns % 1000000000 = 0",
            },
            {
                "name": "shares_are_shares",
                "expression": "u4_ask_reprice_away_share_rest between 0 and 1 "
                "and u11_bid_reprice_toward_share_rest between 0 and 1 "
                "and u14_bid_far_pull_share_rest between 0 and 1",
            },
            {
                "name": "zone_is_20_ticks",
                "expression": "f8_ask_bbo_dist_ticks between 0 and 20 "
                "and f9_bid_bbo_dist_ticks between 0 and 20",
            },
        ],
    }
    lines = ",\n".join(f"    {json.dumps(field, ensure_ascii=False)}" for field in fields)
    opening = json.dumps(head, indent=2).removesuffix("\n}")
    return f'{opening},\n  "fields": [\n{lines}\n  ]\n}}\n'
