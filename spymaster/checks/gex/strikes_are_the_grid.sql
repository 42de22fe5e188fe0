-- Every window with a known forward has its whole grid of strikes: the step's multiple nearest to F and n on each side.
-- severity: error
with forwards as (
    select
        window_start_ts_ns,
        window_end_ts_ns,
        coalesce(mid_price_int, spot_ref_price_int) as forward_int,
        round(gex_strike_step * 1e9)::bigint as step_int,
        gex_strike_count
    from book_snapshot_1s
    cross join parameters
    where coalesce(mid_price_int, spot_ref_price_int) is not null
),

grids as (
    select
        window_start_ts_ns,
        min(window_end_ts_ns) as window_end_ts_ns,
        max(window_end_ts_ns) as last_window_end_ts_ns,
        list(strike_price_int order by strike_price_int) as strikes
    from gex_surface_1s
    group by window_start_ts_ns
)

select
    window_start_ts_ns,
    forwards.forward_int as forward_price_int,
    len(grids.strikes) as strikes_found,
    grids.strikes[1] as first_strike_price_int,
    grids.window_end_ts_ns
from forwards
full join grids using (window_start_ts_ns)
where not coalesce(
    grids.window_end_ts_ns = forwards.window_end_ts_ns
    and grids.last_window_end_ts_ns = forwards.window_end_ts_ns
    and grids.strikes = range(
        grids.strikes[1],
        grids.strikes[1] + (2 * gex_strike_count + 1) * step_int,
        step_int
    )
    and grids.strikes[1] % step_int = 0
    and abs(grids.strikes[gex_strike_count + 1] - forward_int) * 2 <= step_int,
    false
)
