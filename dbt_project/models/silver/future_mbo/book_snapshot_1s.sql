select
    window_start_ts_ns,
    window_end_ts_ns,
    best_bid_price_int,
    best_bid_qty,
    best_ask_price_int,
    best_ask_qty,
    mid_price,
    mid_price_int,
    last_trade_price_int,
    spot_ref_price_int,
    book_valid,
    best_bid_orders,
    best_ask_orders,
    trade_buy_qty,
    trade_sell_qty,
    trade_other_qty,
    message_count
from {{ ref('book_engine') }}
where table_name = 'book_snapshot_1s'
