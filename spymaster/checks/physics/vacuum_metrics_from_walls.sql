-- Pull intensity, pull against add, strength and erosion follow from the wall row by their formulas.
-- severity: error
select
    walls.window_start_ts_ns,
    walls.side,
    walls.price_int,
    vacuums.pull_intensity_rest,
    vacuums.pull_add_log,
    vacuums.wall_strength_log,
    vacuums.wall_erosion
from wall_surface_1s as walls
inner join vacuum_surface_1s as vacuums
    on
        walls.window_start_ts_ns = vacuums.window_start_ts_ns
        and walls.price_int = vacuums.price_int
        and walls.side = vacuums.side
where not coalesce(
    abs(
        vacuums.pull_intensity_rest - walls.pull_qty_rest / (walls.depth_qty_start + 1)
    ) <= 1e-9
    and abs(
        vacuums.pull_add_log - ln((walls.pull_qty_rest + 1) / (walls.add_qty + 1))
    ) <= 1e-9
    and abs(vacuums.wall_strength_log - ln(walls.depth_qty_rest + 1)) <= 1e-9
    and vacuums.wall_erosion = greatest(-walls.d1_depth_qty, 0),
    false
)
