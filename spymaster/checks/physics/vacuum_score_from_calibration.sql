-- vacuum_score is the mean of four metrics, each scaled by the published calibration and cut to 0..1.
-- severity: error
with bounds as (
    pivot (
        select
            metric_name,
            q05,
            if(q95 = q05, 1, q95 - q05) as span
        from physics_norm_calibration
        where metric_name in (
            'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log'
        )
    )
    on metric_name in (
        'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log'
    )
    using max(q05) as low, max(span) as span
),

scores as (
    select
        vacuums.window_start_ts_ns,
        vacuums.side,
        vacuums.price_int,
        vacuums.vacuum_score,
        (
            greatest(0, least(1, (vacuums.pull_add_log - pull_add_log_low) / pull_add_log_span))
            + greatest(0, least(1, (
                ln(1 + vacuums.pull_intensity_rest) - log1p_pull_intensity_rest_low
            ) / log1p_pull_intensity_rest_span))
            + greatest(0, least(1, (
                ln(1 + vacuums.wall_erosion / (walls.depth_qty_start + 1))
                - log1p_erosion_norm_low
            ) / log1p_erosion_norm_span))
            + greatest(0, least(1, (
                vacuums.d2_pull_add_log - d2_pull_add_log_low
            ) / d2_pull_add_log_span))
        ) / 4 as expected_score
    from wall_surface_1s as walls
    inner join vacuum_surface_1s as vacuums
        on
            walls.window_start_ts_ns = vacuums.window_start_ts_ns
            and walls.price_int = vacuums.price_int
            and walls.side = vacuums.side
    cross join bounds
)

select *
from scores
where coalesce(abs(vacuum_score - expected_score) > 1e-9, true)
