-- Grain: one row per row of radar_zone_flow_1s.
-- depends_on: {{ ref('radar_features') }}
{%- set features = seed_rows('radar_features') | map(attribute='feature') | list %}

with zone as (
    select
        *,
        -- windows without a gap between them are one run; a difference never crosses a gap
        window_start_ts_ns // 1000000000
        - row_number() over (order by window_start_ts_ns) as run
    from {{ ref('radar_zone_flow_1s') }}
),

sides as (
    select
        *,
        {% for side, shape, flow in [('ask', 'f1', 'f2'), ('bid', 'f3', 'f4')] %}
            ln(({{ side }}_com_ticks_end + 1) / ({{ side }}_com_ticks_start + 1))
                as {{ shape }}_{{ side }}_com_disp_log,
            ln(({{ side }}_depth_far_end + 1) / ({{ side }}_depth_near_end + 1))
                as {{ shape }}_{{ side }}_slope_convex_log,
            ln(({{ side }}_depth_near_end + 1) / ({{ side }}_depth_at_end + 1))
                as {{ shape }}_{{ side }}_slope_inner_log,
            {% for bucket in ['at', 'near'] %}
                {{ side }}_depth_{{ bucket }}_end / ({{ side }}_depth_total_end + 1)
                - {{ side }}_depth_{{ bucket }}_start / ({{ side }}_depth_total_start + 1)
                    as {{ shape }}_{{ side }}_{{ bucket }}_share_delta,
            {% endfor %}
            if(
                {{ side }}_reprice_away_rest_qty + {{ side }}_reprice_toward_rest_qty = 0,
                0.5::double,
                {{ side }}_reprice_away_rest_qty
                / ({{ side }}_reprice_away_rest_qty + {{ side }}_reprice_toward_rest_qty + 1)
            ) as {{ shape }}_{{ side }}_reprice_away_share_rest,
            ln(({{ side }}_pull_rest_qty + 1) / ({{ side }}_add_qty + 1))
                as {{ flow }}_{{ side }}_pull_add_log_rest,
            ln(1 + {{ side }}_pull_rest_qty / ({{ side }}_depth_total_start + 1))
                as {{ flow }}_{{ side }}_pull_intensity_log_rest,
            {% for bucket in ['at', 'near'] %}
                {{ side }}_pull_rest_qty_{{ bucket }} / ({{ side }}_pull_rest_qty + 1)
                    as {{ flow }}_{{ side }}_{{ bucket }}_pull_share_rest,
            {% endfor %}
        {% endfor %}
        ask_bbo_ticks_end as f8_ask_bbo_dist_ticks,
        bid_bbo_ticks_end as f9_bid_bbo_dist_ticks
    from zone
),

both_sides as (
    select
        *,
        f1_ask_com_disp_log + f3_bid_com_disp_log as f5_vacuum_expansion_log,
        f2_ask_pull_add_log_rest + f4_bid_pull_add_log_rest as f6_vacuum_decay_log
    from sides
),

-- The book as seen from a rise: asks giving way, bids following.
seen_from_a_rise as (
    select
        *,
        f5_vacuum_expansion_log + f6_vacuum_decay_log as f7_vacuum_total_log,
        f1_ask_com_disp_log as u1_ask_com_disp_log,
        f1_ask_slope_convex_log as u2_ask_slope_convex_log,
        f1_ask_slope_inner_log as u2_ask_slope_inner_log,
        -f1_ask_at_share_delta as u3_ask_at_share_decay,
        -f1_ask_near_share_delta as u3_ask_near_share_decay,
        f1_ask_reprice_away_share_rest as u4_ask_reprice_away_share_rest,
        f2_ask_pull_add_log_rest as u5_ask_pull_add_log_rest,
        f2_ask_pull_intensity_log_rest as u6_ask_pull_intensity_log_rest,
        f2_ask_at_pull_share_rest as u7_ask_at_pull_share_rest,
        f2_ask_near_pull_share_rest as u7_ask_near_pull_share_rest,
        -f3_bid_com_disp_log as u8_bid_com_approach_log,
        -f3_bid_slope_convex_log as u9_bid_slope_support_log,
        -f3_bid_slope_inner_log as u9_bid_slope_inner_log,
        f3_bid_at_share_delta as u10_bid_at_share_rise,
        f3_bid_near_share_delta as u10_bid_near_share_rise,
        1 - f3_bid_reprice_away_share_rest as u11_bid_reprice_toward_share_rest,
        -f4_bid_pull_add_log_rest as u12_bid_add_pull_log_rest,
        ln(1 + bid_add_qty / (bid_depth_total_start + 1)) as u13_bid_add_intensity_log,
        1 - f4_bid_at_pull_share_rest - f4_bid_near_pull_share_rest as u14_bid_far_pull_share_rest,
        f8_ask_bbo_dist_ticks as u18_ask_bbo_dist_ticks,
        f9_bid_bbo_dist_ticks as u19_bid_bbo_dist_ticks
    from both_sides
),

features as (
    select
        *,
        u1_ask_com_disp_log + u8_bid_com_approach_log as u15_up_expansion_log,
        u5_ask_pull_add_log_rest + u12_bid_add_pull_log_rest as u16_up_flow_log,
        u15_up_expansion_log + u16_up_flow_log as u17_up_total_log,
        spot_ref_price_int - lag(spot_ref_price_int, 3) over (
            partition by run order by window_start_ts_ns
        ) as spot_change
    from seen_from_a_rise
),

{% for order in [1, 2, 3] %}
    {%- set change_of = '' if order == 1 else 'd' ~ (order - 1) ~ '_' -%}
    -- d{{ order }}: change since the window before, 0 in a run's first window
    d{{ order }} as (
        select
            {% for feature in features %}
                coalesce(
                    {{ change_of }}{{ feature }} - lag({{ change_of }}{{ feature }}) over in_run, 0
                ) as d{{ order }}_{{ feature }},
            {% endfor %}
            *
        from {{ 'features' if order == 1 else 'd' ~ (order - 1) }}
        window in_run as (partition by run order by window_start_ts_ns)
    ){{ "," if not loop.last }}
{% endfor %}

select
    spot_ref_price_int / 1e9 as spot_ref_price,
    spot_ref_price_int,
    case
        when spot_change > 0 then 'approach_up'
        when spot_change < 0 then 'approach_down'
        else 'approach_none'
    end as approach_dir,
    {% for prefix in ['', 'd1_', 'd2_', 'd3_'] %}
        {% for feature in features %}
            {{ prefix }}{{ feature }},
        {% endfor %}
    {% endfor %}
    window_start_ts_ns,
    window_end_ts_ns
from d3
order by window_start_ts_ns
