-- What was filled on a side in a window was traded in it: asks by buyers, bids by sellers, both in auctions.
-- severity: warning above 0.1 % of book_snapshot_1s
with filled as (
    select
        window_start_ts_ns,
        sum(fill_qty) filter (where side = 'A') as ask_fill_qty,
        sum(fill_qty) filter (where side = 'B') as bid_fill_qty
    from wall_surface_1s
    where window_valid
    group by window_start_ts_ns
)

select
    window_start_ts_ns,
    filled.ask_fill_qty,
    book.trade_buy_qty,
    filled.bid_fill_qty,
    book.trade_sell_qty,
    book.trade_other_qty
from filled
inner join book_snapshot_1s as book using (window_start_ts_ns)
where
    filled.ask_fill_qty > book.trade_buy_qty + book.trade_other_qty
    or filled.bid_fill_qty > book.trade_sell_qty + book.trade_other_qty
