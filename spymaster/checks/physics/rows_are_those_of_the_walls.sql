-- vacuum_surface_1s and physics_surface_1s have the rows of wall_surface_1s, in the same order.
-- severity: error
select
    coalesce(
        walls.window_start_ts_ns, vacuums.window_start_ts_ns, surface.window_start_ts_ns
    ) as window_start_ts_ns,
    walls.side,
    walls.price_int,
    walls.spot_ref_price_int,
    vacuums.side as vacuum_side,
    vacuums.price_int as vacuum_price_int,
    surface.side as physics_side,
    surface.price_int as physics_price_int
from wall_surface_1s as walls
positional join vacuum_surface_1s as vacuums
positional join physics_surface_1s as surface
where
    vacuums.window_start_ts_ns is distinct from walls.window_start_ts_ns
    or vacuums.window_end_ts_ns is distinct from walls.window_end_ts_ns
    or vacuums.side is distinct from walls.side
    or vacuums.price_int is distinct from walls.price_int
    or vacuums.spot_ref_price_int is distinct from walls.spot_ref_price_int
    or vacuums.rel_ticks is distinct from walls.rel_ticks
    or vacuums.window_valid is distinct from walls.window_valid
    or surface.window_start_ts_ns is distinct from walls.window_start_ts_ns
    or surface.window_end_ts_ns is distinct from walls.window_end_ts_ns
    or surface.side is distinct from walls.side
    or surface.price_int is distinct from walls.price_int
    or surface.spot_ref_price_int is distinct from walls.spot_ref_price_int
    or surface.rel_ticks is distinct from walls.rel_ticks
    or surface.window_valid is distinct from walls.window_valid
