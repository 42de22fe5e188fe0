-- Volatilities are between 1 % and 500 % a year, and where one is known gamma is above 0.
-- severity: warning above 1 % of gex_surface_1s
select
    window_start_ts_ns,
    strike_price_int,
    iv,
    gamma
from gex_surface_1s
where
    iv not between 0.01 and 5
    or (iv is null) != (gamma is null)
    or gamma < 0
