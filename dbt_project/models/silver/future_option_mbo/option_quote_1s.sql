-- Grain: one row per window and option whose best quote differs from that of its last row.
select
    window_end_ts_ns,
    instrument_id,
    best_bid_price_int,
    best_bid_qty,
    best_ask_price_int,
    best_ask_qty,
    book_valid
from {{ ref('option_quotes') }}
where table_name = 'option_quote_1s'
order by window_end_ts_ns, instrument_id
