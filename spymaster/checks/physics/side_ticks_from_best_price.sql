-- rel_ticks_side counts from the side's best price at the end of the window before, NULL if there was none.
-- severity: error
with best_before as (
    select
        window_start_ts_ns,
        lag(best_ask_price_int) over in_order as ask_int,
        lag(best_bid_price_int) over in_order as bid_int,
        row_number() over in_order as number
    from book_snapshot_1s
    window in_order as (order by window_start_ts_ns)
)

select
    surface.window_start_ts_ns,
    surface.side,
    surface.price_int,
    surface.rel_ticks_side,
    if(surface.side = 'A', ask_int, bid_int) as best_before_price_int
from physics_surface_1s as surface
inner join best_before using (window_start_ts_ns)
cross join parameters
where
    -- what stood before the first window is not in the book
    best_before.number > 1
    and surface.rel_ticks_side is distinct from
    (surface.price_int - if(surface.side = 'A', ask_int, bid_int)) // tick_int
