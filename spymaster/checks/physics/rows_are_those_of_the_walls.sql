-- vacuum_surface_1s and physics_surface_1s have the rows of wall_surface_1s, with its spot, place and validity.
-- severity: error
select
    window_start_ts_ns,
    side,
    price_int,
    walls.spot_ref_price_int,
    vacuums.spot_ref_price_int as vacuum_spot_price_int,
    surface.spot_ref_price_int as physics_spot_price_int,
    walls.rel_ticks,
    vacuums.rel_ticks as vacuum_rel_ticks,
    surface.rel_ticks as physics_rel_ticks
from wall_surface_1s as walls
full join vacuum_surface_1s as vacuums using (window_start_ts_ns, side, price_int)
full join physics_surface_1s as surface using (window_start_ts_ns, side, price_int)
where
    vacuums.window_end_ts_ns is distinct from walls.window_end_ts_ns
    or vacuums.spot_ref_price_int is distinct from walls.spot_ref_price_int
    or vacuums.rel_ticks is distinct from walls.rel_ticks
    or vacuums.window_valid is distinct from walls.window_valid
    or surface.window_end_ts_ns is distinct from walls.window_end_ts_ns
    or surface.spot_ref_price_int is distinct from walls.spot_ref_price_int
    or surface.rel_ticks is distinct from walls.rel_ticks
    or surface.window_valid is distinct from walls.window_valid
