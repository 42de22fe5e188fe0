-- Grain: one row per metric. The percentiles of this day's rows (same_day), or of the rows of the
-- last sessions before it (prior), which the macro calibration_counts() finds in the lake.
-- depends_on: {{ ref('physics_metric_counts') }}
{{ config(meta={
    'vars': ['calibration_mode', 'calibration_lookback_sessions'],
    'prior_sessions_of': 'silver.future_mbo.physics_metric_counts',
}) }}
{%- set prior = var('calibration_mode') == 'prior' %}

with metrics (metric_name) as (
    values
    {% for metric in calibrated_metrics() %}
        ('{{ metric }}'){{ "," if not loop.last }}
    {% endfor %}
),

counts as (
    select
        metric_name,
        metric_value,
        sum(row_count)::bigint as row_count
    from {{ calibration_counts() }}
    group by metric_name, metric_value
),

ranked as (
    select
        metric_name,
        metric_value,
        sum(row_count) over (partition by metric_name order by metric_value)::bigint as rows_up_to,
        sum(row_count) over (partition by metric_name)::bigint as sample_count
    from counts
),

quantiles as (
    select
        metric_name,
        {{ counted_quantile(0.05) }} as q05,
        {{ counted_quantile(0.95) }} as q95,
        max(sample_count) as sample_count
    from ranked
    group by metric_name
)

select
    metrics.metric_name,
    coalesce(quantiles.q05, 0) as q05,
    coalesce(quantiles.q95, 1) as q95,
    {{ var('calibration_lookback_sessions') if prior else 1 }}::bigint as lookback_sessions,
    '{{ session_window() }}' as session_window,
    '{{ var("dt") }}' as asof_dt,
    coalesce(quantiles.sample_count, 0) as sample_count,
    '{{ var("calibration_mode") }}' as mode
from metrics
left join quantiles on metrics.metric_name = quantiles.metric_name
order by metrics.metric_name
