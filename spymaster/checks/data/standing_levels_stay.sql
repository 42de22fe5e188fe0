-- A level with depth at a window's end has a row in the next valid window, if that still reaches it.
-- severity: error
with windows as (
    select
        book.window_start_ts_ns,
        lead(book.window_start_ts_ns) over in_order as window_after_ts_ns,
        lead(book.spot_ref_price_int) over in_order as spot_after_int,
        lead(walls.is_valid) over in_order as is_valid_after
    from book_snapshot_1s as book
    left join (
        select
            window_start_ts_ns,
            bool_and(window_valid) as is_valid
        from wall_surface_1s
        group by window_start_ts_ns
    ) as walls using (window_start_ts_ns)
    where book.spot_ref_price_int is not null
    window in_order as (order by book.window_start_ts_ns)
),

standing as (
    select
        windows.window_after_ts_ns as window_start_ts_ns,
        walls.side,
        walls.price_int,
        walls.depth_qty_end as depth_qty_end_before
    from wall_surface_1s as walls
    inner join windows using (window_start_ts_ns)
    cross join parameters
    where
        walls.depth_qty_end > 0
        and windows.is_valid_after
        and windows.window_after_ts_ns = walls.window_start_ts_ns + 1000000000
        and abs(walls.price_int - windows.spot_after_int) <= hud_max_ticks * tick_int
)

select standing.*
from standing
anti join wall_surface_1s as walls
    on
        standing.window_start_ts_ns = walls.window_start_ts_ns
        and standing.price_int = walls.price_int
        and standing.side = walls.side
