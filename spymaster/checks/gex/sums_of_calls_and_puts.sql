-- gex_abs is call + put, gex is call - put, the ratio is gex/(gex_abs + 1e-6); NULL where a part is.
-- severity: error
select
    window_start_ts_ns,
    strike_price_int,
    gex_call_abs,
    gex_put_abs,
    gex_abs,
    gex,
    gex_imbalance_ratio
from gex_surface_1s
where
    (gex_abs is null) != (gex_call_abs + gex_put_abs is null)
    or (gex is null) != (gex_abs is null)
    or (gex_imbalance_ratio is null) != (gex_abs is null)
    or abs(gex_abs - (gex_call_abs + gex_put_abs)) > 1e-9 * gex_abs
    or abs(gex - (gex_call_abs - gex_put_abs)) > 1e-9 * gex_abs
    or abs(gex_imbalance_ratio - gex / (gex_abs + 1e-6)) > 1e-9
