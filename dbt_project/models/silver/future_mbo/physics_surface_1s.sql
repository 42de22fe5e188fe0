-- Grain: one row per row of wall_surface_1s.
with walls as (
    select * from {{ ref('wall_surface_1s') }}
),

-- A side's best price at a window's start is its best at the end of the window before.
window_starts as (
    select
        window_start_ts_ns,
        lag(best_ask_price_int) over windows_in_order as best_ask_price_int,
        lag(best_bid_price_int) over windows_in_order as best_bid_price_int
    from {{ ref('book_snapshot_1s') }}
    window windows_in_order as (order by window_start_ts_ns)
),

-- Before the first window there is none: there it is the best level that held depth at its start.
first_window_start as (
    select
        window_start_ts_ns,
        min(price_int) filter (where side = 'A') as best_ask_price_int,
        max(price_int) filter (where side = 'B') as best_bid_price_int
    from walls
    where depth_qty_start > 0
    group by window_start_ts_ns
    qualify window_start_ts_ns = min(window_start_ts_ns) over ()
),

best_at_start as (
    select
        window_starts.window_start_ts_ns,
        coalesce(
            window_starts.best_ask_price_int, first_window_start.best_ask_price_int
        ) as best_ask_price_int,
        coalesce(
            window_starts.best_bid_price_int, first_window_start.best_bid_price_int
        ) as best_bid_price_int
    from window_starts
    left join first_window_start
        on window_starts.window_start_ts_ns = first_window_start.window_start_ts_ns
),

intensities as (
    select
        walls.*,
        if(
            walls.side = 'A', best_at_start.best_ask_price_int, best_at_start.best_bid_price_int
        ) as best_price_int,
        walls.add_qty / (walls.depth_qty_start + 1) as add_intensity,
        walls.pull_qty_total / (walls.depth_qty_start + 1) as pull_intensity,
        walls.fill_qty / (walls.depth_qty_start + 1) as fill_intensity
    from walls
    inner join best_at_start
        on walls.window_start_ts_ns = best_at_start.window_start_ts_ns
)

select
    window_start_ts_ns,
    window_end_ts_ns,
    price_int,
    side,
    spot_ref_price_int,
    rel_ticks,
    (price_int - best_price_int) // {{ tick_int() }} as rel_ticks_side,
    add_intensity,
    pull_intensity,
    fill_intensity,
    add_intensity - pull_intensity - fill_intensity as liquidity_velocity,
    window_valid
from intensities
order by window_start_ts_ns, side, price_int
