-- The radar's basic features follow from the zone depths and flows by their formulas.
-- severity: error
with sides as (
    select
        window_start_ts_ns,
        'ask' as side,
        columns('^ask_(.*)$') as '\1'
    from radar_zone_flow_1s
    union all
    select
        window_start_ts_ns,
        'bid' as side,
        columns('^bid_(.*)$') as '\1'
    from radar_zone_flow_1s
),

expected as (
    select
        window_start_ts_ns,
        side,
        list_value(
            ln((com_ticks_end + 1) / (com_ticks_start + 1)),
            ln((depth_far_end + 1) / (depth_near_end + 1)),
            ln((depth_near_end + 1) / (depth_at_end + 1)),
            depth_at_end / (depth_total_end + 1) - depth_at_start / (depth_total_start + 1),
            depth_near_end / (depth_total_end + 1) - depth_near_start / (depth_total_start + 1),
            if(
                reprice_away_rest_qty + reprice_toward_rest_qty = 0,
                0.5::double,
                reprice_away_rest_qty / (reprice_away_rest_qty + reprice_toward_rest_qty + 1)
            ),
            ln((pull_rest_qty + 1) / (add_qty + 1)),
            ln(1 + pull_rest_qty / (depth_total_start + 1)),
            pull_rest_qty_at / (pull_rest_qty + 1),
            pull_rest_qty_near / (pull_rest_qty + 1),
            bbo_ticks_end
        )::double[] as features
    from sides
),

found as (
    select
        window_start_ts_ns,
        'ask' as side,
        list_value(
            *columns('^(f1_ask|f2_ask)_'), f8_ask_bbo_dist_ticks
        )::double[] as features
    from radar_vacuum_1s
    union all
    select
        window_start_ts_ns,
        'bid' as side,
        list_value(
            *columns('^(f3_bid|f4_bid)_'), f9_bid_bbo_dist_ticks
        )::double[] as features
    from radar_vacuum_1s
)

select
    window_start_ts_ns,
    side,
    found.features,
    expected.features as expected
from found
inner join expected using (window_start_ts_ns, side)
where not coalesce(
    list_max(list_transform(
        list_zip(found.features, expected.features), lambda x: abs(x[1] - x[2])
    )) <= 1e-9,
    false
)
