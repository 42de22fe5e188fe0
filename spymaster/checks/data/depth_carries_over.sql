-- A level starts a valid window with the depth with which it ended the window before.
-- severity: error
with windows as (
    select
        window_start_ts_ns,
        lag(window_start_ts_ns) over in_order as window_before_ts_ns,
        lag(spot_ref_price_int) over in_order as spot_before_int
    from book_snapshot_1s
    where spot_ref_price_int is not null
    window in_order as (order by window_start_ts_ns)
),

-- Only what the window before could show: levels within its reach.
levels as (
    select
        walls.window_start_ts_ns,
        walls.side,
        walls.price_int,
        walls.depth_qty_start,
        windows.window_before_ts_ns
    from wall_surface_1s as walls
    inner join windows using (window_start_ts_ns)
    cross join parameters
    where
        walls.window_valid
        and windows.window_before_ts_ns = walls.window_start_ts_ns - 1000000000
        and abs(walls.price_int - windows.spot_before_int) <= hud_max_ticks * tick_int
)

select
    levels.window_start_ts_ns,
    levels.side,
    levels.price_int,
    levels.depth_qty_start,
    coalesce(before.depth_qty_end, 0) as depth_qty_end_before
from levels
left join wall_surface_1s as before
    on
        levels.window_before_ts_ns = before.window_start_ts_ns
        and levels.price_int = before.price_int
        and levels.side = before.side
where levels.depth_qty_start != coalesce(before.depth_qty_end, 0)
