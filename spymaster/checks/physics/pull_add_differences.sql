-- d1 to d3 of pull_add_log are backward differences at the level; a window without a row counts as 0.
-- severity: error
with flows as (
    select
        window_start_ts_ns,
        side,
        price_int,
        pull_add_log
    from vacuum_surface_1s
    where pull_add_log != 0
),

-- Where nothing flowed in this window or the three before, all differences are 0 and nothing is joined.
near_flows as (
    select
        vacuums.window_start_ts_ns,
        vacuums.side,
        vacuums.price_int,
        any_value(vacuums.pull_add_log) as p0,
        any_value(vacuums.d1_pull_add_log) as d1,
        any_value(vacuums.d2_pull_add_log) as d2,
        any_value(vacuums.d3_pull_add_log) as d3,
        coalesce(sum(flows.pull_add_log) filter (where ago.windows = 1), 0) as p1,
        coalesce(sum(flows.pull_add_log) filter (where ago.windows = 2), 0) as p2,
        coalesce(sum(flows.pull_add_log) filter (where ago.windows = 3), 0) as p3
    from flows
    cross join (values (0), (1), (2), (3)) as ago (windows)
    inner join vacuum_surface_1s as vacuums
        on
            flows.window_start_ts_ns + ago.windows * 1000000000::bigint = vacuums.window_start_ts_ns
            and flows.side = vacuums.side
            and flows.price_int = vacuums.price_int
    group by vacuums.window_start_ts_ns, vacuums.side, vacuums.price_int
)

select
    window_start_ts_ns,
    side,
    price_int,
    d1,
    p0 - p1 as expected_d1,
    d2,
    p0 - 2 * p1 + p2 as expected_d2,
    d3,
    p0 - 3 * p1 + 3 * p2 - p3 as expected_d3
from near_flows
where
    abs(d1 - (p0 - p1)) > 1e-9
    or abs(d2 - (p0 - 2 * p1 + p2)) > 1e-9
    or abs(d3 - (p0 - 3 * p1 + 3 * p2 - p3)) > 1e-9
