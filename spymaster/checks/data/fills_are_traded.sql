-- Over the session the fills amount to what was traded: once against aggressors, on both sides in auctions.
-- severity: warning
with filled as (
    select sum(fill_qty) as fill_qty
    from wall_surface_1s
),

traded as (
    select
        sum(trade_buy_qty + trade_sell_qty) as aggressive_qty,
        sum(trade_other_qty) as other_qty
    from book_snapshot_1s
)

-- Trades at prices out of the walls' reach are not among the fills; trades of spreads fill orders here
-- without a trade here. So the two are compared within bounds, not exactly.
select
    fill_qty,
    aggressive_qty,
    other_qty
from filled
cross join traded
where
    fill_qty > 1.5 * (aggressive_qty + 2 * other_qty)
    or fill_qty < 0.75 * (aggressive_qty + other_qty)
