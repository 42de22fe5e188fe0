-- Scores weigh the bands: 0.50 vacuum, 0.35 erosion, 0.15 weakness; 0.60 at, 0.40 near; both sides' mean.
-- severity: error
with eases as (
    select
        *,
        0.50 * above_at_vacuum_norm + 0.35 * above_at_wall_erosion_norm
        + 0.15 * (1 - above_at_wall_strength_norm) as above_at,
        0.50 * above_near_vacuum_norm + 0.35 * above_near_wall_erosion_norm
        + 0.15 * (1 - above_near_wall_strength_norm) as above_near,
        0.50 * below_at_vacuum_norm + 0.35 * below_at_wall_erosion_norm
        + 0.15 * (1 - below_at_wall_strength_norm) as below_at,
        0.50 * below_near_vacuum_norm + 0.35 * below_near_wall_erosion_norm
        + 0.15 * (1 - below_near_wall_strength_norm) as below_near
    from physics_bands_1s
    where spot_ref_price_int is not null
)

select
    window_start_ts_ns,
    above_score,
    0.60 * above_at + 0.40 * above_near as expected_above_score,
    below_score,
    0.60 * below_at + 0.40 * below_near as expected_below_score,
    vacuum_total_score
from eases
where not coalesce(
    abs(above_score - (0.60 * above_at + 0.40 * above_near)) <= 1e-9
    and abs(below_score - (0.60 * below_at + 0.40 * below_near)) <= 1e-9
    and abs(vacuum_total_score - (above_score + below_score) / 2) <= 1e-9,
    false
)
