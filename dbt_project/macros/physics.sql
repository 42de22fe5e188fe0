{#- The rules that more than one physics model applies. -#}

{#- The metrics that norm() knows, in the order of physics_norm_calibration. -#}
{% macro calibrated_metrics() -%}
    {{ return([
        'pull_add_log',
        'log1p_pull_intensity_rest',
        'log1p_erosion_norm',
        'd2_pull_add_log',
        'wall_strength_log',
        'gex_abs',
    ]) }}
{%- endmacro %}

{#- One row with {metric}_low and {metric}_span of every metric: a query for the CTE `bounds`, which every
    model that calls norm() joins. -#}
{% macro norm_bounds() -%}
    select
        {%- for metric in calibrated_metrics() %}
        max(q05) filter (where metric_name = '{{ metric }}') as {{ metric }}_low,
        max(if(q95 = q05, 1, q95 - q05)) filter (
            where metric_name = '{{ metric }}'
        ) as {{ metric }}_span
        {{- "," if not loop.last }}
        {%- endfor %}
    from {{ ref('physics_norm_calibration') }}
{%- endmacro %}

{#- norm(x, m) = clip((x - q05_m) / (q95_m - q05_m), 0, 1) -#}
{% macro norm(value, metric) -%}
    least(greatest(({{ value }} - bounds.{{ metric }}_low) / bounds.{{ metric }}_span, 0), 1)
{%- endmacro %}

{#- ln(1 + wall_erosion / (depth at the start + 1)), from the columns of the wall surface. -#}
{% macro log1p_erosion(wall_erosion, depth_qty_start) -%}
    ln(1 + {{ wall_erosion }} / ({{ depth_qty_start }} + 1))
{%- endmacro %}

{#- The mean of the four norms: 0 where a level stands firm, 1 where it empties. -#}
{% macro vacuum_score(
    pull_add_log='pull_add_log',
    log1p_pull_intensity_rest='log1p_pull_intensity_rest',
    log1p_erosion_norm='log1p_erosion_norm',
    d2_pull_add_log='d2_pull_add_log'
) -%}
    (
        {{ norm(pull_add_log, 'pull_add_log') }}
        + {{ norm(log1p_pull_intensity_rest, 'log1p_pull_intensity_rest') }}
        + {{ norm(log1p_erosion_norm, 'log1p_erosion_norm') }}
        + {{ norm(d2_pull_add_log, 'd2_pull_add_log') }}
    ) / 4
{%- endmacro %}

{#- The exact linear quantile of values that come with counts, like quantile_cont over the single rows:
    `rows_up_to` counts the rows up to and with a value, `sample_count` all of them. -#}
{% macro counted_quantile(share) -%}
    {%- set position -%} ({{ share }}::double * (max(sample_count) - 1)) {%- endset -%}
    {%- set below -%}
        min(metric_value) filter (where rows_up_to > floor({{ share }}::double * (sample_count - 1)))
    {%- endset -%}
    {%- set above -%}
        min(metric_value) filter (where rows_up_to > ceil({{ share }}::double * (sample_count - 1)))
    {%- endset -%}
    {{ below }} + ({{ above }} - {{ below }}) * ({{ position }} - floor({{ position }}))
{%- endmacro %}
