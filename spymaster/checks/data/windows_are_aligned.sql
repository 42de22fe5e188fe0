-- Book, walls and radar have the same windows wherever spot_ref is known, with the same spot_ref.
-- severity: error
with book as (
    select
        window_start_ts_ns,
        spot_ref_price_int,
        -- walls have no row where both sides are empty or out of reach
        least(
            abs(best_bid_price_int - spot_ref_price_int),
            abs(best_ask_price_int - spot_ref_price_int)
        ) <= hud_max_ticks * tick_int as has_walls
    from book_snapshot_1s
    cross join parameters
    where spot_ref_price_int is not null
),

walls as (
    select
        window_start_ts_ns,
        min(spot_ref_price_int) as lowest_spot,
        max(spot_ref_price_int) as highest_spot
    from wall_surface_1s
    group by window_start_ts_ns
)

select
    window_start_ts_ns,
    book.spot_ref_price_int as book_spot_price_int,
    walls.lowest_spot as wall_spot_price_int,
    radar_zone_flow_1s.spot_ref_price_int as radar_zone_spot_price_int,
    radar_vacuum_1s.spot_ref_price_int as radar_vacuum_spot_price_int
from book
full join walls using (window_start_ts_ns)
full join radar_zone_flow_1s using (window_start_ts_ns)
full join radar_vacuum_1s using (window_start_ts_ns)
where
    book.spot_ref_price_int is null
    or radar_zone_flow_1s.spot_ref_price_int is distinct from book.spot_ref_price_int
    or radar_vacuum_1s.spot_ref_price_int is distinct from book.spot_ref_price_int
    or walls.lowest_spot != book.spot_ref_price_int
    or walls.highest_spot != book.spot_ref_price_int
    or (walls.lowest_spot is null and book.has_walls)
