-- Grain: one row per metric and value. Counts add up over sessions and keep quantiles exact, so
-- that a calibration over many days reads little and needs no memory to speak of.
{%- set rows_that_say_something = {
    'pull_add_log': 'has_flow',
    'log1p_pull_intensity_rest': 'pull_qty_rest > 0',
    'log1p_erosion_norm': 'wall_erosion > 0',
    'd2_pull_add_log': 'has_flow',
    'wall_strength_log': 'depth_qty_rest > 0',
} %}

with valid_rows as (
    select *
    from {{ ref('vacuum_metrics') }}
    where window_valid
),

-- Of a day without options there is no row.
valid_gex as (
    select gex.*
    from {{ ref('gex_surface_1s') }} as gex
    where gex.window_start_ts_ns in (select valid_rows.window_start_ts_ns from valid_rows)
),

counts as (
    {% for metric, says_something in rows_that_say_something.items() %}
        select
            '{{ metric }}' as metric_name,
            {{ metric }} as metric_value,
            count(*) as row_count
        from valid_rows
        where {{ says_something }}
        group by {{ metric }}
        union all
    {% endfor %}
    select
        'gex_abs' as metric_name,
        gex_abs as metric_value,
        count(*) as row_count
    from valid_gex
    where gex_abs > 0
    group by gex_abs
)

select
    metric_name,
    metric_value,
    row_count
from counts
order by metric_name, metric_value
