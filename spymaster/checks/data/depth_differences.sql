-- d1 to d3 are the backward differences of the depth at the windows' ends, all 0 where history begins.
-- severity: error
with windows as (
    select
        window_start_ts_ns,
        bool_and(window_valid) as is_valid
    from wall_surface_1s
    group by window_start_ts_ns
),

windows_in_order as (
    select
        window_start_ts_ns,
        is_valid,
        -- history begins with the first valid window after one that is not; before the first it is unknown
        is_valid and not lag(is_valid) over in_order as is_beginning,
        is_valid and lag(is_valid) over in_order
        and lag(window_start_ts_ns) over in_order = window_start_ts_ns - 1000000000 as goes_on
    from windows
    window in_order as (order by window_start_ts_ns)
),

compared as (
    select
        walls.*,
        before.depth_qty_end as depth_before,
        before.d1_depth_qty as d1_before,
        before.d2_depth_qty as d2_before,
        windows_in_order.is_beginning,
        windows_in_order.goes_on
    from wall_surface_1s as walls
    inner join windows_in_order using (window_start_ts_ns)
    left join wall_surface_1s as before
        on
            walls.window_start_ts_ns = before.window_start_ts_ns + 1000000000
            and walls.price_int = before.price_int
            and walls.side = before.side
)

select
    window_start_ts_ns,
    side,
    price_int,
    depth_qty_end,
    depth_before,
    d1_depth_qty,
    d1_before,
    d2_depth_qty,
    d2_before,
    d3_depth_qty
from compared
where
    (
        (is_beginning or not window_valid)
        and (d1_depth_qty != 0 or d2_depth_qty != 0 or d3_depth_qty != 0)
    )
    or (
        goes_on
        and (
            d1_depth_qty != depth_qty_end - depth_before
            or d2_depth_qty != d1_depth_qty - d1_before
            or d3_depth_qty != d2_depth_qty - d2_before
        )
    )
    -- without a row before, the level may have been out of reach: its depth at the start tells
    or (goes_on and depth_before is null and d1_depth_qty != depth_qty_end - depth_qty_start)
