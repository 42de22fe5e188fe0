-- What the orders of a side traded is what aggressors of the other took, second by second, auctions apart.
-- severity: warning
with met as (
    select
        window_start_ts_ns,
        sum(executed_qty) filter (where side = 'A') as of_asks,
        sum(executed_qty) filter (where side = 'B') as of_bids
    from level_orders_1s
    group by window_start_ts_ns
),

compared as (
    select
        sum(trade_buy_qty + trade_sell_qty) as aggressive_qty,
        sum(
            abs(coalesce(of_asks, 0) - trade_buy_qty) + abs(coalesce(of_bids, 0) - trade_sell_qty)
        ) as difference_qty
    from book_snapshot_1s
    left join met using (window_start_ts_ns)
    where trade_other_qty = 0 and spot_ref_price_int is not null
)

-- Usually there is no difference at all (docs/book.md). Trades out of the table's reach, and those of spreads,
-- which fill orders here without a trade here, are allowed for.
select
    aggressive_qty,
    difference_qty
from compared
where difference_qty > 0.05 * aggressive_qty
