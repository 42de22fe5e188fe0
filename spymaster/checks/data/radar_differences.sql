-- Each radar feature's d1, d2 and d3 are its changes since the window before, 0 where a run begins.
-- severity: error
with features as (
    select
        window_start_ts_ns,
        list_value(*columns('^[fu][0-9]+_'))::double[] as d0,
        list_value(*columns('^d1_'))::double[] as d1,
        list_value(*columns('^d2_'))::double[] as d2,
        list_value(*columns('^d3_'))::double[] as d3
    from radar_vacuum_1s
),

windows as (
    select
        *,
        lag(window_start_ts_ns) over in_order = window_start_ts_ns - 1000000000 as goes_on,
        list_zip(d0, lag(d0) over in_order, d1) as firsts,
        list_zip(d1, lag(d1) over in_order, d2) as seconds,
        list_zip(d2, lag(d2) over in_order, d3) as thirds
    from features
    window in_order as (order by window_start_ts_ns)
),

-- Of [now, before, difference]: how far the difference is from what it must be.
judged as (
    select
        window_start_ts_ns,
        goes_on,
        list_max(list_transform(
            firsts || seconds || thirds,
            lambda x: abs(x[3] - if(goes_on, x[1] - x[2], 0))
        )) as largest_error
    from windows
)

select
    window_start_ts_ns,
    goes_on,
    largest_error
from judged
where coalesce(largest_error > 1e-9, true)
