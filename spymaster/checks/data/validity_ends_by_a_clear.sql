-- A valid book becomes invalid only in a window with a snapshot or a clear among its records.
-- severity: error
with windows as (
    select
        window_start_ts_ns,
        book_valid,
        lag(book_valid) over (order by window_start_ts_ns) as valid_before
    from book_snapshot_1s
),

resets as (
    select distinct
        -- a snapshot is clocked by its arrival, bit 32 of the flags says so
        if(flags & 32 != 0, ts_recv_ns, coalesce(ts_event_ns, ts_recv_ns))
        // 1000000000 * 1000000000 as window_start_ts_ns
    from future_mbo__mbo
    where action = 'R' or flags & 32 != 0
)

select windows.window_start_ts_ns
from windows
anti join resets using (window_start_ts_ns)
where windows.valid_before and not windows.book_valid
