-- Grain: one row per row of wall_surface_1s.
with metrics as (
    select * from {{ ref('vacuum_metrics') }}
),

bounds as (
    {{ norm_bounds() }}
)

select
    metrics.window_start_ts_ns,
    metrics.window_end_ts_ns,
    metrics.price_int,
    metrics.side,
    metrics.spot_ref_price_int,
    metrics.rel_ticks,
    metrics.pull_intensity_rest,
    metrics.pull_add_log,
    metrics.d1_pull_add_log,
    metrics.d2_pull_add_log,
    metrics.d3_pull_add_log,
    metrics.wall_strength_log,
    metrics.wall_erosion,
    {{ vacuum_score() }} as vacuum_score,
    metrics.window_valid
from metrics
cross join bounds
