-- The radar's depths, centres of mass and nearest levels are those of the walls within 20 ticks.
-- severity: error
with zone as (
    select
        window_start_ts_ns,
        side,
        abs(rel_ticks) as k,
        depth_qty_start,
        depth_qty_end
    from wall_surface_1s
    where window_valid and if(side = 'A', rel_ticks, -rel_ticks) between 0 and 20
),

windows as (
    select window_start_ts_ns
    from wall_surface_1s
    group by window_start_ts_ns
    having bool_and(window_valid)
),

from_walls as (
    select
        windows.window_start_ts_ns,
        sides.side,
        list_value(
            coalesce(sum(depth_qty_start), 0),
            coalesce(sum(depth_qty_start) filter (where k between 0 and 2), 0),
            coalesce(sum(depth_qty_start) filter (where k between 3 and 5), 0),
            coalesce(sum(depth_qty_start) filter (where k between 6 and 14), 0),
            coalesce(sum(depth_qty_start) filter (where k between 15 and 20), 0),
            coalesce(sum(depth_qty_end), 0),
            coalesce(sum(depth_qty_end) filter (where k between 0 and 2), 0),
            coalesce(sum(depth_qty_end) filter (where k between 3 and 5), 0),
            coalesce(sum(depth_qty_end) filter (where k between 6 and 14), 0),
            coalesce(sum(depth_qty_end) filter (where k between 15 and 20), 0),
            coalesce(min(k) filter (where depth_qty_end > 0), 20)
        )::bigint[] as depths,
        coalesce(sum(k * depth_qty_start) / nullif(sum(depth_qty_start), 0), 20) as com_start,
        coalesce(sum(k * depth_qty_end) / nullif(sum(depth_qty_end), 0), 20) as com_end
    from windows
    cross join (values ('A'), ('B')) as sides (side)
    left join zone using (window_start_ts_ns, side)
    group by windows.window_start_ts_ns, sides.side
),

from_radar as (
    select
        window_start_ts_ns,
        'A' as side,
        list_value(
            ask_depth_total_start, ask_depth_at_start, ask_depth_near_start,
            ask_depth_mid_start, ask_depth_far_start,
            ask_depth_total_end, ask_depth_at_end, ask_depth_near_end,
            ask_depth_mid_end, ask_depth_far_end, ask_bbo_ticks_end
        ) as depths,
        ask_com_ticks_start as com_start,
        ask_com_ticks_end as com_end
    from radar_zone_flow_1s
    union all
    select
        window_start_ts_ns,
        'B' as side,
        list_value(
            bid_depth_total_start, bid_depth_at_start, bid_depth_near_start,
            bid_depth_mid_start, bid_depth_far_start,
            bid_depth_total_end, bid_depth_at_end, bid_depth_near_end,
            bid_depth_mid_end, bid_depth_far_end, bid_bbo_ticks_end
        ) as depths,
        bid_com_ticks_start as com_start,
        bid_com_ticks_end as com_end
    from radar_zone_flow_1s
)

select
    window_start_ts_ns,
    side,
    from_radar.depths as radar_depths,
    from_walls.depths as wall_depths,
    from_radar.com_start as radar_com_start,
    from_walls.com_start as wall_com_start,
    from_radar.com_end as radar_com_end,
    from_walls.com_end as wall_com_end
from from_walls
inner join from_radar using (window_start_ts_ns, side)
where
    from_radar.depths != from_walls.depths
    or abs(from_radar.com_start - from_walls.com_start) > 1e-9
    or abs(from_radar.com_end - from_walls.com_end) > 1e-9
