-- Each band's norms are the means over all its ticks, empty ones included, scaled by the calibration.
-- severity: error
with bounds as (
    pivot (
        select
            metric_name,
            q05,
            if(q95 = q05, 1, q95 - q05) as span
        from physics_norm_calibration
    )
    on metric_name in (
        'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log',
        'wall_strength_log'
    )
    using max(q05) as low, max(span) as span
),

bands (band, first_tick, last_tick, ticks) as (
    values ('at', 0, 2, 3), ('near', 3, 5, 3), ('mid', 6, 14, 9), ('far', 15, 20, 6)
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
        if(walls.side = 'A', 'above', 'below') as direction,
        if(walls.side = 'A', walls.rel_ticks, -walls.rel_ticks) as distance,
        vacuums.wall_strength_log,
        ln(1 + vacuums.wall_erosion / (walls.depth_qty_start + 1)) as log1p_erosion_norm,
        vacuums.vacuum_score
    from wall_surface_1s as walls
    inner join vacuum_surface_1s as vacuums
        on
            walls.window_start_ts_ns = vacuums.window_start_ts_ns
            and walls.price_int = vacuums.price_int
            and walls.side = vacuums.side
    where abs(walls.rel_ticks) <= 20
),

band_sums as (
    select
        levels.window_start_ts_ns,
        levels.direction,
        bands.band,
        count(*) as level_count,
        sum(levels.wall_strength_log) as wall_strength_log,
        sum(levels.log1p_erosion_norm) as log1p_erosion_norm,
        sum(levels.vacuum_score) as vacuum_score
    from levels
    inner join bands on levels.distance between bands.first_tick and bands.last_tick
    group by levels.window_start_ts_ns, levels.direction, bands.band
),

expected as (
    select
        book.window_start_ts_ns,
        directions.direction,
        bands.band,
        greatest(0, least(1, (
            coalesce(sums.wall_strength_log, 0) / bands.ticks - bounds.wall_strength_log_low
        ) / bounds.wall_strength_log_span)) as wall_strength_norm,
        greatest(0, least(1, (
            coalesce(sums.log1p_erosion_norm, 0) / bands.ticks - bounds.log1p_erosion_norm_low
        ) / bounds.log1p_erosion_norm_span)) as wall_erosion_norm,
        (
            coalesce(sums.vacuum_score, 0)
            + (bands.ticks - coalesce(sums.level_count, 0)) * empty_level.vacuum_score
        ) / bands.ticks as vacuum_norm
    from book_snapshot_1s as book
    cross join (values ('above'), ('below')) as directions (direction)
    cross join bands
    cross join bounds
    cross join empty_level
    left join band_sums as sums
        on
            book.window_start_ts_ns = sums.window_start_ts_ns
            and directions.direction = sums.direction
            and bands.band = sums.band
    where book.spot_ref_price_int is not null
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
            select
                window_start_ts_ns,
                columns('_norm$')
            from physics_bands_1s
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
