-- With same_day, the bounds are the exact 5 % and 95 % quantiles of the valid windows' rows that say something.
-- severity: error
with levels as (
    select
        walls.add_qty + walls.pull_qty_total + walls.fill_qty > 0 as has_flow,
        walls.pull_qty_rest,
        walls.depth_qty_rest,
        vacuums.wall_erosion,
        vacuums.pull_add_log,
        vacuums.d2_pull_add_log,
        vacuums.wall_strength_log,
        ln(1 + vacuums.pull_intensity_rest) as log1p_pull_intensity_rest,
        ln(1 + vacuums.wall_erosion / (walls.depth_qty_start + 1)) as log1p_erosion_norm
    from wall_surface_1s as walls
    inner join vacuum_surface_1s as vacuums
        on
            walls.window_start_ts_ns = vacuums.window_start_ts_ns
            and walls.price_int = vacuums.price_int
            and walls.side = vacuums.side
    where walls.window_valid
),

quantiles as (
    select
        [
            'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log',
            'wall_strength_log'
        ] as metric_name,
        [
            quantile_cont(pull_add_log, [0.05, 0.95]) filter (where has_flow),
            quantile_cont(log1p_pull_intensity_rest, [0.05, 0.95])
            filter (where pull_qty_rest > 0),
            quantile_cont(log1p_erosion_norm, [0.05, 0.95]) filter (where wall_erosion > 0),
            quantile_cont(d2_pull_add_log, [0.05, 0.95]) filter (where has_flow),
            quantile_cont(wall_strength_log, [0.05, 0.95]) filter (where depth_qty_rest > 0)
        ] as bounds,
        [
            count_if(has_flow),
            count_if(pull_qty_rest > 0),
            count_if(wall_erosion > 0),
            count_if(has_flow),
            count_if(depth_qty_rest > 0)
        ] as sample_count
    from levels
),

expected as (
    select
        unnest(metric_name) as metric_name,
        unnest(bounds) as bounds,
        unnest(sample_count) as sample_count
    from quantiles
)

select
    calibration.metric_name,
    calibration.q05,
    coalesce(expected.bounds[1], 0) as expected_q05,
    calibration.q95,
    coalesce(expected.bounds[2], 1) as expected_q95,
    calibration.sample_count,
    expected.sample_count as expected_sample_count
from physics_norm_calibration as calibration
inner join expected using (metric_name)
where
    calibration.mode = 'same_day'
    and (
        abs(calibration.q05 - coalesce(expected.bounds[1], 0)) > 1e-9
        or abs(calibration.q95 - coalesce(expected.bounds[2], 1)) > 1e-9
        or calibration.sample_count != expected.sample_count
    )
