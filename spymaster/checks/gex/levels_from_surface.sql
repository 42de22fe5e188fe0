-- Totals hold the surface's strikes; a wall on the grid is the surface's largest, and none exceeds it.
-- severity: error
with surface as (
    select
        window_start_ts_ns,
        sum(gex_abs) as gex_abs,
        max(gex_call_abs) as largest_call,
        max(gex_put_abs) as largest_put,
        max(gex_abs) as largest_abs,
        min(strike_price_int) as low_int,
        max(strike_price_int) as high_int,
        map_from_entries(list((strike_price_int, [gex_call_abs, gex_put_abs, gex_abs]))) as strikes
    from gex_surface_1s
    group by window_start_ts_ns
),

walls as (
    select
        levels.*,
        surface.* exclude (window_start_ts_ns),
        surface.strikes[round(call_wall * 1e9)::bigint][1] as at_call_wall,
        surface.strikes[round(put_wall * 1e9)::bigint][2] as at_put_wall,
        surface.strikes[round(abs_wall * 1e9)::bigint][3] as at_abs_wall
    from gex_levels_1s as levels
    inner join surface using (window_start_ts_ns)
)

select
    window_start_ts_ns,
    abs_gex,
    gex_abs as surface_abs_gex,
    net_gex,
    call_wall,
    at_call_wall,
    largest_call,
    put_wall,
    at_put_wall,
    largest_put,
    abs_wall,
    at_abs_wall,
    largest_abs
from walls
where
    coalesce(gex_abs > abs_gex * (1 + 1e-9), false)
    or abs(net_gex) > abs_gex * (1 + 1e-9)
    or at_call_wall < largest_call
    or at_put_wall < largest_put
    or at_abs_wall < largest_abs
    or (call_wall is null and largest_call > 0)
    or (put_wall is null and largest_put > 0)
    or (abs_wall is null and largest_abs > 0)
