-- Each band's norms are the means over all its ticks, empty ones included, scaled by the calibration.
-- severity: error
with bounds as (
    pivot (
        select metric_name, q05, if(q95 = q05, 1, q95 - q05) as span
        from physics_norm_calibration
    )
    on metric_name in (
        'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log',
        'wall_strength_log'
    )
    using max(q05) as low, max(span) as span
),

bands (band, first_tick, last_tick) as (
    values ('at', 0, 2), ('near', 3, 5), ('mid', 6, 14), ('far', 15, 20)
),

directions (direction, side, sign) as (
    values ('above', 'A', 1), ('below', 'B', -1)
),

-- A tick without a row: no strength, no erosion, and the score of a level where nothing happens.
empty_level as (
    select
        (
            greatest(0, least(1, -pull_add_log_low / pull_add_log_span))
            + greatest(0, least(1, -log1p_pull_intensity_rest_low / log1p_pull_intensity_rest_span))
            + greatest(0, least(1, -log1p_erosion_norm_low / log1p_erosion_norm_span))
            + greatest(0, least(1, -d2_pull_add_log_low / d2_pull_add_log_span))
        ) / 4 as vacuum_score
    from bounds
),

levels as (
    select
        walls.window_start_ts_ns,
        walls.side,
        walls.rel_ticks,
        vacuums.wall_strength_log,
        ln(1 + vacuums.wall_erosion / (walls.depth_qty_start + 1)) as log1p_erosion_norm,
        vacuums.vacuum_score
    from wall_surface_1s as walls
    positional join vacuum_surface_1s as vacuums
    where abs(walls.rel_ticks) <= 20
),

expected as (
    select
        book.window_start_ts_ns,
        directions.direction,
        bands.band,
        greatest(0, least(1, (
            coalesce(sum(levels.wall_strength_log), 0) / (last_tick - first_tick + 1)
            - any_value(wall_strength_log_low)
        ) / any_value(wall_strength_log_span))) as wall_strength_norm,
        greatest(0, least(1, (
            coalesce(sum(levels.log1p_erosion_norm), 0) / (last_tick - first_tick + 1)
            - any_value(log1p_erosion_norm_low)
        ) / any_value(log1p_erosion_norm_span))) as wall_erosion_norm,
        (
            coalesce(sum(levels.vacuum_score), 0)
            + (last_tick - first_tick + 1 - count(levels.rel_ticks))
            * any_value(empty_level.vacuum_score)
        ) / (last_tick - first_tick + 1) as vacuum_norm
    from book_snapshot_1s as book
    cross join directions
    cross join bands
    cross join bounds
    cross join empty_level
    left join levels
        on
            book.window_start_ts_ns = levels.window_start_ts_ns
            and directions.side = levels.side
            and levels.rel_ticks * directions.sign between bands.first_tick and bands.last_tick
    where book.spot_ref_price_int is not null
    group by book.window_start_ts_ns, directions.direction, bands.band, last_tick, first_tick
),

found as (
    select
        window_start_ts_ns,
        split_part(name, '_', 1) as direction,
        split_part(name, '_', 2) as band,
        max(value) filter (where name like '%wall_strength_norm') as wall_strength_norm,
        max(value) filter (where name like '%wall_erosion_norm') as wall_erosion_norm,
        max(value) filter (where name like '%vacuum_norm') as vacuum_norm
    from (
        unpivot (
            select window_start_ts_ns, columns('_norm$') from physics_bands_1s
        ) on columns('_norm$') into name name value value
    )
    group by all
)

select
    window_start_ts_ns,
    direction,
    band,
    found.wall_strength_norm,
    expected.wall_strength_norm as expected_wall_strength_norm,
    found.wall_erosion_norm,
    expected.wall_erosion_norm as expected_wall_erosion_norm,
    found.vacuum_norm,
    expected.vacuum_norm as expected_vacuum_norm
from expected
full join found using (window_start_ts_ns, direction, band)
where not coalesce(
    abs(found.wall_strength_norm - expected.wall_strength_norm) <= 1e-9
    and abs(found.wall_erosion_norm - expected.wall_erosion_norm) <= 1e-9
    and abs(found.vacuum_norm - expected.vacuum_norm) <= 1e-9,
    false
)
