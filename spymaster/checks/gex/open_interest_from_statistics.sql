-- A strike's open interest is the sum over the options in scope of statistics_clean; what is not known is left out.
-- severity: error
with options as (
    select
        strike_price_int,
        sum(open_interest) filter (where "right" = 'C') as call_interest,
        sum(open_interest) filter (where "right" = 'P') as put_interest,
        count_if("right" = 'C') as calls,
        count_if("right" = 'P') as puts
    from statistics_clean
    cross join parameters
    where expiration < coalesce(expiration_before_ns, expiration + 1)
    group by strike_price_int
)

select
    gex.window_start_ts_ns,
    gex.strike_price_int,
    gex.open_interest_call,
    options.call_interest as expected_call,
    gex.open_interest_put,
    options.put_interest as expected_put
from gex_surface_1s as gex
left join options using (strike_price_int)
where
    gex.open_interest_call
    is distinct from if(coalesce(options.calls, 0) = 0, 0, options.call_interest)
    or gex.open_interest_put
    is distinct from if(coalesce(options.puts, 0) = 0, 0, options.put_interest)
