-- A strike with open interest but no known gamma is NULL, not 0; one without listed options is 0 and covered.
-- severity: error
select
    window_start_ts_ns,
    strike_price_int,
    open_interest_call,
    open_interest_put,
    quote_coverage,
    gex_call_abs,
    gex_put_abs,
    gamma
from gex_surface_1s
where
    (
        quote_coverage = 0
        and coalesce(open_interest_call, 0) + coalesce(open_interest_put, 0) > 0
        and gex_abs is not null
    )
    or (gex_abs is null and quote_coverage = 1)
    or (
        open_interest_call = 0 and open_interest_put = 0
        and not coalesce(gex_abs = 0 and quote_coverage = 1, false)
    )
    or (gex_abs > 0 and quote_coverage = 0)
