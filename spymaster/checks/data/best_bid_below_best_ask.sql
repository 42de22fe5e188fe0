-- In a valid book the best bid is below the best ask; only where nobody trades may they touch or cross.
-- severity: error
select
    window_start_ts_ns,
    best_bid_price_int,
    best_ask_price_int,
    trade_buy_qty,
    trade_sell_qty
from book_snapshot_1s
where
    book_valid
    and best_bid_price_int >= best_ask_price_int
    and trade_buy_qty + trade_sell_qty > 0
