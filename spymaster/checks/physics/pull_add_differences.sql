-- d1 to d3 of pull_add_log are backward differences at the level; a window without a row counts as 0.
-- severity: error
with levels as (
    select
        here.window_start_ts_ns,
        here.side,
        here.price_int,
        here.pull_add_log,
        here.d1_pull_add_log,
        here.d2_pull_add_log,
        here.d3_pull_add_log,
        before.price_int is not null as has_row_before,
        before.pull_add_log as before_pull_add_log,
        before.d1_pull_add_log as before_d1,
        before.d2_pull_add_log as before_d2
    from vacuum_surface_1s as here
    left join vacuum_surface_1s as before
        on
            here.window_start_ts_ns = before.window_start_ts_ns + 1000000000
            and here.price_int = before.price_int
            and here.side = before.side
),

-- Of a level without a row in the window before, only the two windows before that can have a value.
reappearing as (
    select
        levels.*,
        coalesce(ago_2.pull_add_log, 0) as p2,
        coalesce(ago_3.pull_add_log, 0) as p3
    from (
        select * from levels
        where not has_row_before
    ) as levels
    left join vacuum_surface_1s as ago_2
        on
            levels.window_start_ts_ns = ago_2.window_start_ts_ns + 2000000000
            and levels.price_int = ago_2.price_int
            and levels.side = ago_2.side
    left join vacuum_surface_1s as ago_3
        on
            levels.window_start_ts_ns = ago_3.window_start_ts_ns + 3000000000
            and levels.price_int = ago_3.price_int
            and levels.side = ago_3.side
),

expected as (
    select
        *,
        pull_add_log - before_pull_add_log as expected_d1,
        d1_pull_add_log - before_d1 as expected_d2,
        d2_pull_add_log - before_d2 as expected_d3
    from levels
    where has_row_before
    union all
    select
        * exclude (p2, p3),
        pull_add_log as expected_d1,
        pull_add_log + p2 as expected_d2,
        pull_add_log + 3 * p2 - p3 as expected_d3
    from reappearing
)

select
    window_start_ts_ns,
    side,
    price_int,
    pull_add_log,
    d1_pull_add_log,
    expected_d1,
    d2_pull_add_log,
    expected_d2,
    d3_pull_add_log,
    expected_d3
from expected
where not coalesce(
    abs(d1_pull_add_log - expected_d1) <= 1e-9
    and abs(d2_pull_add_log - expected_d2) <= 1e-9
    and abs(d3_pull_add_log - expected_d3) <= 1e-9,
    false
)
