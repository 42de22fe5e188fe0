-- The book's best bid and ask are the best levels of the wall, with their quantity and orders.
-- severity: error
with best_levels as (
    select
        window_start_ts_ns,
        arg_max(row(price_int, depth_qty_end, order_count_end), price_int)
        filter (where side = 'B') as bid,
        arg_min(row(price_int, depth_qty_end, order_count_end), price_int)
        filter (where side = 'A') as ask
    from wall_surface_1s
    where depth_qty_end > 0
    group by window_start_ts_ns
),

-- A best price out of the walls' reach cannot be compared; beyond it the wall has no level at all.
best_prices as (
    select
        window_start_ts_ns,
        row(best_bid_price_int, best_bid_qty, best_bid_orders) as bid,
        row(best_ask_price_int, best_ask_qty, best_ask_orders) as ask,
        abs(best_bid_price_int - spot_ref_price_int) <= hud_max_ticks * tick_int as bid_in_reach,
        abs(best_ask_price_int - spot_ref_price_int) <= hud_max_ticks * tick_int as ask_in_reach,
        coalesce(best_bid_price_int < spot_ref_price_int, true) as bid_is_low_or_none,
        coalesce(best_ask_price_int > spot_ref_price_int, true) as ask_is_high_or_none
    from book_snapshot_1s
    cross join parameters
    where spot_ref_price_int is not null
)

select
    window_start_ts_ns,
    best_prices.bid as book_bid,
    best_levels.bid as wall_bid,
    best_prices.ask as book_ask,
    best_levels.ask as wall_ask
from best_prices
left join best_levels using (window_start_ts_ns)
where
    case
        when bid_in_reach then best_prices.bid is distinct from best_levels.bid
        when bid_is_low_or_none then best_levels.bid is not null
    end
    or case
        when ask_in_reach then best_prices.ask is distinct from best_levels.ask
        when ask_is_high_or_none then best_levels.ask is not null
    end
