-- A valid book touches or crosses only before the session's first aggressive trade (a halt would, too).
-- severity: warning
with windows as (
    select
        *,
        sum(trade_buy_qty + trade_sell_qty) over (order by window_start_ts_ns) as traded_so_far
    from book_snapshot_1s
)

select
    window_start_ts_ns,
    best_bid_price_int,
    best_ask_price_int
from windows
where
    book_valid
    and best_bid_price_int >= best_ask_price_int
    and traded_so_far > 0
