-- Intensities are the wall row's flows over depth at the start + 1; velocity is adds less pulls and fills.
-- severity: error
select
    walls.window_start_ts_ns,
    walls.side,
    walls.price_int,
    surface.add_intensity,
    surface.pull_intensity,
    surface.fill_intensity,
    surface.liquidity_velocity
from wall_surface_1s as walls
inner join physics_surface_1s as surface
    on
        walls.window_start_ts_ns = surface.window_start_ts_ns
        and walls.price_int = surface.price_int
        and walls.side = surface.side
where not coalesce(
    abs(surface.add_intensity - walls.add_qty / (walls.depth_qty_start + 1)) <= 1e-9
    and abs(surface.pull_intensity - walls.pull_qty_total / (walls.depth_qty_start + 1)) <= 1e-9
    and abs(surface.fill_intensity - walls.fill_qty / (walls.depth_qty_start + 1)) <= 1e-9
    and abs(
        surface.liquidity_velocity
        - (walls.add_qty - walls.pull_qty_total - walls.fill_qty) / (walls.depth_qty_start + 1)
    ) <= 1e-9,
    false
)
