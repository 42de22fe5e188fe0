-- Grain: one row per row of wall_surface_1s. The metrics of vacuum_surface_1s before calibration; a
-- scratch table of the run, because the calibration and the surface both need it.
{{ config(meta={'scratch': true}) }}

with walls as (
    select
        *,
        pull_qty_rest / (depth_qty_start + 1) as pull_intensity_rest,
        ln((pull_qty_rest + 1) / (add_qty + 1)) as pull_add_log,
        ln(depth_qty_rest + 1) as wall_strength_log,
        greatest(-d1_depth_qty, 0) as wall_erosion
    from {{ ref('wall_surface_1s') }}
),

-- A window without a row counts as pull_add_log = 0, so only other values need be found again.
flows as (
    select
        window_start_ts_ns,
        side,
        price_int,
        pull_add_log
    from walls
    where pull_add_log != 0
),

-- P0 is this window's pull_add_log, P1 to P3 are those of the three windows before.
remembered as (
    select
        walls.*,
        walls.pull_add_log as p0,
        coalesce(ago_1.pull_add_log, 0) as p1,
        coalesce(ago_2.pull_add_log, 0) as p2,
        coalesce(ago_3.pull_add_log, 0) as p3
    from walls
    {% for ago in [1, 2, 3] %}
        left join flows as ago_{{ ago }}
            on
                walls.window_start_ts_ns = ago_{{ ago }}.window_start_ts_ns + {{ ago }}000000000
                and walls.side = ago_{{ ago }}.side
                and walls.price_int = ago_{{ ago }}.price_int
    {% endfor %}
)

select
    window_start_ts_ns,
    window_end_ts_ns,
    price_int,
    side,
    spot_ref_price_int,
    rel_ticks,
    depth_qty_rest,
    pull_qty_rest,
    add_qty + pull_qty_total + fill_qty > 0 as has_flow,
    pull_intensity_rest,
    ln(1 + pull_intensity_rest) as log1p_pull_intensity_rest,
    pull_add_log,
    p0 - p1 as d1_pull_add_log,
    p0 - 2 * p1 + p2 as d2_pull_add_log,
    p0 - 3 * p1 + 3 * p2 - p3 as d3_pull_add_log,
    wall_strength_log,
    wall_erosion,
    {{ log1p_erosion('wall_erosion', 'depth_qty_start') }} as log1p_erosion_norm,
    window_valid
from remembered
order by window_start_ts_ns, side, price_int
