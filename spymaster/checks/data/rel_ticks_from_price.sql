-- rel_ticks is (price - spot_ref) in whole ticks; prices lie on the tick grid.
-- severity: error
select
    window_start_ts_ns,
    side,
    price_int,
    spot_ref_price_int,
    rel_ticks
from wall_surface_1s
cross join parameters
where
    price_int % tick_int != 0
    or price_int - spot_ref_price_int != rel_ticks * tick_int
